/** What one replica has counted itself, in a small book of its own. */
import t from 'tap';
import { OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { HOUR_STEPS } from '#src/usage/arrival-curve.js';
import { type FrameEntry, STEP_MS } from '#src/usage/frame.js';
import { packFrame } from '#src/usage/frame-codec.js';
import { NO_NAMES } from '#src/usage/places.js';
import { HOUR_MS } from '#src/usage/records.js';
import { KEPT_REPLICA_HOURS, ReplicaUsage } from '#src/usage/replica-usage.js';
import { entryOf, frameOf } from './fixtures.js';

/** The first step of a day. */
const FIRST = HOUR_STEPS * 24 * 1000;

function given({ tenantsMax = 10, maxBytes = 1 << 20 } = {}) {
  const clock = { nowMs: FIRST * STEP_MS };
  const failures: unknown[] = [];
  const usage = new ReplicaUsage({
    tenantsMax,
    maxBytes,
    names: () => NO_NAMES,
    now: () => clock.nowMs,
    failed: (error) => failures.push(error),
  });
  const seqs = new Map<string, number>();
  return {
    clock,
    usage,
    failures,
    async hear(plane: string, step: number, ...entries: FrameEntry[]): Promise<void> {
      const seq = (seqs.get(plane) ?? 0) + 1;
      seqs.set(plane, seq);
      usage.heard(await packFrame(frameOf(plane, seq, step, ...entries)));
    },
    /** Some seconds after the end of the step. */
    async closeAfter(step: number, seconds = 3): Promise<void> {
      clock.nowMs = (step + 1) * STEP_MS + seconds * 1000;
      await usage.close();
    },
  };
}

t.test('workers are added up second by second, as soon as each of them has told', async (t) => {
  const { usage, hear, closeAfter } = given();
  await hear('worker 1', FIRST, entryOf('t', 100, 3, 5));
  await hear('worker 2', FIRST, entryOf('t', 50, 3));
  await closeAfter(FIRST);
  const { hours, days } = await usage.history('t');
  t.match(hours, [
    {
      startMs: FIRST * STEP_MS,
      seconds: 3600,
      coveredSeconds: 10,
      offered: { requests: 2, items: 150 },
      refused: { items: 5 },
      curves: { items: { 0: 150 } },
    },
  ]);
  t.match(days, [{ startMs: FIRST * STEP_MS, seconds: 86_400, coveredSeconds: 10, offered: { items: 150 } }]);
  t.strictSame((await usage.history('another')).hours, []);
  t.match(usage.status(), { sinceMs: FIRST * STEP_MS, untilMs: (FIRST + 1) * STEP_MS, tenants: 1 });
});

t.test(
  'a worker that does not tell is waited for, though not for long, and is added when it does',
  async (t) => {
    const { usage, hear, closeAfter } = given();
    await hear('worker 1', FIRST);
    await hear('worker 2', FIRST);
    await closeAfter(FIRST);
    await hear('worker 1', FIRST + 1, entryOf('t', 1));
    await closeAfter(FIRST + 1);
    t.equal(usage.status().untilMs, (FIRST + 1) * STEP_MS);
    await closeAfter(FIRST + 1, 6);
    t.equal(usage.status().untilMs, (FIRST + 2) * STEP_MS);
    await hear('worker 2', FIRST + 1, entryOf('t', 2));
    await closeAfter(FIRST + 1, 7);
    t.match((await usage.history('t')).hours, [{ offered: { items: 3 } }]);
  },
);

t.test('hours of the last day are kept, silent ones too, and what is older is gone', async (t) => {
  const { usage, hear, closeAfter } = given();
  for (let hour = 0; hour < KEPT_REPLICA_HOURS + 2; hour++) {
    const step = FIRST + hour * HOUR_STEPS;
    // Every other hour, and one tenant once.
    await hear(
      'a',
      step,
      ...(hour % 2 === 0 ? [entryOf('t', hour + 1)] : []),
      ...(hour === 0 ? [entryOf('u', 1)] : []),
    );
    await closeAfter(step);
  }
  const { hours, days } = await usage.history('t');
  t.strictSame(
    hours.map(({ offered }) => offered.items),
    Array.from({ length: KEPT_REPLICA_HOURS }, (_, i) => ((i + 2) % 2 === 0 ? i + 3 : 0)),
  );
  t.ok(hours.every(({ coveredSeconds }) => coveredSeconds === 10));
  const sum = hours.reduce((all, { offered }) => all + offered.items, 0);
  t.equal(
    days.reduce((all, { offered }) => all + offered.items, 0),
    sum,
    'days are those hours',
  );
  t.equal(days.length, 2);
  t.strictSame((await usage.history('u')).hours, []);
  const bytes = usage.status().bytes;
  await closeAfter(FIRST + (KEPT_REPLICA_HOURS + 1) * HOUR_STEPS);
  t.equal(usage.status().bytes, bytes);
  t.ok(bytes < 4000, 'one tenant');
});

t.test('what comes late into an hour that is over is added to it', async (t) => {
  const { usage, hear, closeAfter } = given();
  await hear('a', FIRST + HOUR_STEPS - 1, entryOf('t', 5));
  await closeAfter(FIRST + HOUR_STEPS - 1);
  await hear('a', FIRST + HOUR_STEPS, entryOf('t', 1));
  await closeAfter(FIRST + HOUR_STEPS);
  await hear('b', FIRST + HOUR_STEPS - 1, entryOf('t', 3));
  await closeAfter(FIRST + HOUR_STEPS, 4);
  const { hours } = await usage.history('t');
  t.strictSame(
    hours.map(({ startMs, offered }) => [startMs / HOUR_MS, offered.items]),
    [
      [FIRST / HOUR_STEPS, 8],
      [FIRST / HOUR_STEPS + 1, 1],
    ],
  );
});

t.test('it is bounded, and says what there is no room for', async (t) => {
  const few = given({ tenantsMax: 2 });
  await few.hear('a', FIRST, ...['t', 'u', 'v', 'w'].map((id) => entryOf(id, 1)));
  await few.closeAfter(FIRST);
  t.match(few.usage.status(), { tenantsOver: 2 });
  t.match((await few.usage.history(OTHER_TENANTS)).hours, [{ offered: { items: 2 } }]);

  const small = given({ maxBytes: 1 });
  for (const hour of [0, 1]) {
    await small.hear('a', FIRST + hour * HOUR_STEPS, entryOf('t', 1), entryOf('u', 1), entryOf('v', 1));
    await small.closeAfter(FIRST + hour * HOUR_STEPS);
  }
  t.match(small.usage.status(), { withoutRoom: 2 });
  t.equal((await small.usage.history('t')).hours.length, 2, 'who came first has a place');
  t.equal((await small.usage.history('v')).hours.length, 1, 'the hour under way');
});

t.test('what is no frame is left out, and said', async (t) => {
  const { usage, failures, hear, closeAfter } = given();
  usage.heard(Buffer.from('no frame'));
  await hear('a', FIRST, entryOf('t', 1));
  await closeAfter(FIRST);
  t.match((await usage.history('t')).hours, [{ offered: { items: 1 } }]);
  t.match(failures, [{ name: 'Damaged' }]);
});
