/** What tenants see of a Mimir that can not take all, in minutes that are simulated. */
import t, { type Test } from 'tap';
import { type Outcome, quantile, type SimulatedTenant, simulate } from './simulated-mimir.js';

const TAKES = 100_000;
const WORKERS = 8;
const ITEMS = 1000;
const SHARE = TAKES / 22;
/** What comes before it: what is usual is learnt. */
const QUIET_MS = 40_000;
const END_MS = 100_000;

/** So many workers that together take so many items a second. */
const mimir = {
  workers: WORKERS,
  baseMs: 2,
  serviceMs: (items: number) => (items * 1000 * WORKERS) / TAKES,
};

/** One that takes a part of that, with as many workers. */
function part(of: number): typeof mimir {
  return { ...mimir, serviceMs: (items) => mimir.serviceMs(items) / of };
}

const OPTIONS = { floor: ITEMS, learningMs: 6000, fair: true };

function twenty(part = 0.9): SimulatedTenant[] {
  return Array.from({ length: 20 }, (_, i) => ({
    name: `quiet ${i}`,
    pushesPerSecond: (SHARE * part) / ITEMS,
    items: ITEMS,
  }));
}

function times(outcomes: readonly Outcome[]): number[] {
  return outcomes.flatMap(({ tookMs }) => tookMs ?? []);
}

/** Of tenants whose names begin so, from one moment to another. */
function of(outcomes: readonly Outcome[], name: string, fromMs: number, toMs: number): Outcome[] {
  return outcomes.filter(({ tenant, atMs }) => tenant.startsWith(name) && atMs >= fromMs && atMs < toMs);
}

/** A second. */
function itemsOf(outcomes: readonly Outcome[], seconds: number): number {
  return outcomes.reduce((sum, { items, tookMs }) => sum + (tookMs === undefined ? 0 : items), 0) / seconds;
}

/** Two at ten times their share, beside the twenty from `QUIET_MS` on. */
const greedy = ['greedy 0', 'greedy 1'].map((name) => ({
  name,
  pushesPerSecond: (SHARE * 10) / ITEMS,
  items: ITEMS,
  fromMs: QUIET_MS,
}));

function twentySeeNothing(t: Test, outcomes: readonly Outcome[]): void {
  const inQuiet = quantile(times(of(outcomes, 'quiet', 10_000, QUIET_MS)), 0.99);
  const loud = of(outcomes, 'quiet', QUIET_MS + 10_000, END_MS);
  t.equal(times(of(outcomes, 'quiet', 0, END_MS)).length, of(outcomes, 'quiet', 0, END_MS).length);
  const p99 = quantile(times(loud), 0.99);
  t.ok(p99 <= 1.3 * inQuiet, `p99 ${p99.toFixed(0)} ms beside ${inQuiet.toFixed(0)} ms in quiet`);
  const seconds = (END_MS - QUIET_MS - 10_000) / 1000;
  const each = greedy.map(({ name }) => itemsOf(of(outcomes, name, QUIET_MS + 10_000, END_MS), seconds));
  t.ok(Math.min(...each) / Math.max(...each) > 0.95, `${each.map(Math.round)}`);
  const all = itemsOf(loud, seconds) + each.reduce((sum, one) => sum + one, 0);
  t.ok(all >= 0.98 * TAKES, `goodput ${Math.round(all)}`);
}

t.test('twenty within their shares see nothing of two at ten times theirs, who share the rest', async (t) => {
  const { outcomes } = await simulate([...twenty(), ...greedy], mimir, END_MS, OPTIONS);
  twentySeeNothing(t, outcomes);
});

t.test('nor where it stood still for a moment, and all its workers became free at once', async (t) => {
  const stillMs = { from: QUIET_MS + 7000, to: QUIET_MS + 7080 };
  const stands = {
    ...mimir,
    serviceMs(items: number, nowMs: number) {
      const doneMs = nowMs + mimir.serviceMs(items);
      return (doneMs > stillMs.from && doneMs < stillMs.to ? stillMs.to : doneMs) - nowMs;
    },
  };
  const { outcomes } = await simulate([...twenty(), ...greedy], stands, END_MS, OPTIONS);
  twentySeeNothing(t, outcomes);
});

t.test('what is kept for those below their shares costs nothing where one alone sends', async (t) => {
  const [one] = greedy.map((tenant) => ({ ...tenant, fromMs: 0 }));
  for (const items of [ITEMS, 4 * ITEMS]) {
    const alone = { ...one!, items, pushesPerSecond: (2 * TAKES) / items, fromMs: 20_000 };
    const before = { name: 'before', items, pushesPerSecond: TAKES / 2 / items, toMs: 20_000 };
    const { outcomes } = await simulate([before, alone], mimir, END_MS, OPTIONS);
    const goodput = itemsOf(of(outcomes, 'greedy', QUIET_MS, END_MS), (END_MS - QUIET_MS) / 1000);
    t.ok(goodput >= 0.97 * TAKES, `${items}: goodput ${Math.round(goodput)}`);
  }
});

