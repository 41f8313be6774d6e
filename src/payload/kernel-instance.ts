/**
 * One instance of the WASM kernel: copies a body in chunk by chunk and decodes it to a Push whose records and body are
 * views on the kernel's memory; or compresses one.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { anyValueText, boundText, doubleText } from './go-text.js';
import { expandHashKey, type HashKey } from './hash-key.js';
import { otlpTexts } from './otlp-texts.js';
import {
  type Broken,
  type BrokenCode,
  type Decoded,
  type DecodeOptions,
  type HaLabels,
  type Lost,
  METRIC_WORDS,
  NO_RULES,
  type OtlpSkipReason,
  type OtlpTotals,
  type OtlpTranslation,
  type Push,
  RECORD_LENGTH,
  RECORD_OFFSET,
  RECORD_WORDS,
} from './push.js';
import type { LongValues } from './rewriting.js';

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  input(length: number): number;
  decode(
    length: number,
    isSnappy: number,
    isVersion2: number,
    maxUncompressed: number,
    maxSeries: number,
    replicaNameLength: number,
    clusterNameLength: number,
  ): number;
  decodeOtlp(
    length: number,
    options: number,
    promotedBytes: number,
    maxUncompressed: number,
    maxSeries: number,
    replicaNameLength: number,
    clusterNameLength: number,
    only: number,
  ): number;
  pointAtPoints(): void;
  metricsAt(): number;
  metricCount(): number;
  compress(length: number): number;
  labelList(): number;
  listLabels(row: number, most: number): number;
  reserveTo(end: number): number;
  judgeList(row: number, list: number, count: number, free: number): number;
  setShortening(way: number, most: number): void;
  addUpAgain(): void;
}

const kernelModule = new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));

// Addresses and words as in kernel/memory.ts.
const RESULT_WORD = 1920 / 4;
const EXCLUDE = 2048;
const WANTED = 3072;
const NAME_MAX = 1024;
const NAME_SHOWN = 100;
const TEXTS = 6656;
const KEYS = 8192;
const INPUT = 16384;
/** Unused space after a region. */
const SLOP = 64;
/** Keys for the length of a string, for eight bytes at each of 128 positions, and for the rest. */
const KEY_BYTES = (1 + 128 + 1) * 16;
const RULES = 6144 / 8;
const RESULT_LENGTH = 13;
const RESULT_CLUSTER = 22;
const RESULT_PAIRS = 26;
/** Address and length of cluster and replica. */
const PAIR_WORDS = 4;
const RESULT_OTLP = 28;

/** As in kernel/otlp-scan.ts and kernel/otlp-options.ts. */
const EVERYTHING = 0xffffffff;
const WRITES_SERIES = 256;

/** What was decoded once may be written, whatever its size. */
const UNLIMITED: DecodeOptions = {
  protocol: 'otlp',
  maxUncompressedBytes: 0x7fffffff,
  maxSeries: 0x7fffffff,
  excludeLabel: '',
};

/** As in kernel/shorten.ts. */
const SHORTENING: Readonly<Record<LongValues, number>> = { error: 0, truncate: 1, drop: 2 };

/** The meaning of each code in kernel/memory.ts. */
const FAULTS: Readonly<Record<number, readonly [BrokenCode, string]>> = {
  1: ['snappy', 'the snappy header is not a length'],
  2: ['snappy', 'the snappy header claims more bytes than the body can hold'],
  3: ['snappy', 'a snappy element is cut short'],
  4: ['snappy', 'the snappy data is longer than its header says'],
  5: ['snappy', 'a snappy copy points before the start'],
  6: ['snappy', 'the snappy data is shorter than its header says'],
  7: ['too_large', 'the body is too large when uncompressed'],
  8: ['too_many_series', 'the body holds too many series'],
  9: ['too_many_series', 'the body holds more symbols than any push needs'],
  11: ['protobuf', 'the message ends in the middle of a field'],
  12: ['protobuf', 'a varint is too long'],
  13: ['protobuf', 'a field has number 0'],
  14: ['protobuf', 'a field has the wrong wire type'],
  15: ['protobuf', 'a length reaches past the end of its message'],
  16: ['protobuf', 'a group does not end as it began, or is nested too deeply'],
  17: ['protobuf', 'a label refers to a symbol that is not there'],
  18: ['protobuf', 'a series has a label name without a value'],
  19: ['protobuf', 'the message is of the other version of remote write'],
  20: ['protobuf', 'an attribute has values in values, too deeply'],
  21: ['protobuf', 'a trace or span id has the wrong length'],
};

