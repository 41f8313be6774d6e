/**
 * The active series of one tenant, as one replica sees them. Known ones pass without a word to anybody; new ones are
 * admitted by the table's own count, or, where replicas share a store and the tenant has a limit, by the store's.
 */
import type { SeriesAnswer, SeriesLimits, TenantSeries, TopMetric } from '../enforce/series.js';
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import { FleetSeries } from './fleet-series.js';
import { ALL_KNOWN, answerOf, isLimited, tableLimits } from './series-answer.js';
import type { SeriesClient } from './series-client.js';
import type { SeriesTable } from './series-table.js';
import { TenantTable } from './tenant-table.js';
import type { TopMetrics } from './top-metrics.js';

/** What the series of all tenants have in common. */
export interface Tracking {
  readonly table: SeriesTable;
  readonly tops: TopMetrics;
  /** Undefined: nothing is shared. */
  readonly client: SeriesClient | undefined;
  /** A series that was seen longer ago is not known any more. */
  readonly idleMinutes: number;
  /** How long the store remembers what is announced, at least. */
  readonly generationMs: number;
  readonly now: () => number;
}

export class TrackedSeries implements TenantSeries {
  readonly #tops: TopMetrics;
  readonly #table: TenantTable;
  readonly #fleet: FleetSeries | undefined;
  readonly #released: () => void;

  constructor(tenant: string, tracking: Tracking, released: () => void) {
    const { table, tops, client, idleMinutes, generationMs, now } = tracking;
    this.#tops = tops;
    this.#table = new TenantTable(table, idleMinutes, now);
    this.#fleet = client && new FleetSeries(tenant, client, this.#table, generationMs, now);
    this.#released = released;
  }

  get active(): number {
    return this.#table.series;
  }

  get fleet(): number | undefined {
    return this.#fleet?.total;
  }

  /** Series that were admitted here while the store did not answer, and that it does not know of yet. */
  get admittedOffline(): number {
    return this.#fleet?.admittedOffline ?? 0;
  }

  check(
    push: Push,
    excluded: Rows | undefined,
    limits: SeriesLimits,
    allOrNothing: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    const { index } = this.#table;
    if (index !== undefined) this.#tops.lookForNames(index, push, nowMs);
    const fleet = isLimited(limits) ? this.#fleet : undefined;
    const found = this.#table.lookup(push, excluded, fleet?.mark(nowMs), nowMs);
    if (found === undefined) return ALL_KNOWN;
    if (fleet !== undefined) return fleet.check(found, limits, allOrNothing, nowMs);
    const { unknown } = found;
    if (unknown === undefined) return ALL_KNOWN;
    const { outcomes, observed } = this.#table.admit(unknown, tableLimits(limits), allOrNothing, nowMs);
    return answerOf(unknown, outcomes, observed, allOrNothing);
  }

  topMetrics(by: 'active' | 'new'): readonly TopMetric[] {
    const { index } = this.#table;
    return index === undefined ? [] : this.#tops.of(index, by);
  }

  /** Nothing is known of its series any more. */
  forget(): void {
    const { index } = this.#table;
    if (index !== undefined) this.#tops.forget(index);
    this.#table.forget();
  }

  release(): void {
    const { index } = this.#table;
    if (index !== undefined) this.#tops.forget(index);
    this.#table.release();
    this.#released();
  }
}
