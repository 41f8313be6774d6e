import fc from 'fast-check';
import t from 'tap';
import { DEFAULTS, PROFILES } from '#src/loadtest/options.js';
import { profileOf } from '#src/loadtest/profile.js';
import { type DuePush, Schedule, seededRandom } from '#src/loadtest/schedule.js';
import { shareOut } from '#src/loadtest/tenants.js';

const tenants = shareOut({ tenants: 7, tenantPrefix: 't', series: 5000, seriesPerPush: 100, skew: 'zipf' });

function run(durationMs: number, rate = (_tenant: number, _atMs: number) => 1, seed = 1): DuePush[] {
  const schedule = new Schedule(tenants, { intervalMs: 1000, durationMs, rate, random: seededRandom(seed) });
  const all: DuePush[] = [];
  while (schedule.nextMs < Number.POSITIVE_INFINITY) all.push(schedule.take());
  return all;
}

t.test('each push of each tenant is due once an interval, evenly, and in order', async () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const all = run(10_000, undefined, seed);
      return (
        tenants.every(({ pushes }, tenant) => {
          const own = all.filter((one) => one.tenant === tenant);
          const gaps = own.slice(1).map(({ dueMs }, index) => dueMs - own[index]!.dueMs);
          return (
            Math.abs(own.length - 10 * pushes) <= 1 &&
            gaps.every((gap) => Math.abs(gap - 1000 / pushes) < 0.001) &&
            own.every(({ push, cycle }, index) => push + cycle * pushes === index)
          );
        }) && all.every(({ dueMs }, index) => index === 0 || dueMs >= all[index - 1]!.dueMs)
      );
    }),
    { numRuns: 20 },
  );
});

t.test('a rate that changes is followed while a push is still to come', async (t) => {
  const all = run(10_000, (_, atMs) => (atMs >= 4000 && atMs < 6000 ? 5 : 1));
  const pushes = tenants.reduce((sum, one) => sum + one.pushes, 0);
  const within = (from: number, to: number) => all.filter(({ dueMs }) => dueMs >= from && dueMs < to).length;
  t.ok(Math.abs(within(0, 4000) - 4 * pushes) <= tenants.length);
  t.ok(Math.abs(within(4000, 6000) - 10 * pushes) <= tenants.length);
  t.ok(Math.abs(within(6000, 10_000) - 4 * pushes) <= tenants.length);
});

t.test('a rate of nothing sends nothing', async (t) => {
  t.equal(run(10_000, () => 0).length, 0);
});

t.test('the same seed gives the same run', async (t) => {
  t.strictSame(run(2000, undefined, 5), run(2000, undefined, 5));
  t.not(run(2000, undefined, 5)[0]!.dueMs, run(2000, undefined, 6)[0]!.dueMs);
});

t.test(
  'zipf gives the n-th tenant an n-th of the first, in whole pushes; small tenants one small push',
  async (t) => {
    t.strictSame(
      shareOut({ tenants: 4, tenantPrefix: 'x-', series: 25_000, seriesPerPush: 1000, skew: 'zipf' }),
      [
        { id: 'x-1', pushes: 12, seriesPerPush: 1000 },
        { id: 'x-2', pushes: 6, seriesPerPush: 1000 },
        { id: 'x-3', pushes: 4, seriesPerPush: 1000 },
        { id: 'x-4', pushes: 3, seriesPerPush: 1000 },
      ],
    );
    t.strictSame(shareOut({ tenants: 2, tenantPrefix: 'x-', series: 30, seriesPerPush: 500, skew: 'zipf' }), [
      { id: 'x-1', pushes: 1, seriesPerPush: 20 },
      { id: 'x-2', pushes: 1, seriesPerPush: 10 },
    ]);
  },
);

t.test('a profile troubles whom it says it does, when it says it does', async (t) => {
  const of = (profile: (typeof PROFILES)[number]) => profileOf({ ...DEFAULTS, profile, peak: 8, share: 0.3 });
  for (const name of PROFILES) t.ok(of(name).rate(1, 0.1) > 0, name);
  t.equal(of('noisy-neighbour').rate(0, 0.5), 8);
  t.equal(of('noisy-neighbour').rate(1, 0.5), 1);
  t.equal(of('noisy-neighbour').rate(0, 0.9), 1);
  t.equal(of('spike').rate(3, 0.5), 8);
  t.equal(of('spike').rate(3, 0.6), 1);
  t.equal(of('ramp').rate(0, 1), 8);
  t.ok(of('series-explosion').explodes(0, 0.5));
  t.notOk(of('series-explosion').explodes(1, 0.5));
  t.match(of('broken-bodies'), { brokenShare: 0.3, slowShare: 0 });
  t.match(of('slow-senders'), { brokenShare: 0, slowShare: 0.3 });
  t.match(of('retry-storm'), { retry: true });
});
