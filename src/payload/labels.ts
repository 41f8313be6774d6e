/**
 * Reads the labels of one series of a decoded push as text, for messages and inspection only: it allocates. The kernel has
 * checked the push, so nothing is validated again.
 */
import { storedLabels } from './compiled-rewriting.js';
import { writtenSeries } from './otlp-labels.js';
import { type Push, RECORD_LENGTH, RECORD_OFFSET, RECORD_WORDS } from './push.js';

export type Label = readonly [name: string, value: string];

const SERIES_LABELS = 1;
const REQUEST_SYMBOLS = 4;
const WIRE_VARINT = 0;
const WIRE_BYTES = 2;

const text = new TextDecoder();

/** Labels in the order of the body, as sent. */
export function labelsOf(push: Push, row: number): Label[] {
  for (const labels of labelsOfRows(push, [row])) return labels;
  return [];
}

/** The same for many rows; what they share is read once. */
export function* labelsOfRows(push: Push, rows = allRows(push)): Generator<Label[]> {
  const symbols = push.protocol === 'rw2' ? readSymbols(push) : [];
  const written = push.protocol === 'otlp' ? writtenSeries(push, rows) : undefined;
  for (const [index, row] of rows.entries()) {
    const [series] = fields(written?.[index] ?? seriesField(push, row));
    const bytes = series?.bytes ?? NO_BYTES;
    yield push.protocol === 'rw2' ? labelsV2(bytes, symbols) : labelsV1(bytes);
  }
}

function allRows({ series }: Push): readonly number[] {
  return Array.from({ length: series }, (_, row) => row);
}

/** The same as stored, after relabelling. */
export function storedLabelsOf(push: Push, row: number): readonly Label[] {
  return storedAs(labelsOf(push, row), push);
}

export function storedAs(sent: readonly Label[], { rewriting }: Push): readonly Label[] {
  return rewriting === undefined ? sent : storedLabels(sent, rewriting);
}

const LONGEST_NAME = 300;

/** Series in PromQL notation as stored, each cut to a length that fits into a message. */
export function seriesNames(push: Push, rows: readonly number[], maxLength = LONGEST_NAME): string[] {
  return Array.from(labelsOfRows(push, rows), (sent) => seriesName(storedAs(sent, push), maxLength));
}

export function seriesName(labels: readonly Label[], maxLength = LONGEST_NAME): string {
  const name = labels.find(([label]) => label === '__name__')?.[1] ?? '';
  const pairs = labels
    .filter(([label]) => label !== '__name__')
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  const whole = `${name}{${pairs.join(', ')}}`;
  return whole.length <= maxLength ? whole : `${whole.slice(0, maxLength)}...`;
}

function seriesField({ body, records }: Push, row: number): Uint8Array {
  const at = row * RECORD_WORDS;
  const offset = records[at + RECORD_OFFSET] ?? 0;
  return body.subarray(offset, offset + (records[at + RECORD_LENGTH] ?? 0));
}

function readSymbols(push: Push): readonly string[] {
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

/** Numbers above 2^53 lose precision; no length or reference is that large. */
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
