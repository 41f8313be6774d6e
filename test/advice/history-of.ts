/** A tenant's history out of what it sent in each second, as the fleet's book would have it: hours of the last two days, and days. */
import { CURVE_WINDOWS, type UsageHistory, type UsageRecord } from '#src/usage/usage-record.js';

export interface Sent {
  /** Items of each second; a multiple of 3,600 of them. */
  readonly items: Float64Array;
  /** Pushes of each second; undefined: one where there are items. */
  readonly requests?: Float64Array;
  /** By hour; undefined: nobody counted series. */
  readonly series?: readonly number[];
}

const HOUR = 3600;
/** A Monday. */
export const START_MS = Date.UTC(2026, 0, 5);

export function historyOf(
  { items, requests, series }: Sent,
  tenant = 'team-a',
  startMs = START_MS,
): UsageHistory {
  const itemSums = sumsOf(items);
  const requestSums = sumsOf(requests ?? items.map((amount) => (amount > 0 ? 1 : 0)));
  const hours = Array.from({ length: items.length / HOUR }, (_, hour): UsageRecord => {
    const from = hour * HOUR;
    const within = (sums: Float64Array): number => (sums[from + HOUR] ?? 0) - (sums[from] ?? 0);
    return {
      startMs: startMs + from * 1000,
      seconds: HOUR,
      coveredSeconds: HOUR,
      resolutionSeconds: 1,
      offered: { requests: within(requestSums), items: within(itemSums), bytes: 0, newSeries: 0 },
      refused: { requests: 0, items: 0, bytes: 0, newSeries: 0 },
      reasons: [],
      curves: { items: curveOf(itemSums, from), requests: curveOf(requestSums, from) },
      peaks: series === undefined ? {} : { activeSeries: series[hour] ?? 0 },
    };
  });
  const days: UsageRecord[] = [];
  for (let hour = 0; hour < hours.length; hour += 24) days.push(dayOf(hours.slice(hour, hour + 24)));
  return { tenant, hours: hours.slice(-48), days };
}

/** `sums`: before each second, what came until then. */
function curveOf(sums: Float64Array, from: number): number[] {
  return CURVE_WINDOWS.map((window) => {
    let most = 0;
    // What is sent before the first second of all is nothing.
    for (let end = from + 1; end <= Math.min(window, from + HOUR); end++)
      most = Math.max(most, sums[end] as number);
    for (let end = Math.max(window, from) + 1; end <= from + HOUR; end++) {
      const within = (sums[end] as number) - (sums[end - window] as number);
      if (within > most) most = within;
    }
    return most;
  });
}

function sumsOf(amounts: Float64Array): Float64Array {
  const sums = new Float64Array(amounts.length + 1);
  for (let at = 0; at < amounts.length; at++) sums[at + 1] = (sums[at] as number) + (amounts[at] as number);
  return sums;
}

function dayOf(hours: readonly UsageRecord[]): UsageRecord {
  const [first] = hours;
  if (first === undefined) throw new Error('a day has hours');
  const total = (of: (hour: UsageRecord) => number): number => hours.reduce((all, hour) => all + of(hour), 0);
  const highest = (of: (hour: UsageRecord) => readonly number[] | undefined): number[] =>
    CURVE_WINDOWS.map((_, index) => Math.max(...hours.map((hour) => of(hour)?.[index] ?? 0)));
  const series = hours.map(({ peaks }) => peaks.activeSeries).filter((peak) => peak !== undefined);
  return {
    ...first,
    seconds: 86_400,
    coveredSeconds: hours.length * HOUR,
    offered: {
      requests: total(({ offered }) => offered.requests),
      items: total(({ offered }) => offered.items),
      bytes: 0,
      newSeries: 0,
    },
    curves: {
      items: highest(({ curves }) => curves.items),
      requests: highest(({ curves }) => curves.requests),
    },
    peaks: series.length === 0 ? {} : { activeSeries: Math.max(...series) },
  };
}