/** Of exponential distribution, the same each time. */
function random(meanMs: () => number): () => number {
  let seed = 11;
  return () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return -Math.log(1 - seed / 2_147_483_647) * meanMs();
  };
}

t.test('one whose times differ by themselves turns nobody away, as long as it can take all', async (t) => {
  const wide = { workers: 64, baseMs: 5, serviceMs: random(() => 80) };
  const tenants = Array.from({ length: 20 }, (_, i) => ({
    name: `quiet ${i}`,
    pushesPerSecond: 20,
    items: 500,
  }));
  const { outcomes } = await simulate(tenants, wide, 1.5 * END_MS, OPTIONS);
  t.equal(times(outcomes).length, outcomes.length);
});

t.test(
  'one whose times differ, and that becomes three times as slow by itself, is sent as much',
  async (t) => {
    const serviceMs = random(() => 60);
    const slower = {
      workers: 400,
      baseMs: 5,
      serviceMs: (_: number, nowMs: number) => serviceMs() * (nowMs < QUIET_MS ? 1 : 3),
    };
    const tenants = Array.from({ length: 20 }, (_, i) => ({
      name: `quiet ${i}`,
      pushesPerSecond: 20,
      items: 500,
    }));
    const { outcomes } = await simulate(tenants, slower, 1.5 * END_MS, OPTIONS);
    const late = of(outcomes, 'quiet', QUIET_MS + 20_000, 1.5 * END_MS);
    t.equal(times(late).length, late.length, 'nobody is turned away once that is known');
  },
);

t.test('one with made-up names gets what one with a name gets', async (t) => {
  const hostile = Array.from({ length: 100 }, (_, i) => ({
    name: `made-up ${i}`,
    place: '',
    pushesPerSecond: TAKES / 50 / ITEMS,
    items: ITEMS,
    fromMs: QUIET_MS,
  }));
  const { outcomes } = await simulate([...twenty(), ...hostile], mimir, END_MS, OPTIONS);
  const loud = of(outcomes, 'quiet', QUIET_MS + 10_000, END_MS);
  t.equal(times(loud).length, loud.length);
  const inQuiet = quantile(times(of(outcomes, 'quiet', 10_000, QUIET_MS)), 0.99);
  t.ok(quantile(times(loud), 0.99) <= 1.5 * inQuiet);
});

t.test('who sends larger pushes than others, which take longer, makes nothing smaller for all', async (t) => {
  // Below what Mimir takes: there is nothing to hold back.
  const large = {
    name: 'large',
    pushesPerSecond: 12,
    items: 4000,
    fromMs: QUIET_MS,
  };
  const small = Array.from({ length: 2 }, (_, i) => ({ name: `quiet ${i}`, pushesPerSecond: 4, items: 500 }));
  const wide = { ...mimir, workers: 64, serviceMs: (items: number) => 20 + items / 10 };
  const { outcomes, capacity } = await simulate([...small, large], wide, 3 * END_MS, OPTIONS);
  t.ok(capacity.limit > 4000, `${capacity.limit} items at once`);
  const away = outcomes.filter(({ tookMs, atMs }) => tookMs === undefined && atMs > QUIET_MS + 20_000);
  t.equal(away.length, 0, 'nobody is turned away once that is known');
  t.ok(quantile(times(of(outcomes, 'large', 2 * END_MS, 3 * END_MS)), 0.99) < 600);
});

t.test('one that answers later by itself, and not for what is sent, is sent as much', async (t) => {
  const slower = {
    workers: 1000,
    baseMs: 0,
    serviceMs: (_: number, nowMs: number) => (nowMs < QUIET_MS ? 80 : 400),
  };
  const { outcomes } = await simulate(twenty(), slower, 3 * END_MS, OPTIONS);
  const late = of(outcomes, 'quiet', QUIET_MS + 30_000, 3 * END_MS);
  t.equal(times(late).length, late.length, 'nobody is turned away for long');
});

