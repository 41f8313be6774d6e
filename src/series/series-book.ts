/**
 * The active series of all tenants, in one table. One timer goes round the table for series that are idle, and round
 * the metrics for those that have the most.
 */
import type { SeriesBook, TopMetric } from '../enforce/series.js';
import type { Push } from '../payload/push.js';
import type { SeriesStore } from './series-store.js';
import { MINUTE_MS, momentOf, PLACES_A_TENANT, SeriesTable } from './series-table.js';
import { TopMetrics } from './top-metrics.js';
import { type SeriesHost, TrackedSeries } from './tracked-series.js';

export interface SeriesBookOptions {
  /** A series that was not seen for so long is forgotten; whole minutes, 90 at most. */
  readonly idleTimeoutMs: number;
  readonly maxSeries: number;
  readonly maxTenants: number;
  /** Where replicas share what they know. Undefined: nothing is shared. */
  readonly store: SeriesStore | undefined;
  /** Reads the metric name of a row; only for the few that are asked for. */
  readonly nameMetric: (push: Push, row: number) => string;
  /** A clock that never steps back, in milliseconds: the one that callers of `check` use. */
  readonly now: () => number;
}

export interface SeriesStatus {
  readonly series: number;
  readonly metrics: number;
  readonly tableBytes: number;
  /** Series that passed without being remembered, because the table was full. */
  readonly untracked: number;
  /** Tenants with series that were admitted while the store did not answer, and how many series that were. */
  readonly tenantsAlone: number;
  readonly admittedAlone: number;
}

const TICK_MS = 100;

export class TrackedBook implements SeriesBook, SeriesHost {
  readonly table: SeriesTable;
  readonly store: SeriesStore | undefined;
  readonly idleMinutes: number;
  readonly generationMs: number;
  readonly now: () => number;
  readonly #tenants = new Map<number, TrackedSeries>();
  readonly #tops: TopMetrics;
  #untracked = 0;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: SeriesBookOptions) {
    this.table = new SeriesTable(options.maxTenants * PLACES_A_TENANT, options.maxSeries);
    this.store = options.store;
    this.now = options.now;
    this.idleMinutes = Math.ceil(options.idleTimeoutMs / MINUTE_MS);
    // A replica knows a series for up to a minute more; the store must not forget it before.
    this.generationMs = (this.idleMinutes + 1) * MINUTE_MS;
    this.#tops = new TopMetrics(this.table, options.nameMetric);
  }

  start(): void {
    this.#ticker = setInterval(() => this.tick(this.now()), TICK_MS);
    this.#ticker.unref();
  }

  close(): void {
    clearInterval(this.#ticker);
  }

  tenant(id: string): TrackedSeries {
    const tenant = new TrackedSeries(this, id);
    if (tenant.place !== undefined) this.#tenants.set(tenant.place, tenant);
    return tenant;
  }

  untracked(series: number): void {
    this.#untracked += series;
  }

  seen(tenant: TrackedSeries, push: Push, nowMs: number): void {
    if (tenant.place !== undefined) this.#tops.seen(tenant.place, push, nowMs);
  }

  forget(tenant: TrackedSeries): void {
    if (tenant.place === undefined) return;
    this.#tenants.delete(tenant.place);
    this.#tops.forget(tenant.place);
  }

  /** Called ten times a second. Returns how many idle series were forgotten. */
  tick(nowMs: number): number {
    const moment = momentOf(nowMs);
    this.#tops.walk(nowMs, moment.window);
    return this.table.tick(moment, this.idleMinutes);
  }

  sweep(segments: number, nowMs: number): number {
    return this.table.sweep(segments, momentOf(nowMs).minute, this.idleMinutes);
  }

  topMetrics(tenant: TrackedSeries, by: 'active' | 'new'): readonly TopMetric[] {
    return tenant.place === undefined ? [] : this.#tops.of(tenant.place, by);
  }

  status(): SeriesStatus {
    let tenantsAlone = 0;
    let admittedAlone = 0;
    for (const { alone } of this.#tenants.values()) {
      if (alone > 0) tenantsAlone++;
      admittedAlone += alone;
    }
    const { series, metrics, bytes } = this.table;
    return { series, metrics, tableBytes: bytes, untracked: this.#untracked, tenantsAlone, admittedAlone };
  }
}
