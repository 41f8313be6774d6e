/** Budgets: what a tenant, a group of tenants or all of them may cost in a day, a month or a year. */
import {
  type FieldProblem,
  problem,
  type RecordKind,
  readChoice,
  readNumber,
  readRecords,
  readText,
  readTexts,
} from './fields.js';

const BUDGET_PERIODS = ['day', 'month', 'year'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** In percent of a budget; reaching each is reported. */
export const BUDGET_LEVELS = [50, 75, 90, 95, 100] as const;

export interface Budget {
  readonly name: string;
  /** Patterns of tenant ids. */
  readonly tenants: readonly string[];
  /** One budget for all of them together, or one for each. */
  readonly of: 'all' | 'each';
  readonly period: BudgetPeriod;
  /** In the currency of the price list. */
  readonly amount: number;
  /** No action, or halving the ingestion rate for at most a day. */
  readonly onOverBudget: OverBudget;
}

const OVER_BUDGET = ['observe', 'halve_rate'] as const;
type OverBudget = (typeof OVER_BUDGET)[number];

export function readBudgets(raw: unknown): readonly Budget[] | FieldProblem {
  return readRecords(raw, BUDGETS);
}

/** As written in the configuration. */
export function writtenBudget({ onOverBudget, ...budget }: Budget): Record<string, unknown> {
  return { ...budget, on_over_budget: onOverBudget };
}

const BUDGETS: RecordKind<Budget> = {
  fields: {
    name: (raw) => readText(raw, (name) => ({ name })),
    tenants: (raw) =>
      readTexts(raw, 'a pattern of tenant ids such as team-*, or a list of them', (tenants) => ({ tenants })),
    of: (raw) => readChoice(raw, ['all', 'each'], (of) => ({ of })),
    period: (raw) => readChoice(raw, BUDGET_PERIODS, (period) => ({ period })),
    amount: (raw) =>
      readNumber(raw, [1e-6, 1e15], 'an amount above 0, in the currency of the prices', (amount) => ({
        amount,
      })),
    on_over_budget: (raw) => readChoice(raw, OVER_BUDGET, (onOverBudget) => ({ onOverBudget })),
  },
  fallback: (index) => ({
    name: `budget ${index + 1}`,
    tenants: [],
    of: 'all',
    period: 'month',
    amount: 0,
    onOverBudget: 'observe',
  }),
  check: (raw, budget) => {
    for (const name of ['tenants', 'amount']) if (!(name in raw)) return problem(`${name}, which is missing`);
    return budget;
  },
};
