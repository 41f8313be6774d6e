/**
 * Inserts numbers into a YAML text in place, so that everything else stays as typed: spaces, comments, the format of other
 * numbers, line ends. What can not be done in place is not done.
 */
import { isAlias, isCollection, isMap, isScalar, type Node, type YAMLMap } from 'yaml';

/** A range of the text, and its replacement. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

type Values = readonly (readonly [name: string, value: number])[];

/** `map` belongs to this text. Undefined: its form does not allow additions. */
export function editsOf(text: string, map: YAMLMap, values: Values): Edit[] | undefined {
  const edits: Edit[] = [];
  const missing: [string, number][] = [];
  for (const [name, value] of values) {
    const before = map.get(name, true);
    if (before === undefined) missing.push([name, value]);
    else if (isPlain(before)) edits.push({ from: before.range[0], to: before.range[1], text: String(value) });
    else return undefined;
  }
  if (missing.length === 0) return edits;
  const lines = missing.map(([name, value]) => `${name}: ${value}`);
  const added = map.flow ? inFlow(map, lines) : afterLast(text, map, lines);
  return added === undefined ? undefined : [...edits, added];
}

/** Adds an entry with its own values after the last one of a map. */
export function entryAfter(text: string, map: YAMLMap, name: string, values: Values): Edit | undefined {
  const key = /^[A-Za-z_][\w.-]*$/.test(name) && !WORDS.test(name) ? name : JSON.stringify(name);
  if (map.flow) return undefined;
  return afterLast(text, map, [`${key}:`, ...values.map(([limit, value]) => `  ${limit}: ${value}`)]);
}

/** Edits must not overlap. */
export function edited(text: string, edits: readonly Edit[]): string {
  return [...edits]
    .sort((a, b) => b.from - a.from)
    .reduce((all, { from, to, text: put }) => all.slice(0, from) + put + all.slice(to), text);
}

/** Words that are not strings in some version of YAML. */
const WORDS = /^(null|true|false|yes|no|on|off|y|n)$/i;

type Placed = Node & { range: [number, number, number] };

function isPlaced(node: unknown): node is Placed {
  return (isCollection(node) || isScalar(node) || isAlias(node)) && Array.isArray(node.range);
}

function isPlain(node: unknown): node is Placed {
  return isPlaced(node) && isScalar(node) && node.anchor === undefined && node.tag === undefined;
}

function inFlow(map: YAMLMap, values: readonly string[]): Edit | undefined {
  if (!isPlaced(map)) return undefined;
  const last = map.items.at(-1)?.value;
  if (map.items.length === 0) {
    return { from: map.range[0], to: map.range[1], text: `{ ${values.join(', ')} }` };
  }
  if (!isPlaced(last)) return undefined;
  const at = last.range[1];
  return { from: at, to: at, text: values.map((value) => `, ${value}`).join('') };
}

/** On lines of their own, in the column of the other entries. */
function afterLast(text: string, map: YAMLMap, lines: readonly string[]): Edit | undefined {
  const first = map.items[0]?.key;
  const last = map.items.at(-1)?.value;
  if (!isPlaced(first) || !isPlaced(last)) return undefined;
  const indent = text.slice(text.lastIndexOf('\n', first.range[0] - 1) + 1, first.range[0]);
  const end = endOf(last);
  if (indent.trim() !== '' || end === undefined) return undefined;
  const content = text.slice(0, end).trimEnd().length;
  const newline = text.indexOf('\n', content);
  const lineEnd = newline < 0 ? text.length : newline;
  const at = text[lineEnd - 1] === '\r' ? lineEnd - 1 : lineEnd;
  const newLine = text.includes('\r\n') ? '\r\n' : '\n';
  return { from: at, to: at, text: lines.map((line) => newLine + indent + line).join('') };
}

/** The end of the last thing in it. */
function endOf(node: Placed): number | undefined {
  if (!isCollection(node) || node.flow || node.items.length === 0) return node.range[1];
  const item = node.items.at(-1);
  const last = isMap(node) ? (item as { value?: unknown }).value : item;
  return isPlaced(last) ? endOf(last) : undefined;
}
