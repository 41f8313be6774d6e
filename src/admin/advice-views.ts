/** Advice, report and costs as the API answers them. What nobody knows is null. */
import type { Advice } from '../advice/advice.js';
import type { Advisor } from '../advice/advisor.js';
import { budgetStandings, costsOf, together } from '../advice/costs.js';
import { NOT_PRICED } from '../advice/price.js';
import { reportOf } from '../advice/report.js';
import type { Standing } from '../advice/standing.js';
import { messageOf } from '../base/message-of.js';
import { isTenantId, readPage } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';

const MAX_SEARCH = 150;
const DIRECTIONS = ['raise', 'lower', 'set', 'keep', 'none'] as const;

/** The tenants, with those that most is to be changed for first. */
export async function adviceView(advisor: Advisor, query: Query): Promise<object> {
  const search = (query.text('search', MAX_SEARCH) ?? '').toLowerCase();
  const direction = query.choice('direction', DIRECTIONS);
  const { offset, limit } = readPage(query, 50, 500);
  query.done();
  const standings = await allOf(advisor);
  const found = standings.filter(
    ({ tenant, advice }) =>
      tenant.toLowerCase().includes(search) &&
      (direction === undefined || advice.limits.some((one) => one.direction === direction)),
  );
  return withNulls({
    asOf: asOf(advisor),
    tenants: standings.length,
    matching: found.length,
    offset,
    advice: found.slice(offset, offset + limit).map(({ advice }) => shortAdvice(advice)),
  });
}

/** One tenant's, with pictures of its curves, days and forecasts. */
export async function tenantAdviceView(advisor: Advisor, id: string, query: Query): Promise<object> {
  query.done();
  const standing = isTenantId(id) ? await read(() => advisor.one(id)) : undefined;
  if (standing === undefined) throw new Problem(404, 'no document names this tenant, and it has no history');
  const { advice, standings, days } = standing;
  return withNulls({
    ...shortAdvice(advice),
    curves: advice.curves,
    standings,
    days: days.map(({ startMs, ...day }) => ({ at: time(startMs), ...day })),
    currency: advisor.prices.currency,
  });
}

export async function reportView(advisor: Advisor, query: Query): Promise<object> {
  const most = query.count('limit', 100, 1, 10_000);
  query.done();
  const report = reportOf(await allOf(advisor));
  const { withoutOverrides, missing, atRisk, tooWide, forecasts, fleet } = report;
  return withNulls({
    asOf: asOf(advisor),
    ...report,
    counts: {
      withoutOverrides: withoutOverrides.length,
      missing: missing.length,
      atRisk: atRisk.length,
      tooWide: tooWide.length,
      forecasts: forecasts.length,
    },
    withoutOverrides: withoutOverrides.slice(0, most),
    missing: missing.slice(0, most),
    atRisk: atRisk.slice(0, most),
    tooWide: tooWide.slice(0, most),
    forecasts: forecasts.slice(0, most),
    fleet: { ...fleet, days: fleet.days.map(({ startMs, ...day }) => ({ at: time(startMs), ...day })) },
    currency: advisor.prices.currency,
  });
}

export async function costsView(advisor: Advisor, query: Query): Promise<object> {
  const search = (query.text('search', MAX_SEARCH) ?? '').toLowerCase();
  const { offset, limit } = readPage(query, 50, 500);
  query.done();
  const all = await allOf(advisor);
  const found = all.filter(({ tenant }) => tenant.toLowerCase().includes(search));
  const costs = found.map(costsOf).sort((a, b) => b.total.total - a.total.total);
  const { budgets, prices } = advisor;
  return withNulls({
    asOf: asOf(advisor),
    prices,
    notPriced: NOT_PRICED,
    matching: costs.length,
    offset,
    tenants: costs.slice(offset, offset + limit),
    groups: groupsOf(all),
    all: costsOf(together('', all)),
    budgets: budgetStandings(budgets, all, Date.now()),
  });
}

/** By policy: each tenant is in one. */
function groupsOf(all: readonly Standing[]): object[] {
  const names = [...new Set(all.map(({ advice }) => advice.policy))];
  return names.map((name) => {
    const own = all.filter(({ advice }) => advice.policy === name);
    const { tenant: policy, ...costs } = costsOf(together(name, own));
    return { policy, tenants: own.length, ...costs };
  });
}

/** All but the pictures. */
function shortAdvice({ tenant, policy, basis, limits }: Advice): object {
  const { fromMs, toMs, ...rest } = basis;
  return {
    tenant,
    policy,
    basis: {
      from: fromMs === undefined ? undefined : time(fromMs),
      to: toMs === undefined ? undefined : time(toMs),
      ...rest,
    },
    limits,
  };
}

async function allOf(advisor: Advisor): Promise<Standing[]> {
  return [...(await read(() => advisor.all())).values()];
}

async function read<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new Problem(503, `what tenants sent can not be read now: ${messageOf(error)}`);
  }
}

function asOf({ atMs }: Advisor): string | undefined {
  return atMs === undefined ? undefined : time(atMs);
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** JSON has no undefined, and a field that is missing says nothing. */
function withNulls(value: object): object {
  return JSON.parse(JSON.stringify(value, (_, one) => (one === undefined ? null : one))) as object;
}
