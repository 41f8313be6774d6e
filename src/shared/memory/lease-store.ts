/**
 * The store's side of a lease call, in JavaScript: what redis/lease.lua does, step by step and with the same
 * arithmetic, so that a process can be the ledger for others and tests can hold the script against it.
 * Time is handed in, in milliseconds.
 */

import type { LeaseCall, LeaseReply } from '../../buckets/lease.js';
import type { BucketShape } from '../../enforce/ledger.js';

interface StoredBucket {
  tokens: number;
  atMs: number;
  rate: number;
  capacity: number;
  readonly generation: string;
  expiresMs: number;
}

const MIN_TTL_MS = 60_000;
const MAX_TTL_MS = 86_400_000;

export class LeaseStore {
  readonly #buckets = new Map<string, StoredBucket>();
  readonly #newGeneration: () => string;
  readonly #max: number;

  /**
   * No two generations may be the same, not even over two lives of the store. Of more than `max` buckets the one
   * that was called for least recently is forgotten, and is full when it comes back.
   */
  constructor(newGeneration: () => string, max = Number.POSITIVE_INFINITY) {
    this.#newGeneration = newGeneration;
    this.#max = max;
  }

  get size(): number {
    return this.#buckets.size;
  }

  apply(key: string, call: LeaseCall, nowMs: number): LeaseReply {
    let bucket = this.#buckets.get(key);
    if (bucket !== undefined && bucket.expiresMs <= nowMs) bucket = undefined;
    if (bucket === undefined) {
      bucket = this.#create(key, call.shape, nowMs);
    } else {
      const elapsedMs = nowMs - bucket.atMs;
      if (elapsedMs > 0) {
        bucket.tokens = Math.min(bucket.capacity, bucket.tokens + (elapsedMs * bucket.rate) / 1000);
      }
      bucket.atMs = nowMs;
      // A Map keeps the order of insertion: the first is the one that was used least recently.
      this.#buckets.delete(key);
      this.#buckets.set(key, bucket);
    }
    // The bucket was lost and made anew: it starts no fuller than the caller last saw it.
    if (call.generation !== '' && call.generation !== bucket.generation) {
      bucket.tokens = Math.min(bucket.tokens, call.bound);
    }
    if (call.reshape) {
      bucket.rate = call.shape.rate;
      bucket.capacity = call.shape.capacity;
    }
    // A bucket may owe what it holds at most; the tenant waits until that is earned.
    let tokens = Math.min(bucket.tokens, bucket.capacity);
    if (call.debit > 0) tokens = Math.max(Math.min(tokens, -bucket.capacity), tokens - call.debit);
    tokens = Math.min(bucket.capacity, tokens + call.give);
    let granted = 0;
    if (call.need <= tokens) {
      const left = tokens - call.need;
      const fill = bucket.capacity > 0 ? left / bucket.capacity : 0;
      // Whole tokens: fractions that travel to and fro would wear down.
      const reserve = Math.floor(Math.min(left, Math.max(call.least, Math.min(call.most * fill, left / 4))));
      granted = call.need + reserve;
      tokens = left - reserve;
    }
    bucket.tokens = tokens;
    bucket.expiresMs = nowMs + timeToLiveMs(bucket);
    return {
      granted,
      available: tokens,
      shape: { rate: bucket.rate, capacity: bucket.capacity },
      generation: bucket.generation,
    };
  }

  /** Forgets buckets that nobody has called for since they were full again. */
  expire(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.expiresMs <= nowMs) this.#buckets.delete(key);
  }

  #create(key: string, { rate, capacity }: BucketShape, nowMs: number): StoredBucket {
    const bucket = {
      tokens: capacity,
      atMs: nowMs,
      rate,
      capacity,
      generation: this.#newGeneration(),
      expiresMs: 0,
    };
    this.#buckets.delete(key);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size >= this.#max && !oldest.done) this.#buckets.delete(oldest.value);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

/** Twice the time to refill, so that a bucket that is forgotten was full. */
function timeToLiveMs({ rate, capacity }: BucketShape): number {
  const refillMs = rate > 0 ? (capacity / rate) * 1000 : MAX_TTL_MS;
  return Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, Math.ceil(2 * refillMs)));
}
