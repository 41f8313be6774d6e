/**
 * The table of active series, in WASM memory (src/series/kernel), seen from TypeScript: rows go in and numbers come out;
 * no object is made for a series. It is filled by one thread and bounded by what it was made for.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Push, RECORD_HASH_LOW, RECORD_WORDS } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';

interface TableExports {
  readonly memory: WebAssembly.Memory;
  init(tenants: number, mostSeries: number): number;
  lookup(
    rows: number,
    hasExcluded: number,
    tenant: number,
    minute: number,
    idleMinutes: number,
    round: number,
  ): number;
  admit(
    rows: number,
    tenant: number,
    minute: number,
    round: number,
    mostOfTenant: number,
    mostOfMetric: number,
    window: number,
  ): number;
  takeBack(rows: number, tenant: number, window: number): void;
  remember(rows: number, tenant: number, minute: number, round: number, window: number): number;
  sweep(mostSegments: number, minute: number, idleMinutes: number, leaving: number): number;
  findWanted(rows: number, tenant: number): number;
  newOfMetric(metric: number, window: number): number;
}

const tableModule = new WebAssembly.Module(readFileSync(new URL('./series-table.wasm', import.meta.url)));

/** What became of a row, as kernel/series.ts has it. */
export const SKIPPED = 0;
export const KNOWN = 1;
export const NEW = 2;
export const REFUSED_TENANT = 3;
export const REFUSED_METRIC = 4;
/** Let through without being remembered: the table is full. */
export const UNTRACKED = 5;
/** The store can not say yet. */
export const UNSETTLED = 6;

/** Rounds are counted modulo this; the two above say that there is none. */
export const ROUNDS = 14;
/** No series was announced in it. */
export const NO_ROUND = 14;
/** A series that was never announced. */
export const UNANNOUNCED = 15;

/** As a limit: none. */
export const NO_LIMIT = 0xffffffff;

/** Records or rows that go in at one time. */
export const CHUNK_ROWS = 8192;

/** A tenant that left holds its place until its series are gone. */
export const PLACES_A_TENANT = 2;

export const MINUTE_MS = 60_000;
const WINDOW_MS = 5 * MINUTE_MS;
/** Within a minute every segment is looked at once, and some more for those that are made meanwhile. */
const TICKS_A_ROUND = 500;

// Addresses and words as kernel/memory.ts and kernel/series.ts lay them out.
const RESULT_WORD = 1024 / 4;
const TENANTS_WORD = 4096 / 4;
const TENANT_WORDS = 4;
const METRICS_IN_CHUNK = 255;
const METRIC_WORDS = 8;
const WANTED = 0x80000000;

/** Two words of the hash and two of the metric's, as they stand in a push's records and go into the table. */
export const ROW_WORDS = 4;

/** When something is seen: the minute, and the window in which new series are counted. */
export interface Moment {
  readonly minute: number;
  readonly window: number;
}

export function momentOf(nowMs: number): Moment {
  return { minute: Math.floor(nowMs / MINUTE_MS) & 255, window: Math.floor(nowMs / WINDOW_MS) };
}

/** Rows from one to another, as many at one time as go in. */
export function* chunksOf(from: number, to: number): Generator<[number, number]> {
  for (let first = from; first < to; first += CHUNK_ROWS) yield [first, Math.min(to, first + CHUNK_ROWS)];
}

/** Rows of a push, copied: they stay when the push's views are gone. */
export class RowList {
  length = 0;
  /** Their numbers in the push. */
  #numbers = new Uint32Array(64);
  #words = new Uint32Array(64 * ROW_WORDS);

