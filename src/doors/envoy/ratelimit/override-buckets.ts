/**
 * Buckets for limits that a descriptor brings along. Each stands in for the tenant's own bucket and is apart from it;
 * a limit with other numbers is another bucket. At most `max` are held: the least recently used goes first.
 */
import type { BucketKind, Ledger } from '../../../enforce/ledger.js';
import type { Purse } from '../../../enforce/tenant.js';

export const UNIT_SECONDS: readonly number[] = [0, 1, 60, 3600, 86_400, 30 * 86_400, 365 * 86_400];

export class OverrideBuckets {
  readonly #ledger: Ledger;
  readonly #max: number;
  /** In order of last use. */
  readonly #purses = new Map<string, Purse>();

  constructor(ledger: Ledger, max: number) {
    this.#ledger = ledger;
    this.#max = max;
  }

  /** Undefined: a unit that is not known. */
  purse(
    tenant: string,
    kind: BucketKind,
    limit: { readonly requestsPerUnit: number; readonly unit: number },
    nowMs: number,
  ): Purse | undefined {
    const seconds = UNIT_SECONDS[limit.unit];
    if (!seconds) return undefined;
    const key = `${tenant} ${limit.requestsPerUnit}/${seconds}s`;
    const held = this.#purses.get(`${key} ${kind}`);
    const purse = held ?? this.#open(key, kind, limit.requestsPerUnit, seconds, nowMs);
    this.#purses.delete(`${key} ${kind}`);
    this.#purses.set(`${key} ${kind}`, purse);
    return purse;
  }

  #open(key: string, kind: BucketKind, capacity: number, seconds: number, nowMs: number): Purse {
    if (this.#purses.size >= this.#max) this.#dropOldest(nowMs);
    const allowance = { rate: capacity / seconds, capacity, mostAtOnce: capacity };
    return { bucket: this.#ledger.bucket(key, kind, allowance, nowMs), allowance };
  }

  #dropOldest(nowMs: number): void {
    const oldest = this.#purses.entries().next();
    if (oldest.done) return;
    const [key, { bucket }] = oldest.value;
    this.#purses.delete(key);
    bucket.release(nowMs);
  }
}
