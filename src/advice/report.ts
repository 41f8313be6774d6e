/**
 * What operators look for over all tenants: limits that are missing, nearly reached, far too wide, or changed; and the
 * fleet's trend.
 */
import { MIMIR_LIMITS } from '../limits/limit-table.js';
import type { TenantLimits } from '../limits/limits.js';
import type { Direction } from './advice.js';
import { type DaysUntil, type Trend, trendOf } from './forecast.js';
import type { AdvisedLimit } from './policy.js';
import type { DayOfTenant, Standing } from './standing.js';

/** In percent of a limit, at the peak. */
const RISK_BANDS = [95, 80, 60] as const;
type RiskBand = (typeof RISK_BANDS)[number];

const FAR_TOO_WIDE = 0.1;

export interface Report {
  readonly tenants: number;
  readonly tenantsWithHistory: number;
  /** They have a history, but no document names them. */
  readonly withoutOverrides: readonly string[];
  readonly missing: readonly { readonly tenant: string; readonly limits: readonly AdvisedLimit[] }[];
  readonly atRisk: readonly RiskRow[];
  /** Less than a tenth used for 14 days. */
  readonly tooWide: readonly WideRow[];
  readonly forecasts: readonly ForecastRow[];
  /** Limits with less than seven days of data. */
  readonly withoutForecast: number;
  /** The number of limits by direction of advice. */
  readonly advice: Readonly<Record<Direction, number>>;
  readonly fleet: Fleet;
}

interface RiskRow {
  readonly tenant: string;
  readonly limit: AdvisedLimit;
  readonly current: number;
  readonly used: number;
  readonly band: RiskBand;
}

interface WideRow {
  readonly tenant: string;
  readonly limit: AdvisedLimit;
  readonly current: number;
  readonly used: number;
}

export interface ForecastRow extends DaysUntil {
  readonly tenant: string;
  readonly limit: AdvisedLimit;
  readonly current: number;
  readonly used: number;
}

export interface Fleet {
  readonly days: readonly FleetDay[];
  /** Undefined: not enough history. */
  readonly items: Trend | undefined;
  readonly series: Trend | undefined;
}

export interface FleetDay {
  readonly startMs: number;
  readonly itemsPerSecond: number;
  /** The sum of each tenant's peak, an upper bound on how many there were at one time. */
  readonly activeSeries: number | undefined;
  readonly cost: number;
}

export function reportOf(standings: readonly Standing[]): Report {
  const rows = standings.flatMap(({ tenant, standings: each }) => each.map((one) => ({ tenant, ...one })));
  return {
    tenants: standings.length,
    tenantsWithHistory: standings.filter(({ advice }) => advice.basis.hoursWatched > 0).length,
    withoutOverrides: standings.filter(({ named }) => !named).map(({ tenant }) => tenant),
    missing: standings.flatMap(missingOf),
    atRisk: rows
      .flatMap(({ tenant, limit, current, used }): RiskRow[] => {
        const band = RISK_BANDS.find((one) => used >= one / 100);
        return band === undefined ? [] : [{ tenant, limit, current, used, band }];
      })
      .sort((a, b) => b.used - a.used),
    tooWide: rows.flatMap(({ tenant, limit, current, usedLately }): WideRow[] =>
      usedLately === undefined || usedLately >= FAR_TOO_WIDE
        ? []
        : [{ tenant, limit, current, used: usedLately }],
    ),
    forecasts: rows
      .flatMap(({ tenant, limit, current, used, forecast }): ForecastRow[] =>
        forecast === undefined ? [] : [{ tenant, limit, current, used, ...forecast.until }],
      )
      .sort((a, b) => (a.days ?? Number.POSITIVE_INFINITY) - (b.days ?? Number.POSITIVE_INFINITY)),
    withoutForecast: rows.filter(({ forecast }) => forecast === undefined).length,
    advice: directionsOf(standings),
    fleet: fleetOf(standings.map(({ days }) => days)),
  };
}

/** Limits of Mimir that are not set, though there is data to set them by. */
function missingOf({ tenant, advice }: Standing): { tenant: string; limits: AdvisedLimit[] }[] {
  const limits = advice.limits.filter(({ direction }) => direction === 'set').map(({ limit }) => limit);
  return limits.length === 0 ? [] : [{ tenant, limits }];
}

function directionsOf(standings: readonly Standing[]): Record<Direction, number> {
  const counts: Record<Direction, number> = { raise: 0, lower: 0, set: 0, keep: 0, none: 0 };
  for (const { advice } of standings) for (const { direction } of advice.limits) counts[direction]++;
  return counts;
}

/** All tenants together, day by day. */
function fleetOf(each: readonly (readonly DayOfTenant[])[]): Fleet {
  const byDay = new Map<number, FleetDay>();
  for (const { startMs, itemsPerSecond, activeSeries, cost } of each.flat()) {
    const sum = byDay.get(startMs);
    byDay.set(startMs, {
      startMs,
      itemsPerSecond: itemsPerSecond + (sum?.itemsPerSecond ?? 0),
      activeSeries: activeSeries === undefined ? sum?.activeSeries : activeSeries + (sum?.activeSeries ?? 0),
      cost: cost.total + (sum?.cost ?? 0),
    });
  }
  const days = [...byDay.values()].sort((a, b) => a.startMs - b.startMs);
  // The last day is not over.
  const whole = days.slice(0, -1);
  return {
    days,
    items: trendOf(whole.map(({ startMs, itemsPerSecond }) => ({ startMs, value: itemsPerSecond }))),
    series: trendOf(
      whole.flatMap(({ startMs, activeSeries }) =>
        activeSeries === undefined ? [] : [{ startMs, value: activeSeries }],
      ),
    ),
  };
}

/** The limits of all tenants at one time, for later comparison. */
export interface Baseline {
  readonly savedAt: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Tenants with limits of their own. */
  readonly tenants: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Drift {
  readonly tenant: string;
  readonly limit: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Limits as plain data, including the edge's own. */
export function plainLimits(limits: TenantLimits): Record<string, unknown> {
  const { edge, named: _, ...mimir } = limits;
  return { ...mimir, ...edge };
}

export function driftOf(baseline: Baseline, now: Omit<Baseline, 'savedAt'>): Drift[] {
  const ids = [...new Set([...Object.keys(baseline.tenants), ...Object.keys(now.tenants)])].sort();
  const drift = differing('', baseline.defaults, now.defaults);
  for (const tenant of ids) {
    const before = baseline.tenants[tenant] ?? baseline.defaults;
    const after = now.tenants[tenant] ?? now.defaults;
    drift.push(...differing(tenant, before, after));
  }
  return drift;
}

/** `tenant`: empty for tenants that no document names. */
function differing(
  tenant: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Drift[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((limit) => (before[limit] ?? null) !== (after[limit] ?? null))
    .map((limit) => ({ tenant, limit, before: before[limit] ?? null, after: after[limit] ?? null }))
    .sort((a, b) => order(a.limit) - order(b.limit));
}

const ORDER = Object.keys(MIMIR_LIMITS);

function order(limit: string): number {
  const at = ORDER.indexOf(limit);
  return at < 0 ? ORDER.length : at;
}
