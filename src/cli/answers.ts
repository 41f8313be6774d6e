/** Answers of the API about advice; null means unknown. */
import type { BudgetStanding, TenantCosts } from '../advice/costs.js';
import type { Trend } from '../advice/forecast.js';
import type { PriceList } from '../advice/price.js';
import type { FleetDay, ForecastRow, Report } from '../advice/report.js';

export type Nullable<T> = {
  readonly [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K];
};

export interface ReportAnswer extends Omit<Report, 'forecasts' | 'fleet'> {
  readonly asOf: string | null;
  readonly currency: string;
  readonly forecasts: readonly Nullable<ForecastRow>[];
  readonly fleet: {
    readonly items: Trend | null;
    readonly series: Trend | null;
    readonly days: readonly (Nullable<Omit<FleetDay, 'startMs'>> & { readonly at: string })[];
  };
}

export interface Costs {
  readonly prices: PriceList;
  readonly notPriced: readonly string[];
  readonly tenants: readonly TenantCosts[];
  readonly groups: readonly (Omit<TenantCosts, 'tenant'> & {
    readonly policy: string;
    readonly tenants: number;
  })[];
  readonly budgets: readonly Nullable<BudgetStanding>[];
}
