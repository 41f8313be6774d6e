/** Pushes of numbered series, and what Mimir would make of them. */
import type { Test } from 'tap';
import type { SeriesAnswer, SeriesLimits } from '#src/enforce/series.js';
import {
  type Push,
  RECORD_HASH_HIGH,
  RECORD_HASH_LOW,
  RECORD_METRIC_HASH_HIGH,
  RECORD_METRIC_HASH_LOW,
  RECORD_WORDS,
} from '#src/payload/push.js';
import type { AdmitCall, AnnounceCall, FleetState } from '#src/series/series-protocol.js';
import { NO_LIMIT, ROW_WORDS } from '#src/series/series-rows.js';
import { SeriesTracker, type SeriesTrackerOptions } from '#src/series/series-tracker.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import { samples } from '../enforce/fixtures.js';
import { type RedisSettings, redisClient } from '../shared/fixtures.js';
import type { RedisServer } from '../shared/redis-server.js';

export const MINUTE_MS = 60_000;

export const now = (): number => performance.now();

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** One series for each number; ten after one another have the same metric. */
export function pushOf(series: readonly number[], metricOf = metricOfTen): Push {
  const push = samples(series.length);
  series.forEach((one, row) => {
    const at = row * RECORD_WORDS;
    push.records[at + RECORD_HASH_LOW] = mixed(one, 1);
    push.records[at + RECORD_HASH_HIGH] = mixed(one, 2);
    push.records[at + RECORD_METRIC_HASH_LOW] = mixed(metricOf(one), 3);
    push.records[at + RECORD_METRIC_HASH_HIGH] = mixed(metricOf(one), 4);
  });
  return push;
}

export function metricOfTen(series: number): number {
  return Math.floor(series / 10);
}

export function limitsOf(perUser: number, perMetric = 0): SeriesLimits {
  return {
    max_active_series_per_user: 0,
    max_global_series_per_user: perUser,
    max_global_series_per_metric: perMetric,
  };
}

export function tracker(options: Partial<SeriesTrackerOptions> = {}): SeriesTracker {
  return new SeriesTracker({
    idleTimeoutMs: 20 * MINUTE_MS,
    maxSeries: 1e6,
    maxTenants: 100,
    client: undefined,
    nameMetric: (_push, row) => `row ${row}`,
    now: () => 0,
    ...options,
  });
}

/** One tenant's series at so many replicas. */
export async function sharing(
  t: Test,
  redis: RedisServer,
  tenant: string,
  replicas = 1,
  settings: Partial<RedisSettings> = {},
): Promise<TrackedSeries[]> {
  const found: TrackedSeries[] = [];
  for (let i = 0; i < replicas; i++) {
    const { client } = await redisClient(t, redis.url, { replicas, ...settings });
    found.push(tracker({ client: client.series, now }).tenant(tenant));
  }
  return found;
}

/** What a store says that has nothing to say. */
export const STATE: FleetState = { total: 1, epoch: 'one', generation: 1, leftMs: 1 };

export function admitCall(series: number, given: Partial<AdmitCall> = {}): AdmitCall {
  return {
    rows: new Uint32Array(ROW_WORDS * series),
    announced: 0,
    mostOfTenant: NO_LIMIT,
    mostOfMetric: NO_LIMIT,
    allOrNothing: false,
    noFinalRefusals: true,
    generationMs: 1000,
    ...given,
  };
}

export function announceCall(series: number, given: Partial<AnnounceCall> = {}): AnnounceCall {
  return {
    rows: new Uint32Array(ROW_WORDS * series),
    reservation: '',
    countMetrics: false,
    generationMs: 1000,
    ...given,
  };
}

/** All of the table, at once. */
export function sweepAll(tracker: SeriesTracker, nowMs: number): number {
  return tracker.sweep(tracker.table.segments, nowMs);
}

/** What is answered at once. */
export function answered(answer: SeriesAnswer | Promise<SeriesAnswer>): SeriesAnswer {
  if (answer instanceof Promise) throw new Error('the answer is still to come');
  return answer;
}

export function refusedRows(answer: SeriesAnswer): number[] {
  return [...(answer.overLimit?.rows ?? [])];
}

/**
 * Mimir's rules over a Map: a series that is known passes; a new one is refused when the tenant has as many as it may
 * have, or else its metric. `ages` says how long ago a series was last seen, in whatever the caller counts.
 */
export class MimirModel {
  readonly #seen = new Map<number, number>();
  readonly #ofMetric = new Map<number, number>();
  readonly #remembered: number;

  constructor(remembered: number) {
    this.#remembered = remembered;
  }

  get size(): number {
    return this.#seen.size;
  }

  forgetIdle(now: number): void {
    for (const [series, seen] of this.#seen) {
      if (now - seen <= this.#remembered) continue;
      this.#seen.delete(series);
      this.#add(metricOfTen(series), -1);
    }
  }

  /** The rows that are refused. */
  push(
    series: readonly number[],
    { max_global_series_per_user, max_global_series_per_metric }: SeriesLimits,
    now: number,
  ): number[] {
    const refused: number[] = [];
    series.forEach((one, row) => {
      const metric = metricOfTen(one);
      const known = this.#seen.has(one);
      const full = max_global_series_per_user > 0 && this.#seen.size >= max_global_series_per_user;
      const metricFull =
        max_global_series_per_metric > 0 && (this.#ofMetric.get(metric) ?? 0) >= max_global_series_per_metric;
      if (!known && (full || metricFull)) {
        refused.push(row);
        return;
      }
      if (!known) this.#add(metric, 1);
      this.#seen.set(one, now);
    });
    return refused;
  }

  #add(metric: number, n: number): void {
    this.#ofMetric.set(metric, (this.#ofMetric.get(metric) ?? 0) + n);
  }
}

/** Numbers that are as good as random, and the same each time. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((mixed(this.#state, 7) / 2 ** 32) * n);
  }
}

function mixed(value: number, salt: number): number {
  let x = Math.imul(value + 1, 0x9e3779b1) ^ Math.imul(salt, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
