/**
 * Counts times in exponential buckets, 32 for each doubling, so that a quantile is off by little over 3 % at most. Covers a
 * microsecond to over an hour in a few kilobytes.
 */

const STEPS = 32;
const STEP_BITS = Math.log2(STEPS);
const BUCKETS = STEPS * 28;

/** The form in a report: pairs of a bucket's upper bound in milliseconds and its count, without empty ones. */
export type HistogramBuckets = readonly (readonly [upToMs: number, count: number])[];

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  count = 0;
  maxMs = 0;
  #sumMs = 0;

  record(ms: number): void {
    const index = bucketOf(ms);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.count++;
    this.#sumMs += ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** 0 when nothing was recorded. */
  meanMs(): number {
    return this.count === 0 ? 0 : this.#sumMs / this.count;
  }

  /** The upper bound of the quantile's bucket; 0 when nothing was recorded. */
  quantileMs(quantile: number): number {
    let left = Math.ceil(quantile * this.count);
    if (left === 0) return 0;
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) return Math.min(upperEndMs(index), this.maxMs);
    }
    return this.maxMs;
  }

  buckets(): HistogramBuckets {
    return Array.from(this.#counts).flatMap((count, index) =>
      count === 0 ? [] : [[upperEndMs(index), count] as const],
    );
  }

  reset(): void {
    this.#counts.fill(0);
    this.count = 0;
    this.maxMs = 0;
    this.#sumMs = 0;
  }
}

/** The first 32 buckets are a microsecond wide; then each doubling has 32. */
function bucketOf(ms: number): number {
  const us = Math.min(Math.max(0, Math.floor(ms * 1000)), 0xffffffff);
  if (us < STEPS) return us;
  const doublings = 31 - Math.clz32(us) - STEP_BITS;
  return Math.min(BUCKETS - 1, STEPS * doublings + (us >>> doublings));
}

function upperEndMs(index: number): number {
  if (index < STEPS) return (index + 1) / 1000;
  const doublings = Math.floor(index / STEPS) - 1;
  return ((index - STEPS * doublings + 1) * 2 ** doublings) / 1000;
}
