/** The costs of tenants by day and month, in total and against their budgets. */
import { BUDGET_LEVELS, type Budget, type BudgetPeriod } from './budget.js';
import { matchesAny } from './policy.js';
import { addCosts, type Cost, NO_COST } from './price.js';

/** One tenant's days, oldest first. */
export interface TenantDays {
  readonly tenant: string;
  readonly days: readonly { readonly startMs: number; readonly cost: Cost }[];
}

export interface TenantCosts {
  readonly tenant: string;
  readonly days: readonly DatedCost[];
  /** The costs of these months, as far back as the days reach. */
  readonly months: readonly DatedCost[];
  readonly total: Cost;
}

interface DatedCost extends Cost {
  /** 2026-01-31 or 2026-01, in UTC. */
  readonly of: string;
}

export interface BudgetStanding {
  readonly budget: string;
  /** Undefined: for all its tenants together. */
  readonly tenant: string | undefined;
  readonly period: BudgetPeriod;
  /** The current day, month or year. */
  readonly of: string;
  readonly amount: number;
  readonly spent: number;
  /** 1: all of it. */
  readonly used: number;
  /** The highest level reached, in percent; 0: none. */
  readonly level: number;
  /** Days of the period without data any more, whose costs are missing. */
  readonly daysUnknown: number;
}

const DAY_MS = 86_400_000;

export function costsOf({ tenant, days }: TenantDays): TenantCosts {
  const dated = days.map(({ startMs, cost }) => ({ of: dayName(startMs), ...cost }));
  const months = new Map<string, Cost>();
  for (const { of, ...cost } of dated) {
    const month = of.slice(0, 7);
    months.set(month, addCosts([months.get(month) ?? NO_COST, cost]));
  }
  return {
    tenant,
    days: dated,
    months: [...months].map(([of, cost]) => ({ of, ...cost })),
    total: addCosts(days.map(({ cost }) => cost)),
  };
}

/** Several tenants as if they were one. */
export function together(tenant: string, each: readonly TenantDays[]): TenantDays {
  const byDay = new Map<number, Cost>();
  for (const { startMs, cost } of each.flatMap(({ days }) => days)) {
    byDay.set(startMs, addCosts([byDay.get(startMs) ?? NO_COST, cost]));
  }
  const days = [...byDay].map(([startMs, cost]) => ({ startMs, cost }));
  return { tenant, days: days.sort((a, b) => a.startMs - b.startMs) };
}

export function budgetStandings(
  budgets: readonly Budget[],
  tenants: readonly TenantDays[],
  nowMs: number,
): BudgetStanding[] {
  return budgets.flatMap((budget) => {
    const own = tenants.filter(({ tenant }) => matchesAny(budget.tenants, tenant));
    if (budget.of === 'each') return own.map((one) => standingOf(budget, one.tenant, one, nowMs));
    return [standingOf(budget, undefined, together(budget.name, own), nowMs)];
  });
}

function standingOf(
  { name, period, amount }: Budget,
  tenant: string | undefined,
  { days }: TenantDays,
  nowMs: number,
): BudgetStanding {
  const of = periodName(period, nowMs);
  const within = days.filter(({ startMs }) => periodName(period, startMs) === of);
  const spent = addCosts(within.map(({ cost }) => cost)).total;
  const used = spent / amount;
  const begins = Date.parse(`${of}-01-01`.slice(0, 10));
  const first = days[0]?.startMs ?? nowMs;
  return {
    budget: name,
    tenant,
    period,
    of,
    amount,
    spent,
    used,
    level: BUDGET_LEVELS.findLast((level) => used >= level / 100) ?? 0,
    daysUnknown: Math.max(0, Math.floor((Math.min(first, nowMs) - begins) / DAY_MS)),
  };
}

function dayName(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function periodName(period: BudgetPeriod, ms: number): string {
  return dayName(ms).slice(0, { day: 10, month: 7, year: 4 }[period]);
}
