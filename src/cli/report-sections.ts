/** The tables of a report: what each is about, its columns and rows. */
import type { Trend } from '../advice/forecast.js';
import { short } from '../base/amounts.js';
import type { DriftRow, GatheredReport } from './report-data.js';

export type Cells = readonly string[];

export interface Section {
  readonly title: string;
  /** Shown if there are no rows. */
  readonly none: string;
  readonly head: Cells;
  readonly rows: readonly Cells[];
  /** Text columns besides the first. */
  readonly texts?: readonly number[];
  /** Shown under the rows. */
  readonly note?: string;
}

type Report = GatheredReport['report'];
type Costs = GatheredReport['costs'];

export const NO_HISTORY = 'There is no history yet.';
const TOO_FEW_DAYS = 'There is not enough history: seven whole days are needed.';

export function sectionsOf({ report, costs, drift, behind }: GatheredReport): Section[] {
  const limits = [
    atRisk(report),
    forecasts(report),
    fleetTrend(report),
    tooWide(report),
    missingLimits(report),
    withoutOverrides(report),
  ];
  return [
    ...(report.tenantsWithHistory > 0 ? limits : limits.map((section) => ({ ...section, none: NO_HISTORY }))),
    ...(drift === undefined ? [] : [drifted(drift, report.baseline ?? '')]),
    ...(behind === undefined ? [] : [onOtherLimits(behind)]),
    tenantCosts(costs),
    policyCosts(costs),
    budgets(costs),
  ];
}

function atRisk({ atRisk: rows }: Report): Section {
  return {
    title: 'At risk: used at the peak',
    none: 'No limit was used to 60 % or more.',
    head: ['tenant', 'limit', 'now', 'used', 'band'],
    rows: rows.map(({ tenant, limit, current, used, band }) => [
      tenant,
      limit,
      short(current),
      percent(used),
      `${band} %`,
    ]),
    texts: [1],
  };
}

function forecasts({ forecasts: rows, withoutForecast }: Report): Section {
  return {
    title: 'Forecast: days until a limit is reached',
    none: TOO_FEW_DAYS,
    head: ['tenant', 'limit', 'now', 'used', 'days', 'from', 'to'],
    rows: rows
      .filter(({ days, from }) => days !== null || from !== null)
      .map(({ tenant, limit, current, used, days, from, to }) => [
        tenant,
        limit,
        short(current),
        percent(used),
        wholeDays(days),
        wholeDays(from),
        wholeDays(to),
      ]),
    texts: [1],
    note: withoutForecast === 0 ? '' : `${withoutForecast} limits have not enough history for a forecast.`,
  };
}

function fleetTrend({ fleet }: Report): Section {
  return {
    title: 'Where the fleet goes',
    none: TOO_FEW_DAYS,
    head: ['all tenants', 'now', 'more each day', 'from', 'to', 'in 30 days'],
    rows: [...trendRow('items a second', fleet.items), ...trendRow('active series', fleet.series)],
  };
}

function trendRow(name: string, trend: Trend | null): Cells[] {
  if (trend === null) return [];
  const { level, slope, slopeFrom, slopeTo } = trend;
  return [[name, ...[level, slope, slopeFrom, slopeTo, Math.max(0, level + 30 * slope)].map(short)]];
}

function tooWide({ tooWide: rows }: Report): Section {
  return {
    title: 'Far too wide: less than a tenth used for 14 days',
    none: 'None, or there are no 14 days of history.',
    head: ['tenant', 'limit', 'now', 'used'],
    rows: rows.map(({ tenant, limit, current, used }) => [tenant, limit, short(current), percent(used)]),
    texts: [1],
  };
}

function missingLimits({ missing }: Report): Section {
  return {
    title: 'Limits that are missing',
    none: 'None that there are figures to set by.',
    head: ['tenant', 'limits'],
    rows: missing.map(({ tenant, limits }) => [tenant, limits.join(', ')]),
    texts: [1],
  };
}

function withoutOverrides({ withoutOverrides: tenants }: Report): Section {
  return {
    title: 'Tenants without overrides of their own',
    none: 'None.',
    head: ['tenant'],
    rows: tenants.map((tenant) => [tenant]),
  };
}

function drifted(drift: readonly DriftRow[], since: string): Section {
  return {
    title: `Changed since ${since}`,
    none: 'Nothing.',
    head: ['tenant', 'limit', 'was', 'is', 'who'],
    rows: drift.map(({ tenant, limit, before, after, who }) => [
      tenant === '' ? '(defaults)' : tenant,
      limit,
      String(before ?? 'unset'),
      String(after ?? 'unset'),
      who,
    ]),
    texts: [1, 4],
  };
}

function onOtherLimits(behind: NonNullable<GatheredReport['behind']>): Section {
  return {
    title: 'Replicas on other limits than most',
    none: 'None.',
    head: ['replica', 'limits hash'],
    rows: behind.map(({ replica, limitsHash }) => [replica, limitsHash]),
    texts: [1],
  };
}

function tenantCosts({ prices, tenants, notPriced }: Costs): Section {
  return {
    title: `Costs (${prices.currency})`,
    none: NO_HISTORY,
    head: ['tenant', 'this month', 'all days known', 'samples', 'series', 'bytes'],
    rows: tenants
      .filter(({ days }) => days.length > 0)
      .map(({ tenant, months, total }) => [
        tenant,
        money(months.at(-1)?.total ?? 0),
        money(total.total),
        money(total.samples),
        money(total.series),
        money(total.bytes),
      ]),
    note: `Not priced: ${notPriced.join('; ')}.`,
  };
}

function policyCosts({ prices, groups }: Costs): Section {
  return {
    title: `Costs by policy (${prices.currency})`,
    none: NO_HISTORY,
    head: ['policy', 'tenants', 'this month', 'all days known'],
    rows: groups
      .filter(({ days }) => days.length > 0)
      .map(({ policy, tenants, months, total }) => [
        policy,
        String(tenants),
        money(months.at(-1)?.total ?? 0),
        money(total.total),
      ]),
  };
}

function budgets({ prices, budgets: rows }: Costs): Section {
  return {
    title: `Budgets (${prices.currency})`,
    none: 'None is set.',
    head: ['budget', 'tenant', 'period', 'spent', 'of', 'used'],
    rows: rows.map(({ budget, tenant, of, spent, amount, used }) => [
      budget,
      tenant ?? 'all of its tenants',
      of,
      money(spent),
      money(amount),
      percent(used),
    ]),
    texts: [1, 2],
  };
}

function money(amount: number): string {
  return amount < 0.005 && amount > 0 ? '< 0.01' : amount.toFixed(2);
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

function wholeDays(days: number | null): string {
  return days === null ? 'never' : days < 1000 ? String(Math.round(days)) : '> 1000';
}
