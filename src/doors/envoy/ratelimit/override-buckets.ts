/**
 * Buckets for limits that a descriptor contains. Each replaces the tenant's own bucket and is separate from it; another
 * limit is another bucket. At most `max` are kept, and for each limit one that is shared by tenants without room. A full
 * bucket is evicted first, else the least recently used one.
 */
import { firstToLeave } from '../../../base/eviction.js';
import type { BucketKind, Ledger } from '../../../enforce/ledger.js';
import { isFull, type LimitedBucket, limitedBy } from '../../../enforce/limited-bucket.js';

export const UNIT_SECONDS: readonly number[] = [0, 1, 60, 3600, 86_400, 30 * 86_400, 365 * 86_400];

export class OverrideBuckets {
  readonly #ledger: Ledger;
  readonly #max: number;
  /** In LRU order. */
  readonly #buckets = new Map<string, LimitedBucket>();

  constructor(ledger: Ledger, max: number) {
    this.#ledger = ledger;
    this.#max = max;
  }

  /** Undefined: an unknown unit. */
  bucket(
    tenant: string,
    kind: BucketKind,
    limit: { readonly requestsPerUnit: number; readonly unit: number },
    nowMs: number,
  ): LimitedBucket | undefined {
    const seconds = UNIT_SECONDS[limit.unit];
    if (!seconds) return undefined;
    const size = `${limit.requestsPerUnit}/${seconds}s`;
    const own = `${tenant} ${size}`;
    const held = this.#buckets.get(`${own} ${kind}`);
    if (held !== undefined) return this.#use(`${own} ${kind}`, held);
    // If nothing can be evicted, new ones share. No tenant's name has a space.
    const key = this.#makeRoom(own, nowMs) ? own : `without room ${size}`;
    const shared = this.#buckets.get(`${key} ${kind}`);
    return this.#use(
      `${key} ${kind}`,
      shared ?? this.#open(key, kind, limit.requestsPerUnit, seconds, nowMs),
    );
  }

  get size(): number {
    return this.#buckets.size;
  }

  #use(key: string, limited: LimitedBucket): LimitedBucket {
    this.#buckets.delete(key);
    this.#buckets.set(key, limited);
    return limited;
  }

  #open(key: string, kind: BucketKind, capacity: number, seconds: number, nowMs: number): LimitedBucket {
    const maxPerPush = kind === 'items' ? capacity : Number.POSITIVE_INFINITY;
    const limit = { kind, rate: capacity / seconds, capacity, burst: capacity, maxPerPush };
    return limitedBy(limit, this.#ledger.bucket(key, kind, limit, nowMs));
  }

  /** Evicts a full bucket, or else the least recently used one if its state will be remembered. False: neither. */
  #makeRoom(next: string, nowMs: number): boolean {
    if (this.#buckets.size < this.#max) return true;
    const leaves = firstToLeave(this.#buckets, ([, limited]) => isFull(limited, nowMs));
    if (leaves === undefined) return false;
    const [key, limited] = leaves;
    if (!isFull(limited, nowMs) && !this.#ledger.remembersEvicted(next, nowMs)) return false;
    this.#buckets.delete(key);
    limited.bucket.release(nowMs);
    return true;
  }
}
