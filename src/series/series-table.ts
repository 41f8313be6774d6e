/**
 * The table of active series, in WASM memory (src/series/kernel), seen from TypeScript: rows go in and numbers come out;
 * no object is made for a series. It is filled by one thread and bounded by what it was made for.
 */
import { randomBytes } from 'node:crypto';
import { type Push, RECORD_WORDS } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import { MetricRecords } from './metric-records.js';
import type { Moment } from './moment.js';
import { CHUNK_ROWS, countRows, type RowList } from './series-rows.js';
import { RESULT, TableMemory } from './table-memory.js';

/** A tenant that left keeps its index until its series are gone. */
export const INDEXES_A_TENANT = 2;

/** Within a minute every segment is looked at once, and some more for those that are made meanwhile. */
const TICKS_A_ROUND = 500;

// Addresses and words as kernel/layout.ts lays them out.
const TENANTS_WORD = 4096 / 4;
const TENANT_WORDS = 4;
const TENANT_SERIES_WORD = 2;
const TENANT_LEAVING_WORD = 3;

/** What limits an `admit`. */
export interface TableLimits {
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
}

export class SeriesTable {
  readonly metrics: MetricRecords;
  /** Series that passed without being remembered, as those count them who let them pass. */
  untracked = 0;
  readonly #memory: TableMemory;
  readonly #inputAt: number;
  readonly #excludedAt: number;
  readonly #unknownAt: number;
  readonly #unannouncedAt: number;
  readonly #outcomesAt: number;
  readonly #freeTenants: number[] = [];
  readonly #leaving: { readonly tenantIndex: number; readonly goneAfterPass: number }[] = [];

  constructor(maxTenants: number, maxSeries: number) {
    const memory = new TableMemory(maxTenants, maxSeries);
    this.#memory = memory;
    this.metrics = new MetricRecords(memory);
    this.#inputAt = memory.result(RESULT.input);
    this.#excludedAt = memory.result(RESULT.excluded);
    this.#unknownAt = memory.result(RESULT.unknown);
    this.#unannouncedAt = memory.result(RESULT.unannounced);
    this.#outcomesAt = memory.result(RESULT.outcomes);
    for (let index = maxTenants - 1; index >= 0; index--) this.#freeTenants.push(index);
  }

  get series(): number {
    return this.#memory.result(RESULT.series);
  }

  get segments(): number {
    return this.#memory.result(RESULT.segments);
  }

  /** Bytes that series and metrics take. */
  get bytes(): number {
    return this.#memory.result(RESULT.bytes);
  }

  /** Rows that the last `admit` refused. */
  get refused(): number {
    return this.#memory.result(RESULT.refused);
  }

  /** How many series there were when it refused the first. */
  get observed(): number {
    return this.#memory.result(RESULT.observed);
  }

  /** Of the last `lookup`: rows of series that have another generation mark, or none. */
  get unannounced(): number {
    return this.#memory.result(RESULT.unannouncedRows);
  }

  /** An index for a tenant; undefined when all are taken. */
  addTenant(): number | undefined {
    const tenantIndex = this.#freeTenants.pop();
    if (tenantIndex === undefined) return undefined;
    const at = TENANTS_WORD + tenantIndex * TENANT_WORDS;
    const salt = randomBytes(8);
    const { words } = this.#memory;
    words[at] = salt.readUInt32LE(0);
    words[at + 1] = salt.readUInt32LE(4);
    words[at + TENANT_SERIES_WORD] = 0;
    words[at + TENANT_LEAVING_WORD] = 0;
    return tenantIndex;
  }

  /** Its series go with the sweeps that follow, and then its index is free. */
  removeTenant(tenantIndex: number): void {
    this.#memory.words[TENANTS_WORD + tenantIndex * TENANT_WORDS + TENANT_LEAVING_WORD] = 1;
    // The pass under way has left some segments behind.
    this.#leaving.push({ tenantIndex, goneAfterPass: this.#memory.result(RESULT.passes) + 2 });
  }

  seriesOf(tenantIndex: number): number {
    return this.#memory.words[TENANTS_WORD + tenantIndex * TENANT_WORDS + TENANT_SERIES_WORD] ?? 0;
  }

