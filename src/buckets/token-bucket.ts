/**
 * A token bucket: from any moment on it gives at most `capacity + rate × elapsed` tokens. Time is passed in, in
 * milliseconds; if it steps back, no time has passed.
 */
import type { Answer, Bucket, BucketShape } from '../enforce/ledger.js';

const REFUSED_FOREVER = Number.POSITIVE_INFINITY;

export class TokenBucket implements Bucket {
  #tokens: number;
  #capacity: number;
  #perMs: number;
  #lastMs: number;

  constructor(shape: BucketShape, nowMs: number) {
    this.#capacity = shape.capacity;
    this.#perMs = shape.rate / 1000;
    this.#tokens = shape.capacity;
    this.#lastMs = nowMs;
  }

  take(n: number, nowMs: number): boolean {
    this.#refill(nowMs);
    if (n > this.#tokens) return false;
    this.#tokens -= n;
    return true;
  }

  ask(n: number, nowMs: number): Answer {
    const granted = this.take(n, nowMs);
    return { granted, available: this.#tokens, waitSeconds: granted ? 0 : this.#waitSeconds(n) };
  }

  left(nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens;
  }

  giveBack(n: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + n);
  }

  /** Tokens earned so far are at the old rate; a larger capacity starts no fuller than the old one was. */
  reshape(shape: BucketShape, nowMs: number): void {
    this.#refill(nowMs);
    this.#capacity = shape.capacity;
    this.#perMs = shape.rate / 1000;
    this.#tokens = Math.min(this.#tokens, shape.capacity);
  }

  release(_nowMs: number): void {}

  #refill(nowMs: number): void {
    const elapsedMs = nowMs - this.#lastMs;
    if (elapsedMs <= 0) return;
    this.#lastMs = nowMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + elapsedMs * this.#perMs);
  }

  #waitSeconds(n: number): number {
    if (n > this.#capacity || this.#perMs === 0) return REFUSED_FOREVER;
    return (n - this.#tokens) / this.#perMs / 1000;
  }
}
