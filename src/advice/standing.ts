/** A tenant's use of each limit at the peak, its trend, and its cost. */
import type { TenantLimits } from '../limits/limits.js';
import type { UsageHistory, UsageRecord } from '../usage/usage-record.js';
import type { Advice } from './advice.js';
import { advise } from './advise.js';
import { type DaysUntil, type DayValue, daysUntil, type Trend, trendOf } from './forecast.js';
import type { InForce } from './in-force.js';
import { metersOf } from './meters.js';
import { periodsOf } from './periods.js';
import type { AdvisedLimit, Policy } from './policy.js';
import { type Cost, costOf, type PriceList } from './price.js';

interface LimitStanding {
  readonly limit: AdvisedLimit;
  readonly current: number;
  /** At the peak of the history; 1 is all of it. */
  readonly used: number;
  /** At the peak of the last 14 days; undefined: there are fewer, or it would mean nothing. */
  readonly usedLately: number | undefined;
  /** Undefined: not enough history. */
  readonly forecast: { readonly trend: Trend; readonly until: DaysUntil } | undefined;
}

export interface DayOfTenant {
  readonly startMs: number;
  readonly itemsPerSecond: number;
  readonly activeSeries: number | undefined;
  readonly cost: Cost;
}

export interface Standing {
  readonly tenant: string;
  /** A document names it. */
  readonly named: boolean;
  readonly limits: TenantLimits;
  readonly advice: Advice;
  readonly standings: readonly LimitStanding[];
  /** The last day is not over. */
  readonly days: readonly DayOfTenant[];
}

interface Terms {
  readonly policy: Policy;
  readonly prices: PriceList;
  readonly named: boolean;
}

const LATELY_DAYS = 14;
/** The part of a day that must be observed for it to count; the current day does not. */
const MOST_OF_A_DAY = 0.9 * 86_400;

export function standingOf(
  history: UsageHistory,
  inForce: InForce,
  { policy, prices, named }: Terms,
): Standing {
  const records = periodsOf(history).map(({ record }) => record);
  return {
    tenant: history.tenant,
    named,
    limits: inForce.limits,
    advice: advise(history, inForce, policy),
    standings: metersOf(inForce).flatMap(({ limit, current, mayBeWide, used }): LimitStanding[] => {
      const most = highest(records, used);
      if (most === undefined) return [];
      const days = valuesOf(history.days, used);
      const trend = trendOf(days);
      const forecast = trend === undefined ? undefined : { trend, until: daysUntil(trend, 1) };
      const lately = days.slice(-LATELY_DAYS).map(({ value }) => value);
      const usedLately = mayBeWide || lately.length < LATELY_DAYS ? undefined : Math.max(...lately);
      return [{ limit, current, used: most, usedLately, forecast }];
    }),
    days: history.days.map((day) => dayOf(day, prices)),
  };
}

function dayOf(day: UsageRecord, prices: PriceList): DayOfTenant {
  return {
    startMs: day.startMs,
    itemsPerSecond: day.coveredSeconds === 0 ? 0 : day.offered.items / day.coveredSeconds,
    activeSeries: day.peaks.activeSeries ?? day.peaks.series,
    cost: costOf(day, prices),
  };
}

function valuesOf(days: readonly UsageRecord[], of: (record: UsageRecord) => number | undefined): DayValue[] {
  return days.flatMap((day) => {
    const value = day.coveredSeconds < MOST_OF_A_DAY ? undefined : of(day);
    return value === undefined ? [] : [{ startMs: day.startMs, value }];
  });
}

function highest(
  records: readonly UsageRecord[],
  of: (record: UsageRecord) => number | undefined,
): number | undefined {
  const values = records.map(of).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : Math.max(...values);
}
