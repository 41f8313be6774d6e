/** How a tenant's push is to be decoded, whichever door it came through. */
import type { Tenant } from '../enforce/tenant.js';
import type { DecodeOptions } from '../payload/push.js';
import type { ReadAs } from './read-as.js';

/** The labels of HA pairs are looked for where the tenant sends from pairs. */
export function decodeOptions(
  { version, source }: ReadAs,
  { id, limits }: Tenant,
  { maxUncompressedBytes, maxSeries }: Pick<DecodeOptions, 'maxUncompressedBytes' | 'maxSeries'>,
): DecodeOptions {
  return {
    version,
    ...(source !== undefined && { source }),
    maxUncompressedBytes,
    maxSeries,
    sender: id,
    excludeLabel: limits.accept_ha_samples ? limits.ha_replica_label : '',
    clusterLabel: limits.accept_ha_samples ? limits.ha_cluster_label : '',
  };
}
