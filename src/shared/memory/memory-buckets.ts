/**
 * Shared buckets in memory: the same steps and arithmetic as redis/lease.lua, so that a process can be the store of others
 * and tests can compare the two. Time is passed in, in milliseconds.
 */

import { firstToLeave } from '../../base/eviction.js';
import { Debts } from '../../buckets/debts.js';
import type { LeaseCall, LeaseReply } from '../../buckets/lease-protocol.js';
import type { BucketKind, BucketShape } from '../../enforce/ledger.js';

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
  /** In LRU order. */
  readonly #buckets = new Map<string, StoredBucket>();
  readonly #newIncarnation: () => string;
  readonly #max: number;
  readonly #debts: Debts;

  /**
   * Incarnations must be unique, even across restarts of the store. Above `max` buckets, one that is full is forgotten, or
   * else the least recently called bucket's debt is remembered until it comes back. If there is no room for that either,
   * new ones share one bucket with all others of their shape, so `max` can be exceeded by the number of shapes.
   */
  constructor(newIncarnation: () => string, max = Number.POSITIVE_INFINITY, debts = new Debts()) {
    this.#newIncarnation = newIncarnation;
    this.#max = max;
    this.#debts = debts;
  }

  get size(): number {
    return this.#buckets.size;
  }

  lease(tenant: string, call: LeaseCall, nowMs: number): LeaseReply {
    const key = `${call.bucket} ${tenant}`;
    const bucket = this.#refilled(key, nowMs) ?? this.#open(key, call, nowMs);
    // The bucket was lost and recreated: it starts no fuller than the caller last saw it.
    if (call.incarnation !== '' && call.incarnation !== bucket.incarnation) {
      bucket.tokens = Math.min(bucket.tokens, call.ceiling);
    }
    if (call.version > 0 && call.version >= bucket.version) {
      bucket.rate = call.shape.rate;
      bucket.capacity = call.shape.capacity;
      bucket.version = call.version;
    }
    // A bucket may owe at most its capacity; the tenant waits until that is earned.
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

  /** Forgets buckets that were not called since they became full. */
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
    // A Map keeps insertion order, so the first is the least recently used.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Takes its debt back first, which makes room to remember another one's. */
  #open(key: string, call: LeaseCall, nowMs: number): StoredBucket {
    this.#buckets.delete(key);
    const owed = this.#debts.take(key, call.bucket, nowMs);
    if (this.#hasRoom(nowMs)) return this.#create(key, call, owed, nowMs);
    // No tenant's name has a space.
    const common = `${call.bucket} ${call.shape.rate} ${call.shape.capacity}`;
    const owedInCommon = this.#debts.take(common, call.bucket, nowMs);
    return this.#refilled(common, nowMs) ?? this.#create(common, call, owedInCommon, nowMs);
  }

  #create(key: string, { shape, version }: LeaseCall, owed: number, nowMs: number): StoredBucket {
    const { rate, capacity } = shape;
    const tokens = Math.max(-capacity, capacity - owed);
    const incarnation = this.#newIncarnation();
    const bucket = { tokens, atMs: nowMs, rate, capacity, version, incarnation, expiresMs: 0 };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** There is room for one more, or room was made. */
  #hasRoom(nowMs: number): boolean {
    if (this.#buckets.size < this.#max) return true;
    const leaves = firstToLeave(this.#buckets, ([, bucket]) => missingFrom(bucket, nowMs) === 0);
    if (leaves === undefined) return false;
    const [key, bucket] = leaves;
    const missing = missingFrom(bucket, nowMs);
    if (missing > 0 && !this.#debts.hasRoom('', nowMs)) return false;
    const kind = key.slice(0, key.indexOf(' ')) as BucketKind;
    this.#debts.remember(key, kind, missing, bucket.rate, nowMs);
    this.#buckets.delete(key);
    return true;
  }
}

function missingFrom({ tokens, atMs, rate, capacity }: StoredBucket, nowMs: number): number {
  return Math.max(0, capacity - tokens - (Math.max(0, nowMs - atMs) * rate) / 1000);
}

/** Whole tokens: fractions going back and forth would wear down. */
function reserveOf({ leastReserve, mostReserve }: LeaseCall, left: number, capacity: number): number {
  const fill = capacity > 0 ? left / capacity : 0;
  return Math.floor(Math.min(left, Math.max(leastReserve, Math.min(mostReserve * fill, left / 4))));
}

/** Twice the refill time, so that a forgotten bucket was full. */
function timeToLiveMs({ rate, capacity }: BucketShape): number {
  const refillMs = rate > 0 ? (capacity / rate) * 1000 : MAX_TTL_MS;
  return Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, Math.ceil(2 * refillMs)));
}
