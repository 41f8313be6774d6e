/**
 * Shared buckets in memory: what redis/lease.lua does, step by step and with the same arithmetic, so that a process can be
 * the store of others and tests can hold the script against it. Time is handed in, in milliseconds.
 */

import type { LeaseCall, LeaseReply } from '../../buckets/lease-protocol.js';
import type { BucketShape } from '../../enforce/ledger.js';

interface StoredBucket {
  tokens: number;
  atMs: number;
  rate: number;
  capacity: number;
  version: number;
  readonly incarnation: string;
  expiresMs: number;
}

const MIN_TTL_MS = 60_000;
const MAX_TTL_MS = 86_400_000;

export class MemoryBuckets {
  /** In the order of last use. */
  readonly #buckets = new Map<string, StoredBucket>();
  readonly #newIncarnation: () => string;
  readonly #max: number;

  /**
   * No two incarnations may be the same, not even over two lives of the store. Of more than `max` buckets the one
   * that was called for least recently is forgotten, and is full when it comes back.
   */
  constructor(newIncarnation: () => string, max = Number.POSITIVE_INFINITY) {
    this.#newIncarnation = newIncarnation;
    this.#max = max;
  }

  get size(): number {
    return this.#buckets.size;
  }

  lease(tenant: string, call: LeaseCall, nowMs: number): LeaseReply {
    const key = `${call.bucket} ${tenant}`;
    const bucket = this.#refilled(key, nowMs) ?? this.#create(key, call, nowMs);
    // The bucket was lost and made anew: it starts no fuller than the caller last saw it.
    if (call.incarnation !== '' && call.incarnation !== bucket.incarnation) {
      bucket.tokens = Math.min(bucket.tokens, call.ceiling);
    }
    if (call.version > 0 && call.version >= bucket.version) {
      bucket.rate = call.shape.rate;
      bucket.capacity = call.shape.capacity;
      bucket.version = call.version;
    }
    // A bucket may owe what it holds at most; the tenant waits until that is earned.
    let tokens = Math.min(bucket.tokens, bucket.capacity);
    if (call.debit > 0) tokens = Math.max(Math.min(tokens, -bucket.capacity), tokens - call.debit);
    tokens = Math.min(bucket.capacity, tokens + call.returned);
    let granted = 0;
    if (call.need <= tokens) {
      const left = tokens - call.need;
      const reserve = reserveOf(call, left, bucket.capacity);
      granted = call.need + reserve;
      tokens = left - reserve;
    }
    bucket.tokens = tokens;
    bucket.expiresMs = nowMs + timeToLiveMs(bucket);
    return {
      granted,
      available: tokens,
      shape: { rate: bucket.rate, capacity: bucket.capacity },
      version: bucket.version,
      incarnation: bucket.incarnation,
    };
  }

  /** Forgets buckets that nobody has called for since they were full again. */
  expire(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.expiresMs <= nowMs) this.#buckets.delete(key);
  }

  #refilled(key: string, nowMs: number): StoredBucket | undefined {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined || bucket.expiresMs <= nowMs) return undefined;
    const elapsedMs = nowMs - bucket.atMs;
    if (elapsedMs > 0) {
      bucket.tokens = Math.min(bucket.capacity, bucket.tokens + (elapsedMs * bucket.rate) / 1000);
    }
    bucket.atMs = nowMs;
    // A Map keeps the order of insertion: the first is the one that was used least recently.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #create(key: string, { shape: { rate, capacity }, version }: LeaseCall, nowMs: number): StoredBucket {
    const incarnation = this.#newIncarnation();
    const bucket = { tokens: capacity, atMs: nowMs, rate, capacity, version, incarnation, expiresMs: 0 };
    this.#buckets.delete(key);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size >= this.#max && !oldest.done) this.#buckets.delete(oldest.value);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

/** Whole tokens: fractions that travel to and fro would wear down. */
function reserveOf({ leastReserve, mostReserve }: LeaseCall, left: number, capacity: number): number {
  const fill = capacity > 0 ? left / capacity : 0;
  return Math.floor(Math.min(left, Math.max(leastReserve, Math.min(mostReserve * fill, left / 4))));
}

/** Twice the time to refill, so that a bucket that is forgotten was full. */
function timeToLiveMs({ rate, capacity }: BucketShape): number {
  const refillMs = rate > 0 ? (capacity / rate) * 1000 : MAX_TTL_MS;
  return Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, Math.ceil(2 * refillMs)));
}
