import t from 'tap';
import { OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { MemoryUsage } from '#src/shared/memory/memory-usage.js';
import { HOUR_STEPS } from '#src/usage/arrival-curve.js';
import { Bookkeeper } from '#src/usage/bookkeeper.js';
import { FleetCounts } from '#src/usage/fleet-counts.js';
import { STEP_MS } from '#src/usage/frame.js';
import { packFrame } from '#src/usage/frame-codec.js';
import { limits } from '../enforce/fixtures.js';
import { entryOf, frameOf } from './fixtures.js';

const FIRST = HOUR_STEPS * 1000;

function fleet(tenantsMax = 10, names = new Set<string>()) {
  const clock = { ms: FIRST * STEP_MS };
  const now = () => clock.ms;
  const store = new MemoryUsage(now);
  const log = { info() {}, warn() {} };
  const bookkeeper = new Bookkeeper({ store, id: 'one', tenantsMax: 100, maxBytes: 1 << 20, now, log });
  const inForce = () => ({ limits: limits(), mode: 'enforce' as const });
  const open = () =>
    new FleetCounts({ store, maxBytes: 1 << 22, tenantsMax, names: () => names, inForce, now });
  const seq = new Map<string, number>();
  const step = async (...frames: [plane: string, ...entries: ReturnType<typeof entryOf>[]][]) => {
    for (const [plane, ...entries] of frames) {
      seq.set(plane, (seq.get(plane) ?? 0) + 1);
      const number = Math.floor(clock.ms / STEP_MS);
      await store.send(await packFrame(frameOf(plane, seq.get(plane)!, number, ...entries)));
    }
    clock.ms += STEP_MS;
    clock.ms += 3000;
    await bookkeeper.tick();
    clock.ms -= 3000;
  };
  return { clock, store, open, step };
}

t.test('each replica sees what all of them have counted, with its history and its reasons', async (t) => {
  const { open, step } = fleet();
  const counts = open();
  t.notOk(counts.isFresh, 'nothing was closed yet');
  await step(['a', entryOf('t', 100, 0, 3)], ['b', entryOf('t', 50)]);
  await step(['a', entryOf('t', 10)], ['b', entryOf('u', 1)]);
  await counts.follow();
  t.ok(counts.isFresh);
  const tenant = counts.tenant('t')!;
  t.equal(tenant.tally.samples, 160);
  t.same([...counts.tenants()].map(({ id }) => id).sort(), ['t', 'u']);
  t.match(counts.history.totals(tenant, '5m'), {
    samples: 160,
    pushes: 3,
    refused: { pushes: 1, samples: 3 },
  });
  t.match(counts.history.reasons(tenant, '5m', 'refused'), { rate_limited: { pushes: 1 } });
  t.equal(Object.keys(counts.state.planes).length, 2);
  await step(['a', entryOf('t', 5)], ['b']);
  await counts.follow();
  await counts.follow();
  t.equal(tenant.tally.samples, 165, 'each step once');
});

t.test('one that begins later knows the last hour', async (t) => {
  const { open, step } = fleet();
  for (let i = 0; i < 4; i++) await step(['a', entryOf('t', 10)]);
  const counts = open();
  await counts.follow();
  t.equal(counts.tenant('t')?.tally.samples, 40);
  t.equal(
    counts.history.series('t', '5m').counts.samples.reduce<number>((a, b) => a + (b ?? 0), 0),
    40,
  );
});

t.test('a fleet that is not heard of any more is said to be so', async (t) => {
  const { clock, store, open, step } = fleet();
  const counts = open();
  await step(['a', entryOf('t', 10)]);
  await counts.follow();
  clock.ms += 61_000;
  t.notOk(counts.isFresh);
  store.state = async () => {
    throw new Error('Redis is away');
  };
  await counts.follow();
  t.equal(counts.error, 'Redis is away');
});

t.test('tenants beyond the most are counted together', async (t) => {
  const { open, step } = fleet(2);
  await step(['a', ...['x', 'y', 'z'].map((id) => entryOf(id, 10))]);
  const counts = open();
  await counts.follow();
  t.same(
    [...counts.tenants()].map(({ id }) => id),
    ['x', 'y', '(other)'],
  );
});

t.test('a tenant that a document names is counted by its name, however many others there are', async (t) => {
  const { open, step } = fleet(4, new Set(['team']));
  const counts = open();
  await step(['a', ...Array.from({ length: 20 }, (_, i) => entryOf(`made-up-${i}`, 1))]);
  await step(['a', entryOf('team', 7)]);
  await counts.follow();
  t.equal(counts.tenant('team')?.tally.samples, 7);
  t.equal(counts.tenant(OTHER_TENANTS)?.tally.samples, 17);
});

t.test('a step that nobody told of is not known, and rates are over those that are', async (t) => {
  const { clock, open, step } = fleet();
  const counts = open();
  await step(['a', entryOf('t', 10)]);
  await step(['a', entryOf('t', 20)], ['b']);
  // No replica is there for two steps.
  clock.ms += 2 * STEP_MS;
  await step(['a'], ['b']);
  await step(['a', entryOf('t', 30)], ['b']);
  await counts.follow();
  const { samples } = counts.history.series('t', '1h').counts;
  t.strictSame(samples.slice(-6), [10, 20, null, null, 0, 30]);
  t.ok(
    samples.slice(0, -6).every((count) => count === null),
    'nor is what was before the first',
  );
  t.strictSame(counts.history.offeredSamples('nobody', '1h').points.slice(-6), [0, 0, null, null, 0, 0]);
  t.strictSame(counts.history.lostSamples('t', '1h').slice(-6), [0, 0, null, null, 0, 0]);
  t.equal(counts.history.seconds('1h', counts.now()), 40);
  t.equal(counts.history.totals(counts.tenant('t')!, '1h').samples, 60);
  // They are away for longer than the history reaches.
  clock.ms += 2 * HOUR_STEPS * STEP_MS;
  await step(['a', entryOf('t', 5)]);
  await counts.follow();
  t.strictSame(counts.history.series('t', '1h').counts.samples.slice(-2), [null, 5]);
  t.equal(counts.history.seconds('1h', counts.now()), 10);
});
