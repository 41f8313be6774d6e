/** What holds of the fair queue whatever happens to it, in whatever order: arrivals, answers, clients that go, limits that change. */
import fc from 'fast-check';
import t from 'tap';
import { type Entry, FairQueue, type Priority } from '#src/upstream/fair-queue.js';

const MAX_BYTES = 1000;
const MAX_WAIT_MS = 1000;
/** The longest that is usual, at any time. */
const USUAL_MS = 500;

interface Push {
  readonly items: number;
  readonly room: number;
  readonly bytes: number;
  readonly sinceMs: number;
  readonly giveUp: () => void;
  entry: Entry | undefined;
}

interface World {
  nowMs: number;
  limit: number;
  usualMs: number;
  readonly timers: { readonly atMs: number; readonly run: () => void }[];
  readonly waiting: Set<Push>;
  readonly underWay: Push[];
  readonly queue: FairQueue;
}

function world(): World {
  const self: World = {
    nowMs: 0,
    limit: 100,
    usualMs: 0,
    timers: [],
    waiting: new Set(),
    underWay: [],
    queue: new FairQueue({
      limit: () => self.limit,
      usualMs: () => self.usualMs,
      maxBytes: MAX_BYTES,
      maxWaitMs: MAX_WAIT_MS,
      holds: true,
      now: () => self.nowMs,
      later(run, ms) {
        self.timers.push({ atMs: self.nowMs + ms, run });
        return undefined;
      },
    }),
  };
  return self;
}

type Step = (one: World) => Promise<void>;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const sizes = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(1, 150, 5000));

const arrives = fc
  .record({
    tenant: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    place: fc.constantFrom(undefined, ''),
    weight: fc.constantFrom(1e-6, 1, 3, 1e6),
    priority: fc.constantFrom<Priority>('critical', 'normal', 'normal', 'normal', 'low'),
    items: sizes,
    room: sizes,
    bytes: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(MAX_BYTES + 1)),
  })
  .map(
    ({ tenant, place, weight, priority, items, room, bytes }): Step =>
      async (one) => {
        const entered = one.queue.enter(
          { tenant, place: place ?? tenant, weight, priority },
          items,
          bytes,
          room,
        );
        const turn = typeof entered === 'object' && 'entry' in entered ? entered : undefined;
        const push: Push = {
          items,
          room,
          bytes,
          sinceMs: one.nowMs,
          giveUp: turn?.giveUp ?? (() => {}),
          entry: undefined,
        };
        const hear = (entry: Entry): void => {
          push.entry = entry;
          one.waiting.delete(push);
          if (entry === 'go') one.underWay.push(push);
        };
        if (turn === undefined) hear(entered as Entry);
        else {
          one.waiting.add(push);
          void turn.entry.then(hear);
        }
      },
  );

const answered = fc.nat().map(
  (n): Step =>
    async (one) => {
      const [push] = one.underWay.splice(n % Math.max(1, one.underWay.length), 1);
      if (push !== undefined) one.queue.leave(push.room);
    },
);

const goes = fc.nat().map(
  (n): Step =>
    async (one) => {
      [...one.waiting][n % Math.max(1, one.waiting.size)]?.giveUp();
    },
);

const changes = fc
  .record({ limit: fc.constantFrom(0, 0.5, 10, 10, 30, 200), usualMs: fc.constantFrom(0, 1, 100, USUAL_MS) })
  .map(
    ({ limit, usualMs }): Step =>
      async (one) => {
        one.limit = limit;
        one.usualMs = usualMs;
      },
  );

/** Timers run late, some of them by a turn. */
const passes = fc.record({ ms: fc.integer({ min: 0, max: 400 }), late: fc.integer({ min: 0, max: 50 }) }).map(
  ({ ms, late }): Step =>
    async (one) => {
      one.nowMs += ms;
      await runTimers(one, late);
    },
);

