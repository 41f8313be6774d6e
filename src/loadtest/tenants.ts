/** How the series are distributed over tenants, and what each tenant sends in an interval. */
import type { LoadOptions } from './options.js';

export interface LoadTenant {
  readonly id: string;
  /** In each interval; all have the same number of series. */
  readonly pushes: number;
  readonly seriesPerPush: number;
}

type Sharing = Pick<LoadOptions, 'tenants' | 'tenantPrefix' | 'series' | 'seriesPerPush' | 'skew'>;

/**
 * With `zipf` the first tenant is the largest, and the n-th has an n-th of its series. Only whole pushes, so sums are
 * approximate.
 */
export function shareOut({ tenants, tenantPrefix, series, seriesPerPush, skew }: Sharing): LoadTenant[] {
  const weights = Array.from({ length: tenants }, (_, index) => (skew === 'zipf' ? 1 / (index + 1) : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const digits = String(tenants).length;
  return weights.map((weight, index) => {
    const share = Math.max(1, Math.round((series * weight) / total));
    const pushes = Math.max(1, Math.round(share / seriesPerPush));
    return {
      id: `${tenantPrefix}${String(index + 1).padStart(digits, '0')}`,
      pushes,
      seriesPerPush: share < seriesPerPush ? share : seriesPerPush,
    };
  });
}
