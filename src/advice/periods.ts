/**
 * The periods by which a history is judged: its hours, and before them its days. Also which of them a policy ignores: the
 * heaviest first, but never what recurs every week.
 */
import type { UsageHistory, UsageRecord } from '../usage/usage-record.js';

export interface Period {
  readonly record: UsageRecord;
  /** Observed hours that no other period covers. */
  readonly hours: number;
  /** Something was refused, so what was offered may include retries. */
  readonly refused: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 168 * HOUR_MS;

export function periodsOf({ hours, days }: UsageHistory): Period[] {
  const watched = hours.filter(({ coveredSeconds }) => coveredSeconds > 0);
  const from = watched[0]?.startMs ?? Number.POSITIVE_INFINITY;
  const periods: Period[] = [];
  for (const record of days) {
    if (record.coveredSeconds <= 0 || record.startMs >= from) continue;
    const end = record.startMs + record.seconds * 1000;
    const shared = watched
      .filter(({ startMs }) => startMs < end)
      .reduce((sum, hour) => sum + hour.coveredSeconds, 0);
    periods.push(periodOf(record, Math.max(0, record.coveredSeconds - shared)));
  }
  return [...periods, ...watched.map((record) => periodOf(record, record.coveredSeconds))];
}

function periodOf(record: UsageRecord, seconds: number): Period {
  return { record, hours: seconds / 3600, refused: record.refused.requests > 0 || record.refused.items > 0 };
}

export function hoursOf(periods: readonly Period[]): number {
  return periods.reduce((sum, { hours }) => sum + hours, 0);
}

/** How many hours may be ignored. */
interface Allowance {
  readonly refusedHoursAtMost: number;
  readonly percentile: number | undefined;
  /** How far a period may exceed the usual weight of its hour of the week and still count as recurring. */
  readonly margin: number;
}

/** Without the periods that the policy ignores. `weight` is what a period asks for. */
export function keptPeriods(
  periods: readonly Period[],
  { refusedHoursAtMost, percentile, margin }: Allowance,
  weight: (period: Period) => number,
): readonly Period[] {
  let left = percentile === undefined ? refusedHoursAtMost : hoursOf(periods) * (1 - percentile / 100);
  if (left <= 0) return periods;
  const weighed = periods.map((period) => ({ period, weight: weight(period) }));
  weighed.sort((a, b) => b.weight - a.weight);
  const usual = usualWeights(weighed);
  const dropped = new Set<Period>();
  for (const { period, weight } of weighed) {
    const comesAgain = weight <= (usual(period.record) ?? Number.NEGATIVE_INFINITY) * (1 + margin);
    if (comesAgain || period.hours > left) break;
    left -= period.hours;
    dropped.add(period);
  }
  return periods.filter((period) => !dropped.has(period));
}

interface Weighed {
  readonly period: Period;
  readonly weight: number;
}

/**
 * The usual weight of an hour of the week, once there are three weeks of it. Where hours do not reach back so far, that of
 * the day of the week: for each date its heaviest hour, or its daily record.
 */
function usualWeights(heaviestFirst: readonly Weighed[]): (record: UsageRecord) => number | undefined {
  const byHour = new Map<number, number[]>();
  const byDate = new Map<number, number>();
  for (const { period, weight } of heaviestFirst) {
    const { startMs, seconds } = period.record;
    if (seconds * 1000 === HOUR_MS) addTo(byHour, startMs % WEEK_MS, weight);
    const date = dateOf(startMs);
    if (!byDate.has(date)) byDate.set(date, weight);
  }
  const byDay = new Map<number, number[]>();
  for (const [date, weight] of byDate) addTo(byDay, date % WEEK_MS, weight);
  return ({ startMs, seconds }) => {
    const hours = seconds * 1000 === HOUR_MS ? byHour.get(startMs % WEEK_MS) : undefined;
    return usualOf(hours) ?? usualOf(byDay.get(dateOf(startMs) % WEEK_MS));
  };
}

function addTo(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Heaviest first. Undefined: there are less than three weeks. */
function usualOf(weights: readonly number[] | undefined): number | undefined {
  return weights === undefined || weights.length < 3 ? undefined : weights[Math.floor(weights.length / 2)];
}

function dateOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}
