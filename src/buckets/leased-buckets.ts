/** All leased buckets of this replica. Visits them for calls that do not need a push. */
import type { LeasedBucket } from './leased-bucket.js';

/** Each bucket is visited once in ten ticks, so that a new shape reaches the store within about a second. */
const TICKS_A_ROUND = 10;
const MIN_LOOKS = 64;
/** Calls without a push per tick: forty replicas that reconnect together ask 25,000 times a second. */
const MAX_CALLS = 64;

interface LeasedBucketsStatus {
  readonly buckets: number;
  readonly onLocalShare: number;
  readonly tokensLeased: number;
}

export class LeasedBuckets {
  readonly #buckets = new Set<LeasedBucket>();
  /** The current round: it continues where it stopped, whatever is added or removed meanwhile. */
  #round: Iterator<LeasedBucket> = this.#buckets.values();

  add(bucket: LeasedBucket): void {
    this.#buckets.add(bucket);
  }

  forget(bucket: LeasedBucket): void {
    this.#buckets.delete(bucket);
  }

  /** Called ten times a second. */
  tick(nowMs: number): void {
    const { size } = this.#buckets;
    const looks = Math.min(size, Math.max(MIN_LOOKS, Math.ceil(size / TICKS_A_ROUND)));
    let calls = 0;
    for (let i = 0; i < looks && calls < MAX_CALLS; i++) if (this.#next()?.sweep(nowMs)) calls++;
  }

  /** Returns leased tokens while calls may be sent. True: some are not answered or not sent yet. */
  returnAll(mayCall: () => boolean, nowMs: number): boolean {
    let pending = false;
    for (const bucket of this.#buckets) {
      if (!mayCall()) return true;
      bucket.returnAll(nowMs);
      pending ||= bucket.calling;
    }
    return pending;
  }

  status(): LeasedBucketsStatus {
    let onLocalShare = 0;
    let tokensLeased = 0;
    for (const bucket of this.#buckets) {
      if (bucket.onLocalShare) onLocalShare++;
      tokensLeased += bucket.held;
    }
    return { buckets: this.#buckets.size, onLocalShare, tokensLeased };
  }

  #next(): LeasedBucket | undefined {
    let next = this.#round.next();
    if (next.done) {
      this.#round = this.#buckets.values();
      next = this.#round.next();
    }
    return next.done ? undefined : next.value;
  }
}
