/**
 * The active series of all tenants, in one table. One timer removes idle series and finds the metrics with the most series.
 */
import type { ActiveSeries } from '../enforce/series.js';
import type { Push } from '../payload/push.js';
import { MINUTE_MS, momentOf } from './moment.js';
import { RefusedSeries } from './refused-series.js';
import type { SeriesClient } from './series-client.js';
import { INDEXES_A_TENANT, SeriesTable } from './series-table.js';
import { TopMetrics } from './top-metrics.js';
import { TrackedSeries, type Tracking } from './tracked-series.js';

export interface SeriesTrackerOptions {
  /** After this time without a sample a series is forgotten; whole minutes, at most 90. */
  readonly idleTimeoutMs: number;
  readonly maxSeries: number;
  readonly maxTenants: number;
  /** The connection to the shared store. Undefined: nothing is shared. */
  readonly client: SeriesClient | undefined;
  /** Reads the metric name of a row; only called for the few that are shown. */
  readonly nameMetric: (push: Push, row: number) => string;
  /** A monotonic clock in milliseconds, the same that callers of `check` use. */
  readonly now: () => number;
}

/** As /readyz shows it. */
export interface SeriesStatus {
  readonly series: number;
  readonly metrics: number;
  readonly tableBytes: number;
  /** Series that passed without being tracked because the table was full. */
  readonly untracked: number;
  /** Tenants with series that were admitted while the store did not answer, and how many such series. */
  readonly tenantsAlone: number;
  readonly admittedAlone: number;
}

const TICK_MS = 100;
/** By then all pushes of a tenant that left memory are judged. */
const SUCCESSOR_MS = MINUTE_MS;

export class SeriesTracker implements ActiveSeries {
  readonly table: SeriesTable;
  readonly #tracking: Tracking;
  readonly #tenants = new Map<string, TrackedSeries>();
  /** Tenants that left memory with pushes under way, and when they are dropped. */
  readonly #successors = new Map<string, number>();
  #ticker: NodeJS.Timeout | undefined;

  constructor({ idleTimeoutMs, maxSeries, maxTenants, client, nameMetric, now }: SeriesTrackerOptions) {
    this.table = new SeriesTable(maxTenants * INDEXES_A_TENANT, maxSeries);
    const idleMinutes = Math.ceil(idleTimeoutMs / MINUTE_MS);
    this.#tracking = {
      table: this.table,
      tops: new TopMetrics(this.table, nameMetric),
      refused: new RefusedSeries(),
      client,
      idleMinutes,
      // A replica remembers a series for up to a minute longer; the store must not forget it earlier.
      generationMs: (idleMinutes + 1) * MINUTE_MS,
      now,
    };
  }

  start(): void {
    this.#ticker = setInterval(() => this.tick(this.#tracking.now()), TICK_MS);
    this.#ticker.unref();
  }

  close(): void {
    clearInterval(this.#ticker);
  }

  tenant(id: string): TrackedSeries {
    const before = this.#successors.delete(id) ? this.#tenants.get(id) : undefined;
    return before ?? this.#add(id);
  }

  /** The hash key has changed, so all known series are useless. */
  forgetAll(): void {
    for (const tenant of this.#tenants.values()) tenant.forget();
  }

  /** Called ten times a second. Returns how many idle series were forgotten. */
  tick(nowMs: number): number {
    const moment = momentOf(nowMs);
    this.#releaseSuccessors(nowMs);
    this.#tracking.tops.walk(nowMs, moment.window);
    return this.table.tick(moment, this.#tracking.idleMinutes);
  }

  /** Visits this many segments at once. */
  sweep(segments: number, nowMs: number): number {
    return this.table.sweep(segments, momentOf(nowMs), this.#tracking.idleMinutes);
  }

  status(): SeriesStatus {
    let tenantsAlone = 0;
    let admittedAlone = 0;
    for (const { admittedOffline } of this.#tenants.values()) {
      if (admittedOffline > 0) tenantsAlone++;
      admittedAlone += admittedOffline;
    }
    const { series, bytes, untracked, metrics } = this.table;
    return { series, metrics: metrics.size, tableBytes: bytes, untracked, tenantsAlone, admittedAlone };
  }

  #add(id: string): TrackedSeries {
    const tenant: TrackedSeries = new TrackedSeries(id, this.#tracking, {
      released: () => {
        if (this.#tenants.get(id) === tenant) this.#tenants.delete(id);
      },
      successor: () => this.#successorOf(id),
    });
    this.#tenants.set(id, tenant);
    return tenant;
  }

  #successorOf(id: string): TrackedSeries {
    const back = this.#tenants.get(id);
    if (back !== undefined) return back;
    this.#successors.set(id, this.#tracking.now() + SUCCESSOR_MS);
    return this.#add(id);
  }

  #releaseSuccessors(nowMs: number): void {
    for (const [id, untilMs] of this.#successors) {
      if (nowMs < untilMs) return;
      this.#successors.delete(id);
      this.#tenants.get(id)?.release();
    }
  }
}
