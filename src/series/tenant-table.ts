/** One tenant's series in the table. Without an index, or once released, the tenant is not tracked. */
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import { momentOf } from './moment.js';
import { countOutcome } from './series-answer.js';
import { CHUNK_ROWS, chunksOf, countRows, ROW_WORDS, RowList, UNTRACKED } from './series-rows.js';
import type { SeriesTable, TableLimits } from './series-table.js';
import { UNANNOUNCED } from './store-view.js';

/** How a push is looked up. */
interface LookupOptions {
  /** The generation mark of series that need not be announced. Undefined: nothing is announced. */
  readonly mark: number | undefined;
  /** The push may be refused whole; its series are refreshed once it is not. */
  readonly allOrNothing: boolean;
}

/** The rows of a push that need more work. */
export interface Found {
  /** Unknown, or idle for too long. */
  readonly unknown: RowList | undefined;
  /** Known, but to be announced. */
  readonly unannounced: RowList | undefined;
  /** Known, to be refreshed once the push is not refused. */
  readonly unseen: RowList | undefined;
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
  /** Undefined when all indexes are taken, or the tenant has left. */
  #index: number | undefined;
  #isReleased = false;

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

  /** Those that were admitted without the store and not announced since. */
  get offline(): number {
    return this.#index === undefined ? 0 : this.#table.offlineOf(this.#index);
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Counts series that passed without being tracked. */
  countUntracked(series: number): void {
    this.#table.untracked += series;
  }

  /** Refreshes known series. Undefined: all are known, and nothing else is to be done. */
  lookup(
    push: Push,
    excluded: Rows | undefined,
    { mark, allOrNothing }: LookupOptions,
    nowMs: number,
  ): Found | undefined {
    const table = this.#table;
    const index = this.#use();
    if (index === undefined) {
      this.countUntracked(push.series);
      return undefined;
    }
    const moment = momentOf(nowMs);
    const rules = {
      idleMinutes: this.#idleMinutes,
      mark: mark ?? UNANNOUNCED,
      maySee: !allOrNothing,
    };
    let unknown: RowList | undefined;
    let unannounced: RowList | undefined;
    let unseen: RowList | undefined;
    for (let from = 0; from < push.series; from += CHUNK_ROWS) {
      const count = table.lookup(push, from, excluded, index, moment, rules);
      if (count > 0) {
        unknown ??= new RowList();
        table.takeUnknown(push, from, count, unknown);
      }
      if (mark !== undefined && table.unannounced > 0) {
        unannounced ??= new RowList();
        table.takeUnannounced(push, from, unannounced);
      }
      if (table.unseen > 0) {
        unseen ??= new RowList();
        table.takeUnseen(push, from, unseen);
      }
    }
    if (unknown === undefined && unannounced === undefined && unseen === undefined) return undefined;
    return { unknown, unannounced, unseen };
  }

  /** Refreshes known series of a push that was not refused. */
  see(rows: RowList, nowMs: number): void {
    if (this.#index === undefined) return;
    const moment = momentOf(nowMs);
    for (const [from, to] of chunksOf(0, rows.length)) {
      this.#table.see(rows.rows(from, to), this.#index, moment);
    }
  }

  /** Admits rows in order by the table's own count; new ones get the `mark`. */
  admit(
    unknown: RowList,
    limits: TableLimits,
    mark: number,
    allOrNothing: boolean,
    nowMs: number,
  ): Admission {
    const table = this.#table;
    const index = this.#index;
    const outcomes = new Uint8Array(unknown.length);
    // The tenant left while the store was asked, so nothing is tracked.
    if (index === undefined) return { outcomes, observed: 0 };
    const moment = momentOf(nowMs);
    let refused = 0;
    let observed = 0;
    for (const [from, to] of chunksOf(0, unknown.length)) {
      const some = outcomes.subarray(from, to);
      table.admit(unknown.rows(from, to), index, moment, mark, limits, some);
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

  /** Tracks rows that are known or new in the store, with this generation mark. A single outcome applies to all rows. */
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

  /** Its series are removed gradually; whatever comes from now on is new. */
  forget(): void {
    if (this.#index === undefined) return;
    this.#table.removeTenant(this.#index);
    this.#index = this.#table.addTenant();
  }

  /** The tenant leaves memory; its series are removed gradually. */
  release(): void {
    this.#isReleased = true;
    if (this.#index === undefined) return;
    this.#table.removeTenant(this.#index);
    this.#index = undefined;
  }

  /** Its index. If all indexes were taken, it tries again. */
  #use(): number | undefined {
    if (this.#index === undefined && !this.#isReleased) this.#index = this.#table.addTenant();
    return this.#index;
  }
}
