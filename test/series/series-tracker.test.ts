/** The active series of all tenants: what a timer does, and what it says of itself. */
import { mock } from 'node:test';
import t from 'tap';
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
  t.equal(tracked.status().untracked, 10, 'nor for one that has left');
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
