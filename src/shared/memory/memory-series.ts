/**
 * The series of all workers, in the process that started them: does what the scripts about series do in Redis, with the
 * table that each worker uses for its own series.
 */
import { MINUTE_MS, type Moment, momentOf } from '../../series/moment.js';
import type {
  AdmitCall,
  AdmitReply,
  AnnounceCall,
  AnnounceReply,
  FleetState,
  ReserveCall,
  ReserveReply,
} from '../../series/series-protocol.js';
import {
  chunksOf,
  countRows,
  KNOWN,
  NEW,
  NO_LIMIT,
  ROW_WORDS,
  SKIPPED,
  UNTRACKED,
} from '../../series/series-rows.js';
import { INDEXES_A_TENANT, SeriesTable, type TableLimits } from '../../series/series-table.js';
import { UNANNOUNCED } from '../../series/store-view.js';
import { TenantsInUse } from './tenants-in-use.js';

interface MemorySeriesOptions {
  readonly maxSeries: number;
  readonly maxTenants: number;
  /** Undefined: all tenants are treated alike. */
  readonly isKnown?: (tenant: string) => boolean;
  /** A new one for each life of the store. */
  readonly epoch: string;
}

/** The table counts minutes up to 255, one of which a sweep needs. */
const MOST_IDLE_MINUTES = 250;
/** Announcements are accepted regardless of limits. */
const NO_LIMITS: TableLimits = { mostOfTenant: NO_LIMIT, mostOfMetric: NO_LIMIT, mayFill: true };

/** Rows of one tenant on their way into the table. */
interface Batch {
  readonly tenantIndex: number;
  readonly moment: Moment;
  readonly rows: Uint32Array;
  readonly outcomes: Uint8Array;
}

interface Admitted {
  readonly refused: number;
  /** How many series there were when the first was refused. */
  readonly observed: number;
}

export class MemorySeries {
  readonly #options: MemorySeriesOptions;
  readonly #table: SeriesTable;
  /** Their indexes in the table. */
  readonly #tenants: TenantsInUse<number>;
  #idleMinutes = MOST_IDLE_MINUTES;

  constructor(options: MemorySeriesOptions) {
    this.#options = options;
    this.#tenants = new TenantsInUse(options.maxTenants, options.isKnown ?? (() => true));
    this.#table = new SeriesTable(options.maxTenants * INDEXES_A_TENANT, options.maxSeries);
  }

  get series(): number {
    return this.#table.series;
  }

  admit(tenant: string, call: AdmitCall, nowMs: number): AdmitReply {
    const { rows, announced, mostOfTenant, mostOfMetric, allOrNothing, generationMs } = call;
    const all = countRows(rows);
    const outcomes = new Uint8Array(all).fill(UNTRACKED);
    const tenantIndex = this.#use(tenant);
    let observed = 0;
    if (tenantIndex !== undefined) {
      const batch = { tenantIndex, moment: momentOf(nowMs), rows, outcomes };
      this.#add(batch, 0, announced, NO_LIMITS);
      const admitted = this.#add(batch, announced, all, { mostOfTenant, mostOfMetric, mayFill: true });
      if (allOrNothing && admitted.refused > 0) this.#takeBack(batch, announced, all);
      observed = admitted.observed;
    }
    return { outcomes, observed, ...this.#state(tenantIndex, generationMs, nowMs) };
  }

  announce(tenant: string, { rows, generationMs }: AnnounceCall, nowMs: number): AnnounceReply {
    const all = countRows(rows);
    const outcomes = new Uint8Array(all).fill(UNTRACKED);
    const tenantIndex = this.#use(tenant);
    if (tenantIndex !== undefined) {
      this.#add({ tenantIndex, moment: momentOf(nowMs), rows, outcomes }, 0, all, NO_LIMITS);
    }
    return { outcomes, ...this.#state(tenantIndex, generationMs, nowMs) };
  }

  /** Nothing is reserved here: admitting series costs no more. */
  reserve(tenant: string, { generationMs }: ReserveCall, nowMs: number): ReserveReply {
    return { reservation: '', ...this.#state(this.#use(tenant), generationMs, nowMs) };
  }

  /** Called ten times a second. */
  tick(nowMs: number): void {
    this.#table.tick(momentOf(nowMs), this.#idleMinutes);
  }

  /** Adds a range of rows, in the order of the call. */
  #add(batch: Batch, from: number, to: number, limits: TableLimits): Admitted {
    const { tenantIndex, moment, rows, outcomes } = batch;
    let observed = 0;
    let refused = 0;
    for (const [first, last] of chunksOf(from, to)) {
      const some = rows.subarray(first * ROW_WORDS, last * ROW_WORDS);
      const theirs = outcomes.subarray(first, last);
      this.#table.admit(some, tenantIndex, moment, UNANNOUNCED, limits, theirs);
      if (refused === 0) observed = this.#table.observed;
      refused += this.#table.refused;
    }
    return { refused, observed };
  }

  /** For all-or-nothing: new rows are removed again, and no known row is refreshed. */
  #takeBack({ tenantIndex, moment, rows, outcomes }: Batch, from: number, to: number): void {
    for (const [first, last] of chunksOf(from, to)) {
      const some = rows.subarray(first * ROW_WORDS, last * ROW_WORDS);
      this.#table.takeBack(some, tenantIndex, moment, outcomes.subarray(first, last));
    }
    for (let row = from; row < to; row++) {
      if (outcomes[row] === NEW || outcomes[row] === KNOWN) outcomes[row] = SKIPPED;
    }
  }

  #state(tenantIndex: number | undefined, generationMs: number, nowMs: number): FleetState {
    // As in Redis, announcements of one generation are remembered until the end of the next.
    this.#idleMinutes = Math.min(MOST_IDLE_MINUTES, Math.ceil((2 * generationMs) / MINUTE_MS));
    const generation = Math.floor(nowMs / generationMs);
    return {
      total: tenantIndex === undefined ? 0 : this.#table.seriesOf(tenantIndex),
      epoch: this.#options.epoch,
      generation,
      leftMs: (generation + 1) * generationMs - nowMs,
    };
  }

  /** The tenant's index in the table. Undefined: there is no room for another one. */
  #use(tenant: string): number | undefined {
    const known = this.#tenants.use(tenant);
    if (known !== undefined) return known;
    const leaves = this.#tenants.leavesFor(tenant);
    if (leaves === 'none') return undefined;
    if (leaves !== 'nobody') {
      this.#table.removeTenant(leaves[1]);
      this.#tenants.delete(leaves[0]);
    }
    const tenantIndex = this.#table.addTenant();
    if (tenantIndex !== undefined) this.#tenants.add(tenant, tenantIndex);
    return tenantIndex;
  }
}
