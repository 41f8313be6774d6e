/** HA pairs: Mimir's rules for which replica may send, and which series are left out because of it. */
import type { TenantLimits } from '../limits/limits.js';
import { leastTimestampMs, type Push, pairNumber } from '../payload/push.js';
import type { ElectionAnswer, ElectionRules } from './ledger.js';
import { LeftOut } from './left-out.js';

/** How many clusters are remembered for a tenant without a limit on them. */
const MAX_CLUSTERS = 10_000;

/**
 * The rules for a replica whose oldest sample is from `oldestMs`. If it lags behind the elected replica, its samples would
 * be out of order after a takeover; so with `ha_tracker_sample_failover_timeout` the lag is added to the time before one.
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

/** The oldest sample of the series that belong to one of the push's pairs. */
export function oldestOf(push: Push, pair: number): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (let row = 0; row < push.series; row++) {
    if (pairNumber(push, row) === pair + 1) oldest = Math.min(oldest, leastTimestampMs(push, row));
  }
  return oldest;
}

/** Undefined: all series may pass. So may those whose pair is unknown: Mimir decides. */
export function leaveOutReplicas(push: Push, answers: readonly ElectionAnswer[]): LeftOut | undefined {
  if (answers.every(mayPass)) return undefined;
  const leftOut = new LeftOut(push);
  for (let row = 0; row < push.series; row++) {
    const answer = answers[pairNumber(push, row) - 1];
    if (answer === 'other') leftOut.drop(push, row);
    else if (answer === 'too_many_clusters') leftOut.add(push, row, 'too_many_ha_clusters');
  }
  leftOut.addWholePoints(push);
  return leftOut;
}

function mayPass(answer: ElectionAnswer): boolean {
  return answer === 'elected' || answer === 'unknown';
}
