/** How much history there is and how far to trust it: less than a day says nothing, two weeks say everything. */
import type { Basis, Confidence } from './advice.js';
import { hoursOf, type Period } from './periods.js';

export const LEAST_HOURS = 24;
const DAYS_FOR_ALL = 14;
const DAYS_FOR_SOME = 3;

export function basisOf(periods: readonly Period[]): Basis {
  const hours = hoursOf(periods);
  const first = periods[0]?.record;
  const last = periods.at(-1)?.record;
  return {
    fromMs: first?.startMs,
    toMs: last === undefined ? undefined : last.startMs + last.seconds * 1000,
    hoursWatched: hours,
    hoursWithRefusals: hoursOf(periods.filter(({ refused }) => refused)),
    resolutionSeconds:
      periods.length === 0 ? undefined : Math.max(...periods.map(({ record }) => record.resolutionSeconds)),
    extraMargin: extraMargin(hours / 24),
    confidence: confidenceOf(hours),
  };
}

/** Like VPA's upper bound, 1 + 1/days, but it reaches 0 after two weeks. */
function extraMargin(days: number): number {
  if (days <= 0) return 0;
  return Math.max(0, (1 / days - 1 / DAYS_FOR_ALL) / (1 - 1 / DAYS_FOR_ALL));
}

function confidenceOf(hours: number): Confidence {
  if (hours < LEAST_HOURS) return 'none';
  if (hours < DAYS_FOR_SOME * 24) return 'low';
  return hours < DAYS_FOR_ALL * 24 ? 'medium' : 'high';
}
