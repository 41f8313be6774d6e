/** Metrics of the last advice and of how much of each budget is spent. */
import { type LargeFamily, labelText } from '../telemetry/exposition.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Advisor } from './advisor.js';
import { budgetStandings } from './costs.js';

type Line = readonly [labels: string, value: number];

/** `isShown`: the tenant has lines of its own. */
export function exportAdvice(metrics: Metrics, advisor: Advisor, isShown: (tenant: string) => boolean): void {
  metrics.large(function* (): Generator<LargeFamily> {
    yield {
      name: 'mimir_edge_advised_limit',
      help: 'The limits that tenants should have by what they offered, where there is advice.',
      type: 'gauge',
      lines: advised(advisor, isShown),
    };
    yield {
      name: 'mimir_edge_budget_used_ratio',
      help: 'How much of a budget is spent in the day, month or year that it is now. Without a tenant: of all that it is for.',
      type: 'gauge',
      lines: budgets(advisor, isShown),
    };
  });
}

function* advised({ known }: Advisor, isShown: (tenant: string) => boolean): Generator<Line> {
  for (const [tenant, { advice }] of known) {
    if (!isShown(tenant)) continue;
    for (const { limit, recommended } of advice.limits) {
      if (recommended !== undefined) yield [labelText({ tenant, limit }), recommended];
    }
  }
}

function* budgets(advisor: Advisor, isShown: (tenant: string) => boolean): Generator<Line> {
  if (advisor.budgets.length === 0 || advisor.atMs === undefined) return;
  const all = [...advisor.known.values()];
  for (const { budget, tenant, period, used } of budgetStandings(advisor.budgets, all, advisor.atMs)) {
    if (tenant !== undefined && !isShown(tenant)) continue;
    yield [labelText({ budget, tenant: tenant ?? '', period }), used];
  }
}
