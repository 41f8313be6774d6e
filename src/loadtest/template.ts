/**
 * A push body that is encoded once and sent many times. Timestamps, values and the ends of pod names are at known positions
 * in the compressed body and are changed there, so that a push takes only microseconds to make.
 */
import type { WireVersion } from './options.js';
import { compressPatchable, type Mark } from './patchable-snappy.js';
import { POD_SUFFIX_LENGTH, type SampleSeries, seriesOfPush } from './series.js';

export interface Template {
  readonly body: Buffer;
  readonly series: number;
  readonly pods: number;
  readonly uncompressedBytes: number;
  /** Timestamps are nanoseconds in eight bytes. */
  readonly isOtlp: boolean;
  /** Where each series' value is; its timestamp follows after one byte. */
  readonly samples: Uint32Array;
  /** Where the ends of pod names are, and the pod of each. */
  readonly suffixes: Uint32Array;
  readonly suffixPods: Uint32Array;
}

/** What differs between the pushes of a template. */
interface PushFill {
  readonly timestampMs: number;
  /** Values are counters that grow with it. */
  readonly tick: number;
  /** Eight hexadecimal digits for each pod: two little-endian words. */
  readonly suffixWords: Uint32Array;
}

/** In milliseconds, from 1970 + 2^35 ms to the year 2109, such timestamps are varints of six bytes. */
const TIMESTAMP_BYTES = 6;
const VALUE_BYTES = 8;
const LENGTH_BYTES = 4;
const PLACEHOLDER_MS = 1_760_000_000_000;

/** `push`: its index among the pushes of a tenant. */
export function encodeTemplate(push: number, series: number, version: WireVersion): Template {
  const all = seriesOfPush(push, series);
  const wire = new Wire(all.length * 640 + 1024);
  if (version === 'otlp') writeOtlp(wire, all);
  else if (version === 1) writeVersion1(wire, all);
  else writeVersion2(wire, all);
  const plain = wire.bytes();
  const marks = wire.marks;
  const { body, positions } =
    version === 'otlp' ? uncompressed(plain, marks) : compressPatchable(plain, marks);
  const ofKind = (sample: boolean): number[] =>
    marks.flatMap(({ pod }, index) => ((pod === undefined) === sample ? [index] : []));
  const suffixes = ofKind(false);
  return {
    body,
    series,
    pods: 1 + Math.max(...all.map(({ pod }) => pod)),
    uncompressedBytes: plain.length,
    isOtlp: version === 'otlp',
    samples: Uint32Array.from(ofKind(true), (index) => positions[index] ?? 0),
    suffixes: Uint32Array.from(suffixes, (index) => positions[index] ?? 0),
    suffixPods: Uint32Array.from(suffixes, (index) => marks[index]?.pod ?? 0),
  };
}

/** OTLP is compressed when it is sent, if at all. */
function uncompressed(
  plain: Uint8Array,
  marks: readonly Mark[],
): { body: Buffer; positions: readonly number[] } {
  return { body: Buffer.from(plain), positions: marks.map(({ at }) => at) };
}

/** Writes into a copy of the template's body. */
export function fill(view: DataView, template: Template, { timestampMs, tick, suffixWords }: PushFill): void {
  const { samples, suffixes, suffixPods, isOtlp } = template;
  const [low, high] = timestampWords(timestampMs);
  const nanoseconds = BigInt(Math.floor(timestampMs)) * 1_000_000n;
  for (let i = 0; i < samples.length; i++) {
    const at = samples[i] ?? 0;
    view.setFloat64(at, ((i * 7919) % 100_003) + tick * (1 + (i % 17)) * 0.25, true);
    if (isOtlp) view.setBigUint64(at + VALUE_BYTES + 1, nanoseconds, true);
    else {
      view.setUint32(at + VALUE_BYTES + 1, low, true);
      view.setUint16(at + VALUE_BYTES + 5, high, true);
    }
  }
  for (let i = 0; i < suffixes.length; i++) {
    const at = suffixes[i] ?? 0;
    const word = 2 * (suffixPods[i] ?? 0);
    view.setUint32(at, suffixWords[word] ?? 0, true);
    view.setUint32(at + 4, suffixWords[word + 1] ?? 0, true);
  }
}

/** A varint of six bytes, as a word of four and one of two. */
function timestampWords(timestampMs: number): [low: number, high: number] {
  let left = Math.floor(timestampMs);
  const bytes: number[] = [];
  for (let i = 0; i < TIMESTAMP_BYTES; i++) {
    bytes.push((left % 128) + (i < TIMESTAMP_BYTES - 1 ? 128 : 0));
    left = Math.floor(left / 128);
  }
  if (left !== 0) throw new RangeError(`a timestamp of ${timestampMs} ms does not fit into six bytes`);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  return [(a | (b << 8) | (c << 16) | (d << 24)) >>> 0, e | (f << 8)];
}

function writeVersion1(wire: Wire, all: readonly SampleSeries[]): void {
  for (const { labels, pod } of all) {
    wire.message(0x0a, () => {
      for (const [name, value] of labels) {
        wire.message(0x0a, () => {
          wire.string(0x0a, name);
          wire.string(0x12, value);
          if (name === 'pod') wire.markSuffix(pod);
        });
      }
      wire.sample(0x12);
    });
  }
}

