import t from 'tap';
import type { Budget } from '#src/advice/budget.js';
import { budgetStandings, costsOf, together } from '#src/advice/costs.js';
import { costOf, NO_COST, type PriceList } from '#src/advice/price.js';
import { SETTINGS } from '#src/config/settings.js';
import type { UsageRecord } from '#src/usage/usage-record.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const PRICES: PriceList = { currency: 'USD', millionSamples: 2, thousandSeriesMonth: 730, gigabyte: 3 };

function dayAt(date: string, more: Partial<UsageRecord> = {}): UsageRecord {
  return {
    startMs: Date.parse(date),
    seconds: DAY,
    coveredSeconds: DAY,
    resolutionSeconds: 1,
    offered: { requests: 100, items: 3e6, bytes: 2e9, newSeries: 0 },
    refused: { requests: 0, items: 0, bytes: Number.NaN, newSeries: 0 },
    reasons: [],
    curves: {},
    peaks: { activeSeries: 1000 },
    ...more,
  };
}

t.test('a day costs its samples, its series for the time that it was watched, and its bytes', async (t) => {
  t.strictSame(costOf(dayAt('2026-01-05'), PRICES), { samples: 6, series: 24, bytes: 6, total: 36 });
  const half = costOf(dayAt('2026-01-05', { coveredSeconds: DAY / 2 }), PRICES);
  t.equal(half.series, 12);
});

t.test('what was refused costs nothing, and neither does what nobody counted', async (t) => {
  const refused = { requests: 50, items: 1e6, bytes: Number.NaN, newSeries: 0 };
  t.equal(costOf(dayAt('2026-01-05', { refused }), PRICES).samples, 4);
  const unknown = { requests: 1, items: Number.NaN, bytes: Number.NaN, newSeries: Number.NaN };
  t.strictSame(costOf(dayAt('2026-01-05', { offered: unknown, peaks: {} }), PRICES), NO_COST);
});

t.test('the default prices are the sums that docs/advice.md has', async (t) => {
  const [cpu, memory, disk, spare] = [0.031611, 0.004237, 0.0000548, 1.5];
  const samples = ((cpu + memory) * spare) / ((25_000 * HOUR) / 1e6);
  const series = (((cpu + 2.5 * memory + 5 * disk) * spare * 3) / 300) * 730;
  t.ok(Math.abs(Number(SETTINGS['advice.price.million_samples'].fallback) / samples - 1) < 0.01);
  t.ok(Math.abs(Number(SETTINGS['advice.price.thousand_series_month'].fallback) / series - 1) < 0.01);
});

const tenantDays = (tenant: string, dates: readonly string[], total = 10) => ({
  tenant,
  days: dates.map((date) => ({ startMs: Date.parse(date), cost: { ...NO_COST, samples: total, total } })),
});

t.test('days are added up to months', async (t) => {
  const { days, months, total } = costsOf(tenantDays('a', ['2026-01-30', '2026-01-31', '2026-02-01']));
  t.strictSame(
    days.map(({ of }) => of),
    ['2026-01-30', '2026-01-31', '2026-02-01'],
  );
  t.match(months, [
    { of: '2026-01', total: 20 },
    { of: '2026-02', total: 10 },
  ]);
  t.equal(total.total, 30);
});

t.test('budgets: of all, of each, and the levels that are reached', async (t) => {
  const tenants = [
    tenantDays('gold-a', ['2026-01-31', '2026-02-01', '2026-02-02']),
    tenantDays('gold-b', ['2026-02-02']),
    tenantDays('other', ['2026-02-02']),
  ];
  const budget = (more: Partial<Budget>): Budget => ({
    name: 'x',
    tenants: ['gold-*'],
    of: 'all',
    period: 'month',
    amount: 40,
    onOverBudget: 'observe',
    ...more,
  });
  const now = Date.parse('2026-02-02T15:00:00Z');
  const [month] = budgetStandings([budget({})], tenants, now);
  t.match(month, { tenant: undefined, of: '2026-02', spent: 30, used: 0.75, level: 75, daysUnknown: 0 });
  const each = budgetStandings([budget({ of: 'each', period: 'day', amount: 10 })], tenants, now);
  t.match(each, [
    { tenant: 'gold-a', of: '2026-02-02', spent: 10, level: 100 },
    { tenant: 'gold-b', spent: 10, level: 100 },
  ]);
  const [year] = budgetStandings([budget({ period: 'year', amount: 1000 })], tenants, now);
  t.match(year, { of: '2026', spent: 40, level: 0, daysUnknown: 30 });
  for (const [amount, level] of [
    [60, 50],
    [40, 75],
    [33, 90],
    [31, 95],
    [30, 100],
    [1, 100],
    [61, 0],
  ] as const) {
    t.equal(budgetStandings([budget({ amount })], tenants, now)[0]?.level, level, `30 of ${amount}`);
  }
  t.match(
    together('all', tenants).days.map(({ cost }) => cost.total),
    [10, 10, 30],
  );
});
