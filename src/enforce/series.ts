/**
 * A tenant's active series as the enforcer sees them: known series pass, new ones only below the limits. Implemented in
 * src/series, for a single process and for replicas that share a store.
 */
import type { MimirLimits } from '../limits/limits.js';
import { Origins } from '../payload/otlp-points.js';
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import type { Reason } from './reasons.js';

/** `per_user_series_limit` stands for whichever limit applies (`tenantSeriesLimit`). */
export type LimitReason = Extract<Reason, 'per_user_series_limit' | 'per_metric_series_limit'>;

export type SeriesLimits = Pick<
  MimirLimits,
  'max_active_series_per_user' | 'max_global_series_per_user' | 'max_global_series_per_metric'
>;

/** New series that are over a limit. */
export interface OverLimit {
  /** Their rows in the push, ascending, and the reason for each. */
  readonly rows: readonly number[];
  readonly reasons: readonly LimitReason[];
  /** How many series the tenant or the metric had when the first was refused. */
  readonly observed: number;
}

/** For an OTLP push: those whose data point has other series too. Undefined: none. */
export function ofSharedPoints(push: Push, { rows, reasons, observed }: OverLimit): OverLimit | undefined {
  const origins = new Origins(push);
  const shared = [...rows.keys()].filter((index) => origins.isShared(rows[index] ?? 0));
  if (shared.length === 0) return undefined;
  return {
    rows: shared.map((index) => rows[index] ?? 0),
    reasons: shared.map((index) => reasons[index] ?? 'per_user_series_limit'),
    observed,
  };
}

export interface SeriesAnswer {
  /** Series that were new and are tracked from now on. */
  readonly newAdmitted: number;
  /**
   * Further ones among those that were admitted before the store was asked whether other replicas know them. Never rejects.
   */
  readonly newLater?: Promise<number>;
  readonly overLimit: OverLimit | undefined;
  /** The store did not answer, and nothing was admitted. */
  readonly lost?: true;
  /** Too many new series wait for the store; these were not looked at. */
  readonly busy?: true;
}

export interface TopMetric {
  /** Undefined until a push has shown it. */
  readonly name: string | undefined;
  readonly series: number;
  /** In the last 10 to 15 minutes. */
  readonly newSeries: number;
}

/** The series of one tenant. Checked last, for pushes that nothing else refuses: what it admits goes to Mimir. */
export interface TenantSeries {
  /**
   * Refreshes known series and admits new ones in the order of the push while the limits allow it; with `allOrNothing`, all
   * of them or none. Synchronous when all are known. A promise never rejects, and does not use the push's views after the
   * call.
   *
   * `excluded` rows are left out already and are skipped.
   */
  check(
    push: Push,
    excluded: Rows | undefined,
    limits: SeriesLimits,
    allOrNothing: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer>;
  /** Series that are active on this replica. */
  readonly active: number;
  /** Series over all replicas, as far as is known. */
  readonly fleet: number | undefined;
  /** At most twenty metrics, those with the most series or the most new series first, some seconds old. */
  topMetrics(by: 'active' | 'new'): readonly TopMetric[];
  /** The tenant leaves memory; its series are removed gradually. */
  release(): void;
}

/** The active series of all tenants. */
export interface ActiveSeries {
  tenant(id: string): TenantSeries;
}