t.test('of addresses that differ each is sent what it takes', async (t) => {
  for (const [what, addresses] of [
    ['one is nine times as quick as the other', [part(0.9), part(0.1)]],
    ['one of five is a sixth as quick', [part(0.24), part(0.24), part(0.24), part(0.24), part(0.04)]],
    ['one is half a second away', [part(0.5), { ...part(0.5), baseMs: 500 }]],
  ] as const) {
    const before = { name: 'before', pushesPerSecond: TAKES / 2 / ITEMS, items: ITEMS, toMs: QUIET_MS };
    const two = greedy.map((tenant) => ({ ...tenant, pushesPerSecond: (2 * TAKES) / ITEMS }));
    const { outcomes } = await simulate([before, ...two], addresses, END_MS, OPTIONS);
    const late = of(outcomes, 'greedy', QUIET_MS + 20_000, END_MS);
    const goodput = itemsOf(late, (END_MS - QUIET_MS - 20_000) / 1000);
    t.ok(goodput >= 0.95 * TAKES, `${what}: goodput ${Math.round(goodput)}`);
    t.ok(quantile(times(late), 0.99) < 5000, `${what}: p99 ${Math.round(quantile(times(late), 0.99))} ms`);
  }
});

t.test('of pushes of very different sizes as much is sent as Mimir takes', async (t) => {
  const mixed = { workers: 8, baseMs: 15, serviceMs: (items: number) => 2 + 0.04 * items };
  for (const [what, one, small, large, takes] of [
    ['ten times', mimir, 500, 5000, TAKES],
    ['a hundred times', mixed, 100, 10_000, 160_000],
    ['five hundred times', mixed, 100, 50_000, 160_000],
  ] as const) {
    const before = { name: 'before', pushesPerSecond: (0.4 * takes) / ITEMS, items: ITEMS, toMs: QUIET_MS };
    const both = Object.entries({ small, large }).map(([size, items]) => ({
      name: `greedy ${size}`,
      pushesPerSecond: (1.2 * takes) / items,
      items,
      fromMs: QUIET_MS,
    }));
    const options = { ...OPTIONS, floor: 10 * ITEMS };
    const { outcomes } = await simulate([before, ...both], one, 0.8 * END_MS, options);
    const seconds = (0.8 * END_MS - QUIET_MS - 10_000) / 1000;
    const late = of(outcomes, 'greedy', QUIET_MS + 10_000, 0.8 * END_MS);
    t.ok(itemsOf(late, seconds) >= 0.9 * takes, `${what}: goodput ${Math.round(itemsOf(late, seconds))}`);
    const each = both.map(({ name }) => itemsOf(of(late, name, 0, END_MS), seconds));
    t.ok(Math.min(...each) / Math.max(...each) > 0.9, `${what}: ${each.map(Math.round)}`);
  }
});

t.test('one that becomes ten times as quick is sent ten times as much within seconds', async (t) => {
  for (const [what, slowFromMs, slowToMs] of [
    ['it was slow from the start', 0, QUIET_MS + 20_000],
    ['it was slow for a time', QUIET_MS + 10_000, QUIET_MS + 30_000],
  ] as const) {
    const isSlow = (nowMs: number): boolean => nowMs >= slowFromMs && nowMs < slowToMs;
    const changing = {
      ...mimir,
      serviceMs: (items: number, nowMs: number) => mimir.serviceMs(items) * (isSlow(nowMs) ? 1 : 0.1),
    };
    const before = { name: 'before', pushesPerSecond: TAKES / 2 / ITEMS, items: ITEMS, toMs: QUIET_MS };
    const two = greedy.map((tenant) => ({ ...tenant, pushesPerSecond: (10 * TAKES) / ITEMS }));
    const { outcomes } = await simulate([before, ...two], changing, slowToMs + 20_000, OPTIONS);
    const late = of(outcomes, 'greedy', slowToMs + 10_000, slowToMs + 20_000);
    t.ok(itemsOf(late, 10) >= 9.5 * TAKES, `${what}: goodput ${Math.round(itemsOf(late, 10))}`);
  }
});

t.test('tenants whose pushes become slow by what is in them hold nobody back', async (t) => {
  for (const [what, slow, slowerMs] of [
    ['three of nine take 2 s longer', 3, 2000],
    ['four of nine take 1 s longer', 4, 1000],
  ] as const) {
    const slowed = {
      ...mimir,
      afterMs: (tenant: string, nowMs: number) =>
        tenant.startsWith('slow') && nowMs > QUIET_MS ? slowerMs : 0,
    };
    const nine = Array.from({ length: 9 }, (_, i) => ({
      name: `${i < slow ? 'slow' : 'quiet'} ${i}`,
      pushesPerSecond: 6,
      items: ITEMS,
    }));
    const { outcomes } = await simulate(nine, slowed, END_MS, { ...OPTIONS, floor: 2 * ITEMS });
    const late = of(outcomes, '', QUIET_MS + 30_000, END_MS);
    t.equal(times(late).length, late.length, `${what}: nobody is turned away once that is known`);
    t.ok(quantile(times(of(late, 'quiet', 0, END_MS)), 0.99) < 200, what);
  }
});