  number(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  /** The hashes of rows from one to another. */
  words(from = 0, to = this.length): Uint32Array {
    return this.#words.subarray(from * ROW_WORDS, to * ROW_WORDS);
  }

  /** Rows of a push by their numbers, which count from `from`. */
  append(push: Push, from: number, numbers: Uint32Array): void {
    this.#makeRoom(this.length + numbers.length);
    const { records } = push;
    for (const number of numbers) {
      this.#numbers[this.length] = from + number;
      const at = (from + number) * RECORD_WORDS + RECORD_HASH_LOW;
      const to = this.length++ * ROW_WORDS;
      for (let word = 0; word < ROW_WORDS; word++) this.#words[to + word] = records[at + word] ?? 0;
    }
  }

  #makeRoom(rows: number): void {
    if (rows <= this.#numbers.length) return;
    const room = Math.max(rows, 2 * this.#numbers.length);
    const [numbers, words] = [this.#numbers, this.#words];
    this.#numbers = new Uint32Array(room);
    this.#numbers.set(numbers);
    this.#words = new Uint32Array(room * ROW_WORDS);
    this.#words.set(words);
  }
}

export class SeriesTable {
  readonly #exports: TableExports;
  readonly #inputAt: number;
  readonly #excludedAt: number;
  readonly #unknownAt: number;
  readonly #unannouncedAt: number;
  readonly #statusAt: number;
  readonly #freeTenants: number[] = [];
  readonly #leaving: { readonly tenant: number; readonly goneAfterPass: number }[] = [];
  readonly #chunks: number[] = [];
  #bytes: Uint8Array;
  #words: Uint32Array;

  constructor(maxTenants: number, maxSeries: number) {
    this.#exports = new WebAssembly.Instance(tableModule).exports as unknown as TableExports;
    const started = this.#exports.init(maxTenants, maxSeries);
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    this.#words = new Uint32Array(this.#exports.memory.buffer);
    if (started === 0) throw new RangeError('there is no memory for the table of series');
    this.#inputAt = this.#result(0);
    this.#excludedAt = this.#result(1);
    this.#unknownAt = this.#result(2);
    this.#unannouncedAt = this.#result(3);
    this.#statusAt = this.#result(4);
    for (let tenant = maxTenants - 1; tenant >= 0; tenant--) this.#freeTenants.push(tenant);
  }

  get series(): number {
    return this.#result(6);
  }

  get segments(): number {
    return this.#result(7);
  }

  /** Bytes that series and metrics take. */
  get bytes(): number {
    return this.#result(8);
  }

  get metrics(): number {
    return this.#result(9);
  }

  /** Rows that the last `admit` refused. */
  get refused(): number {
    return this.#result(12);
  }

  /** How many series there were when it refused the first. */
  get observed(): number {
    return this.#result(13);
  }

  /** Of the last `lookup`: rows of series that were announced in another round, or never. */
  get unannounced(): number {
    return this.#result(5);
  }

  /** A place for a tenant; undefined when all are taken. */
  addTenant(): number | undefined {
    const tenant = this.#freeTenants.pop();
    if (tenant === undefined) return undefined;
    const at = TENANTS_WORD + tenant * TENANT_WORDS;
    const salt = randomBytes(8);
    this.#words[at] = salt.readUInt32LE(0);
    this.#words[at + 1] = salt.readUInt32LE(4);
    this.#words[at + 2] = 0;
    this.#words[at + 3] = 0;
    return tenant;
  }

  /** Its series go with the sweeps that follow, and then its place is free. */
  removeTenant(tenant: number): void {
    this.#words[TENANTS_WORD + tenant * TENANT_WORDS + 3] = 1;
    // The pass under way has left some segments behind.
    this.#leaving.push({ tenant, goneAfterPass: this.#result(11) + 2 });
  }

  seriesOf(tenant: number): number {
    return this.#words[TENANTS_WORD + tenant * TENANT_WORDS + 2] ?? 0;
  }

  /** How many series of a chunk of the push are not known, or not any more; the others are seen. */
  lookup(
    push: Push,
    from: number,
    excluded: Rows | undefined,
    tenant: number,
    { minute }: Moment,
    idleMinutes: number,
    round: number,
  ): number {
    const rows = this.#putRecords(push, from);
    if (excluded !== undefined) {
      this.#words.set(excluded.subarray(from / 32, (from + CHUNK_ROWS) / 32), this.#excludedAt / 4);
    }
    return this.#exports.lookup(rows, excluded === undefined ? 0 : 1, tenant, minute, idleMinutes, round);
  }

  /** Appends the rows that the last `lookup` did not know. */
  takeUnknown(push: Push, from: number, count: number, rows: RowList): void {
    rows.append(push, from, this.#words.subarray(this.#unknownAt / 4, this.#unknownAt / 4 + count));
  }

  /** Appends the rows of known series that are to be announced. */
  takeUnannounced(push: Push, from: number, rows: RowList): void {
    const at = this.#unannouncedAt / 4;
    rows.append(push, from, this.#words.subarray(at, at + this.unannounced));
  }

  /** Rows are at most CHUNK_ROWS. Returns how many are new; `became` says what became of each. */
  admit(
    words: Uint32Array,
    tenant: number,
    { minute, window }: Moment,
    round: number,
    mostOfTenant: number,
    mostOfMetric: number,
    became: Uint8Array,
  ): number {
    const rows = this.#putRows(words);
    const admitted = this.#exports.admit(rows, tenant, minute, round, mostOfTenant, mostOfMetric, window);
    this.#refreshViews();
    became.set(this.#bytes.subarray(this.#statusAt, this.#statusAt + rows));
    return admitted;
  }

  /** Those that became NEW are not known any more. */
  takeBack(words: Uint32Array, tenant: number, { window }: Moment, became: Uint8Array): void {
    const rows = this.#putRows(words);
    this.#bytes.set(became, this.#statusAt);
    this.#exports.takeBack(rows, tenant, window);
  }

  /** Those that are KNOWN or NEW elsewhere are known here. Returns how many the table has no room for. */
  remember(
    words: Uint32Array,
    tenant: number,
    { minute, window }: Moment,
    round: number,
    became: Uint8Array,
  ): number {
    const rows = this.#putRows(words);
    this.#bytes.set(became, this.#statusAt);
    const untracked = this.#exports.remember(rows, tenant, minute, round, window);
    this.#refreshViews();
    return untracked;
  }

  /** Called ten times a second, it goes round all segments once a minute. Returns how many idle series it removed. */
  tick({ minute }: Moment, idleMinutes: number): number {
    return this.sweep(Math.ceil(this.segments / TICKS_A_ROUND), minute, idleMinutes);
  }

  /** Goes on over some segments. Returns how many idle series it removed. */
  sweep(segments: number, minute: number, idleMinutes: number): number {
    const removed = this.#exports.sweep(segments, minute, idleMinutes, this.#leaving.length);
    const passes = this.#result(11);
    for (let first = this.#leaving[0]; first !== undefined && passes >= first.goneAfterPass; ) {
      this.#leaving.shift();
      this.#freeTenants.push(first.tenant);
      first = this.#leaving[0];
    }
    return removed;
  }

  /** Places that records of metrics have; some are free. */
  get metricPlaces(): number {
    const known = this.#chunks.at(-1) ?? 0;
    const found: number[] = [];
    for (let chunk = this.#result(10); chunk !== known; chunk = this.#words[chunk / 4] ?? 0)
      found.push(chunk);
    this.#chunks.push(...found.reverse());
    return this.#chunks.length * METRICS_IN_CHUNK;
  }

  /** The record at a place. The first of a chunk is none: it says where the chunk before is. */
  metricAt(place: number): number {
    const chunk = this.#chunks[Math.floor(place / METRICS_IN_CHUNK)] ?? 0;
    return chunk + ((place % METRICS_IN_CHUNK) + 1) * METRIC_WORDS * 4;
  }

  tenantOfMetric(metric: number): number {
    return (this.#words[metric / 4 + 2] ?? 0) & ~WANTED;
  }

  /** 0: the place is free. */
  seriesOfMetric(metric: number): number {
    return this.#words[metric / 4 + 3] ?? 0;
  }

  newSeriesOfMetric(metric: number, window: number): number {
    return this.#exports.newOfMetric(metric, window);
  }

  /** Tells one metric of one tenant from all others, also from those that had the same record before. */
  idOfMetric(metric: number): number {
    const [low, high] = [this.#words[metric / 4] ?? 0, this.#words[metric / 4 + 1] ?? 0];
    // As many bits of the key as a number holds: no two of a tenant's few largest metrics share them.
    return high * 2 ** 21 + (low >>> 11);
  }

  wantName(metric: number, wanted: boolean): void {
    const tenant = this.tenantOfMetric(metric);
    this.#words[metric / 4 + 2] = wanted ? tenant | WANTED : tenant;
  }

  /** Calls back for rows of the push's first chunk that have a metric whose name is wanted. */
  findWanted(push: Push, tenant: number, found: (row: number, metric: number) => void): void {
    const count = this.#exports.findWanted(this.#putRecords(push, 0), tenant);
    for (let i = 0; i < count; i++) {
      found(this.#words[this.#unknownAt / 4 + i] ?? 0, this.#words[this.#unannouncedAt / 4 + i] ?? 0);
    }
  }

  #putRecords(push: Push, from: number): number {
    const rows = Math.min(CHUNK_ROWS, push.series - from);
    const records = push.records;
    this.#words.set(
      from === 0 && rows === push.series
        ? records
        : records.subarray(from * RECORD_WORDS, (from + rows) * RECORD_WORDS),
      this.#inputAt / 4,
    );
    return rows;
  }

  #putRows(words: Uint32Array): number {
    this.#words.set(words, this.#inputAt / 4);
    return words.length / ROW_WORDS;
  }

  #result(word: number): number {
    return this.#words[RESULT_WORD + word] ?? 0;
  }

  /** Growing detaches every view. */
  #refreshViews(): void {
    const { buffer } = this.#exports.memory;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
  }
}
