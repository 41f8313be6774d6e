/**
 * The active series of one tenant on this replica. Known ones pass at once; new ones are admitted by the table's own count,
 * or by the store's, if replicas share one and the tenant has a limit.
 */
import type { SeriesAnswer, SeriesLimits, TenantSeries, TopMetric } from '../enforce/series.js';
import { whenAnswered } from '../enforce/when-answered.js';
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import { FleetSeries } from './fleet-series.js';
import { RefusedOfTenant, type RefusedSeries } from './refused-series.js';
import { ALL_KNOWN, answerOf, isLimited, passesWhole, tableLimits } from './series-answer.js';
import type { SeriesClient } from './series-client.js';
import type { SeriesTable } from './series-table.js';
import { UNANNOUNCED } from './store-view.js';
import { type Found, TenantTable } from './tenant-table.js';
import type { TopMetrics } from './top-metrics.js';

/** What the series of all tenants share. */
export interface Tracking {
  readonly table: SeriesTable;
  readonly tops: TopMetrics;
  readonly refused: RefusedSeries;
  /** Undefined: nothing is shared. */
  readonly client: SeriesClient | undefined;
  /** A series that was last seen longer ago counts as unknown. */
  readonly idleMinutes: number;
  /** The minimal time for which the store remembers announcements. */
  readonly generationMs: number;
  readonly now: () => number;
}

/** Callbacks to the tracker. */
interface TrackedSeriesHost {
  readonly released: () => void;
  /** The same tenant's current series, for a push that was under way when the tenant left memory. */
  readonly successor: () => TenantSeries;
}

export class TrackedSeries implements TenantSeries {
  readonly #tops: TopMetrics;
  readonly #table: TenantTable;
  readonly #fleet: FleetSeries | undefined;
  readonly #host: TrackedSeriesHost;

  constructor(tenant: string, tracking: Tracking, host: TrackedSeriesHost) {
    const { table, tops, refused, client, idleMinutes, generationMs, now } = tracking;
    this.#tops = tops;
    this.#table = new TenantTable(table, idleMinutes, now);
    const lately = new RefusedOfTenant(refused);
    this.#fleet = client && new FleetSeries(tenant, client, this.#table, lately, generationMs, now);
    this.#host = host;
  }

  get active(): number {
    return this.#table.series;
  }

  get fleet(): number | undefined {
    return this.#fleet?.total;
  }

  /** Series that were admitted without the store and not announced since. */
  get admittedOffline(): number {
    return this.#table.offline;
  }

  check(
    push: Push,
    excluded: Rows | undefined,
    limits: SeriesLimits,
    allOrNothing: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    if (this.#table.isReleased) {
      return this.#host.successor().check(push, excluded, limits, allOrNothing, nowMs);
    }
    const { index } = this.#table;
    if (index !== undefined) this.#tops.lookForNames(index, push, nowMs);
    const fleet = isLimited(limits) ? this.#fleet : undefined;
    const found = this.#table.lookup(push, excluded, { mark: fleet?.mark(nowMs), allOrNothing }, nowMs);
    if (found === undefined) return ALL_KNOWN;
    const answer =
      fleet === undefined
        ? this.#admit(found, limits, allOrNothing, nowMs)
        : fleet.check(found, limits, allOrNothing, nowMs);
    const { unseen } = found;
    if (unseen === undefined) return answer;
    return whenAnswered(answer, (late) => {
      if (passesWhole(late)) this.#table.see(unseen, nowMs);
      return late;
    });
  }

  topMetrics(by: 'active' | 'new'): readonly TopMetric[] {
    const { index } = this.#table;
    return index === undefined ? [] : this.#tops.of(index, by);
  }

  /** Drops everything that is known of its series. */
  forget(): void {
    const { index } = this.#table;
    if (index !== undefined) this.#tops.forget(index);
    this.#table.forget();
  }

  release(): void {
    const { index } = this.#table;
    if (index !== undefined) this.#tops.forget(index);
    this.#table.release();
    this.#host.released();
  }

  #admit({ unknown }: Found, limits: SeriesLimits, allOrNothing: boolean, nowMs: number): SeriesAnswer {
    if (unknown === undefined) return ALL_KNOWN;
    const here = tableLimits(limits);
    const { outcomes, observed } = this.#table.admit(unknown, here, UNANNOUNCED, allOrNothing, nowMs);
    return answerOf(unknown, outcomes, observed, allOrNothing);
  }
}