  /**
   * How many series of a chunk of the push are not known, or not any more; the others are seen. `mark`: the generation
   * mark of series that need not be announced.
   */
  lookup(
    push: Push,
    from: number,
    excluded: Rows | undefined,
    tenantIndex: number,
    { minute }: Moment,
    idleMinutes: number,
    mark: number,
  ): number {
    const rows = this.#putRecords(push, from);
    const { words, exports } = this.#memory;
    if (excluded !== undefined) {
      words.set(excluded.subarray(from / 32, (from + CHUNK_ROWS) / 32), this.#excludedAt / 4);
    }
    return exports.lookup(rows, excluded === undefined ? 0 : 1, tenantIndex, minute, idleMinutes, mark);
  }

  /** Appends the rows that the last `lookup` did not know. */
  takeUnknown(push: Push, from: number, count: number, rows: RowList): void {
    const at = this.#unknownAt / 4;
    rows.append(push, from, this.#memory.words.subarray(at, at + count));
  }

  /** Appends the rows of known series that are to be announced. */
  takeUnannounced(push: Push, from: number, rows: RowList): void {
    const at = this.#unannouncedAt / 4;
    rows.append(push, from, this.#memory.words.subarray(at, at + this.unannounced));
  }

  /** Rows are at most CHUNK_ROWS. Returns how many are new; `outcomes` says what became of each. */
  admit(
    rows: Uint32Array,
    tenantIndex: number,
    { minute, window }: Moment,
    mark: number,
    { mostOfTenant, mostOfMetric }: TableLimits,
    outcomes: Uint8Array,
  ): number {
    const memory = this.#memory;
    const count = this.#putRows(rows);
    const { exports } = memory;
    const admitted = exports.admit(count, tenantIndex, minute, mark, mostOfTenant, mostOfMetric, window);
    memory.refresh();
    outcomes.set(memory.bytes.subarray(this.#outcomesAt, this.#outcomesAt + count));
    return admitted;
  }

  /** Those that became NEW are not known any more. */
  takeBack(rows: Uint32Array, tenantIndex: number, { window }: Moment, outcomes: Uint8Array): void {
    const count = this.#putRows(rows);
    this.#memory.bytes.set(outcomes, this.#outcomesAt);
    this.#memory.exports.takeBack(count, tenantIndex, window);
  }

  /** Those that are KNOWN or NEW elsewhere are known here. Returns how many the table has no memory for. */
  remember(
    rows: Uint32Array,
    tenantIndex: number,
    { minute, window }: Moment,
    mark: number,
    outcomes: Uint8Array,
  ): number {
    const count = this.#putRows(rows);
    this.#memory.bytes.set(outcomes, this.#outcomesAt);
    const untracked = this.#memory.exports.remember(count, tenantIndex, minute, mark, window);
    this.#memory.refresh();
    return untracked;
  }

  /** Called ten times a second, it goes round all segments once a minute. Returns how many idle series it removed. */
  tick(moment: Moment, idleMinutes: number): number {
    return this.sweep(Math.ceil(this.segments / TICKS_A_ROUND), moment, idleMinutes);
  }

  /** Goes on over some segments. Returns how many idle series it removed. */
  sweep(segments: number, { minute }: Moment, idleMinutes: number): number {
    const removed = this.#memory.exports.sweep(segments, minute, idleMinutes, this.#leaving.length);
    const passes = this.#memory.result(RESULT.passes);
    for (let first = this.#leaving[0]; first !== undefined && passes >= first.goneAfterPass; ) {
      this.#leaving.shift();
      this.#freeTenants.push(first.tenantIndex);
      first = this.#leaving[0];
    }
    return removed;
  }

  /** Calls back for rows of the push's first chunk that have a metric whose name is wanted. */
  findWanted(push: Push, tenantIndex: number, found: (row: number, metric: number) => void): void {
    const count = this.#memory.exports.findWanted(this.#putRecords(push, 0), tenantIndex);
    const { words } = this.#memory;
    for (let i = 0; i < count; i++) {
      found(words[this.#unknownAt / 4 + i] ?? 0, words[this.#unannouncedAt / 4 + i] ?? 0);
    }
  }

  #putRecords(push: Push, from: number): number {
    const rows = Math.min(CHUNK_ROWS, push.series - from);
    const records = push.records;
    this.#memory.words.set(
      from === 0 && rows === push.series
        ? records
        : records.subarray(from * RECORD_WORDS, (from + rows) * RECORD_WORDS),
      this.#inputAt / 4,
    );
    return rows;
  }

  #putRows(rows: Uint32Array): number {
    this.#memory.words.set(rows, this.#inputAt / 4);
    return countRows(rows);
  }
}