/** As in kernel/otlp-kinds.ts; 0 is none. */
const OTLP_SKIP_REASONS: readonly (OtlpSkipReason | undefined)[] = [
  undefined,
  'temporality',
  'no_data',
  'no_points',
  'metric_name',
  'label_name',
  'scale',
  'exemplar',
];

/** Mimir's defaults. */
const DEFAULT_TRANSLATION: OtlpTranslation = {
  escapeNames: true,
  addSuffixes: false,
  promoteResourceAttributes: [],
  keepIdentifyingResourceAttributes: false,
  convertHistogramsToNhcb: false,
  promoteScopeMetadata: false,
  nativeDeltaIngestion: false,
  labelNameUnderscoreSanitization: true,
  labelNamePreserveMultipleUnderscores: true,
};

interface KernelViews {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export class KernelInstance {
  readonly #exports: KernelExports;
  #bytes: Uint8Array<ArrayBuffer>;
  #words: Uint32Array<ArrayBuffer>;
  #doubles: Float64Array;
  #views: KernelViews;
  /** The length of the list of promoted attributes after the last loaded message. */
  #promotedBytes = 0;
  #promotedNames: readonly string[] = [];
  #promotedList: Uint8Array = NO_BYTES;
  /** The last text that the kernel asked for. */
  #made: Uint8Array = new Uint8Array();

