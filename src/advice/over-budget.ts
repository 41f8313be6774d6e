/**
 * The action on a spent budget, if its settings ask for one: halving the ingestion rate of the spender for a time.
 * Overrides are not changed, and it ends by itself. Pure: decides what to do without doing it.
 */
import type { TenantLimits } from '../limits/limits.js';
import type { Budget, BudgetPeriod } from './budget.js';
import { budgetStandings, type TenantDays } from './costs.js';
import { matchesAny } from './policy.js';

export interface RateCut {
  readonly tenant: string;
  readonly ingestionRate: number;
  readonly untilMs: number;
  readonly budget: string;
  readonly reason: string;
}

interface Spender extends TenantDays {
  readonly limits: TenantLimits;
}

const DAY_MS = 86_400_000;
/** For each budget, those who spent most first. */
const MOST_TENANTS = 100;

/** For at most a day, and never beyond the period that is over budget. */
export function rateCuts(
  budgets: readonly Budget[],
  spenders: readonly Spender[],
  nowMs: number,
): readonly RateCut[] {
  const acting = budgets.filter(({ onOverBudget }) => onOverBudget === 'halve_rate');
  const cuts = new Map<string, RateCut>();
  for (const budget of acting) {
    for (const { tenant, of, used } of budgetStandings([budget], spenders, nowMs)) {
      if (used < 1) continue;
      const untilMs = Math.min(endOf(budget.period, nowMs), nowMs + DAY_MS);
      const reason = `${Math.round(used * 100)} % of the budget ${budget.name} of ${of} are spent`;
      for (const { tenant: id, limits } of spendersOf(budget, tenant, spenders)) {
        if (!cuts.has(id) && limits.ingestion_rate > 0)
          cuts.set(id, {
            tenant: id,
            ingestionRate: limits.ingestion_rate / 2,
            untilMs,
            budget: budget.name,
            reason,
          });
      }
    }
  }
  return [...cuts.values()];
}

function spendersOf(
  { tenants }: Budget,
  tenant: string | undefined,
  spenders: readonly Spender[],
): readonly Spender[] {
  if (tenant !== undefined) return spenders.filter((one) => one.tenant === tenant);
  const lately = ({ days }: Spender): number => days.at(-1)?.cost.total ?? 0;
  return spenders
    .filter((one) => matchesAny(tenants, one.tenant) && lately(one) > 0)
    .sort((a, b) => lately(b) - lately(a))
    .slice(0, MOST_TENANTS);
}

function endOf(period: BudgetPeriod, ms: number): number {
  const at = new Date(ms);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  if (period === 'year') return Date.UTC(year + 1, 0, 1);
  return period === 'month' ? Date.UTC(year, month + 1, 1) : Date.UTC(year, month, day + 1);
}
