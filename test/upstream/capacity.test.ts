/** What an address may have under way: an address that is simulated, on a clock of the test's own. */
import t from 'tap';
import { Capacity } from '#src/upstream/capacity.js';

const ITEMS = 100;
const LOAD = { items: ITEMS, place: 'a' };

/** Answers in so many milliseconds to what it has under way; below `knee` items always in the same time. */
interface Address {
  tookMs(inFlight: number): number;
  overloaded?(inFlight: number): boolean;
}

function queueing(knee: number, ms = 10): Address {
  return { tookMs: (inFlight) => ms * Math.max(1, inFlight / knee) };
}

interface Given {
  readonly capacity: Capacity;
  /** For so many seconds, as much is sent as may be, or `offered` items at once at most. */
  run(seconds: number, address: Address, offered?: number): void;
}

function given(floor = 200, learningMs = 5000): Given {
  let nowMs = 0;
  const capacity = new Capacity({ floor, learningMs }, 0);
  return {
    capacity,
    run(seconds, address, offered = 2000) {
      const endMs = nowMs + seconds * 1000;
      while (nowMs < endMs) {
        let items = 0;
        while (items + ITEMS <= Math.min(offered, Math.max(capacity.limit, ITEMS))) {
          capacity.begin(LOAD);
          items += ITEMS;
        }
        const tookMs = address.tookMs(items);
        const overloaded = address.overloaded?.(items) ?? false;
        nowMs += tookMs;
        for (let i = 0; i < items / ITEMS; i++) capacity.answered(LOAD, tookMs, overloaded, nowMs);
      }
    },
  };
}

t.test('while it learns nothing is limited, and then it may have twice of what it had', async (t) => {
  const { capacity, run } = given();
  run(4.5, queueing(1e9), 1000);
  t.equal(capacity.limit, Number.POSITIVE_INFINITY);
  run(2, queueing(1e9), 1000);
  t.equal(capacity.limit, 2000);
});

t.test('what answers as soon as ever gets more, as long as that is used', async (t) => {
  const { capacity, run } = given();
  run(8, queueing(1e9), 1000);
  run(60, queueing(1e9), 50_000);
  t.ok(capacity.limit > 5000, `${capacity.limit}`);
  run(2, queueing(1e9), capacity.limit / 4);
  const { limit } = capacity;
  run(60, queueing(1e9), limit / 4);
  t.equal(capacity.limit, limit, 'and no more while it is not');
});

t.test('what takes longer gets less, down to what it answers in time', async (t) => {
  const { capacity, run } = given();
  run(8, queueing(1000), 1000);
  run(120, queueing(1000), 1e9);
  // At one and a half times the knee it takes as much longer as is tolerated.
  t.ok(capacity.limit > 1000 && capacity.limit < 2500, `${capacity.limit}`);
  run(60, queueing(300), 1e9);
  t.ok(capacity.limit < 1000, `${capacity.limit} of an address that became slower`);
});

t.test('and more again when it is well again', async (t) => {
  const { capacity, run } = given();
  run(8, queueing(1000), 1000);
  run(60, queueing(200), 1e9);
  const low = capacity.limit;
  run(120, queueing(2000), 1e9);
  t.ok(capacity.limit > low * 2, `${low} -> ${capacity.limit}`);
});

t.test(
  'one that says that it is overloaded gets a tenth less each second, and never less than the floor',
  async (t) => {
    const { capacity, run } = given(500);
    run(8, queueing(1e9), 2000);
    const { limit } = capacity;
    const overloaded = { tookMs: () => 10, overloaded: () => true };
    run(1.02, overloaded);
    t.ok(Math.abs(capacity.limit - limit * 0.9) < 1, `${limit} -> ${capacity.limit}`);
    run(100, overloaded);
    t.equal(capacity.limit, 500);
  },
);

