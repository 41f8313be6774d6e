/**
 * Reads the labels of one series out of a decoded push, as text. For messages and inspection only: it allocates. The
 * push was found sound by the kernel, so nothing is checked again.
 */
import { storedLabels } from './compiled-rewriting.js';
import { type Push, RECORD_LENGTH, RECORD_OFFSET, RECORD_WORDS } from './push.js';

export type Label = readonly [name: string, value: string];

const SERIES_LABELS = 1;
const REQUEST_SYMBOLS = 4;
const WIRE_VARINT = 0;
const WIRE_BYTES = 2;

const text = new TextDecoder();

/** Labels in the order of the body. Version 2 reads its symbols table anew unless it is handed in. */
export function labelsOf(push: Push, row: number, symbols = readSymbols(push)): Label[] {
  const at = row * RECORD_WORDS;
  const offset = push.records[at + RECORD_OFFSET] ?? 0;
  const field = push.body.subarray(offset, offset + (push.records[at + RECORD_LENGTH] ?? 0));
  for (const series of fields(field))
    return push.protocol !== 'rw2' ? labelsV1(series.bytes) : labelsV2(series.bytes, symbols);
  return [];
}

/** The same as they are stored: what relabelling makes of them. */
export function storedLabelsOf(push: Push, row: number, symbols = readSymbols(push)): readonly Label[] {
  const sent = labelsOf(push, row, symbols);
  return push.rewriting === undefined ? sent : storedLabels(sent, push.rewriting);
}

const LONGEST_NAME = 300;

/** Series as PromQL writes them and as they are stored, each cut to a length that fits a message. */
export function seriesNames(push: Push, rows: readonly number[], maxLength = LONGEST_NAME): string[] {
  const symbols = readSymbols(push);
  return rows.map((row) => seriesName(storedLabelsOf(push, row, symbols), maxLength));
}

export function seriesName(labels: readonly Label[], maxLength = LONGEST_NAME): string {
  const name = labels.find(([label]) => label === '__name__')?.[1] ?? '';
  const pairs = labels
    .filter(([label]) => label !== '__name__')
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  const whole = `${name}{${pairs.join(', ')}}`;
  return whole.length <= maxLength ? whole : `${whole.slice(0, maxLength)}...`;
}

export function readSymbols(push: Push): readonly string[] {
  if (push.protocol !== 'rw2') return [];
  const symbols: string[] = [];
  for (const { number, bytes } of fields(push.body)) {
    if (number === REQUEST_SYMBOLS) symbols.push(text.decode(bytes));
  }
  return symbols;
}

function labelsV1(series: Uint8Array): Label[] {
  const labels: Label[] = [];
  for (const { number, bytes } of fields(series)) {
    if (number !== SERIES_LABELS) continue;
    let name = '';
    let value = '';
    for (const part of fields(bytes)) {
      if (part.number === 1) name = text.decode(part.bytes);
      if (part.number === 2) value = text.decode(part.bytes);
    }
    labels.push([name, value]);
  }
  return labels;
}

function labelsV2(series: Uint8Array, symbols: readonly string[]): Label[] {
  const refs: number[] = [];
  for (const { number, wire, value, bytes } of fields(series)) {
    if (number !== SERIES_LABELS) continue;
    if (wire === WIRE_VARINT) refs.push(value);
    else refs.push(...readPacked(bytes));
  }
  const labels: Label[] = [];
  for (let i = 0; i + 1 < refs.length; i += 2) {
    labels.push([symbols[refs[i] ?? 0] ?? '', symbols[refs[i + 1] ?? 0] ?? '']);
  }
  return labels;
}

function readPacked(bytes: Uint8Array): number[] {
  const values: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [value, next] = readVarint(bytes, at);
    values.push(value);
    at = next;
  }
  return values;
}

interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint. */
  readonly value: number;
  /** Of a length-delimited field. */
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array();

function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  let groups = 0;
  while (at < message.length) {
    let tag: number;
    [tag, at] = readVarint(message, at);
    const number = tag >>> 3;
    const wire = tag & 7;
    let value = 0;
    let bytes: Uint8Array = NO_BYTES;
    if (wire === WIRE_VARINT) {
      [value, at] = readVarint(message, at);
    } else if (wire === WIRE_BYTES) {
      [value, at] = readVarint(message, at);
      bytes = message.subarray(at, at + value);
      at += value;
    } else if (wire === 3 || wire === 4) {
      groups += wire === 3 ? 1 : -1;
      continue;
    } else {
      at += wire === 1 ? 8 : 4;
    }
    if (groups === 0) yield { number, wire, value, bytes };
  }
}

/** Numbers above 2^53 lose their last bits: no length or reference is that large. */
function readVarint(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  let scale = 1;
  for (let next = at; next < bytes.length; ) {
    const byte = bytes[next++] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) return [value, next];
    scale *= 128;
  }
  return [value, bytes.length];
}
