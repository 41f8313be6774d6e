/**
 * Writes the body of an OTLP push without some of its data points. A data point is indivisible: with one of its series all
 * are left out. Metrics, scopes and resources without data points are removed too; the rest stays as it was sent.
 */
import { type Push, RECORD_LENGTH, RECORD_OFFSET, RECORD_WORDS } from './push.js';
import { addRow, hasRow, type Rows } from './rows.js';

/** The origin of each row of an OTLP push: a data point, or (for target_info) a resource. */
export class Origins {
  readonly #records: Uint32Array;
  readonly #rows: number;

  constructor({ records, series }: Push) {
    this.#records = records;
    this.#rows = series;
  }

  /** The position of its data point in the request. Undefined: it comes from a resource. */
  point(row: number): number | undefined {
    const at = row * RECORD_WORDS;
    return this.#records[at + RECORD_LENGTH] === 0 ? undefined : this.#records[at + RECORD_OFFSET];
  }

  /** The position of the resource of a row that comes from one. Its data points follow. */
  resource(row: number): number {
    return this.#records[row * RECORD_WORDS + RECORD_OFFSET] ?? 0;
  }

  /** Its data point makes other rows, too, which are adjacent. */
  isShared(row: number): boolean {
    const point = this.point(row);
    if (point === undefined) return false;
    const isOther = (other: number): boolean =>
      other >= 0 && other < this.#rows && this.point(other) === point;
    return isOther(row - 1) || isOther(row + 1);
  }
}

/** False: each row has a data point of its own, or the push has none. */
export function mayShareDataPoints({ otlp, series }: Push): boolean {
  return otlp !== undefined && series > otlp.dataPoints - otlp.skippedPoints;
}

/** The positions of data points with any of these rows, in the order of the body. */
function pointsAmong(push: Push, rows: Rows): number[] {
  const origins = new Origins(push);
  const points = new Set<number>();
  for (let row = 0; row < push.series; row++) {
    const point = hasRow(rows, row) ? origins.point(row) : undefined;
    if (point !== undefined) points.add(point);
  }
  return [...points].sort((a, b) => a - b);
}

/** How many data points are left out with these rows. */
export function pointsOf(push: Push, rows: Rows): number {
  return pointsAmong(push, rows).length;
}

/**
 * Further rows that have to go with some rows, each paired with one of those: the rows of the same data point, and the
 * target_info of a resource without remaining data points. Rows for which `goes` returns nothing stay otherwise.
 */
export function* rowsThatGoToo(
  push: Push,
  goes: (row: number) => boolean,
): Generator<[row: number, because: number]> {
  const origins = new Origins(push);
  const because = new Map<number, number>();
  for (let row = 0; row < push.series; row++) {
    const point = goes(row) ? origins.point(row) : undefined;
    if (point !== undefined && !because.has(point)) because.set(point, row);
  }
  // What Mimir does not translate stays, and target_info with it.
  let lastKept = push.otlp?.skippedPoints === 0 ? -1 : Number.POSITIVE_INFINITY;
  let lastGone: number | undefined;
  for (let row = 0; row < push.series; row++) {
    const point = origins.point(row);
    if (point === undefined) {
      if (lastGone !== undefined && lastKept < origins.resource(row) && !goes(row)) yield [row, lastGone];
      continue;
    }
    const first = because.get(point);
    if (first === undefined) lastKept = Math.max(lastKept, point);
    else {
      lastGone = first;
      if (!goes(row)) yield [row, first];
    }
  }
}

/** The rows together with all that go with them. */
export function rowsOfWholePoints(push: Push, rows: Rows): Rows {
  const whole = rows.slice();
  for (const [row] of rowsThatGoToo(push, (one) => hasRow(rows, one))) addRow(whole, row);
  return whole;
}

/** Uncompressed. */
export function withoutPoints(push: Push, leftOut: Rows): Uint8Array {
  const { body } = push;
  const filter = new PointFilter(body, pointsAmong(push, leftOut));
  return Buffer.concat(filter.message(0, body.length, 0).parts);
}

/** The fields that lead from the request to the data points. */
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
  /** Something is left of the fields that were looked into. */
  readonly isFilled: boolean;
}

class PointFilter {
  readonly #body: Uint8Array;
  readonly #leftOut: readonly number[];
  /** Index into `#leftOut`. */
  #next = 0;

  constructor(body: Uint8Array, leftOut: readonly number[]) {
    this.#body = body;
    this.#leftOut = leftOut;
  }

  /** What stays of a valid message. */
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
    // Another field that was ignored because of this one must not start to count.
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

/** The position after the tag that ends the group. */
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

/** Numbers above 2^53 lose precision; no length is that large. */
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
