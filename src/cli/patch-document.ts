/**
 * Limits written into an overrides document of somebody's: its comments, its order and what else is in it stay. What can not
 * be written without a change for other tenants is left as it is, and said.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  type Node,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';

export interface LimitToWrite {
  readonly tenant: string;
  readonly limit: string;
  readonly value: number;
}

export interface Patched {
  readonly text: string;
  readonly written: number;
  /** In sentences. */
  readonly leftOut: readonly string[];
}

/** Where a file has its overrides: at the top, in a text of a ConfigMap, or in a chart's values. */
const TEXT_KEYS = ['runtime.yaml', 'overrides.yaml', 'runtime-config.yaml', 'edge.yaml'];

/** Throws an Error with a sentence when the text is no such document. */
export function patchDocument(text: string, limits: readonly LimitToWrite[]): Patched {
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`it is no YAML: ${error.message}`);
  if (String(document.get('kind')) === 'ConfigMap') return patchConfigMap(document, limits);
  const section = sectionOf(document);
  const { written, leftOut } = write(document, section, limits);
  return { text: print(document), written, leftOut };
}

function patchConfigMap(document: Document, limits: readonly LimitToWrite[]): Patched {
  const data = document.get('data', true);
  const keys = isMap(data) ? data.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
  const key = keys.find((one) => TEXT_KEYS.includes(one)) ?? (keys.length === 1 ? keys[0] : undefined);
  const node = key === undefined ? undefined : document.getIn(['data', key], true);
  if (key === undefined || !isScalar(node))
    throw new Error(`the ConfigMap has no text under ${TEXT_KEYS.join(', ')}`);
  const inner = patchDocument(String(node.value ?? ''), limits);
  const scalar = new Scalar(inner.text);
  scalar.type = Scalar.BLOCK_LITERAL;
  document.setIn(['data', key], scalar);
  return { ...inner, text: print(document) };
}

function sectionOf(document: Document): readonly string[] {
  const top = document.contents;
  if (top === null || (isScalar(top) && top.value === null)) return ['overrides'];
  if (!isMap(top)) throw new Error('it is no map with the key overrides');
  if (top.has('overrides')) return ['overrides'];
  if (top.has('runtimeConfig')) return ['runtimeConfig', 'overrides'];
  for (const { key, value } of top.items) {
    if (isScalar(key) && isMap(value) && value.has('runtimeConfig'))
      return [String(key.value), 'runtimeConfig', 'overrides'];
  }
  return ['overrides'];
}

function write(
  document: Document,
  section: readonly string[],
  limits: readonly LimitToWrite[],
): { written: number; leftOut: string[] } {
  const shared = anchorsInUse(document);
  if (document.contents !== null && !isMap(document.getIn(section, true))) {
    if (document.getIn(section) != null) throw new Error(`${section.join('.')} is no map of tenants`);
    document.setIn(section, document.createNode({}));
  }
  const leftOut = new Set<string>();
  let written = 0;
  for (const { tenant, limit, value } of limits) {
    const path = [...section, tenant];
    const node = (document.getIn(path, true) ?? null) as Node | null;
    if (isMap(node) && node.anchor !== undefined && shared.has(node.anchor)) {
      leftOut.add(`${tenant} was left as it is: others use its limits, too (&${node.anchor})`);
      continue;
    }
    if (isAlias(node)) document.setIn(path, mergedFrom(document, node));
    else if (!isMap(node)) document.setIn(path, document.createNode({}));
    setLimit(document, [...path, limit], value);
    written++;
  }
  return { written, leftOut: [...leftOut] };
}

/** In place of another value, so that the comment beside it stays. */
function setLimit(document: Document, path: readonly string[], value: number): void {
  const before = document.getIn(path, true);
  if (isScalar(before) && before.anchor === undefined) {
    before.value = value;
    delete before.source;
    delete before.format;
    delete before.minFractionDigits;
    before.type = Scalar.PLAIN;
  } else document.setIn(path, value);
}

/** A map of its own that begins with what the alias stands for. */
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

function print(document: Document): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}