t.test('one whose pushes fail or are slow by what is in them makes nothing smaller for others', async (t) => {
  for (const [what, tookMs, overloaded] of [
    ['fail', 10, true],
    ['are slow', 1000, false],
  ] as const) {
    const { capacity, run } = given();
    run(8, queueing(1e9), 1000);
    const { limit } = capacity;
    for (let i = 0; i < 600; i++) {
      const place = i % 10 < 8 ? 'hostile' : `good ${i % 10}`;
      capacity.begin({ items: ITEMS, place });
      const isHostile = place === 'hostile';
      const load = { items: ITEMS, place };
      capacity.answered(load, isHostile ? tookMs : 10, isHostile && overloaded, 8000 + 50 * i);
    }
    t.equal(capacity.limit, limit, what);
  }
});

t.test(
  'where some wait for as long as a push takes, and most not at all, it is slower by the mean',
  async (t) => {
    const { capacity, run } = given();
    run(8, queueing(1e9), 1000);
    const { limit } = capacity;
    // Each sender always meets the workers in the same state.
    for (let round = 0; round < 30; round++) {
      const loads = Array.from({ length: 20 }, (_, i) => ({ items: ITEMS, place: `sender ${i % 10}` }));
      for (const load of loads) capacity.begin(load);
      for (const [i, load] of loads.entries()) {
        capacity.answered(load, i % 10 < 6 ? 10 : 20, false, 10_000 + 100 * round);
      }
    }
    t.ok(capacity.limit < limit, `${limit} -> ${capacity.limit}`);
  },
);

t.test('the first second with no room to spare says nothing of what it takes', async (t) => {
  const { capacity, run } = given();
  run(8, queueing(1e9), 1000);
  const { limit } = capacity;
  run(1.02, queueing(1e9), 1e9);
  t.ok(capacity.limit <= limit * 1.05, `${limit} -> ${capacity.limit}`);
  run(1.02, queueing(1e9), 1e9);
  t.ok(capacity.limit > limit * 1.2, `${limit} -> ${capacity.limit}`);
});

t.test('near what was too much it grows slowly, and not for ever', async (t) => {
  const { capacity, run } = given();
  run(8, queueing(1000), 1000);
  run(60, queueing(1000), 1e9);
  const settled = capacity.limit;
  let highest = 0;
  for (let second = 0; second < 120; second++) {
    run(1, queueing(1000), 1e9);
    highest = Math.max(highest, capacity.limit);
  }
  t.ok(highest < settled * 1.2, `${settled} -> ${highest}`);
  run(30, queueing(1e9), 1e9);
  t.ok(capacity.limit > settled * 2, `${capacity.limit}`);
});

t.test('however slow it is, where there is room to spare nothing is taken away', async (t) => {
  const { capacity, run } = given();
  run(8, queueing(1e9), 1000);
  const { limit } = capacity;
  run(60, queueing(1e9, 200), limit / 2);
  t.equal(capacity.limit, limit);
});

t.test('few answers change nothing', async (t) => {
  const { capacity } = given(200, 0);
  for (const [answers, limit] of [
    [9, Number.POSITIVE_INFINITY],
    [1, 200],
  ] as const) {
    for (let i = 0; i < answers; i++) {
      capacity.begin(LOAD);
      capacity.answered(LOAD, 10, true, 2000);
    }
    t.equal(capacity.limit, limit);
  }
});

t.test('one that nobody waited for says how late it is, once it is late', async (t) => {
  for (const [tookMs, isLess] of [
    [5, false],
    [100, true],
  ] as const) {
    const { capacity, run } = given();
    run(8, queueing(1e9), 1000);
    const { limit } = capacity;
    // All that may be at once.
    for (let i = 0; i < 40; i++) {
      for (let one = 0; one < limit / ITEMS; one++) capacity.begin(LOAD);
      for (let one = 0; one < limit / ITEMS; one++) capacity.end(LOAD, tookMs, 8000 + i * 100);
    }
    t.equal(capacity.limit < limit, isLess, `${tookMs} ms`);
    t.equal(capacity.inFlight, 0);
  }
});

t.test('what is under way is what began and has not ended', async (t) => {
  const { capacity } = given();
  capacity.begin({ items: 5, place: 'a' });
  capacity.begin({ items: 7, place: 'a' });
  capacity.answered({ items: 5, place: 'a' }, 1, false, 1);
  t.equal(capacity.inFlight, 7);
  capacity.end({ items: 7, place: 'a' }, 1, 1);
  t.equal(capacity.inFlight, 0);
});
