/**
 * A bucket and the limit that it stands for. Mimir splits a rate over its N distributors but gives each of them the
 * whole burst, so a tenant can spend N bursts over the cluster while no single push may pass one.
 */
import type { TenantLimits } from '../limits/limits.js';
import type { Bucket, BucketKind, BucketShape } from './ledger.js';

export interface LimitedBucket extends BucketShape {
  readonly kind: BucketKind;
  readonly bucket: Bucket;
  /** What one distributor's bucket holds: the burst that messages name. */
  readonly burst: number;
  /** The most that one push may take, whatever the bucket holds. Mimir has such a bound for what pushes hold alone. */
  readonly maxPerPush: number;
}

/** What a limit asks of a bucket that is yet to be opened. */
export type Limit = Omit<LimitedBucket, 'bucket'>;

/** Field by field: an object of another shape would make every push slower. */
export function limitedBy(limit: Limit, bucket: Bucket): LimitedBucket {
  const { kind, rate, capacity, burst, maxPerPush } = limit;
  return { kind, rate, capacity, burst, maxPerPush, bucket };
}

export function isOverBurst(limited: LimitedBucket, n: number): boolean {
  return n > limited.maxPerPush;
}

/** Nothing is lost with it, as far as is known here. */
export function isFull({ bucket, capacity }: LimitedBucket, nowMs: number): boolean {
  return bucket.left(nowMs) >= capacity;
}

/** Ten seconds' worth, where no burst is named. */
const DEFAULT_BYTES_BURST_SECONDS = 10;

/** In Mimir a burst of 0 is one without bounds, so a request rate with one is no limit. Undefined: no limit. */
export function requestLimit(limits: TenantLimits, distributors: number): Limit | undefined {
  const burst = limits.request_burst_size;
  if (limits.request_rate <= 0 || burst === 0) return undefined;
  const capacity = burst * distributors;
  return {
    kind: 'requests',
    rate: limits.request_rate,
    capacity,
    burst,
    maxPerPush: Number.POSITIVE_INFINITY,
  };
}

export function itemLimit(limits: TenantLimits, distributors: number): Limit {
  const rate = limits.ingestion_rate;
  const burst =
    limits.ingestion_burst_factor >= 1
      ? Math.ceil((limits.ingestion_burst_factor * rate) / distributors)
      : limits.ingestion_burst_size;
  return { kind: 'items', rate, capacity: burst * distributors, burst, maxPerPush: burst };
}

/** Mimir knows no byte rate, so the burst is the whole cluster's. Undefined: no limit. */
export function byteLimit(limits: TenantLimits): Limit | undefined {
  const rate = limits.edge.bytes_per_second;
  if (rate <= 0) return undefined;
  const burst = limits.edge.bytes_burst_size || rate * DEFAULT_BYTES_BURST_SECONDS;
  return { kind: 'bytes', rate, capacity: burst, burst, maxPerPush: Number.POSITIVE_INFINITY };
}
