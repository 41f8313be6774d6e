/** One tenant's series in the table. Without an index there, or once released, the tenant is not tracked. */
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import { momentOf } from './moment.js';
import { countOutcome } from './series-answer.js';
import { CHUNK_ROWS, chunksOf, countRows, ROW_WORDS, RowList, UNTRACKED } from './series-rows.js';
import type { SeriesTable, TableLimits } from './series-table.js';
import { UNANNOUNCED } from './store-view.js';

/** Rows of a push that the table has something to say about. */
export interface Found {
  /** Not known, or not any more. */
  readonly unknown: RowList | undefined;
  /** Known, and to be announced. */
  readonly unannounced: RowList | undefined;
}

export interface Admission {
  /** What became of each row. */
  readonly outcomes: Uint8Array;
  /** How many series there were when the first was refused. */
  readonly observed: number;
}

export class TenantTable {
  readonly #table: SeriesTable;
  readonly #idleMinutes: number;
  readonly #now: () => number;
  /** Undefined when the table has none for another tenant, or the tenant has left. */
  #index: number | undefined;

  constructor(table: SeriesTable, idleMinutes: number, now: () => number) {
    this.#table = table;
    this.#idleMinutes = idleMinutes;
    this.#now = now;
    this.#index = table.addTenant();
  }

  get index(): number | undefined {
    return this.#index;
  }

  get series(): number {
    return this.#index === undefined ? 0 : this.#table.seriesOf(this.#index);
  }

  /** So many series pass without being remembered. */
  countUntracked(series: number): void {
    this.#table.untracked += series;
  }

  /**
   * Known series are seen. Undefined: all are known, and none is to be announced. `mark`: the generation mark of those
   * that need not be; undefined when nothing is announced.
   */
  lookup(push: Push, excluded: Rows | undefined, mark: number | undefined, nowMs: number): Found | undefined {
    const table = this.#table;
    const index = this.#index;
    if (index === undefined) {
      this.countUntracked(push.series);
      return undefined;
    }
    const moment = momentOf(nowMs);
    const announced = mark ?? UNANNOUNCED;
    let unknown: RowList | undefined;
    let unannounced: RowList | undefined;
    for (let from = 0; from < push.series; from += CHUNK_ROWS) {
      const count = table.lookup(push, from, excluded, index, moment, this.#idleMinutes, announced);
      if (count > 0) {
        unknown ??= new RowList();
        table.takeUnknown(push, from, count, unknown);
      }
      if (mark !== undefined && table.unannounced > 0) {
        unannounced ??= new RowList();
        table.takeUnannounced(push, from, unannounced);
      }
    }
    return unknown === undefined && unannounced === undefined ? undefined : { unknown, unannounced };
  }

  /** Admits rows in their order by the table's own count. */
  admit(unknown: RowList, limits: TableLimits, allOrNothing: boolean, nowMs: number): Admission {
    const table = this.#table;
    const index = this.#index;
    const outcomes = new Uint8Array(unknown.length);
    // It left while the store was asked: nothing is remembered of it.
    if (index === undefined) return { outcomes, observed: 0 };
    const moment = momentOf(nowMs);
    let refused = 0;
    let observed = 0;
    for (const [from, to] of chunksOf(0, unknown.length)) {
      const some = outcomes.subarray(from, to);
      table.admit(unknown.rows(from, to), index, moment, UNANNOUNCED, limits, some);
      if (refused === 0) observed = table.observed;
      refused += table.refused;
    }
    this.countUntracked(countOutcome(outcomes, UNTRACKED));
    if (!allOrNothing || refused === 0) return { outcomes, observed };
    for (const [from, to] of chunksOf(0, unknown.length)) {
      table.takeBack(unknown.rows(from, to), index, moment, outcomes.subarray(from, to));
    }
    return { outcomes, observed };
  }

  /** Rows that are known or new in the store are known here, with this generation mark. One outcome: that of all. */
  remember(rows: Uint32Array, outcomes: Uint8Array | number, mark: number): void {
    const index = this.#index;
    if (index === undefined) return;
    const moment = momentOf(this.#now());
    for (const [from, to] of chunksOf(0, countRows(rows))) {
      const some = rows.subarray(ROW_WORDS * from, ROW_WORDS * to);
      const theirs =
        typeof outcomes === 'number' ? new Uint8Array(to - from).fill(outcomes) : outcomes.subarray(from, to);
      this.countUntracked(this.#table.remember(some, index, moment, mark, theirs));
    }
  }

  /** Its series go by and by; whatever is seen from now on is new. */
  forget(): void {
    if (this.#index === undefined) return;
    this.#table.removeTenant(this.#index);
    this.#index = this.#table.addTenant();
  }

  /** The tenant leaves memory. Its series go by and by. */
  release(): void {
    if (this.#index === undefined) return;
    this.#table.removeTenant(this.#index);
    this.#index = undefined;
  }
}
