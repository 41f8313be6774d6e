import t from 'tap';
import { exportAdvice } from '#src/advice/advice-metrics.js';
import { Advisor, type AdvisorOptions } from '#src/advice/advisor.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { TenantLimits } from '#src/limits/limits.js';
import { exposition } from '#src/telemetry/exposition.js';
import { Metrics } from '#src/telemetry/metrics.js';
import type { UsageHistory } from '#src/usage/usage-record.js';
import { historyOf } from './history-of.js';

// Pauses of what nobody waits for keep no process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

const DAY = 86_400;
const HOUR_MS = 3_600_000;
const steady = (tenant: string): UsageHistory =>
  historyOf({ items: new Float64Array(16 * DAY).fill(1000), series: new Array(16 * 24).fill(1000) }, tenant);

function given(tenants: readonly string[], more: Partial<AdvisorOptions> = {}) {
  const state = { nowMs: 0, reads: [] as string[], limits: DEFAULT_LIMITS as TenantLimits, fails: false };
  const histories = new Map(tenants.map((tenant) => [tenant, steady(tenant)]));
  const advisor = new Advisor({
    histories: {
      tenants: async () => [...histories.keys()],
      history: async (tenant) => {
        if (state.fails) throw new Error('nobody answers');
        state.reads.push(tenant);
        return histories.get(tenant) ?? { tenant, hours: [], days: [] };
      },
    },
    policies: [],
    prices: { currency: 'USD', millionSamples: 1, thousandSeriesMonth: 0, gigabyte: 0 },
    budgets: [],
    distributors: 1,
    limitsOf: (tenant) => ({ limits: state.limits, named: tenant === 'named' }),
    named: () => ['named'],
    nowMs: () => state.nowMs,
    ...more,
  });
  return { advisor, state };
}

t.test(
  'tenants with a history and those that a document names are worked out, and not again for ten minutes',
  async (t) => {
    const { advisor, state } = given(['b', 'a']);
    t.equal(advisor.atMs, undefined);
    t.strictSame([...(await advisor.all()).keys()], ['a', 'b', 'named']);
    t.equal(advisor.atMs, 0);
    await advisor.all();
    t.equal(state.reads.length, 3);
    state.nowMs = 9 * 60_000;
    await advisor.all();
    t.equal(state.reads.length, 3);
    state.nowMs = 11 * 60_000;
    await advisor.all();
    t.equal(advisor.atMs, 0, 'who looks has what is there');
    await advisor.keepUp();
    state.nowMs = 70 * 60_000;
    await advisor.keepUp();
    t.equal(advisor.atMs, 70 * 60_000);
  },
);

t.test('whose limits change is worked out at once', async (t) => {
  const { advisor, state } = given(['a']);
  await advisor.all();
  state.limits = { ...DEFAULT_LIMITS, ingestion_rate: 1300, ingestion_burst_size: 5000 };
  state.reads.length = 0;
  const standing = (await advisor.all()).get('a');
  const rate = standing?.advice.limits.find(({ limit }) => limit === 'ingestion_rate');
  t.match(rate, { current: 1300, direction: 'keep' });
  t.strictSame(state.reads.sort(), ['a', 'named']);
});

t.test('a tenant that nobody knows has no standing', async (t) => {
  const { advisor } = given(['a']);
  t.equal(await advisor.one('other'), undefined);
  t.match(await advisor.one('named'), { named: true, standings: [], days: [] });
});

t.test('histories that can not be read are an error, and are tried again', async (t) => {
  const { advisor, state } = given(['a']);
  state.fails = true;
  await t.rejects(advisor.all(), /nobody answers/);
  await t.rejects(advisor.keepUp(), /nobody answers/);
  state.fails = false;
  t.equal((await advisor.all()).size, 2);
});

async function metricsOf(advisor: Advisor, isShown: (tenant: string) => boolean): Promise<string[]> {
  const metrics = new Metrics();
  exportAdvice(metrics, advisor, isShown);
  let text = '';
  for await (const part of exposition('', metrics.largeFamilies(), 'prometheus')) text += part;
  return text.split('\n').filter((line) => line.startsWith('mimir_edge_'));
}

t.test('metrics: advised limits of tenants that have lines of their own, and budgets', async (t) => {
  const budgets = [
    { name: 'all', tenants: ['*'], of: 'all', period: 'year', amount: 100_000, onOverBudget: 'observe' },
    { name: 'each', tenants: ['a', 'b'], of: 'each', period: 'year', amount: 1000, onOverBudget: 'observe' },
  ] as const;
  const { advisor, state } = given(['a', 'b'], { budgets });
  state.nowMs = Date.UTC(2026, 0, 21);
  t.strictSame(await metricsOf(advisor, () => true), [], 'nothing is worked out yet');
  await advisor.all();
  const lines = await metricsOf(advisor, (tenant) => tenant === 'a');
  t.ok(lines.includes('mimir_edge_advised_limit{tenant="a",limit="ingestion_rate"} 1200'), lines.join('\n'));
  t.ok(lines.includes('mimir_edge_advised_limit{tenant="a",limit="max_global_series_per_user"} 1200'));
  t.notOk(lines.some((line) => line.includes('"b"') || line.includes('"named"')));
  const cost = (1000 * DAY * 16) / 1e6;
  const used = (name: string): number =>
    Number(
      lines
        .find((line) => line.startsWith(`mimir_edge_budget_used_ratio{budget="${name}"`))
        ?.split(' ')
        .at(-1),
    );
  t.ok(Math.abs(used('all') - (2 * cost) / 100_000) < 1e-9);
  t.ok(Math.abs(used('each') - cost / 1000) < 1e-9);
  t.equal(lines.filter((line) => line.includes('budget_used')).length, 2);
  t.ok(state.nowMs > HOUR_MS);
});
