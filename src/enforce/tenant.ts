/** One tenant as this process holds it: its current limits, its buckets, its counters. */
import { wholeTenant } from '../limits/effective.js';
import type { Mode, TenantLimits } from '../limits/limits.js';
import type { SeriesRules } from '../payload/push.js';
import type { LabelRewriting } from '../payload/rewriting.js';
import type { Elections, Ledger } from './ledger.js';
import {
  byteLimit,
  isFull,
  itemLimit,
  type Limit,
  type LimitedBucket,
  limitedBy,
  requestLimit,
} from './limited-bucket.js';
import { USUAL_PRICE } from './panic.js';
import { rewritingOf } from './rewriting.js';
import type { TenantSeries } from './series.js';
import { seriesRules } from './series-rules.js';
import { Tally } from './tally.js';

export class Tenant {
  /** Including metadata, by which other limits may be selected. */
  readonly id: string;
  /** The id without metadata. */
  readonly whole: string;
  /** It has metadata: items and series are its own, everything else belongs to the whole tenant. */
  readonly isPart: boolean;
  /** The name under which it shares Mimir's capacity: its whole tenant, or one name for all that no document names. */
  place: string;
  readonly tally: Tally;
  /** False: memory has no room, and it is dropped after this push. */
  readonly isHeld: boolean;
  limits: TenantLimits;
  /** The limits in the kernel's form, and how labels are rewritten before they are checked. */
  rules: SeriesRules;
  rewriting: LabelRewriting | undefined;
  mode: Mode;
  /** Tokens for each unit: more than 1 during a panic. */
  price = USUAL_PRICE;
  requests: LimitedBucket | undefined;
  items: LimitedBucket;
  bytes: LimitedBucket | undefined;
  /** Undefined: series are not tracked. */
  readonly series: TenantSeries | undefined;
  /** When it was last moved to the end of the LRU order. */
  lastMovedMs: number;
  /** For sampling refusal logs: the current minute, and how many were logged in it. */
  loggedMinute = 0;
  loggedInMinute = 0;

  readonly #ledger: Ledger;
  readonly #distributors: number;
  /** For a part: the whole tenant when the part was last admitted. */
  #sharesWith: Tenant | undefined;
  /** Undefined until the first push with an HA pair: most tenants have none. */
  #elections: Elections | undefined;

  constructor(
    id: string,
    limits: TenantLimits,
    mode: Mode,
    ledger: Ledger,
    distributors: number,
    series: TenantSeries | undefined,
    nowMs: number,
    /** The common counters for tenants that are not held. */
    sharedTally?: Tally,
  ) {
    this.id = id;
    this.whole = wholeTenant(id);
    this.isPart = this.whole !== id;
    this.place = this.whole;
    this.tally = sharedTally ?? new Tally();
    this.isHeld = sharedTally === undefined;
    this.limits = limits;
    this.rules = seriesRules(limits);
    this.rewriting = rewritingOf(id, limits, this.rules);
    this.mode = mode;
    this.lastMovedMs = nowMs;
    this.#ledger = ledger;
    this.#distributors = distributors;
    this.series = series;
    this.items = this.#open(itemLimit(limits, distributors), nowMs);
    this.#limitRequestsAndBytes(nowMs);
  }

  /** For a part: uses the buckets of the whole tenant, which may have left memory and come back. */
  share(whole: Tenant): void {
    this.requests = whole.requests;
    this.bytes = whole.bytes;
    this.#sharesWith = whole;
  }

  get elections(): Elections {
    if (this.#sharesWith !== undefined) return this.#sharesWith.elections;
    this.#elections ??= this.#ledger.elections(this.whole);
    return this.#elections;
  }

  /** Applies new limits at once; no bucket gains tokens. */
  relimit(limits: TenantLimits, mode: Mode, nowMs: number): void {
    this.mode = mode;
    if (limits === this.limits) return;
    this.limits = limits;
    this.rules = seriesRules(limits);
    this.rewriting = rewritingOf(this.id, limits, this.rules);
    this.items = reshape(this.items, itemLimit(limits, this.#distributors), nowMs);
    this.#limitRequestsAndBytes(nowMs);
  }

  /** All buckets are full, as far as is known locally: nothing is lost with them. */
  owesNothing(nowMs: number): boolean {
    const { requests, items, bytes } = this;
    return (
      (requests === undefined || isFull(requests, nowMs)) &&
      isFull(items, nowMs) &&
      (bytes === undefined || isFull(bytes, nowMs))
    );
  }

  /** The tenant leaves memory. */
  release(nowMs: number): void {
    const own = this.isPart ? [this.items] : [this.requests, this.items, this.bytes];
    for (const limited of own) limited?.bucket.release(nowMs);
    this.series?.release();
  }

  #limitRequestsAndBytes(nowMs: number): void {
    if (this.isPart) return;
    this.requests = this.#limit(this.requests, requestLimit(this.limits, this.#distributors), nowMs);
    this.bytes = this.#limit(this.bytes, byteLimit(this.limits), nowMs);
  }

  /** The same bucket with another limit, a new bucket, or none any more. */
  #limit(
    before: LimitedBucket | undefined,
    limit: Limit | undefined,
    nowMs: number,
  ): LimitedBucket | undefined {
    if (limit === undefined) {
      before?.bucket.release(nowMs);
      return undefined;
    }
    return before === undefined ? this.#open(limit, nowMs) : reshape(before, limit, nowMs);
  }

  #open(limit: Limit, nowMs: number): LimitedBucket {
    return limitedBy(limit, this.#ledger.bucket(this.id, limit.kind, limit, nowMs));
  }
}

function reshape({ bucket }: LimitedBucket, limit: Limit, nowMs: number): LimitedBucket {
  bucket.reshape(limit, nowMs);
  return limitedBy(limit, bucket);
}
