/**
 * The table of active series in WASM memory (src/series/kernel): rows go in and numbers come out; no object is created for
 * a series. One thread fills it, and its size is fixed at the start.
 */
import { randomBytes } from 'node:crypto';
import { type Push, RECORD_WORDS } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import { MetricRecords } from './metric-records.js';
import type { Moment } from './moment.js';
import { CHUNK_ROWS, countRows, type RowList } from './series-rows.js';
import { RESULT, TableMemory } from './table-memory.js';

/** A tenant that left keeps its index until its series are removed. */
export const INDEXES_A_TENANT = 2;

/** Within a minute all segments are visited, including some that are added meanwhile. */
const TICKS_A_ROUND = 500;
/** How full series without a limit may make the table; the rest is for series with one. */
const PART_WITHOUT_LIMIT = 0.5;
/** Used while many indexes belong to tenants that left. */
const TICKS_A_QUICK_ROUND = 50;
/** For a sweep that only removes the series of tenants that left. */
const NEVER_IDLE_MINUTES = 255;

// Addresses and words as kernel/layout.ts lays them out.
const TENANTS_WORD = 4096 / 4;
const TENANT_WORDS = 6;
const TENANT_SERIES_WORD = 2;
const TENANT_LEAVING_WORD = 3;
const TENANT_OFFLINE_WORD = 4;

/** The limits for an `admit`. */
export interface TableLimits {
  readonly mostOfTenant: number;
  readonly mostOfMetric: number;
  /** False: series are tracked only while the table has room for those whose limits need it. */
  readonly mayFill: boolean;
}

/** Options of a `lookup`. */
interface LookupRules {
  /** A series that was last seen longer ago counts as unknown. */
  readonly idleMinutes: number;
  /** The generation mark of series that need not be announced. */
  readonly mark: number;
  /** False: known series are not refreshed but listed, until it is certain that the push is not refused. */
  readonly maySee: boolean;
}

export class SeriesTable {
  readonly metrics: MetricRecords;
  /** Series that passed without being tracked, as counted by the callers. */
  untracked = 0;
  readonly #memory: TableMemory;
  readonly #inputAt: number;
  readonly #excludedAt: number;
  readonly #unknownAt: number;
  readonly #unannouncedAt: number;
  readonly #unseenAt: number;
  readonly #outcomesAt: number;
  readonly #mostSeries: number;
  readonly #freeTenants: number[] = [];
  /** Tenants that left and still have series. */
  readonly #leaving = new Set<number>();

  constructor(maxTenants: number, maxSeries: number) {
    const memory = new TableMemory(maxTenants, maxSeries);
    this.#memory = memory;
    this.#mostSeries = maxSeries;
    this.metrics = new MetricRecords(memory);
    this.#inputAt = memory.result(RESULT.input);
    this.#excludedAt = memory.result(RESULT.excluded);
    this.#unknownAt = memory.result(RESULT.unknown);
    this.#unannouncedAt = memory.result(RESULT.unannounced);
    this.#unseenAt = memory.result(RESULT.unseen);
    this.#outcomesAt = memory.result(RESULT.outcomes);
    for (let index = maxTenants - 1; index >= 0; index--) this.#freeTenants.push(index);
  }

  get series(): number {
    return this.#memory.result(RESULT.series);
  }

  get segments(): number {
    return this.#memory.result(RESULT.segments);
  }

  /** Memory that series and metrics use. */
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

  /** After a `lookup`: rows of series without the current generation mark. */
  get unannounced(): number {
    return this.#memory.result(RESULT.unannouncedRows);
  }

  /** After a `lookup`: rows of known series that are still to be refreshed. */
  get unseen(): number {
    return this.#memory.result(RESULT.unseenRows);
  }

