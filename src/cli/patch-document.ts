/**
 * Writes limits into an existing overrides document; its comments, order and other content stay. What can not be written
 * without changing other tenants' limits is left out and reported.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { type Edit, edited, editsOf, entryAfter } from './edit-yaml.js';

export interface LimitToWrite {
  readonly tenant: string;
  readonly limit: string;
  readonly value: number;
}

interface Patched {
  readonly text: string;
  readonly written: number;
  /** In sentences. */
  readonly leftOut: readonly string[];
}

/** Where a file has its overrides: at the top, in a text of a ConfigMap, or in a chart's values. */
const TEXT_KEYS = ['runtime.yaml', 'overrides.yaml', 'runtime-config.yaml', 'edge.yaml'];

/** Throws an Error with a sentence when the text is not such a document. */
export function patchDocument(text: string, limits: readonly LimitToWrite[]): Patched {
  const document = parse(text);
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`it is no YAML: ${error.message}`);
  if (String(document.get('kind')) === 'ConfigMap') return patchConfigMap(text, document, limits);
  const section = sectionOf(document);
  const tenants = document.getIn(section, true);
  if (!isMap(tenants) && !isNothing(tenants)) throw new Error(`${section.join('.')} is no map of tenants`);
  const map = isMap(tenants) ? tenants : undefined;
  const { allowed, leftOut } = allowedIn(document, map, limits);
  if (allowed.length === 0) return { text, written: 0, leftOut };
  const inPlace = map === undefined ? undefined : editedText(text, map, allowed);
  const written = { written: allowed.length, leftOut };
  if (inPlace !== undefined && isSame(inPlace, wanted(document, section, allowed)))
    return { text: inPlace, ...written };
  write(document, section, allowed);
  return { text: print(document), ...written };
}

function patchConfigMap(text: string, document: Document, limits: readonly LimitToWrite[]): Patched {
  const data = document.get('data', true);
  const keys = isMap(data) ? data.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  const key = keys.find((one) => TEXT_KEYS.includes(one)) ?? (keys.length === 1 ? keys[0] : undefined);
  const node = key === undefined ? undefined : document.getIn(['data', key], true);
  if (key === undefined || !isScalar(node))
    throw new Error(`the ConfigMap has no text under ${TEXT_KEYS.join(', ')}`);
  const inner = patchDocument(String(node.value ?? ''), limits);
  if (inner.written === 0) return { ...inner, text };
  const inPlace = withBlock(text, node, inner.text);
  const plain = document.toJS() as { data: Record<string, unknown> };
  plain.data[key] = inner.text;
  if (inPlace !== undefined && isSame(inPlace, plain)) return { ...inner, text: inPlace };
  const scalar = new Scalar(inner.text);
  scalar.type = Scalar.BLOCK_LITERAL;
  document.setIn(['data', key], scalar);
  return { ...inner, text: print(document) };
}

/** Replaces the content of a block scalar. Undefined: it is written in another style. */
function withBlock(text: string, { type, range }: Scalar, value: string): string | undefined {
  const bodyAt = range == null ? 0 : text.indexOf('\n', range[0]) + 1;
  if (type !== Scalar.BLOCK_LITERAL || range == null || bodyAt === 0) return undefined;
  const [indent = ''] = /^ +/m.exec(text.slice(bodyAt, range[1])) ?? [];
  const newLine = text.includes('\r\n') ? '\r\n' : '\n';
  const [end = ''] = /\s*$/.exec(text.slice(bodyAt, range[1])) ?? [];
  const lines = value.trimEnd().split('\n');
  const body = lines.map((line) => (line === '' ? '' : indent + line)).join(newLine);
  return text.slice(0, bodyAt) + body + end + text.slice(range[1]);
}

/** All scalars stay text as typed: an id of digits, for example, is not a number. */
function parse(text: string): Document {
  return parseDocument(text, { uniqueKeys: false, schema: 'failsafe' });
}

function print(document: Document): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** The document as plain data, with the limits set. */
function wanted(document: Document, section: readonly string[], limits: readonly LimitToWrite[]): unknown {
  const plain = document.toJS() as Record<string, unknown>;
  const tenants = section.reduce((map, name) => map[name] as Record<string, unknown>, plain);
  // Copies, because aliases share one object.
  for (const { tenant, limit, value } of limits)
    tenants[tenant] = { ...(tenants[tenant] as object | undefined), [limit]: String(value) };
  return plain;
}

