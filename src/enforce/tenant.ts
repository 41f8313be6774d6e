/** One tenant as this process holds it: its limits now, its buckets, what it has sent. */
import type { Mode, TenantLimits } from '../limits/limits.js';
import { type Allowance, bytesAllowance, itemsAllowance, requestsAllowance } from './bucket-shapes.js';
import type { Bucket, BucketKind, Elections, Ledger } from './ledger.js';
import type { TenantSeries } from './series.js';
import { Tally } from './tally.js';

/** A bucket and the limit it stands for. */
export interface Purse {
  readonly bucket: Bucket;
  readonly allowance: Allowance;
}

export class Tenant {
  readonly id: string;
  readonly tally = new Tally();
  limits: TenantLimits;
  mode: Mode;
  requests: Purse | undefined;
  items: Purse | undefined;
  bytes: Purse | undefined;
  /** Undefined: series are not tracked. */
  readonly series: TenantSeries | undefined;
  /** When it was last moved to the end of the order of use. */
  lastMovedMs: number;
  /** Sampling of refusal logs: the minute that is counted, and how many were in it. */
  loggedMinute = 0;
  loggedInMinute = 0;

  readonly #ledger: Ledger;
  readonly #distributors: number;
  /** Undefined until the first push of an HA pair: most tenants have none. */
  #elections: Elections | undefined;

  constructor(
    id: string,
    limits: TenantLimits,
    mode: Mode,
    ledger: Ledger,
    distributors: number,
    series: TenantSeries | undefined,
    nowMs: number,
  ) {
    this.id = id;
    this.limits = limits;
    this.mode = mode;
    this.lastMovedMs = nowMs;
    this.#ledger = ledger;
    this.#distributors = distributors;
    this.series = series;
    this.#shapePurses(nowMs);
  }

  get elections(): Elections {
    this.#elections ??= this.#ledger.elections(this.id);
    return this.#elections;
  }

  /** New limits take effect at once; no bucket gains tokens by it. */
  relimit(limits: TenantLimits, mode: Mode, nowMs: number): void {
    this.mode = mode;
    if (limits === this.limits) return;
    this.limits = limits;
    this.#shapePurses(nowMs);
  }

  /** The tenant leaves memory. */
  release(nowMs: number): void {
    for (const purse of [this.requests, this.items, this.bytes]) purse?.bucket.release(nowMs);
    this.series?.release();
  }

  #shapePurses(nowMs: number): void {
    this.requests = this.#shape(
      'requests',
      this.requests,
      requestsAllowance(this.limits, this.#distributors),
      nowMs,
    );
    this.items = this.#shape('items', this.items, itemsAllowance(this.limits, this.#distributors), nowMs);
    this.bytes = this.#shape('bytes', this.bytes, bytesAllowance(this.limits), nowMs);
  }

  #shape(
    kind: BucketKind,
    purse: Purse | undefined,
    allowance: Allowance | undefined,
    nowMs: number,
  ): Purse | undefined {
    if (allowance === undefined) {
      purse?.bucket.release(nowMs);
      return undefined;
    }
    if (purse === undefined) {
      return { bucket: this.#ledger.bucket(this.id, kind, allowance, nowMs), allowance };
    }
    purse.bucket.reshape(allowance, nowMs);
    return { bucket: purse.bucket, allowance };
  }
}
