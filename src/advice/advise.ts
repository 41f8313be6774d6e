/**
 * The limits that a tenant should have, from what it offered, the current limits and a policy. Pure: the same history gives
 * the same advice, and without data there is none.
 */

import type { UsageHistory } from '../usage/usage-record.js';
import type { Advice } from './advice.js';
import { basisOf } from './basis.js';
import { type InForce, peakLimits, rateLimits } from './in-force.js';
import { advisePeak } from './peak-advice.js';
import { periodsOf } from './periods.js';
import type { Policy } from './policy.js';
import { adviseRate } from './rate-advice.js';

export function advise(history: UsageHistory, inForce: InForce, policy: Policy): Advice {
  const periods = periodsOf(history);
  const basis = basisOf(periods);
  const rates = rateLimits(inForce).map((limit) => adviseRate(limit, periods, policy, basis));
  const peaks = peakLimits(inForce).flatMap((limit) => advisePeak(limit, periods, policy) ?? []);
  return {
    tenant: history.tenant,
    policy: policy.name,
    basis,
    limits: [...rates.flatMap(({ limits }) => limits), ...peaks],
    curves: rates.flatMap(({ curve }) => curve ?? []),
  };
}
