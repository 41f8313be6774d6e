/**
 * How much of each current limit an hour or a day used: 1 is all of it. Limits that are unset or have no data are left out.
 */
import type { UsageRecord } from '../usage/usage-record.js';
import { countedDemand, headroomOf } from './arrival.js';
import { type InForce, peakLimits, rateLimits } from './in-force.js';
import type { AdvisedLimit } from './policy.js';

export interface Meter {
  /** For a rate and its burst, the rate: both are used together. */
  readonly limit: AdvisedLimit;
  readonly current: number;
  /** Little use of it does not mean that it is too wide. */
  readonly mayBeWide: boolean;
  readonly used: (record: UsageRecord) => number | undefined;
}

export function metersOf(inForce: InForce): Meter[] {
  const rates = rateLimits(inForce).flatMap(({ rate, current, written, curveOf }): Meter[] => {
    if (current === undefined || written.rate === undefined) return [];
    const used = (record: UsageRecord): number | undefined => {
      const curve = curveOf(record);
      if (curve === undefined || curve.every(Number.isNaN)) return undefined;
      return (
        1 / (1 + headroomOf(countedDemand([{ curve, resolutionSeconds: record.resolutionSeconds }]), current))
      );
    };
    return [{ limit: rate, current: written.rate, mayBeWide: false, used }];
  });
  const peaks = peakLimits(inForce).flatMap(({ limit, current, isOnlyRaised, peakOf }): Meter[] => {
    if (current === undefined || current === 0) return [];
    const used = (record: UsageRecord): number | undefined => {
      const peak = peakOf(record);
      return peak === undefined || Number.isNaN(peak) ? undefined : peak / current;
    };
    return [{ limit, current, mayBeWide: isOnlyRaised, used }];
  });
  return [...rates, ...peaks];
}
