/**
 * Which key of a ConfigMap contains the document: the configured one, or one of the names that Mimir's operators use; or
 * else the flat keys of older tools, one for each limit of a tenant.
 */

import { messageOf } from '../../base/message-of.js';
import { EDGE_LIMITS, MIMIR_LIMITS } from '../../limits/limit-table.js';
import type { DocumentKind } from '../../limits/overrides-document.js';
import { decodeText } from '../decode-text.js';
import type { LastChange } from '../last-change.js';
import type { DocumentRead } from '../source.js';
import type { ConfigMap } from './api.js';

/** Those of the mimir-distributed chart and of operators; the edge's own are never one that Mimir would read. */
const USUAL_KEYS: Readonly<Record<DocumentKind, readonly string[]>> = {
  mimir: ['overrides.yaml', 'runtime.yaml'],
  edge: ['mimir-edge.yaml'],
};

/** Names in older tools that mean exactly the same as Mimir's. */
const ALIASES: Readonly<Record<string, string>> = {
  samples_per_second: 'ingestion_rate',
  samples_per_sec: 'ingestion_rate',
  sps: 'ingestion_rate',
  max_labels_per_series: 'max_label_names_per_series',
};

type Contents = Pick<ConfigMap, 'data' | 'binaryData'>;

/** An empty `key` is found automatically. The returned name is appended to the ConfigMap's. */
export async function documentOf(
  configMap: Contents,
  kind: DocumentKind,
  key: string,
  maxBytes: number,
): Promise<DocumentRead> {
  const found = key === '' ? findKey(configMap, kind) : key;
  if (typeof found !== 'string') return found;
  if (found === '') return flatDocument(configMap, kind);
  const bytes = bytesOf(configMap, found);
  if (bytes === undefined) return { problem: `it has no key ${found}${listed(configMap)}` };
  try {
    return { text: await decodeText(found, bytes, maxBytes), name: `#${found}` };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

/** Empty: none of the usual keys exists. */
export function findKey(configMap: Contents, kind: DocumentKind): string | { problem: string } {
  const present = USUAL_KEYS[kind]
    .flatMap((name) => [name, `${name}.gz`])
    .filter((name) => hasKey(configMap, name));
  const [first = '', second] = present;
  if (second === undefined) return first;
  return { problem: `it has the keys ${present.join(' and ')}: name the one that counts, #${first}` };
}

function hasKey({ data, binaryData }: Contents, key: string): boolean {
  return Object.hasOwn(data ?? {}, key) || Object.hasOwn(binaryData ?? {}, key);
}

function bytesOf({ data, binaryData }: Contents, key: string): Buffer | undefined {
  const text = Object.hasOwn(data ?? {}, key) ? data?.[key] : undefined;
  if (text !== undefined) return Buffer.from(text, 'utf8');
  const base64 = Object.hasOwn(binaryData ?? {}, key) ? binaryData?.[key] : undefined;
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

function listed({ data, binaryData }: Contents): string {
  const keys = [...Object.keys(data ?? {}), ...Object.keys(binaryData ?? {})].slice(0, 10);
  return keys.length === 0 ? '; it is empty' : `; it has ${keys.join(', ')}`;
}

/**
 * `tenant:limit` and `tenant.limit` as a document of the usual form. A key counts if the edge knows its limit, and then all
 * keys of that tenant do; what is wrong with them is reported as for any document.
 */
function flatDocument(configMap: Contents, kind: DocumentKind): DocumentRead {
  const table = kind === 'mimir' ? MIMIR_LIMITS : EDGE_LIMITS;
  const tenants = new Map<string, { readonly known: boolean; readonly line: string }[]>();
  for (const [key, value] of Object.entries(configMap.data ?? {})) {
    const [, tenant, name] = /^(.+):([^:]+)$/.exec(key) ?? /^(.+)\.([^.]+)$/.exec(key) ?? [];
    if (tenant === undefined || name === undefined) continue;
    const limit = Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? name) : name;
    const lines = tenants.get(tenant) ?? [];
    lines.push({
      known: Object.hasOwn(table, limit),
      line: `    ${JSON.stringify(limit)}: ${JSON.stringify(value.trim())}\n`,
    });
    tenants.set(tenant, lines);
  }
  const counting = [...tenants].filter(([, lines]) => lines.some(({ known }) => known));
  if (counting.length === 0) {
    const usual = USUAL_KEYS[kind].join(' or ');
    return { problem: `it has no key ${usual}, and none is named by configmap:NAME#KEY${listed(configMap)}` };
  }
  const entries = counting.map(
    ([tenant, lines]) => `  ${JSON.stringify(tenant)}:\n${lines.map(({ line }) => line).join('')}`,
  );
  return { text: `overrides:\n${entries.join('')}`, name: ' (flat keys)' };
}

/** managedFields have whole seconds, rounded down: a change counts as made as late as possible. */
export function changedAtMs({ metadata }: Pick<ConfigMap, 'metadata'>, arrivedMs: number): number {
  const times = (metadata.managedFields ?? [])
    .map(({ time }) => Date.parse(time ?? ''))
    .filter(Number.isFinite);
  return times.length === 0 ? arrivedMs : Math.min(arrivedMs, Math.max(...times) + 999);
}

/** The manager that last set some of its data. Kubernetes knows programs, not people. */
export function lastChangeOf({ metadata }: Pick<ConfigMap, 'metadata'>): LastChange {
  let last: LastChange = {};
  for (const { manager, time, fieldsV1 } of metadata.managedFields ?? []) {
    const atMs = Date.parse(time ?? '');
    const isOfData = fieldsV1 === undefined || 'f:data' in fieldsV1 || 'f:binaryData' in fieldsV1;
    if (isOfData && atMs >= (last.atMs ?? 0)) last = { by: manager, atMs };
  }
  return last;
}
