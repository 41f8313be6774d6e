/**
 * The value of a limit in a YAML document as plain data. Scalars are parsed, but within lists and maps they stay the text
 * as written, which is what a string field in Go gets for `5`, `1e3` or `yes`.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';

/** What an alias stands for. */
type Resolve = (node: Node | null) => Node | null;

/** No list of rules is deeper; this guards against nested aliases. */
const MAX_DEPTH = 8;

export function plainLimit(node: Node | null, resolve: Resolve = withoutAliases): unknown {
  const value = resolve(node);
  return isScalar(value) ? value.value : plain(value, resolve, 0);
}

/** The node at a path of list indexes and field names, as far as it exists. */
export function nodeAt(
  node: Node | null,
  path: readonly (string | number)[],
  resolve: Resolve = withoutAliases,
): Node | null {
  let at = resolve(node);
  for (const step of path) {
    const next = isSeq(at) || isMap(at) ? resolve((at.get(step, true) ?? null) as Node | null) : null;
    if (next === null) break;
    at = next;
  }
  return at;
}

function plain(node: Node | null, resolve: Resolve, depth: number): unknown {
  const value = resolve(node);
  if (depth > MAX_DEPTH) return undefined;
  if (isScalar(value)) return textOf(value);
  if (isSeq(value)) return value.items.map((item) => plain(item as Node | null, resolve, depth + 1));
  return isMap(value) ? Object.fromEntries(fieldsOf(value, resolve, depth)) : undefined;
}

/** A merged map provides the fields that the map itself does not have. */
function fieldsOf(map: YAMLMap, resolve: Resolve, depth: number): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const { key, value } of map.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (name !== '<<') fields.set(name, plain(value as Node | null, resolve, depth + 1));
  }
  for (const { key, value } of map.items) {
    const source = isScalar(key) && key.value === '<<' ? resolve(value as Node | null) : null;
    if (!isMap(source) || depth >= MAX_DEPTH) continue;
    for (const [name, inherited] of fieldsOf(source, resolve, depth + 1)) {
      if (!fields.has(name)) fields.set(name, inherited);
    }
  }
  return fields;
}

function textOf({ value, source }: Scalar): unknown {
  return value === null ? null : (source ?? String(value));
}

function withoutAliases(node: Node | null): Node | null {
  return isAlias(node) ? null : node;
}
