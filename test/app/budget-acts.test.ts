import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Audit } from '#src/admin/audit.js';
import { Advisor } from '#src/advice/advisor.js';
import type { Budget } from '#src/advice/budget.js';
import { BudgetActs } from '#src/app/budget-acts.js';
import { Controls, MAX_CONTROLS } from '#src/controls/controls.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import { historyOf } from '../advice/history-of.js';

const DAY = 86_400;
const NOW = Date.UTC(2026, 0, 31, 15);
const MIDNIGHT = Date.UTC(2026, 1, 1);

interface Given {
  readonly budget?: Partial<Budget>;
  readonly keeps?: boolean;
  readonly tenants?: readonly string[];
}

/** Each tenant has spent 86.4 in each of 16 days of January. */
async function given(t: Test, { budget = {}, keeps = true, tenants = ['a', 'b', 'other'] }: Given = {}) {
  const items = new Float64Array(16 * DAY).fill(1000);
  const clock = { nowMs: NOW };
  const one = historyOf({ items });
  const histories = new Map(tenants.map((tenant) => [tenant, { ...one, tenant }]));
  const advisor = new Advisor({
    histories: {
      tenants: async () => [...histories.keys()],
      history: async (tenant) => histories.get(tenant) ?? { tenant, hours: [], days: [] },
    },
    policies: [],
    prices: { currency: 'USD', millionSamples: 1, thousandSeriesMonth: 0, gigabyte: 0 },
    budgets: [
      {
        name: 'gold',
        tenants: ['a', 'b'],
        of: 'all',
        period: 'month',
        amount: 2000,
        onOverBudget: 'halve_rate',
        ...budget,
      },
    ],
    distributors: 1,
    limitsOf: () => ({ limits: DEFAULT_LIMITS, named: false }),
    named: () => [],
    nowMs: () => clock.nowMs,
  });
  await advisor.all();
  const controls = new Controls(
    { shared: undefined, kept: undefined, name: 'test', now: () => clock.nowMs },
    { changed() {}, received() {}, ended() {}, trouble() {}, obeyed: async () => true },
  );
  t.teardown(() => controls.stop());
  const audit = new Audit('', { failed() {}, added() {} });
  const log = pino({ level: 'silent' });
  const parts = {
    advisor,
    controls,
    audit,
    log,
    isKeeper: () => keeps,
    mayAddTenants: true,
    nowMs: () => clock.nowMs,
  };
  return { controls, audit, clock, acts: new BudgetActs(parts) };
}

t.test(
  'a budget that is spent halves the rates of its tenants, until its month is over, with a line in the audit',
  async (t) => {
    const { controls, audit, acts } = await given(t);
    await acts.act();
    t.match(
      controls.active().map(({ tenant, name, value, untilMs, by }) => ({ tenant, name, value, untilMs, by })),
      ['a', 'b'].map((tenant) => ({
        tenant,
        name: 'ingestion_rate',
        value: 5000,
        untilMs: MIDNIGHT,
        by: 'budget gold',
      })),
    );
    t.match(audit.newest(10), [
      {
        who: 'budget gold',
        tenant: 'b',
        before: 10_000,
        after: 5000,
        reason: '138 % of the budget gold of 2026-01 are spent',
      },
      { tenant: 'a' },
    ]);
    await acts.act();
    t.equal(audit.newest(10).length, 2, 'it is done once');
  },
);

t.test('one for each: only who has spent it', async (t) => {
  const { controls, acts } = await given(t, { budget: { of: 'each', amount: 1000 } });
  await acts.act();
  t.strictSame(
    controls
      .active()
      .map(({ tenant }) => tenant)
      .sort(),
    ['a', 'b'],
  );
});

t.test(
  'nothing is done while it is not spent, where it is only observed, and by who does not keep the book',
  async (t) => {
    for (const one of [
      { budget: { amount: 3000 } },
      { budget: { onOverBudget: 'observe' } },
      { keeps: false },
    ] as Given[]) {
      const { controls, audit, acts } = await given(t, one);
      await acts.act();
      t.strictSame([controls.active(), audit.newest(10)], [[], []], JSON.stringify(one));
    }
  },
);

t.test('what a person has taken back stays so until its end, and is set again after it', async (t) => {
  const { controls, audit, acts, clock } = await given(t, { budget: { period: 'year' } });
  await acts.act();
  const { untilMs } = controls.get('a', 'ingestion_rate')!;
  await controls.write({
    tenant: 'a',
    name: 'ingestion_rate',
    value: null,
    reason: 'sale',
    by: 'alice',
    untilMs,
  });
  await acts.act();
  t.equal(controls.get('a', 'ingestion_rate'), undefined);
  t.equal(audit.newest(10).length, 2);
  clock.nowMs = untilMs + 1;
  await acts.act();
  t.match(controls.get('a', 'ingestion_rate'), { value: 5000, untilMs: untilMs + 1 + DAY * 1000 });
});

t.test('half of all that may be set for a time is left to people', async (t) => {
  const many = Array.from({ length: 300 }, (_, n) => `t${n}`);
  const { controls, acts } = await given(t, {
    tenants: many,
    budget: { of: 'each', tenants: ['*'], amount: 1000 },
  });
  await acts.act();
  t.equal(controls.active().length, MAX_CONTROLS / 2);
});

t.test('what a person has set stays', async (t) => {
  const { controls, acts } = await given(t);
  const untilMs = NOW + 3_600_000;
  await controls.write({
    tenant: 'a',
    name: 'ingestion_rate',
    value: 20_000,
    reason: 'sale',
    by: 'alice',
    untilMs,
  });
  await acts.act();
  t.equal(controls.get('a', 'ingestion_rate')?.value, 20_000);
  t.equal(controls.get('b', 'ingestion_rate')?.value, 5000);
});