  /** A free index for a tenant. Undefined: all are taken. */
  addTenant(): number | undefined {
    if (this.#freeTenants.length === 0) this.#sweepLeaving();
    const tenantIndex = this.#freeTenants.pop();
    if (tenantIndex === undefined) return undefined;
    const at = TENANTS_WORD + tenantIndex * TENANT_WORDS;
    const salt = randomBytes(8);
    const { words } = this.#memory;
    words[at] = salt.readUInt32LE(0);
    words[at + 1] = salt.readUInt32LE(4);
    words[at + TENANT_SERIES_WORD] = 0;
    words[at + TENANT_LEAVING_WORD] = 0;
    words[at + TENANT_OFFLINE_WORD] = 0;
    return tenantIndex;
  }

  /** The following sweeps remove its series, and then free its index. */
  removeTenant(tenantIndex: number): void {
    this.#memory.words[TENANTS_WORD + tenantIndex * TENANT_WORDS + TENANT_LEAVING_WORD] = 1;
    this.#leaving.add(tenantIndex);
    if (this.seriesOf(tenantIndex) === 0) this.#freeLeft();
  }

  seriesOf(tenantIndex: number): number {
    return this.#memory.words[TENANTS_WORD + tenantIndex * TENANT_WORDS + TENANT_SERIES_WORD] ?? 0;
  }

  /** Series that were admitted without the store and not announced since. */
  offlineOf(tenantIndex: number): number {
    return this.#memory.words[TENANTS_WORD + tenantIndex * TENANT_WORDS + TENANT_OFFLINE_WORD] ?? 0;
  }

  /** Returns how many series of a chunk of the push are unknown; the others are refreshed. */
  lookup(
    push: Push,
    from: number,
    excluded: Rows | undefined,
    tenantIndex: number,
    { minute }: Moment,
    { idleMinutes, mark, maySee }: LookupRules,
  ): number {
    const rows = this.#putRecords(push, from);
    const { words, exports } = this.#memory;
    if (excluded !== undefined) {
      words.set(excluded.subarray(from / 32, (from + CHUNK_ROWS) / 32), this.#excludedAt / 4);
    }
    const hasExcluded = excluded === undefined ? 0 : 1;
    return exports.lookup(rows, hasExcluded, tenantIndex, minute, idleMinutes, mark, maySee ? 1 : 0);
  }

  /** Appends the rows that were unknown to the last `lookup`. */
  takeUnknown(push: Push, from: number, count: number, rows: RowList): void {
    const at = this.#unknownAt / 4;
    rows.append(push, from, this.#memory.words.subarray(at, at + count));
  }

  /** Appends the rows of known series that are to be announced. */
  takeUnannounced(push: Push, from: number, rows: RowList): void {
    const at = this.#unannouncedAt / 4;
    rows.append(push, from, this.#memory.words.subarray(at, at + this.unannounced));
  }

  /** Appends the rows of known series that are still to be refreshed. */
  takeUnseen(push: Push, from: number, rows: RowList): void {
    const at = this.#unseenAt / 4;
    rows.append(push, from, this.#memory.words.subarray(at, at + this.unseen));
  }

  /** Refreshes known series. */
  see(rows: Uint32Array, tenantIndex: number, { minute }: Moment): void {
    this.#memory.exports.see(this.#putRows(rows), tenantIndex, minute);
  }

  /** At most CHUNK_ROWS rows. Returns how many are new, and writes the `outcomes`. */
  admit(
    rows: Uint32Array,
    tenantIndex: number,
    { minute, window }: Moment,
    mark: number,
    { mostOfTenant, mostOfMetric, mayFill }: TableLimits,
    outcomes: Uint8Array,
  ): number {
    const memory = this.#memory;
    const count = this.#putRows(rows);
    const { exports } = memory;
    const most = mayFill ? this.#mostSeries : Math.ceil(this.#mostSeries * PART_WITHOUT_LIMIT);
    const admitted = exports.admit(
      count,
      tenantIndex,
      minute,
      mark,
      mostOfTenant,
      mostOfMetric,
      window,
      most,
    );
    memory.refresh();
    outcomes.set(memory.bytes.subarray(this.#outcomesAt, this.#outcomesAt + count));
    return admitted;
  }

  /** Removes those whose outcome is NEW. */
  takeBack(rows: Uint32Array, tenantIndex: number, { window }: Moment, outcomes: Uint8Array): void {
    const count = this.#putRows(rows);
    this.#memory.bytes.set(outcomes, this.#outcomesAt);
    this.#memory.exports.takeBack(count, tenantIndex, window);
  }

  /** Tracks rows that are KNOWN or NEW in the store. Returns how many did not fit. */
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

  /** Called ten times a second; visits all segments once a minute. Returns how many idle series were removed. */
  tick(moment: Moment, idleMinutes: number): number {
    const isShort = this.#leaving.size > this.#freeTenants.length;
    const ticks = isShort ? TICKS_A_QUICK_ROUND : TICKS_A_ROUND;
    return this.sweep(Math.ceil(this.segments / ticks), moment, idleMinutes);
  }

  /** Visits some segments. Returns how many idle series were removed. */
  sweep(segments: number, { minute }: Moment, idleMinutes: number): number {
    const removed = this.#memory.exports.sweep(segments, minute, idleMinutes, this.#leaving.size);
    this.#freeLeft();
    return removed;
  }

  /**
   * Removes all series of tenants that left. Rare: half of the indexes must have been taken by such tenants since the last
   * time.
   */
  #sweepLeaving(): void {
    if (this.#leaving.size > 0) this.sweep(this.segments, { minute: 0, window: 0 }, NEVER_IDLE_MINUTES);
  }

  #freeLeft(): void {
    for (const tenantIndex of this.#leaving) {
      if (this.seriesOf(tenantIndex) > 0) continue;
      this.#leaving.delete(tenantIndex);
      this.#freeTenants.push(tenantIndex);
    }
  }

  /** Calls back for rows of the push's first chunk whose metric's name is wanted. */
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
