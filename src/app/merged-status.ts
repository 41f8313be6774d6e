/** The status of several data planes as one: sums, and the worst of what can not be added up. */
import type { SeriesStatus } from '../series/series-tracker.js';
import type { LedgerStatus } from '../shared/client.js';
import { mergedAnswers } from '../upstream/answer-times.js';
import type { PlaneStatus } from './planes.js';

/** Counts that only grow, and outlive the data plane that counted. */
interface LastingCounts {
  readonly responses: Readonly<Record<string, number>>;
  readonly failures: number;
  readonly evictions: number;
}

export const NOTHING_COUNTED: LastingCounts = { responses: {}, failures: 0, evictions: 0 };

export function countedIn({ upstream: { responses, failures }, evictions }: PlaneStatus): LastingCounts {
  return { responses, failures, evictions };
}

export function sumOfCounts(each: readonly LastingCounts[]): LastingCounts {
  return {
    responses: sumOfRecords(each.map(({ responses }) => responses)),
    failures: sumOf(each, ({ failures }) => failures),
    evictions: sumOf(each, ({ evictions }) => evictions),
  };
}

/** Undefined: of none. */
export function mergedLedger(each: readonly LedgerStatus[]): LedgerStatus | undefined {
  const [some] = each;
  if (some === undefined) return undefined;
  const down = each.filter(({ state }) => state === 'degraded');
  const since = (down.length > 0 ? down : each).map(({ sinceSeconds }) => sinceSeconds);
  const errors = each.flatMap(({ lastError }) => lastError ?? []);
  return {
    state: down.length > 0 ? 'degraded' : 'up',
    sinceSeconds: down.length > 0 ? Math.max(...since) : Math.min(...since),
    partsDown: Math.max(...each.map(({ partsDown }) => partsDown)),
    parts: some.parts,
    replicas: Math.max(...each.map(({ replicas }) => replicas)),
    buckets: sumOf(each, ({ buckets }) => buckets),
    bucketsAlone: sumOf(each, ({ bucketsAlone }) => bucketsAlone),
    tokensLeased: sumOf(each, ({ tokensLeased }) => tokensLeased),
    callsInFlight: sumOf(each, ({ callsInFlight }) => callsInFlight),
    calls: sumOf(each, ({ calls }) => calls),
    errors: sumOfRecords(each.map((one) => one.errors)) as LedgerStatus['errors'],
    lastError: errors.sort((a, b) => a.secondsAgo - b.secondsAgo)[0],
  };
}

export function mergedSeries(each: readonly SeriesStatus[]): SeriesStatus | undefined {
  if (each.length === 0) return undefined;
  return sumOfRecords(each as unknown as Record<string, number>[]) as unknown as SeriesStatus;
}

export function mergedMeasures(each: readonly PlaneStatus['measured'][]): PlaneStatus['measured'] {
  return {
    pushes: {
      requests: sumOf(each, ({ pushes }) => pushes.requests),
      failed: sumOf(each, ({ pushes }) => pushes.failed),
    },
    answers: mergedAnswers(each.map(({ answers }) => answers)),
  };
}

export function sumOf<T>(each: readonly T[], value: (one: T) => number): number {
  return each.reduce((sum, one) => sum + value(one), 0);
}

function sumOfRecords(each: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of each) {
    for (const [name, value] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}
