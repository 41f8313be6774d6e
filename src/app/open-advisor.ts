/** Advice as configured. */
import { Advisor, type Histories } from '../advice/advisor.js';
import type { Config } from '../config/config.js';
import { effectiveLimits } from '../limits/effective.js';
import type { Snapshot } from '../limits/limits.js';
import { METADATA } from '../limits/tenant-id.js';

export function openAdvisor(config: Config, histories: Histories, snapshot: () => Snapshot): Advisor {
  return new Advisor({
    histories,
    policies: config['advice.policies'],
    prices: {
      currency: config['advice.currency'],
      millionSamples: config['advice.price.million_samples'],
      thousandSeriesMonth: config['advice.price.thousand_series_month'],
      gigabyte: config['advice.price.gigabyte'],
    },
    budgets: config['advice.budgets'],
    distributors: config['mimir.distributors'],
    limitsOf: (tenant) => {
      const now = snapshot();
      return { limits: effectiveLimits(now, tenant), named: now.tenants.has(tenant) };
    },
    // Entries for metadata are not tenants.
    named: () => [...snapshot().tenants.keys()].filter((id) => !id.includes(METADATA)),
    nowMs: Date.now,
  });
}

/** No histories are kept. */
export const NO_HISTORIES: Histories = {
  tenants: async () => [],
  history: async (tenant) => ({ tenant, hours: [], days: [] }),
};
