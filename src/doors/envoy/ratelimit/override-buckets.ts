/**
 * Buckets for limits that a descriptor brings along. Each stands in for the tenant's own bucket and is apart from it;
 * a limit with other numbers is another bucket. At most `max` are held: the least recently used goes first.
 */
import type { BucketKind, Ledger } from '../../../enforce/ledger.js';
import { type LimitedBucket, limitedBy } from '../../../enforce/limited-bucket.js';

export const UNIT_SECONDS: readonly number[] = [0, 1, 60, 3600, 86_400, 30 * 86_400, 365 * 86_400];

export class OverrideBuckets {
  readonly #ledger: Ledger;
  readonly #max: number;
  /** In order of last use. */
  readonly #buckets = new Map<string, LimitedBucket>();

  constructor(ledger: Ledger, max: number) {
    this.#ledger = ledger;
    this.#max = max;
  }

  /** Undefined: a unit that is not known. */
  bucket(
    tenant: string,
    kind: BucketKind,
    limit: { readonly requestsPerUnit: number; readonly unit: number },
    nowMs: number,
  ): LimitedBucket | undefined {
    const seconds = UNIT_SECONDS[limit.unit];
    if (!seconds) return undefined;
    const key = `${tenant} ${limit.requestsPerUnit}/${seconds}s`;
    const held = this.#buckets.get(`${key} ${kind}`);
    const limited = held ?? this.#open(key, kind, limit.requestsPerUnit, seconds, nowMs);
    this.#buckets.delete(`${key} ${kind}`);
    this.#buckets.set(`${key} ${kind}`, limited);
    return limited;
  }

  #open(key: string, kind: BucketKind, capacity: number, seconds: number, nowMs: number): LimitedBucket {
    if (this.#buckets.size >= this.#max) this.#dropOldest(nowMs);
    const maxPerPush = kind === 'items' ? capacity : Number.POSITIVE_INFINITY;
    const limit = { kind, rate: capacity / seconds, capacity, burst: capacity, maxPerPush };
    return limitedBy(limit, this.#ledger.bucket(key, kind, limit, nowMs));
  }

  #dropOldest(nowMs: number): void {
    const oldest = this.#buckets.entries().next();
    if (oldest.done) return;
    const [key, { bucket }] = oldest.value;
    this.#buckets.delete(key);
    bucket.release(nowMs);
  }
}
