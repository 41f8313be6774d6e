/** What an address may have under way: an address that is simulated, on a clock of the test's own. */
import t from 'tap';
import { Capacity, type Load } from '#src/upstream/capacity.js';

const ITEMS = 100;
const LOAD = { items: ITEMS, room: ITEMS, place: 'a' };

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
      capacity.begin({ items: ITEMS, room: ITEMS, place });
      const isHostile = place === 'hostile';
      const load = { items: ITEMS, room: ITEMS, place };
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
      const loads = Array.from({ length: 20 }, (_, i) => ({
        items: ITEMS,
        room: ITEMS,
        place: `sender ${i % 10}`,
      }));
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

t.test('what is under way is what began and has not ended', async (t) => {
  const { capacity } = given();
  capacity.begin({ items: 5, room: 5, place: 'a' });
  capacity.begin({ items: 7, room: 7, place: 'a' });
  capacity.answered({ items: 5, room: 5, place: 'a' }, 1, false, 1);
  t.equal(capacity.inFlight, 7);
  capacity.end({ items: 7, room: 7, place: 'a' }, 1, 1);
  t.equal(capacity.inFlight, 0);
});

const SMALL = 10;

interface Answer {
  readonly load: Load;
  readonly tookMs: number;
  readonly overloaded: boolean;
}

function answers(count: number, tookMs: number, place = 'a', items = SMALL, overloaded = false): Answer[] {
  return Array.from({ length: count }, () => ({ load: { items, room: items, place }, tookMs, overloaded }));
}

interface Seconds {
  readonly capacity: Capacity;
  /** All of it is under way at once, and answered when the second is over. */
  second(...all: readonly (readonly Answer[])[]): void;
  /** As much as may be under way. */
  fullSecond(tookMs: number): void;
}

/** What usually takes ten milliseconds, of which 4,000 items may be under way. */
function learnt(
  floor = 200,
  learningMs = 3000,
  learns: (second: number) => Answer[] = () => answers(200, 10),
): Seconds {
  let nowMs = 0;
  const capacity = new Capacity({ floor, learningMs }, 0);
  const self: Seconds = {
    capacity,
    second(...all) {
      const each = all.flat();
      for (const { load } of each) capacity.begin(load);
      nowMs += 1000;
      for (const [i, { load, tookMs, overloaded }] of each.entries()) {
        capacity.answered(load, tookMs, overloaded, i === each.length - 1 ? nowMs : nowMs - 500);
      }
    },
    fullSecond: (tookMs) => self.second(answers(Math.floor(capacity.limit / SMALL), tookMs)),
  };
  for (let i = 1; i <= learningMs / 1000; i++) self.second(learns(i));
  return self;
}

t.test('the longer it takes the less it gets, down to three tenths of what it has', async (t) => {
  for (const [tookMs, gradient, limit] of [
    [10, 1, 4040],
    [10.4, 1, 4040],
    [20, 0.525, 2923],
    [1000, 0.3, 2356],
  ] as const) {
    const { capacity, fullSecond } = learnt();
    t.equal(capacity.limit, 4000);
    fullSecond(tookMs);
    t.equal(Number(capacity.gradient.toFixed(3)), gradient, `${tookMs} ms`);
    t.equal(Math.round(capacity.limit), limit, `${tookMs} ms`);
  }
});

t.test('what nobody waited for says how late it is, once it is late', async (t) => {
  for (const [tookMs, limit] of [
    [9.8, 4000],
    [10.5, 4000],
    [12, 3805],
  ] as const) {
    const { capacity } = learnt();
    const load = { items: SMALL, room: SMALL, place: 'a' };
    for (let i = 0; i < 400; i++) capacity.begin(load);
    for (let i = 0; i < 400; i++) capacity.end(load, tookMs, i < 399 ? 3500 : 4000);
    t.equal(Math.round(capacity.limit), limit, `${tookMs} ms`);
    t.equal(capacity.inFlight, 0);
  }
});

