/** The active series of all tenants: what a timer does, and what it says of itself. */
import { mock } from 'node:test';
import t from 'tap';
import type { SeriesLimits } from '#src/enforce/series.js';
import { exportSeries } from '#src/series/series-metrics.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { scraped } from '../telemetry/scraped.js';
import { answered, limitsOf, MINUTE_MS, pushOf, range, tracker } from './fixtures.js';

t.test('a series is forgotten when it was not seen for longer than the idle timeout', async (t) => {
  const tracked = tracker({ idleTimeoutMs: 20 * MINUTE_MS });
  const series = tracked.tenant('a');
  series.check(pushOf([1, 2]), undefined, limitsOf(0), false, 0);
  series.check(pushOf([1]), undefined, limitsOf(0), false, 5 * MINUTE_MS);
  const turn = (nowMs: number) => {
    let removed = 0;
    for (let tick = 0; tick < 600; tick++) removed += tracked.tick(nowMs);
    return removed;
  };
  t.equal(turn(20 * MINUTE_MS), 0);
  t.equal(turn(21 * MINUTE_MS), 1);
  t.equal(series.active, 1);
  t.equal(series.fleet, undefined, 'nothing is shared');
  t.equal(turn(26 * MINUTE_MS), 1);
  t.equal(tracked.table.series, 0);
});

t.test('a series that is seen again within the timeout stays known', async (t) => {
  const series = tracker({ idleTimeoutMs: 20 * MINUTE_MS }).tenant('a');
  const check = (minute: number) =>
    answered(series.check(pushOf([1]), undefined, limitsOf(0), false, minute * MINUTE_MS));
  t.equal(check(0).newAdmitted, 1);
  t.equal(check(20).newAdmitted, 0);
  t.equal(series.active, 1);
});

t.test('an idle timeout of half a minute is one of a minute', async (t) => {
  const tracked = tracker({ idleTimeoutMs: MINUTE_MS / 2 });
  tracked.tenant('a').check(pushOf([1]), undefined, limitsOf(0), false, 0);
  t.equal(tracked.sweep(tracked.table.segments, MINUTE_MS), 0);
  t.equal(tracked.sweep(tracked.table.segments, 2 * MINUTE_MS), 1);
});

t.test('it says what is in the table', async (t) => {
  const tracked = tracker({ maxTenants: 1, maxSeries: 100 });
  const [a, b] = [tracked.tenant('a'), tracked.tenant('b')];
  a.check(pushOf(range(0, 25)), undefined, limitsOf(0), false, 0);
  b.check(pushOf(range(0, 5)), undefined, limitsOf(0), false, 0);
  t.match(tracked.status(), { series: 30, metrics: 4, untracked: 0, tenantsAlone: 0, admittedAlone: 0 });
  t.ok(tracked.status().tableBytes > 30 * 13);
  const c = tracked.tenant('c');
  c.check(pushOf(range(0, 7)), undefined, limitsOf(1), false, 0);
  t.equal(tracked.status().untracked, 7, 'there is no index for a third');
  t.equal(c.active, 0);
  t.strictSame(c.topMetrics('active'), []);
  c.release();
  a.release();
  t.equal(a.active, 0);
  a.check(pushOf(range(0, 3)), undefined, limitsOf(0), false, 0);
  t.equal(tracked.status().untracked, 7, 'one that has left makes place for itself');
});

t.test('what is in the table is exported', async (t) => {
  const tracked = tracker({ maxTenants: 1 });
  const metrics = new Metrics();
  exportSeries(metrics, tracked);
  for (const [tenant, count] of [
    ['a', 25],
    ['b', 5],
    ['one too many', 7],
  ] as const)
    tracked.tenant(tenant).check(pushOf(range(0, count)), undefined, limitsOf(0), false, 0);
  t.strictSame(Object.fromEntries(await scraped(metrics)), {
    mimir_edge_series_table_bytes: tracked.status().tableBytes,
    mimir_edge_series_table_series: 30,
    mimir_edge_series_table_metrics: 4,
    mimir_edge_series_tenants_alone: 0,
    mimir_edge_series_admitted_alone: 0,
    mimir_edge_series_untracked_total: 7,
  });
});

t.test('once it is started it ticks ten times a second, until it is closed', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const tracked = tracker({ now: () => 60 * MINUTE_MS });
  tracked.tenant('a').check(pushOf([1]), undefined, limitsOf(0), false, 0);
  let ticks = 0;
  const tick = tracked.tick.bind(tracked);
  tracked.tick = (nowMs) => {
    ticks++;
    return tick(nowMs);
  };
  tracked.start();
  mock.timers.tick(1000);
  t.equal(ticks, 10);
  t.equal(tracked.table.series, 0, 'idle for an hour');
  tracked.close();
  mock.timers.tick(1000);
  t.equal(ticks, 10);
});

