/**
 * From a tenant's limits to bucket shapes. Mimir splits a rate over its N distributors but gives each of them
 * the whole burst, so a tenant can spend N bursts over the cluster while no single request may pass one.
 */
import type { TenantLimits } from '../limits/limits.js';
import type { BucketShape } from './ledger.js';

export interface Allowance extends BucketShape {
  /** The most that one push may take, whatever the bucket holds. */
  readonly mostAtOnce: number;
}

/** Ten seconds' worth, where no burst is named. */
const DEFAULT_BYTES_BURST_SECONDS = 10;

export function itemsAllowance(limits: TenantLimits, distributors: number): Allowance {
  const rate = limits.ingestion_rate;
  const burst =
    limits.ingestion_burst_factor >= 1
      ? Math.ceil((limits.ingestion_burst_factor * rate) / distributors)
      : limits.ingestion_burst_size;
  return { rate, capacity: burst * distributors, mostAtOnce: burst };
}

/** Undefined: the tenant has no request rate. In Mimir a burst of 0 is one without bounds, so it is none either. */
export function requestsAllowance(limits: TenantLimits, distributors: number): Allowance | undefined {
  const burst = limits.request_burst_size;
  if (limits.request_rate <= 0 || burst === 0) return undefined;
  return { rate: limits.request_rate, capacity: burst * distributors, mostAtOnce: burst };
}

/** Undefined: the tenant has no byte rate. Mimir knows no such limit, so its burst is the fleet's. */
export function bytesAllowance(limits: TenantLimits): Allowance | undefined {
  const rate = limits.edge.bytes_per_second;
  if (rate <= 0) return undefined;
  const burst = limits.edge.bytes_burst_size || rate * DEFAULT_BYTES_BURST_SECONDS;
  return { rate, capacity: burst, mostAtOnce: burst };
}
