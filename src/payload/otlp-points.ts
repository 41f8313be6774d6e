/**
 * The body of an OTLP push without some of its data points. A data point goes whole: with one of the series that it becomes,
 * all of them are left out. Metrics, scopes and resources that have none left go with them, and what stays is as it was sent.
 */
import { type Push, RECORD_LENGTH, RECORD_OFFSET, RECORD_WORDS } from './push.js';
import { addRow, hasRow, noRows, type Rows } from './rows.js';

/** A row's data point: where it is in the body. Undefined: it was made of a resource (target_info), which stays. */
function originOf({ body, records }: Push, row: number): number | undefined {
  const at = row * RECORD_WORDS;
  const end = (records[at + RECORD_OFFSET] ?? 0) + (records[at + RECORD_LENGTH] ?? 0);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return view.getUint32(end - 4, true) === 0 ? undefined : view.getUint32(end - 8, true);
}

/** Where the data points are that have a row among these, in the order of the body. */
function originsOf(push: Push, rows: Rows): number[] {
  const origins = new Set<number>();
  for (let row = 0; row < push.series; row++) {
    const origin = hasRow(rows, row) ? originOf(push, row) : undefined;
    if (origin !== undefined) origins.add(origin);
  }
  return [...origins].sort((a, b) => a - b);
}

/** How many data points are left out with these rows. */
export function pointsOf(push: Push, rows: Rows): number {
  return originsOf(push, rows).length;
}

/** With a row all rows of its data point; those that are made of a resource are not among them. */
export function rowsOfWholePoints(push: Push, rows: Rows): Rows {
  const origins = new Set(originsOf(push, rows));
  const whole = noRows(push.series);
  for (let row = 0; row < push.series; row++) {
    const origin = originOf(push, row);
    if (origin !== undefined && origins.has(origin)) addRow(whole, row);
  }
  return whole;
}

/** Not compressed. */
export function withoutPoints(push: Push, leftOut: Rows): Uint8Array {
  const body = push.original ?? new Uint8Array();
  const filter = new PointFilter(body, originsOf(push, leftOut));
  return Buffer.concat(filter.message(0, body.length, 0).parts);
}

/** From the request down to what holds data points: the fields in which they are found. */
const LEVELS: readonly ReadonlySet<number>[] = [
  new Set([1]),
  new Set([2, 1000]),
  new Set([2]),
  new Set([5, 7, 9, 10, 11]),
  new Set([1]),
];
const POINTS = LEVELS.length - 1;

interface Kept {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  /** Of what was looked into something is left. */
  readonly isFilled: boolean;
}

class PointFilter {
  readonly #body: Uint8Array;
  readonly #leftOut: readonly number[];
  /** Of `#leftOut`. */
  #next = 0;

  constructor(body: Uint8Array, leftOut: readonly number[]) {
    this.#body = body;
    this.#leftOut = leftOut;
  }

  /** What stays of a message, which is sound. */
  message(start: number, end: number, level: number): Kept {
    const parts: Uint8Array[] = [];
    let length = 0;
    let copied = start;
    const filtered = new Set<number>();
    const left = new Set<number>();
    const keep = (part: Uint8Array): void => {
      if (part.length > 0) parts.push(part);
      length += part.length;
    };
    for (let at = start; at < end; ) {
      const field = readField(this.#body, at);
      const isPath = LEVELS[level]?.has(field.number) === true && field.wire === WIRE_BYTES;
      if (!isPath || !this.#isAnyBefore(field.end)) {
        if (isPath) left.add(field.number);
        at = field.end;
        continue;
      }
      keep(this.#body.subarray(copied, at));
      filtered.add(field.number);
      if (level === POINTS) {
        this.#next++;
      } else {
        const inner = this.message(field.content, field.end, level + 1);
        if (inner.isFilled) {
          left.add(field.number);
          keep(head(this.#body.subarray(at, field.afterTag), inner.length));
          for (const part of inner.parts) keep(part);
        }
      }
      at = field.end;
      copied = at;
    }
    keep(this.#body.subarray(copied, end));
    // Another field, which did not count as long as there was this one, does not come to count.
    return { parts, length, isFilled: [...filtered].every((number) => left.has(number)) };
  }

  #isAnyBefore(end: number): boolean {
    return (this.#leftOut[this.#next] ?? Number.POSITIVE_INFINITY) < end;
  }
}

const WIRE_BYTES = 2;

interface Field {
  readonly number: number;
  readonly wire: number;
  readonly afterTag: number;
  readonly content: number;
  readonly end: number;
}

function readField(body: Uint8Array, at: number): Field {
  const [tag, afterTag] = readVarint(body, at);
  const number = tag >>> 3;
  const wire = tag & 7;
  const field = (content: number, end: number): Field => ({ number, wire, afterTag, content, end });
  if (wire === 0) return field(afterTag, readVarint(body, afterTag)[1]);
  if (wire === 1) return field(afterTag, afterTag + 8);
  if (wire === 5) return field(afterTag, afterTag + 4);
  if (wire !== WIRE_BYTES) return field(afterTag, endOfGroup(body, afterTag));
  const [length, content] = readVarint(body, afterTag);
  return field(content, content + length);
}

/** Behind the tag that ends the group. */
function endOfGroup(body: Uint8Array, at: number): number {
  for (;;) {
    const { wire, end, afterTag } =
      (readVarint(body, at)[0] & 7) === 4 ? endTag(body, at) : readField(body, at);
    if (wire === 4) return afterTag;
    at = end;
  }
}

function endTag(body: Uint8Array, at: number): Pick<Field, 'wire' | 'end' | 'afterTag'> {
  const [, afterTag] = readVarint(body, at);
  return { wire: 4, end: afterTag, afterTag };
}

/** Numbers above 2^53 lose their last bits: no length is that large. */
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

function head(tag: Uint8Array, length: number): Uint8Array {
  const bytes = [...tag];
  let left = length;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left & 127) | 128);
  bytes.push(left);
  return Uint8Array.from(bytes);
}