function isSame(text: string, plain: unknown): boolean {
  const read = parse(text);
  return read.errors.length === 0 && isDeepStrictEqual(read.toJS(), plain);
}

function isNothing(node: unknown): boolean {
  return node == null || (isScalar(node) && ['', '~', 'null', null].includes(node.value as string | null));
}

function sectionOf(document: Document): readonly string[] {
  const top = document.contents;
  if (isNothing(top)) return ['overrides'];
  if (!isMap(top)) throw new Error('it is no map with the key overrides');
  if (top.has('overrides')) return ['overrides'];
  if (top.has('runtimeConfig')) return ['runtimeConfig', 'overrides'];
  for (const { key, value } of top.items) {
    if (isScalar(key) && isMap(value) && value.has('runtimeConfig'))
      return [String(key.value), 'runtimeConfig', 'overrides'];
  }
  return ['overrides'];
}

/** Without limits whose change would affect others, too. */
function allowedIn(
  document: Document,
  tenants: YAMLMap | undefined,
  limits: readonly LimitToWrite[],
): { allowed: LimitToWrite[]; leftOut: string[] } {
  const shared = anchorsInUse(document);
  const isShared = (node: unknown): node is Node & { anchor: string } =>
    (isMap(node) || isScalar(node)) && node.anchor !== undefined && shared.has(node.anchor);
  const leftOut = new Set<string>();
  const allowed = limits.filter(({ tenant, limit }) => {
    const its = tenants && pairOf(tenants, tenant)?.value;
    const before = isMap(its) ? its.get(limit, true) : undefined;
    if (isShared(its))
      leftOut.add(`${tenant} was left as it is: others use its limits, too (&${its.anchor})`);
    else if (isShared(before))
      leftOut.add(`${limit} of ${tenant} was left as it is: others use its value, too (&${before.anchor})`);
    else return true;
    return false;
  });
  return { allowed, leftOut: [...leftOut] };
}

function pairOf(tenants: YAMLMap, tenant: string): Pair | undefined {
  return tenants.items.find(({ key }) => isScalar(key) && key.value === tenant);
}

/** Undefined: some of it can not be edited in place. */
function editedText(text: string, tenants: YAMLMap, limits: readonly LimitToWrite[]): string | undefined {
  const byTenant = new Map<string, (readonly [string, number])[]>();
  for (const { tenant, limit, value } of limits)
    byTenant.set(tenant, [...(byTenant.get(tenant) ?? []), [limit, value]]);
  const edits: Edit[] = [];
  for (const [tenant, values] of byTenant) {
    const pair = pairOf(tenants, tenant);
    const own = pair === undefined ? entryAfter(text, tenants, tenant, values) : undefined;
    const inMap = isMap(pair?.value) ? editsOf(text, pair.value, values) : undefined;
    if (own === undefined && inMap === undefined) return undefined;
    edits.push(...(own === undefined ? [] : [own]), ...(inMap ?? []));
  }
  return edited(text, edits);
}

function write(document: Document, section: readonly string[], limits: readonly LimitToWrite[]): void {
  if (document.contents !== null && !isMap(document.getIn(section, true)))
    document.setIn(section, document.createNode({}));
  for (const { tenant, limit, value } of limits) {
    const path = [...section, tenant];
    const node = (document.getIn(path, true) ?? null) as Node | null;
    if (isAlias(node)) document.setIn(path, mergedFrom(document, node));
    else if (!isMap(node)) document.setIn(path, document.createNode({}));
    setLimit(document, [...path, limit], value);
  }
}

/** Replaces the value in place, so that the comment beside it stays. */
function setLimit(document: Document, path: readonly string[], value: number): void {
  const before = document.getIn(path, true);
  if (isScalar(before)) {
    before.value = String(value);
    before.type = Scalar.PLAIN;
  } else document.setIn(path, String(value));
}

/** A map of its own that starts with what the alias stands for. */
function mergedFrom(document: Document, alias: Node): YAMLMap {
  const map = document.createNode({}) as unknown as YAMLMap;
  map.items.push(document.createPair('<<', null));
  const [pair] = map.items;
  if (pair !== undefined) pair.value = alias;
  return map;
}

function anchorsInUse(document: Document): Set<string> {
  const anchors = new Set<string>();
  visit(document, {
    Alias(_, { source }) {
      anchors.add(source);
    },
  });
  return anchors;
}
