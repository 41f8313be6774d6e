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

/**
 * For a replica whose oldest sample is from `oldestMs`. Behind a replica that lags the elected one's samples are newer, and
 * would be out of order after a takeover: with a timeout for samples these have to be so much newer than the note, too.
 */
export function electionRules(limits: TenantLimits, oldestMs: number, wallNow: () => number): ElectionRules {
  const failoverMs = limits.ha_tracker_failover_timeout;
  const sampleMs = limits.ha_tracker_sample_failover_timeout;
  const lagMs = sampleMs === 0 ? 0 : Math.max(0, wallNow() - oldestMs);
  return {
    updateMs: limits.ha_tracker_update_timeout,
    updateJitterMs: limits.ha_tracker_update_timeout_jitter_max,
    failoverMs,
    takeoverMs: sampleMs === 0 ? failoverMs : Math.max(failoverMs, sampleMs + lagMs),
    mostClusters: maxClusters(limits),
  };
}

export function maxClusters(limits: TenantLimits): number {
  return limits.ha_max_clusters || MAX_CLUSTERS;
}
