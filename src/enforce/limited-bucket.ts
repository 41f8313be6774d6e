/**
 * A bucket together with its limit. Mimir splits a rate over its N distributors but gives each the whole burst: a tenant
 * can spend N bursts over the cluster, while no single push may exceed one.
 */
import type { TenantLimits } from '../limits/limits.js';
import type { Bucket, BucketKind, BucketShape } from './ledger.js';

export interface LimitedBucket extends BucketShape {
  readonly kind: BucketKind;
  readonly bucket: Bucket;
  /** The burst of one distributor, as messages name it. */
  readonly burst: number;
  /** The most that one push may take, however full the bucket is. In Mimir only items have such a bound. */
  readonly maxPerPush: number;
}

/** The limit of a bucket that is not opened yet. */
export type Limit = Omit<LimitedBucket, 'bucket'>;

/** Copies field by field: objects of different shapes would make every push slower. */
export function limitedBy(limit: Limit, bucket: Bucket): LimitedBucket {
  const { kind, rate, capacity, burst, maxPerPush } = limit;
  return { kind, rate, capacity, burst, maxPerPush, bucket };
}

export function isOverBurst(limited: LimitedBucket, n: number): boolean {
  return n > limited.maxPerPush;
}

/** As far as is known locally, nothing is lost if the bucket is dropped. */
export function isFull({ bucket, capacity }: LimitedBucket, nowMs: number): boolean {
  return bucket.left(nowMs) >= capacity;
}

/** The burst is ten seconds of the rate unless one is set. */
const DEFAULT_BYTES_BURST_SECONDS = 10;

/** In Mimir a request burst of 0 is unlimited, so there is no limit. Undefined: no limit. */
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

/** Mimir has no byte rate, so the burst is that of the whole cluster. Undefined: no limit. */
export function byteLimit(limits: TenantLimits): Limit | undefined {
  const rate = limits.edge.bytes_per_second;
  if (rate <= 0) return undefined;
  const burst = limits.edge.bytes_burst_size || rate * DEFAULT_BYTES_BURST_SECONDS;
  return { kind: 'bytes', rate, capacity: burst, burst, maxPerPush: Number.POSITIVE_INFINITY };
}
