/**
 * Which of Mimir's two limits on a tenant's series applies: the one on active series if it is set, else the one on series
 * in memory. They differ only in name, reason and status.
 */
import type { MimirLimits } from '../limits/limits.js';

type TenantSeriesLimit = 'max_active_series_per_user' | 'max_global_series_per_user';

type Limits = Readonly<Record<TenantSeriesLimit, number>>;

export function tenantSeriesLimit(limits: Limits): TenantSeriesLimit {
  return limits.max_active_series_per_user > 0 ? 'max_active_series_per_user' : 'max_global_series_per_user';
}

/** 0: no limit. */
export function mostSeries(limits: Limits): number {
  return limits[tenantSeriesLimit(limits)];
}

/** A usage tracker reports both limits under the name of the first. */
export function tenantSeriesReason(
  limits: Limits,
  usageTracker: boolean,
): 'max_active_series' | 'per_user_series_limit' {
  const isActive = usageTracker || limits.max_active_series_per_user > 0;
  return isActive ? 'max_active_series' : 'per_user_series_limit';
}

const LEAST_STATUS = 200;
const MOST_STATUS = 599;
const FALLBACK_STATUS = 429;

/** The tenant's own status, if it is a valid one: Mimir accepts any number. */
export function activeSeriesStatus({
  active_series_limit_response_code: code,
}: Pick<MimirLimits, 'active_series_limit_response_code'>): number {
  return code >= LEAST_STATUS && code <= MOST_STATUS ? code : FALLBACK_STATUS;
}