function writeVersion2(wire: Wire, all: readonly SampleSeries[]): void {
  const references = new Map<string, number>();
  const refer = (text: string, pod?: number): void => {
    if (references.has(text)) return;
    references.set(text, references.size);
    wire.string(0x22, text);
    if (pod !== undefined) wire.markSuffix(pod);
  };
  refer('');
  for (const { labels, pod } of all) {
    for (const [name, value] of labels) {
      refer(name);
      refer(value, name === 'pod' ? pod : undefined);
    }
  }
  for (const { labels } of all) {
    wire.message(0x2a, () => {
      wire.message(0x0a, () => {
        for (const text of labels.flat()) wire.varint(references.get(text) ?? 0);
      });
      wire.sample(0x12);
    });
  }
}

/** A gauge for each metric in the order of the series, with a data point for each of its series. */
function writeOtlp(wire: Wire, all: readonly SampleSeries[]): void {
  wire.longMessage(0x0a, () => {
    wire.longMessage(0x12, () => {
      for (let from = 0; from < all.length; ) {
        const name = nameOf(all[from]);
        let to = from;
        while (to < all.length && nameOf(all[to]) === name) to++;
        const series = all.slice(from, to);
        wire.longMessage(0x12, () => {
          wire.string(0x0a, name);
          wire.longMessage(0x2a, () => {
            for (const one of series) writePoint(wire, one);
          });
        });
        from = to;
      }
    });
  });
}

function nameOf(series: SampleSeries | undefined): string {
  return series?.labels.find(([label]) => label === '__name__')?.[1] ?? '';
}

function writePoint(wire: Wire, { labels, pod }: SampleSeries): void {
  wire.message(0x0a, () => {
    wire.point();
    for (const [name, value] of labels) {
      if (name === '__name__') continue;
      wire.message(0x3a, () => {
        wire.string(0x0a, name);
        wire.message(0x12, () => {
          wire.string(0x0a, value);
          if (name === 'pod') wire.markSuffix(pod);
        });
      });
    }
  });
}

/** The part of a protobuf writer that remote write needs. Tags are given as encoded. */
class Wire {
  readonly #buffer: Buffer;
  #length = 0;
  /** A mark with a pod is the end of that pod's name; one without is a sample's value and timestamp. */
  readonly marks: (Mark & { readonly pod?: number })[] = [];

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Reserves two bytes for the length: no series is longer than 16 kB. */
  message(tag: number, write: () => void): void {
    this.#buffer[this.#length] = tag;
    this.#length += 2;
    const start = this.#length;
    const marksBefore = this.marks.length;
    write();
    const length = this.#length - start;
    if (length < 0x80) {
      this.#buffer[start - 1] = length;
      return;
    }
    this.#buffer.copyWithin(start + 1, start, this.#length);
    this.#buffer[start - 1] = (length & 0x7f) | 0x80;
    this.#buffer[start] = length >> 7;
    this.#length++;
    for (let i = marksBefore; i < this.marks.length; i++) {
      const mark = this.marks[i];
      if (mark !== undefined) this.marks[i] = { ...mark, at: mark.at + 1 };
    }
  }

  /** Of any length that fits into four bytes, padded. */
  longMessage(tag: number, write: () => void): void {
    this.#buffer[this.#length] = tag;
    this.#length += 1 + LENGTH_BYTES;
    const start = this.#length;
    write();
    let length = this.#length - start;
    for (let at = start - LENGTH_BYTES; at < start - 1; at++, length >>>= 7) {
      this.#buffer[at] = (length & 0x7f) | 0x80;
    }
    this.#buffer[start - 1] = length;
  }

  string(tag: number, text: string): void {
    this.#buffer[this.#length++] = tag;
    this.varint(text.length);
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  /** The text just written ends with a pod's suffix. */
  markSuffix(pod: number): void {
    this.marks.push({ at: this.#length - POD_SUFFIX_LENGTH, length: POD_SUFFIX_LENGTH, pod });
  }

  sample(tag: number): void {
    this.message(tag, () => {
      this.#buffer[this.#length++] = 0x09;
      this.marks.push({ at: this.#length, length: VALUE_BYTES + 1 + TIMESTAMP_BYTES });
      this.#length = this.#buffer.writeDoubleLE(0, this.#length);
      this.#buffer[this.#length++] = 0x10;
      const [low, high] = timestampWords(PLACEHOLDER_MS);
      this.#length = this.#buffer.writeUInt32LE(low, this.#length);
      this.#length = this.#buffer.writeUInt16LE(high, this.#length);
    });
  }

  /** The value and time of a data point of OTLP. */
  point(): void {
    this.#buffer[this.#length++] = 0x21;
    this.marks.push({ at: this.#length, length: VALUE_BYTES + 1 + VALUE_BYTES });
    this.#length = this.#buffer.writeDoubleLE(0, this.#length);
    this.#buffer[this.#length++] = 0x19;
    this.#length = this.#buffer.writeBigUInt64LE(0n, this.#length);
  }

  varint(value: number): void {
    let left = value;
    for (; left >= 0x80; left >>>= 7) this.#buffer[this.#length++] = (left & 0x7f) | 0x80;
    this.#buffer[this.#length++] = left;
  }
}