  constructor(hashKey: HashKey) {
    const texts = {
      double: (value: number, isBound: number) =>
        this.#make(isBound === 0 ? doubleText(value) : boundText(value)),
      value: (at: number, length: number) =>
        this.#make(anyValueText(new Uint8Array(this.#exports.memory.buffer, at, length))),
      copy: (to: number) => new Uint8Array(this.#exports.memory.buffer).set(this.#made, to),
    };
    this.#exports = new WebAssembly.Instance(kernelModule, { texts }).exports as unknown as KernelExports;
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    this.#words = new Uint32Array(this.#exports.memory.buffer);
    this.#doubles = new Float64Array(this.#exports.memory.buffer);
    this.#views = { words: this.#words, bytes: this.#bytes };
    this.#bytes.set(otlpTexts(), TEXTS);
    this.setHashKey(hashKey);
  }

  /** Memory never shrinks; to free it, drop the instance. */
  get memoryBytes(): number {
    return this.#bytes.length;
  }

  setHashKey(hashKey: HashKey): void {
    this.#bytes.set(expandHashKey(hashKey, KEY_BYTES), KEYS);
  }

  decode(
    chunks: readonly Uint8Array[],
    byteLength: number,
    options: DecodeOptions,
    isSnappy: boolean,
  ): Decoded {
    const kernel = this.#exports;
    const input = kernel.input(byteLength);
    if (input === 0) return NO_MEMORY;
    this.#refreshViews();
    let at = input;
    for (const chunk of chunks) {
      this.#bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#writeRules(options);
    const code = kernel.decode(
      byteLength,
      isSnappy ? 1 : 0,
      options.protocol === 'rw2' ? 1 : 0,
      options.maxUncompressedBytes,
      options.maxSeries,
      this.#writeName(EXCLUDE, options.excludeLabel),
      this.#writeName(WANTED, options.clusterLabel ?? ''),
    );
    this.#refreshViews();
    if (code === 0) return this.#push(byteLength, options);
    return code === OUT_OF_MEMORY ? NO_MEMORY : broken(code, this.#result(12));
  }

  /**
   * Decodes an uncompressed message of OTLP. `written`: its series are written as remote write, to be listed and judged
   * again, and the records point to these until `pointAtPoints`.
   */
  decodeOtlp(message: Uint8Array, options: DecodeOptions, written: boolean): Decoded {
    const { otlp = DEFAULT_TRANSLATION } = options;
    if (!this.loadOtlp(message, otlp)) return NO_MEMORY;
    const code = this.#translate(message.length, otlp, options, written, EVERYTHING);
    if (code !== 0) return code === OUT_OF_MEMORY ? NO_MEMORY : broken(code, this.#result(12));
    return {
      ...this.#push(message.length, options),
      ...this.#ofOtlp(message.length),
      translation: otlp,
    };
  }

  /** Loads a message of OTLP to be written. False: there is no memory for it. */
  loadOtlp(message: Uint8Array, { promoteResourceAttributes } = DEFAULT_TRANSLATION): boolean {
    const promoted = this.#promoted(promoteResourceAttributes);
    if (this.#exports.input(message.length + promoted.length + 2 * SLOP) === 0) return false;
    this.#refreshViews();
    this.#bytes.set(message, INPUT);
    this.#promotedBytes = promoted.length;
    this.#bytes.set(promoted, (INPUT + message.length + SLOP + 15) & ~15);
    return true;
  }

  /**
   * Writes the loaded message as remote write. `only`: the position of the one data point or resource whose series are
   * wanted. Returns a function that copies the series of a row.
   */
  writeOtlp(byteLength: number, otlp = DEFAULT_TRANSLATION, only = EVERYTHING): (row: number) => Uint8Array {
    if (this.#translate(byteLength, otlp, UNLIMITED, true, only) !== 0) return () => NO_BYTES;
    const body = this.#result(0);
    const records = this.#result(2) / 4;
    const series = this.#result(3);
    return (row) => {
      if (row >= series) return NO_BYTES;
      const record = records + row * RECORD_WORDS;
      const at = body + (this.#words[record + RECORD_OFFSET] ?? 0);
      return this.#bytes.slice(at, at + (this.#words[record + RECORD_LENGTH] ?? 0));
    };
  }

  /** A tenant's list stays the same object until its limits change. */
  #promoted(names: readonly string[]): Uint8Array {
    if (names !== this.#promotedNames) {
      this.#promotedNames = names;
      this.#promotedList = promotedList(names);
    }
    return this.#promotedList;
  }

  #translate(
    byteLength: number,
    otlp: OtlpTranslation,
    options: DecodeOptions,
    written: boolean,
    only: number,
  ): number {
    this.#writeRules(options);
    const code = this.#exports.decodeOtlp(
      byteLength,
      translationBits(otlp) | (written ? WRITES_SERIES : 0),
      this.#promotedBytes,
      options.maxUncompressedBytes,
      options.maxSeries,
      this.#writeName(EXCLUDE, options.excludeLabel),
      this.#writeName(WANTED, options.clusterLabel ?? ''),
      only,
    );
    this.#refreshViews();
    return code;
  }

  /** From now on the records of a written message point to its data points. */
  pointAtPoints(): void {
    this.#exports.pointAtPoints();
  }

  #ofOtlp(byteLength: number): Pick<Push, 'uncompressedBytes' | 'otlp' | 'metrics' | 'body'> {
    const metricsAt = this.#exports.metricsAt() / 4;
    return {
      uncompressedBytes: byteLength,
      otlp: this.#otlpTotals(),
      metrics: this.#words.subarray(metricsAt, metricsAt + this.#exports.metricCount() * METRIC_WORDS),
      body: this.#bytes.subarray(INPUT, INPUT + byteLength),
    };
  }

  #otlpTotals(): OtlpTotals {
    return {
      dataPoints: this.#result(RESULT_OTLP),
      skippedPoints: this.#result(RESULT_OTLP + 1),
      firstSkipped: OTLP_SKIP_REASONS[this.#result(RESULT_OTLP + 2)],
    };
  }

  #make(text: string | Uint8Array): number {
    this.#made = typeof text === 'string' ? encoder.encode(text) : text;
    return this.#made.length;
  }

  /**
   * Compresses `length` bytes, which `write` puts into the given array. The snappy block is a copy; undefined: there is no
   * memory for it.
   */
  compress(length: number, write: (input: Uint8Array) => void): Buffer | undefined {
    const input = this.#exports.input(length);
    if (input === 0) return undefined;
    this.#refreshViews();
    write(this.#bytes.subarray(input, input + length));
    const block = this.#exports.compress(length);
    if (block === 0) return undefined;
    this.#refreshViews();
    return Buffer.from(this.#bytes.subarray(block, block + this.#result(RESULT_LENGTH)));
  }

  // The following is about the last decoded push; kernel/relabel.ts explains the lists.

  /** The whole memory. The views are invalid after it has grown. */
  get views(): KernelViews {
    this.#refreshViews();
    return this.#views;
  }

  /** The address of the list of labels. */
  labelList(): number {
    return this.#exports.labelList();
  }

  /** Lists the labels of a series and returns their number; `most` + 1: there are more; a larger number: memory is out. */
  listLabels(row: number, most: number): number {
    return this.#exports.listLabels(row, most) >>> 0;
  }

  /** False: there is no memory for it. */
  reserveTo(end: number): boolean {
    return this.#exports.reserveTo(end) !== 0;
  }

  /** Sets the labels of a series from a list. False: memory is out. */
  judgeList(row: number, list: number, count: number, free: number): boolean {
    return this.#exports.judgeList(row, list, count, free) !== 0;
  }

  setShortening(longValues: LongValues, maxValueLength: number): void {
    this.#exports.setShortening(SHORTENING[longValues], maxValueLength);
  }

  /** The push with its current totals. */
  summedUp(push: Push): Push {
    this.#exports.addUpAgain();
    const summedUp = this.#push(push.compressedBytes, push);
    if (push.protocol !== 'otlp') return summedUp;
    return { ...summedUp, ...this.#ofOtlp(push.uncompressedBytes), translation: push.translation };
  }

  #push(compressedBytes: number, { protocol }: Pick<DecodeOptions, 'protocol'>): Push {
    const bodyAt = this.#result(0);
    const uncompressedBytes = this.#result(1);
    const recordsAt = this.#result(2) / 4;
    const series = this.#result(3);
    return {
      kind: 'push',
      protocol,
      compressedBytes,
      uncompressedBytes,
      series,
      samples: this.#result(4),
      histograms: this.#result(5),
      exemplars: this.#result(6),
      metadata: this.#result(7),
      uncharged: this.#result(19),
      invalidMetadata: this.#result(20),
      metadataFault: this.#result(21),
      faultySeries: this.#result(18),
      leastTimestampMs: this.#signedResult(14),
      greatestTimestampMs: this.#signedResult(16),
      mostLabels: this.#result(8),
      mostPlainLabels: this.#result(31),
      longestLabelName: this.#result(9),
      longestLabelValue: this.#result(10),
      unnamedSeries: this.#result(11),
      ha: this.#haLabels(),
      pairs: this.#result(RESULT_PAIRS + 1) > 0 ? this.#pairs() : undefined,
      records: this.#words.subarray(recordsAt, recordsAt + series * RECORD_WORDS),
      body: this.#bytes.subarray(bodyAt, bodyAt + uncompressedBytes),
    };
  }

  #result(word: number): number {
    return this.#words[RESULT_WORD + word] ?? 0;
  }

  /** A value of two words. */
  #signedResult(word: number): number {
    return (this.#result(word + 1) | 0) * 2 ** 32 + this.#result(word);
  }

  #haLabels(): HaLabels | undefined {
    if (this.#result(RESULT_CLUSTER) === 0) return undefined;
    return this.#pairAt(RESULT_WORD + RESULT_CLUSTER);
  }

  #pairs(): readonly HaLabels[] {
    const first = this.#result(RESULT_PAIRS) / 4;
    return Array.from({ length: this.#result(RESULT_PAIRS + 1) }, (_, n) =>
      this.#pairAt(first + n * PAIR_WORDS),
    );
  }

  #pairAt(word: number): HaLabels {
    return { cluster: this.#name(word), replica: this.#name(word + 2) };
  }

  /** The text whose address and length are in two adjacent words. Names are cached, except those that are too long. */
  #name(word: number): string {
    const at = this.#words[word] ?? 0;
    const bytes = this.#bytes.subarray(at, at + (this.#words[word + 1] ?? 0));
    if (bytes.length <= NAME_MAX) return decoder.decode(bytes);
    const hash = createHash('sha256').update(bytes).digest('hex');
    return `${decoder.decode(bytes.subarray(0, NAME_SHOWN))}... (sha256 ${hash})`;
  }

  /** In the order in which kernel/rules.ts reads them. */
  #writeRules({ rules = NO_RULES, nowMs = 0, pairPerSeries = false }: DecodeOptions): void {
    const to = this.#doubles;
    to[RULES] = Number(rules.utf8Names);
    to[RULES + 1] = rules.maxLabels;
    to[RULES + 2] = rules.maxInfoLabels;
    to[RULES + 3] = rules.maxNameLength;
    to[RULES + 4] = rules.maxValueLength;
    to[RULES + 5] = rules.maxExemplars;
    to[RULES + 6] = rules.maxBuckets;
    to[RULES + 7] = Number(rules.reduceBuckets);
    to[RULES + 8] = rules.maxMetadataLength;
    to[RULES + 9] = Number(rules.metadataNeedsName);
    to[RULES + 10] = rules.maxReplicaLength;
    to[RULES + 11] = nowMs - rules.maxBehindMs;
    to[RULES + 12] = nowMs + rules.maxAheadMs;
    to[RULES + 13] = Number(pairPerSeries);
    this.#words[RESULT_WORD + RESULT_PAIRS + 1] = 0;
  }

  /** Returns the name's length. A name that is longer than any valid label never occurs, so it is ignored. */
  #writeName(at: number, label: string): number {
    if (label === '') return 0;
    const { read, written } = encoder.encodeInto(label, this.#bytes.subarray(at, at + NAME_MAX));
    return read === label.length ? written : 0;
  }

  /** Growing detaches all views, whose length is then 0. Checking that is cheaper than asking the memory. */
  #refreshViews(): void {
    if (this.#bytes.length > 0) return;
    const { buffer } = this.#exports.memory;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#views = { words: this.#words, bytes: this.#bytes };
  }
}

/** As kernel/otlp-options.ts reads them. */
function translationBits(otlp: OtlpTranslation): number {
  const bits = [
    otlp.escapeNames,
    otlp.addSuffixes,
    otlp.keepIdentifyingResourceAttributes,
    otlp.convertHistogramsToNhcb,
    otlp.promoteScopeMetadata,
    otlp.nativeDeltaIngestion,
    otlp.labelNameUnderscoreSanitization,
    otlp.labelNamePreserveMultipleUnderscores,
  ];
  return bits.reduce((all, isSet, place) => all | (Number(isSet) << place), 0);
}

/** Names, each preceded by its length (u32). */
function promotedList(names: readonly string[]): Uint8Array {
  if (names.length === 0) return NO_BYTES;
  return Buffer.concat(
    names.flatMap((name) => {
      const bytes = Buffer.from(name);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

const NO_BYTES = new Uint8Array();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Not the sender's fault: it may retry. */
const OUT_OF_MEMORY = 10;
const NO_MEMORY: Lost = { kind: 'lost', message: 'there is no memory to decode the push in' };

function broken(code: number, offset: number): Broken {
  const [kind, message] = FAULTS[code] ?? (['protobuf', `the kernel answers ${code}`] as const);
  return { kind: 'broken', code: kind, message, offset };
}
