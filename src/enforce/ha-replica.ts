/** Pushes of HA pairs: which of them are of one, and Mimir's rules for which replica may send. */
import type { TenantLimits } from '../limits/limits.js';
import type { HaLabels } from '../payload/push.js';
import type { ElectionRules } from './ledger.js';

/** Where the tenant may have any number of pairs, this many are remembered. */
const MAX_CLUSTERS = 10_000;

/** Mimir passes over a replica label that no series may have; then the push is taken as it is. */
export function isFromPair({ cluster, replica }: HaLabels, limits: TenantLimits): boolean {
  const longest = limits.max_label_value_length;
  return (
    limits.accept_ha_samples && Buffer.byteLength(cluster) <= longest && Buffer.byteLength(replica) <= longest
  );
}

export function electionRules(limits: TenantLimits): ElectionRules {
  return {
    updateMs: limits.ha_tracker_update_timeout,
    updateJitterMs: limits.ha_tracker_update_timeout_jitter_max,
    failoverMs: limits.ha_tracker_failover_timeout,
    mostClusters: maxClusters(limits),
  };
}

export function maxClusters(limits: TenantLimits): number {
  return limits.ha_max_clusters || MAX_CLUSTERS;
}