t.test('and nothing while it is not known what such a push takes', async (t) => {
  const { capacity, second } = learnt(200, 0);
  const load = { items: SMALL, room: SMALL, place: 'a' };
  for (let i = 0; i < 20; i++) capacity.begin(load);
  for (let i = 0; i < 20; i++) capacity.end(load, 60_000, 1000 * i);
  for (let i = 0; i < 2; i++) second(answers(20, 10));
  t.equal(capacity.usualMs, 10);
});

t.test('what is under way at most in a second counts, whatever is at its end', async (t) => {
  const { capacity } = learnt();
  const load = { items: SMALL, room: SMALL, place: 'a' };
  for (let i = 0; i < 400; i++) capacity.begin(load);
  for (let i = 0; i < 400; i++) {
    if (i === 399) capacity.begin(load);
    capacity.answered(load, 20, false, i < 399 ? 3500 : 4000);
  }
  t.equal(Math.round(capacity.limit), 2923);
});

t.test('it tells what the pushes of the last second take when all is well, whatever they took', async (t) => {
  const { capacity, second } = learnt();
  t.equal(capacity.usualMs, 10);
  for (let i = 0; i < 2; i++) second(answers(100, 30), answers(10, 40, 'a', 800));
  t.ok(Math.abs(capacity.usualMs - (1000 * 10 + 8000 * (40 / 3)) / 9000) < 0.1, `${capacity.usualMs}`);
});

t.test('or what they took, where that was less, by the room that they need', async (t) => {
  const { capacity, second } = learnt();
  const [small] = answers(1, 9);
  const [large] = answers(1, 5);
  if (small === undefined || large === undefined) throw new Error('there are two');
  const roomy = { ...large, load: { ...large.load, room: 3 * SMALL } };
  second(Array.from({ length: 10 }, () => [small, roomy]).flat());
  t.equal(capacity.usualMs, 6);
});

t.test('of each sender the last answers of a second count', async (t) => {
  const late = learnt();
  late.second(answers(384, 10), answers(16, 100));
  t.ok(late.capacity.limit < 4000, `${late.capacity.limit}`);
  const early = learnt();
  early.second(answers(384, 100), answers(16, 10));
  t.ok(early.capacity.limit > 4000, `${early.capacity.limit}`);
});

t.test(
  'pushes that always differ are not slow, and are when all of them take longer than that',
  async (t) => {
    const mixed = (count: number, factor: number) =>
      Array.from({ length: count }, (_, i) => answers(1, (i % 2 === 0 ? 10 : 20) * factor)).flat();
    const { capacity, second } = learnt(200, 40_000, () => mixed(200, 1));
    const full = () => Math.floor(capacity.limit / SMALL);
    second(mixed(full(), 1));
    const { limit } = capacity;
    t.ok(limit > 4000, `${limit}`);
    second(mixed(full(), 1.4));
    t.ok(capacity.limit < limit, `${limit} -> ${capacity.limit}`);
  },
);

t.test('what takes now longer, now less from second to second may take a little longer', async (t) => {
  const steady = learnt(200, 30_000);
  const restless = learnt(200, 30_000, (second) => answers(200, second % 2 === 0 ? 8 : 12));
  for (const { fullSecond } of [steady, restless]) fullSecond(12.5);
  t.ok(steady.capacity.limit < 4000, `${steady.capacity.limit}`);
  t.ok(restless.capacity.limit > 4000, `${restless.capacity.limit}`);
});

t.test('where it answers no sooner with half as much, what it takes becomes usual', async (t) => {
  for (const [floor, seconds] of [
    [200, 4],
    [3000, 3],
  ] as const) {
    const { capacity, fullSecond } = learnt(floor);
    for (let i = 0; i < seconds - 1; i++) fullSecond(30);
    t.ok(capacity.limit < 4000, `${capacity.limit} of ${floor}`);
    fullSecond(30);
    t.equal(capacity.limit, 4000, `it gets back what it had, with ${floor} at least`);
    fullSecond(30);
    t.ok(Math.abs(capacity.usualMs - 30) < 0.5, `${capacity.usualMs}`);
    t.equal(capacity.limit, 5000, 'and more, as if nothing had been too much');
  }
});