t.test('a push on its way when its tenant leaves memory is held to its limits', async (t) => {
  const clock = { nowMs: 0 };
  const tracked = tracker({ now: () => clock.nowMs });
  const check = (series: TrackedSeries, from: number, to: number) =>
    answered(series.check(pushOf(range(from, to)), undefined, limitsOf(5), false, clock.nowMs));
  const left = tracked.tenant('a');
  check(left, 0, 3);
  left.release();
  t.match(check(left, 0, 1000), { newAdmitted: 5, overLimit: { observed: 5, rows: { length: 995 } } });
  t.match(check(left, 0, 1000), { newAdmitted: 0 }, 'two of them are held to one limit');

  const back = tracked.tenant('a');
  t.match(check(back, 0, 6), { newAdmitted: 0, overLimit: { rows: [5] } }, 'what they brought is known');
  t.match(check(left, 0, 6), { newAdmitted: 0, overLimit: { rows: [5] } });
  clock.nowMs = 10 * MINUTE_MS;
  tracked.tick(clock.nowMs);
  t.equal(back.active, 5, 'it stays as long as the tenant does');
  left.release();
  for (const series of [back, left])
    t.match(check(series, 0, 6), { newAdmitted: 0 }, 'to leave twice is to leave once');

  back.release();
  check(back, 0, 1);
  tracked.tick(clock.nowMs + MINUTE_MS - 1);
  t.match(check(back, 0, 1), { newAdmitted: 0 });
  tracked.tick(clock.nowMs + MINUTE_MS);
  t.match(check(back, 0, 1), { newAdmitted: 1 }, 'nobody stays for its sake for longer than a minute');
});

t.test('tenants that come and go leave room for the next', async (t) => {
  const tracked = tracker({ maxTenants: 4 });
  let passed = 0;
  for (let tenant = 0; tenant < 200; tenant++) {
    const series = tracked.tenant(`t${tenant}`);
    const { newAdmitted } = answered(series.check(pushOf(range(0, 10)), undefined, limitsOf(5), false, 0));
    passed += newAdmitted;
    series.release();
  }
  t.equal(passed, 1000, 'five of each');
  t.equal(tracked.status().untracked, 0);
});

t.test('a tenant that got no place tries again', async (t) => {
  const tracked = tracker({ maxTenants: 1 });
  const held = [tracked.tenant('a'), tracked.tenant('b')];
  const series = tracked.tenant('c');
  const check = () => answered(series.check(pushOf(range(0, 1000)), undefined, limitsOf(5), false, 0));
  t.match(check(), { overLimit: undefined });
  t.equal(tracked.status().untracked, 1000);
  held[0]!.release();
  t.match(check(), { newAdmitted: 5, overLimit: { rows: { length: 995 } } });
});

t.test('tenants without a limit leave half of the table to those that have one', async (t) => {
  const tracked = tracker({ maxSeries: 1000 });
  const [free, limited, metrics] = [tracked.tenant('free'), tracked.tenant('limited'), tracked.tenant('m')];
  const check = (series: TrackedSeries, from: number, to: number, limits: SeriesLimits) =>
    answered(series.check(pushOf(range(from, to)), undefined, limits, false, 0));
  check(free, 0, 5000, limitsOf(0));
  t.equal(free.active, 500);
  t.equal(tracked.status().untracked, 4500);
  t.match(check(limited, 0, 400, limitsOf(300)), { newAdmitted: 300, overLimit: { rows: { length: 100 } } });
  check(metrics, 0, 1000, limitsOf(0, 5));
  t.equal(metrics.active, 200, 'a limit for metrics is one');
  t.equal(tracked.table.series, 1000);
});

t.test('series that are hashed in another way from now on are all new', async (t) => {
  const tracked = tracker();
  const [series, silent] = [tracked.tenant('a'), tracked.tenant('silent')];
  const check = (limit: number) =>
    answered(series.check(pushOf(range(0, 30)), undefined, limitsOf(limit), false, 0));
  t.match(check(30), { newAdmitted: 30 });
  tracked.tick(0);
  t.equal(series.topMetrics('active').length, 3);
  tracked.forgetAll();
  t.equal(series.active, 0, 'what they were counts no more');
  t.strictSame(series.topMetrics('active'), []);
  t.equal(silent.active, 0);
  t.match(check(30), { newAdmitted: 30, overLimit: undefined });
  for (let tick = 0; tick < 600; tick++) tracked.tick(MINUTE_MS);
  t.equal(tracked.table.series, 30, 'and what was known before leaves the table');
});
