/**
 * Converts lines to the Remote Write 1.0 message that Mimir makes of them: a series with one sample for each number and
 * boolean; texts are dropped. The result is capped while it grows, as a line repeats its tags for each of its fields.
 */
import { type LineFault, type Point, type Precision, readPoints } from './points.js';

/** Mimir's own label on each series that comes this way. */
const SOURCE_LABEL = '__proxy_source__';
const SOURCE = 'influx';
const NAME_LABEL = '__name__';

interface InfluxLimits {
  readonly maxBytes: number;
  readonly maxSeries: number;
}

type Transcoded = Uint8Array | LineFault | 'too_large' | 'too_many_series';

export function toRemoteWrite(
  lines: Uint8Array,
  precision: Precision,
  nowMs: number,
  { maxBytes, maxSeries }: InfluxLimits,
): Transcoded {
  const text = latin1(lines);
  const message = new Message(maxBytes);
  let series = 0;
  let overrun: 'too_large' | 'too_many_series' | undefined;
  const fault = readPoints(text, precision, nowMs, (point) => {
    const labels = new PointLabels(point);
    for (const { key, value, superseded } of point.fields) {
      if (superseded || value === undefined) continue;
      series++;
      if (series > maxSeries) overrun = 'too_many_series';
      else if (!message.add(labels, key, value, point.timestampMs)) overrun = 'too_large';
      if (overrun !== undefined) return false;
    }
    return true;
  });
  return fault ?? overrun ?? message.bytes;
}

/** One character for each byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The labels shared by all series of a point, encoded, sorted by name around the metric's. */
class PointLabels {
  readonly before: string;
  readonly after: string;
  readonly #measurement: string;

  constructor({ measurement, tags }: Point) {
    this.#measurement = measurement;
    const labels: [name: string, value: string][] = [[SOURCE_LABEL, SOURCE]];
    for (const { key, value } of tags) {
      if (key !== NAME_LABEL && key !== SOURCE_LABEL) labels.push([labelName(key), value]);
    }
    labels.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    let before = '';
    let after = '';
    for (const [name, value] of labels) {
      if (name < NAME_LABEL) before += label(name, value);
      else after += label(name, value);
    }
    this.before = before;
    this.after = after;
  }

  metricName(field: string): string {
    return labelName(field === 'value' ? this.#measurement : `${this.#measurement}_${field}`);
  }
}

/**
 * Replaces invalid characters as Mimir does: of a multi-byte character only the first byte is replaced, and the rest is
 * invalid UTF-8, which the label rules find.
 */
export function labelName(bytes: string): string {
  const replaced = PLAIN_NAME.test(bytes) ? bytes : replaceInvalid(bytes);
  return STARTS_WITH_DIGIT.test(replaced) ? `_${replaced}` : replaced;
}

const PLAIN_NAME = /^\w*$/;
const STARTS_WITH_DIGIT = /^\d/;

function replaceInvalid(bytes: string): string {
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const length = runeLength(bytes, at);
    const first = bytes.charAt(at);
    name += (PLAIN_NAME.test(first) ? first : '_') + bytes.slice(at + 1, at + length);
    at += length;
  }
  return name;
}

/** The length of the UTF-8 character at this position; 1 for an invalid byte. */
function runeLength(bytes: string, at: number): number {
  const first = bytes.charCodeAt(at);
  if (first < 0xc2 || first > 0xf4) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const [least, most] = SECOND_BYTE.get(first) ?? [0x80, 0xbf];
  for (let i = 1; i < length; i++) {
    const byte = bytes.charCodeAt(at + i);
    if (!(byte >= (i === 1 ? least : 0x80) && byte <= (i === 1 ? most : 0xbf))) return 1;
  }
  return length;
}

/** First bytes after which the second is restricted: no overlong forms, no surrogates, nothing above U+10FFFF. */
const SECOND_BYTE: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
]);

// Field numbers of Remote Write 1.0: WriteRequest timeseries=1, TimeSeries labels=1 and samples=2.

const SERIES_TAG = 0x0a;
const LABEL_TAG = '\x0a';
const NAME_TAG = '\x0a';
const VALUE_TAG = '\x12';
const SAMPLE_TAG = 0x12;
const SAMPLE_VALUE_TAG = 0x09;
const SAMPLE_TIME_TAG = 0x10;

function label(name: string, value: string): string {
  const fields = `${NAME_TAG}${varint(name.length)}${name}${VALUE_TAG}${varint(value.length)}${value}`;
  return `${LABEL_TAG}${varint(fields.length)}${fields}`;
}

function varint(n: number): string {
  let text = '';
  for (let rest = n; ; rest >>>= 7) {
    if (rest < 128) return text + String.fromCharCode(rest);
    text += String.fromCharCode((rest & 127) | 128);
  }
}

const FIRST_ROOM = 4096;
/** Of a sample: tag and length, the value, a time of at most ten bytes. */
const MOST_SAMPLE = 2 + 9 + 11;
const MOST_PREFIX = 1 + 5;

/** Grows by doubling, up to its cap. */
class Message {
  readonly #maxBytes: number;
  #buffer = Buffer.allocUnsafe(FIRST_ROOM);
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** False: it would exceed its cap. */
  add(labels: PointLabels, field: string, value: number, timestampMs: number): boolean {
    const { before, after } = labels;
    const name = label(NAME_LABEL, labels.metricName(field));
    const labelBytes = before.length + name.length + after.length;
    if (!this.#room(MOST_PREFIX + labelBytes + MOST_SAMPLE)) return false;
    const time = timestampBytes(timestampMs);
    this.#byte(SERIES_TAG);
    this.#text(varint(labelBytes + 2 + 9 + 1 + time.length));
    this.#text(before);
    this.#text(name);
    this.#text(after);
    this.#byte(SAMPLE_TAG);
    this.#byte(9 + 1 + time.length);
    this.#byte(SAMPLE_VALUE_TAG);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
    this.#byte(SAMPLE_TIME_TAG);
    this.#text(time);
    return true;
  }

  #room(bytes: number): boolean {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return true;
    if (needed > this.#maxBytes) return false;
    const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(2 * this.#buffer.length, needed)));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    return true;
  }

  #byte(byte: number): void {
    this.#buffer[this.#length++] = byte;
  }

  #text(text: string): void {
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }
}

/** An int64 as a varint: a time before 1970 has ten bytes. */
function timestampBytes(ms: number): string {
  if (ms >= 0 && ms < 2 ** 31) return varint(ms);
  let text = '';
  for (let rest = BigInt.asUintN(64, BigInt(ms)); ; rest >>= 7n) {
    if (rest < 128n) return text + String.fromCharCode(Number(rest));
    text += String.fromCharCode(Number(rest & 127n) | 128);
  }
}