t.test('where it answers sooner with half as much, it does not', async (t) => {
  const { capacity, fullSecond } = learnt();
  for (let i = 0; i < 10; i++) fullSecond(capacity.limit > 2000 ? 40 : 15);
  t.ok(capacity.limit < 2000, `${capacity.limit}`);
  t.ok(capacity.usualMs < 11, `${capacity.usualMs}`);
});

t.test('it is overloaded when it says so of one push in twenty of the others', async (t) => {
  const hostile = answers(20, 10, 'hostile', SMALL, true);
  for (const [what, others, limit] of [
    ['of none', [answers(20, 10, 'b')], 4000],
    ['of one in twenty', [answers(19, 10, 'b'), answers(1, 10, 'b', SMALL, true)], 3600],
    ['of fewer', [answers(20, 10, 'b'), answers(1, 10, 'b', SMALL, true)], 4000],
    ['there are no others', [], 3600],
  ] as const) {
    for (const all of [
      [hostile, ...others],
      [...others, hostile],
    ]) {
      const { capacity, second } = learnt();
      second(...all);
      t.equal(capacity.limit, limit, what);
    }
  }
});

t.test('names that are made up count as one sender once there are many', async (t) => {
  const names = (count: number, tookMs: number, name: string) =>
    Array.from({ length: count }, (_, i) => answers(1, tookMs, `${name} ${i}`)).flat();
  const known = learnt();
  known.second(names(200, 10, 'known'), names(200, 100, 'made up'));
  t.ok(known.capacity.limit >= 4000, `${known.capacity.limit}`);
  const slow = learnt();
  slow.second(names(200, 10, 'known'), ...Array.from({ length: 15 }, () => names(200, 30, 'known')));
  t.ok(slow.capacity.limit < 4000, `${slow.capacity.limit}: those who are known are heard all the same`);
});

t.test('there is room to spare where the largest push of a second would fit, too', async (t) => {
  for (const [largest, isLess] of [
    [10, false],
    [1000, true],
  ] as const) {
    const { capacity, second } = learnt();
    second(answers(1, 20, 'a', largest), answers(260, 20));
    t.equal(capacity.limit < 4000, isLess, `${largest}`);
  }
});

t.test('who is slow while there is room raises what is tolerated by little', async (t) => {
  for (const slow of [1, 3, 4]) {
    const { capacity, second, fullSecond } = learnt();
    for (let i = 0; i < 200; i++) {
      const nine = Array.from({ length: 9 }, (_, of) =>
        answers(10, of < slow && i % 2 === 0 ? 1000 : 10, `sender ${of}`),
      );
      second(...nine);
    }
    const { limit } = capacity;
    for (let i = 0; i < 3; i++) fullSecond(25);
    t.ok(capacity.limit < 0.8 * limit, `${slow} of nine: ${limit} -> ${capacity.limit}`);
  }
});

t.test('as many senders as there are may come and go, and none is slow by what others sent', async (t) => {
  const { capacity, second } = learnt();
  for (let i = 0; i < 300; i++) second(answers(10, 10, `name ${i}`), answers(10, 10, `other ${i}`));
  const { limit } = capacity;
  for (let i = 0; i < 3; i++) {
    second(answers(limit / SMALL / 2, 30, 'name 299'), answers(limit / SMALL / 2, 30, 'other 299'));
  }
  t.ok(capacity.limit < limit, `${limit} -> ${capacity.limit}`);
});

t.test('a few whose pushes fail by what is in them make nothing smaller for others', async (t) => {
  const each = (failing: number, of: number): Answer[][] =>
    Array.from({ length: of }, (_, i) => answers(10, 10, `sender ${i}`, SMALL, i < failing));
  for (const [failing, of, isLess] of [
    [1, 2, false],
    [2, 2, true],
    [1, 4, false],
    [2, 4, true],
    [3, 9, false],
    [4, 9, true],
    [3, 100, false],
    [9, 100, true],
  ] as const) {
    const { capacity, second } = learnt();
    for (let i = 0; i < 10; i++) second(...each(failing, of));
    t.equal(capacity.limit < 4000, isLess, `${failing} of ${of}`);
  }
});