async function runTimers(one: World, lateMs = 0): Promise<void> {
  const due = one.timers.filter(({ atMs }) => atMs + lateMs <= one.nowMs);
  for (const timer of due) one.timers.splice(one.timers.indexOf(timer), 1);
  for (const { run } of due) run();
  await settled();
}

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: arrives },
    { weight: 4, arbitrary: answered },
    { weight: 1, arbitrary: goes },
    { weight: 1, arbitrary: changes },
    { weight: 2, arbitrary: passes },
  ),
  { minLength: 30, maxLength: 150, size: 'max' },
);

function isSound({ queue, waiting, underWay }: World): boolean {
  const room = underWay.reduce((sum, push) => sum + push.room, 0);
  const bytes = [...waiting].reduce((sum, push) => sum + push.bytes, 0);
  return (
    queue.inFlight === room &&
    queue.waiting === waiting.size &&
    queue.waitingBytes === bytes &&
    bytes <= MAX_BYTES
  );
}

t.test('what is under way and what waits is counted right, and bounded', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const one = world();
      for (const step of all) {
        const before = one.underWay.length;
        const limit = one.limit;
        await step(one);
        await settled();
        if (!isSound(one)) return false;
        const isMore = one.underWay.length > before;
        if (isMore && one.queue.inFlight > limit && one.underWay.length > 1) return false;
      }
      return true;
    }),
    { numRuns: 150 },
  );
});

t.test(
  'while somebody waits an answer is on its way, or a timer is set, by which it goes or hears',
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (all, answers) => {
        const one = world();
        for (const step of all) {
          await step(one);
          await settled();
        }
        // Answers come no more, or all at once; after that time alone passes.
        one.limit = 100;
        one.usualMs = 100;
        if (answers) for (const { room } of one.underWay.splice(0)) one.queue.leave(room);
        await settled();
        for (let rounds = 0; one.waiting.size > 0; rounds++) {
          const next = Math.min(...one.timers.map(({ atMs }) => atMs));
          if (!Number.isFinite(next) || rounds > 1000) return false;
          one.nowMs = Math.max(one.nowMs, next);
          await runTimers(one);
          if ([...one.waiting].some(({ sinceMs }) => one.nowMs - sinceMs > MAX_WAIT_MS + 1)) return false;
        }
        return true;
      }),
      { numRuns: 150 },
    );
  },
);

t.test('nothing leaves room that the next one could have', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const one = world();
      for (const step of all) {
        const { limit, usualMs } = one;
        await step(one);
        await settled();
        // A limit that grows is used with the next answer.
        const isKnown = one.limit === limit && one.usualMs === usualMs;
        // What is late by less than a millisecond is not late.
        const isLate = one.timers.some(({ atMs }) => atMs <= one.nowMs + 1);
        const before = one.underWay.length;
        one.queue.leave(0);
        await settled();
        if (isKnown && !isLate && one.underWay.length > before) return false;
      }
      return true;
    }),
    { numRuns: 150 },
  );
});

t.test('with nothing under way the next one goes within the time that an answer takes', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const one = world();
      for (const step of all) {
        await step(one);
        await settled();
      }
      one.limit = 100;
      for (const { room } of one.underWay.splice(0)) one.queue.leave(room);
      await settled();
      const untilMs = one.nowMs + USUAL_MS + 1;
      while (one.underWay.length === 0 && one.nowMs < untilMs) {
        one.nowMs++;
        await runTimers(one);
      }
      // Or all have waited for as long as they may by then.
      return one.underWay.length > 0 || one.waiting.size === 0;
    }),
    { numRuns: 100 },
  );
});

t.test('closed, it holds nobody back', async () => {
  await fc.assert(
    fc.asyncProperty(steps, steps, async (before, after) => {
      const one = world();
      for (const step of before) {
        await step(one);
        await settled();
      }
      one.queue.close();
      await settled();
      if (one.waiting.size > 0) return false;
      for (const step of after) {
        await step(one);
        await settled();
        if (one.waiting.size > 0) return false;
      }
      return true;
    }),
    { numRuns: 100 },
  );
});
