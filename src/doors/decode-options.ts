/** How a tenant's push is to be decoded, whichever door it came through. */
import type { Tenant } from '../enforce/tenant.js';
import type { DecodeOptions } from '../payload/push.js';
import type { ReadAs } from './read-as.js';

export interface DecodeSettings extends Pick<DecodeOptions, 'maxUncompressedBytes' | 'maxSeries'> {
  /** Mimir has an HA tracker: without one it looks for no pairs. */
  readonly haTracker: boolean;
}

/** The labels of HA pairs are looked for where the tenant sends from pairs. */
export function decodeOptions(
  { version, source }: ReadAs,
  { id, limits }: Tenant,
  { maxUncompressedBytes, maxSeries, haTracker }: DecodeSettings,
): DecodeOptions {
  const fromPairs = haTracker && limits.accept_ha_samples;
  return {
    version,
    ...(source !== undefined && { source }),
    maxUncompressedBytes,
    maxSeries,
    sender: id,
    excludeLabel: fromPairs ? limits.ha_replica_label : '',
    clusterLabel: fromPairs ? limits.ha_cluster_label : '',
  };
}