t.test(
  'how much times differ by themselves is learnt later, too, while there is room to spare',
  async (t) => {
    for (const [seconds, isLess] of [
      [4, true],
      [120, false],
    ] as const) {
      const { capacity, second, fullSecond } = learnt();
      for (let i = 0; i < seconds; i++) second(answers(100, i % 2 === 0 ? 8 : 12));
      fullSecond(12.5);
      t.equal(capacity.limit < 4000, isLess, `${seconds} seconds`);
    }
  },
);

t.test('what is usual rises slowly, and most slowly while all is used; it falls sooner', async (t) => {
  for (const [what, tookMs, isFull, least, most] of [
    ['longer, with room to spare', 10.4, false, 10.05, 10.2],
    ['longer, while all is used', 10.4, true, 10.005, 10.03],
    ['sooner', 5, false, 5.1, 6],
  ] as const) {
    const { capacity, second, fullSecond } = learnt();
    for (let i = 0; i < 30; i++) {
      if (isFull) fullSecond(tookMs);
      else second(answers(100, tookMs));
    }
    second(answers(100, 20));
    t.ok(capacity.usualMs > least && capacity.usualMs < most, `${what}: ${capacity.usualMs}`);
  }
});

t.test('what is usual is what half of the pushes take, whoever sends the others', async (t) => {
  const { capacity, second } = learnt(200, 3000, () => [
    ...answers(100, 10, 'a'),
    ...answers(50, 10, 'b'),
    ...answers(50, 1, 'quick'),
  ]);
  second(answers(100, 10));
  t.equal(capacity.usualMs, 10);
});

t.test('a quarter more each second, slowly where that was too much, and not for ever', async (t) => {
  const { capacity, fullSecond } = learnt();
  const grows = (tookMs: number): string => {
    const before = capacity.limit;
    fullSecond(tookMs);
    if (capacity.limit < before) return 'less';
    return capacity.limit > before * 1.2 ? 'fast' : 'slowly';
  };
  t.strictSame(
    [10, 10, 10, 20, 20, 10, 10, 10, 10, 10, 10, 10, 10].map(grows),
    'slowly fast fast less less fast slowly slowly fast slowly slowly slowly fast'.split(' '),
  );
});

t.test(
  'whether it is slow by itself is judged by the slowest of the seconds before, and in a row',
  async (t) => {
    const tens = (items: number, tookMs: number) => answers(items / SMALL, tookMs);
    const of = (...seconds: readonly (readonly [items: number, tookMs: number])[]): boolean => {
      const { capacity, second } = learnt();
      for (const [items, tookMs] of seconds) second(tens(items, tookMs));
      return capacity.limit >= 4000;
    };
    for (const [what, isByItself, seconds] of [
      [
        'half, for two seconds',
        true,
        [
          [4000, 30],
          [1500, 30],
          [1500, 30],
        ],
      ],
      [
        'half, for one',
        false,
        [
          [4000, 30],
          [1500, 30],
        ],
      ],
      [
        'more in between',
        false,
        [
          [4000, 30],
          [1500, 30],
          [2400, 30],
          [1500, 30],
        ],
      ],
      [
        'sooner than the slowest',
        false,
        [
          [4000, 20],
          [2400, 40],
          [1500, 22],
          [1500, 22],
        ],
      ],
      [
        'sooner, and then not',
        false,
        [
          [4000, 40],
          [1500, 15],
          [1500, 15],
          [1500, 40],
        ],
      ],
    ] as const) {
      t.equal(of(...seconds), isByItself, what);
    }
  },
);

t.test('a few that are slow make nobody slow: of a sender, and of all senders', async (t) => {
  for (const [what, all] of [
    ['of a sender', [...answers(384, 10), ...answers(3, 1000), ...answers(13, 10)]],
    ['of three senders', [...answers(200, 1000, 'a'), ...answers(100, 10, 'b'), ...answers(100, 10, 'c')]],
  ] as const) {
    const { capacity, second } = learnt();
    second(all);
    t.ok(capacity.limit > 4000, `${what}: ${capacity.limit}`);
  }
});
