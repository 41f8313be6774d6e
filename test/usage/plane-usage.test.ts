import t from 'tap';
import { Tally } from '#src/enforce/tally.js';
import { NO_TENANT } from '#src/enforce/tenant-metrics.js';
import type { Frame } from '#src/usage/frame.js';
import { unpackFrame } from '#src/usage/frame-codec.js';
import { PlaneUsage } from '#src/usage/plane-usage.js';
import { limits } from '../enforce/fixtures.js';

function plane() {
  const tally = new Tally();
  const none = { id: NO_TENANT, limits: limits(), tally: new Tally(), series: undefined };
  const clock = { ms: 1_000_000_000 };
  const packed: Buffer[] = [];
  const usage = new PlaneUsage({
    source: {
      tenants: () => [{ id: 'a', limits: limits(), tally, series: { active: 7, fleet: 9 } }],
      unattributed: () => none,
      departed: () => new Tally(),
    },
    info: () => ({ name: 'pod:1', machine: 'm', version: '1', startedMs: 0 }),
    deliver: (frame) => packed.push(frame),
    now: () => clock.ms,
  });
  /** A second is over, a little late. */
  const second = async (count = 1) => {
    for (let i = 0; i < count; i++) {
      clock.ms = (Math.floor(clock.ms / 1000) + 1) * 1000 + 3;
      usage.second();
    }
    await usage.settled();
  };
  const frames = async (): Promise<Frame[]> => Promise.all(packed.map(unpackFrame));
  return { usage, tally, clock, second, frames };
}

t.test(
  'a frame is told at the end of each ten seconds, an empty one, too, and they are numbered',
  async (t) => {
    const { tally, second, frames } = plane();
    await second(3);
    tally.requests++;
    tally.samples += 5;
    await second(27);
    const [first, ...more] = await frames();
    t.match(first, { seq: 1, step: 100_000, entries: [{ id: 'a', items: 5, active: 7, fleet: 9 }] });
    t.equal(first?.entries[0]?.seconds?.[3 * 3], 5, 'in its second');
    t.match(more, [
      { seq: 2, step: 100_001, entries: [] },
      { seq: 3, step: 100_002, entries: [] },
    ]);
  },
);

t.test('a process that is held up over the end of a step tells of it late, and counts all', async (t) => {
  const { tally, clock, second, frames } = plane();
  await second(5);
  tally.requests += 2;
  await second(1);
  clock.ms += 12_000;
  tally.requests += 3;
  await second(30);
  const all = await frames();
  t.equal(all[0]?.step, 100_000);
  t.equal(
    all.flatMap(({ entries }) => entries).reduce((sum, { added }) => sum + added[0]!, 0),
    5,
  );
  t.same(
    all.map(({ seq }) => seq),
    all.map((_, i) => i + 1),
  );
});

t.test('what was counted by the end is told at the end', async (t) => {
  const { usage, tally, second, frames } = plane();
  await second(2);
  tally.requests += 4;
  await usage.stop();
  t.match(await frames(), [{ step: 100_000, entries: [{ id: 'a', added: { 0: 4 } }] }]);
});
