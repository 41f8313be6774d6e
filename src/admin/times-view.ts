/** Times as the API tells them: with the counts that they are made of, so that those of several replicas can be added up. */
import { isObject } from '../shared/fleet-messages.js';
import {
  bucketsOf,
  countsIn,
  knownTimes,
  summedTimes,
  TIMES_SECONDS,
  type TimeBucket,
} from '../telemetry/recent-times.js';
import { numberOr } from './told.js';

export interface TimesView {
  readonly overSeconds: number;
  readonly count: number;
  readonly medianSeconds: number;
  readonly p99Seconds: number;
  /** Null: a replica of a version that does not tell them. */
  readonly buckets: readonly TimeBucket[] | null;
}

const MOST_BUCKETS = 1000;

/** Null: nothing was done, so nothing is known. */
export function timesView(counts: readonly number[]): TimesView | null {
  const times = knownTimes(counts);
  return times === undefined ? null : { overSeconds: TIMES_SECONDS, ...times, buckets: bucketsOf(counts) };
}

export function readTimes(value: unknown): TimesView | null {
  if (!isObject(value)) return null;
  const number = (name: string): number => numberOr(value[name], 0);
  return {
    overSeconds: number('overSeconds'),
    count: number('count'),
    medianSeconds: number('medianSeconds'),
    p99Seconds: number('p99Seconds'),
    buckets: readBuckets(value['buckets']) ?? null,
  };
}

function readBuckets(value: unknown): readonly TimeBucket[] | undefined {
  if (!Array.isArray(value) || value.length > MOST_BUCKETS) return undefined;
  const isBucket = (one: unknown): one is TimeBucket =>
    Array.isArray(one) && one.length === 2 && Number.isSafeInteger(one[0]) && isCount(one[1]);
  return value.every(isBucket) && countsIn(value) !== undefined ? value : undefined;
}

/** So many that their sum is exact, however many replicas there are. */
function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < 2 ** 40;
}

/** Of those that have told: null is of one that has done nothing. */
export interface FleetTimes {
  readonly p99Seconds: number | undefined;
  /** How many replicas it is of. */
  readonly replicas: number;
}

/** The times of all as though one had counted them. */
export function fleetTimes(each: readonly (TimesView | null)[]): FleetTimes {
  const told = each.flatMap((one) => (one === null ? [[]] : one.buckets === null ? [] : [one.buckets]));
  const sums = summedTimes(told.map((buckets) => countsIn(buckets) ?? []));
  return { p99Seconds: knownTimes(sums)?.p99Seconds, replicas: told.length };
}
