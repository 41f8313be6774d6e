/**
 * Which series of a tenant are active, as the enforcer sees it: known series pass, new ones only below the limits.
 * Implemented in src/series, for one process alone and for replicas that share what they know through a store.
 */
import type { MimirLimits } from '../limits/limits.js';
import { Origins } from '../payload/otlp-points.js';
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import type { Reason } from './reasons.js';

/** `per_user_series_limit`: whichever limit the tenant's series have (`tenantSeriesLimit`). */
export type LimitReason = Extract<Reason, 'per_user_series_limit' | 'per_metric_series_limit'>;

export type SeriesLimits = Pick<
  MimirLimits,
  'max_active_series_per_user' | 'max_global_series_per_user' | 'max_global_series_per_metric'
>;

/** New series that a limit keeps out. */
export interface OverLimit {
  /** Their rows in the push, ascending, and for each what it was refused for. */
  readonly rows: readonly number[];
  readonly reasons: readonly LimitReason[];
  /** How many series there were when the first was refused: of the tenant, or of the metric. */
  readonly observed: number;
}

/** Of an OTLP push: those whose data point makes other series, too. Undefined: none. */
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
  /** Series that were not known before, and are now. */
  readonly newAdmitted: number;
  /** How many more, of those that were admitted before anybody looked whether another replica knows them. Never rejects. */
  readonly newLater?: Promise<number>;
  readonly overLimit: OverLimit | undefined;
  /** The store could not be asked, and nothing is given on trust: nothing was admitted. */
  readonly lost?: true;
  /** So many new series wait for the store already that these were not looked at. */
  readonly busy?: true;
}

export interface TopMetric {
  /** Undefined until a push has shown it. */
  readonly name: string | undefined;
  readonly series: number;
  /** In the last 10 to 15 minutes. */
  readonly newSeries: number;
}

/**
 * The series of one tenant. Called last, for a push that nothing else refuses: what it admits is on its way to Mimir.
 */
export interface TenantSeries {
  /**
   * Known series are seen again, new ones are admitted in the order of the push as long as the limits allow;
   * `allOrNothing`: all of them or none. Answers at once when all are known. A promise never rejects; the push's views
   * need not outlive the call.
   *
   * Rows that are `excluded` are left out already: those are not looked at.
   */
  check(
    push: Push,
    excluded: Rows | undefined,
    limits: SeriesLimits,
    allOrNothing: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer>;
  /** Series that are active here. */
  readonly active: number;
  /** Series over all replicas, as far as it is known. */
  readonly fleet: number | undefined;
  /** Twenty metrics at most, those with the most series or the most new ones first, as of some seconds ago. */
  topMetrics(by: 'active' | 'new'): readonly TopMetric[];
  /** The tenant leaves memory, and its series with it, by and by. */
  release(): void;
}

/** The active series of all tenants. */
export interface ActiveSeries {
  tenant(id: string): TenantSeries;
}
