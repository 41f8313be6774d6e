/**
 * How long what was done in the last ten seconds took: Mimir's answers to pushes, the edge's own part of them. A time is told from one that is an eighth longer, from a microsecond to
 * a minute, so that what is said of them is at most an eighth too long. To count one costs an increment.
 */

export const TIMES_SECONDS = 10;

/** Of each power of two, in microseconds. */
const PARTS = 8;
const PART_BITS = 3;
const LONGEST_MICROS = 2 ** 26 - 1;
const BUCKETS = bucketOf(LONGEST_MICROS) + 1;

/** What is known of so many times; they are no shorter than they were. */
export interface KnownTimes {
  readonly count: number;
  readonly medianSeconds: number;
  readonly p99Seconds: number;
}

export class RecentTimes {
  /** Second after second around. */
  readonly #window = new Uint32Array(TIMES_SECONDS * BUCKETS);
  #second = 0;

  add(seconds: number, nowMs: number): void {
    this.#tick(nowMs);
    const at = (this.#second % TIMES_SECONDS) * BUCKETS + bucketOf(Math.min(seconds * 1e6, LONGEST_MICROS));
    this.#window[at] = (this.#window[at] ?? 0) + 1;
  }

  /** By how long they took; those of several processes can be added up. */
  counts(nowMs: number): number[] {
    this.#tick(nowMs);
    const counts = new Array<number>(BUCKETS).fill(0);
    for (const [at, count] of this.#window.entries()) {
      const bucket = at % BUCKETS;
      counts[bucket] = (counts[bucket] ?? 0) + count;
    }
    return counts;
  }

  #tick(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second <= this.#second) return;
    for (let passed = Math.max(this.#second + 1, second - TIMES_SECONDS + 1); passed <= second; passed++) {
      const from = (passed % TIMES_SECONDS) * BUCKETS;
      this.#window.fill(0, from, from + BUCKETS);
    }
    this.#second = second;
  }
}

export function summedTimes(each: readonly (readonly number[])[]): number[] {
  const sums: number[] = [];
  for (const counts of each)
    for (const [bucket, count] of counts.entries()) sums[bucket] = (sums[bucket] ?? 0) + count;
  return sums;
}

/** How many took less than so many microseconds, and no less than the next smaller time that counts are told by. */
export type TimeBucket = readonly [belowMicros: number, count: number];

/** Without those that nothing is in. */
export function bucketsOf(counts: readonly number[]): TimeBucket[] {
  return [...counts.entries()].flatMap(([bucket, count]) =>
    count === 0 ? [] : [[microsOf(bucket), count] as const],
  );
}

/** The counts that buckets were made of. Undefined: they are of something else. */
export function countsIn(buckets: readonly TimeBucket[]): number[] | undefined {
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const [belowMicros, count] of buckets) {
    const isOne = belowMicros >= 1 && belowMicros <= LONGEST_MICROS + 1;
    const bucket = isOne ? bucketOf(belowMicros - 1) : 0;
    if (microsOf(bucket) !== belowMicros || counts[bucket] !== 0) return undefined;
    counts[bucket] = count;
  }
  return counts;
}

/** Undefined: nothing was done. */
export function knownTimes(counts: readonly number[]): KnownTimes | undefined {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  const within = (part: number): number => {
    let below = 0;
    const bucket = counts.findIndex((count) => {
      below += count;
      return below >= all * part;
    });
    return microsOf(bucket) / 1e6;
  };
  return { count: all, medianSeconds: within(0.5), p99Seconds: within(0.99) };
}

function bucketOf(micros: number): number {
  if (micros < PARTS) return Math.floor(micros);
  const octave = 31 - Math.clz32(micros);
  return (octave - PART_BITS + 1) * PARTS + ((micros >> (octave - PART_BITS)) & (PARTS - 1));
}

/** All that is counted in the bucket took less. */
function microsOf(bucket: number): number {
  if (bucket < PARTS) return bucket + 1;
  const octave = Math.floor(bucket / PARTS) + PART_BITS - 1;
  return (PARTS + (bucket % PARTS) + 1) * 2 ** (octave - PART_BITS);
}
