import fc from 'fast-check';
import t from 'tap';
import {
  ARRIVAL_KINDS,
  Arrivals,
  COMPACT,
  EXACT,
  HOUR_STEPS,
  KINDS,
  STEP_COUNTS,
  STEP_SECONDS,
} from '#src/usage/arrival-curve.js';
import { CURVE_WINDOWS } from '#src/usage/usage-record.js';

const HOUR = HOUR_STEPS * STEP_SECONDS;
/** The first second of a day. */
const BEGIN = 24 * HOUR * 100;

/** Bursts, as [second, count], in the hours around the one that is looked at. */
const bursts = fc.array(
  fc.tuple(
    fc.nat(3 * HOUR - 1),
    fc.oneof(fc.nat(5), fc.nat(5000), fc.nat(2 ** 40)),
    fc.integer({ min: 1, max: 400 }),
  ),
  { maxLength: 12 },
);

function secondsOf(list: readonly (readonly [number, number, number])[]): Float64Array {
  const seconds = new Float64Array(3 * HOUR);
  for (const [from, count, length] of list) {
    for (let s = from; s < Math.min(from + length, seconds.length); s++) seconds[s]! += count;
  }
  return seconds;
}

/** The most within any `window` seconds of which the last one is in the hour. */
function bruteForce(seconds: Float64Array, hour: number, window: number): number {
  const until = new Float64Array(seconds.length + 1);
  for (let s = 0; s < seconds.length; s++) until[s + 1] = until[s]! + seconds[s]!;
  let most = 0;
  for (let last = hour * HOUR; last < (hour + 1) * HOUR; last++) {
    most = Math.max(most, until[last + 1]! - until[Math.max(0, last + 1 - window)]!);
  }
  return most;
}

/** Feeds only steps that are not silent, as frames do. */
function feed(seconds: Float64Array, kind: number, hour: number, shape = EXACT): Arrivals {
  const arrivals = new Arrivals(shape);
  for (let step = 0; step < ((hour + 1) * HOUR) / STEP_SECONDS; step++) {
    const first = BEGIN / STEP_SECONDS + step;
    if (step % HOUR_STEPS === 0) arrivals.beginHour(first);
    const counts = new Float64Array(STEP_COUNTS);
    for (let s = 0; s < STEP_SECONDS; s++) counts[s * KINDS + kind] = seconds[step * STEP_SECONDS + s]!;
    if (counts.some((count) => count > 0)) arrivals.add(first, counts);
  }
  return arrivals;
}

/** Seconds and steps are kept in 24 significant bits, each rounded up. */
const ROUNDING = 1 + 2 ** -21;
/** A minute is rounded up with each of its steps. */
const MINUTES_ROUNDING = 1 + 2 ** -20;

/** How much longer the window may be that has what is kept of one. */
type Slack = (window: number) => number;
const EXACTLY: Slack = (window) => (window <= 300 ? 0 : STEP_SECONDS);
const COMPACTLY: Slack = (window) => (window <= 60 ? 0 : window <= 600 ? STEP_SECONDS : 60);

/** The most within a window is never too little, and at most that of one that is as much longer as its slack says. */
function checkCurve(seconds: Float64Array, kind: number, hour: number, shape = EXACT, slack = EXACTLY): void {
  const curve = feed(seconds, kind, hour, shape).curve(kind);
  CURVE_WINDOWS.forEach((window, index) => {
    const kept = curve[index]!;
    const most = bruteForce(seconds, hour, window);
    const longer = slack(window);
    const bound =
      longer > 0
        ? bruteForce(seconds, hour, window + longer) * (longer < 60 ? ROUNDING : MINUTES_ROUNDING)
        : most < 2 ** 24
          ? most
          : most * ROUNDING;
    if (kept < most) throw new Error(`${window} s: ${kept} is less than ${most}`);
    if (kept > bound) throw new Error(`${window} s: ${kept} is more than ${bound}`);
  });
}

t.test('an hour is as it is counted by hand, and so is the one after it', async (t) => {
  const seconds = secondsOf([
    [100, 7, 30],
    [130, 2, 400],
    [3590, 3, 20],
    [3700, 50, 1],
    [5000, 9, 300],
    [7190, 40, 5],
    [9000, 1, 1000],
  ]);
  for (const kind of ARRIVAL_KINDS.keys()) {
    for (const hour of [0, 1, 2]) t.doesNotThrow(() => checkCurve(seconds, kind, hour), `${kind} in ${hour}`);
  }
});

t.test('kinds do not touch each other', async (t) => {
  const seconds = secondsOf([[5, 3, 20]]);
  for (const kind of ARRIVAL_KINDS.keys()) {
    const arrivals = feed(seconds, kind, 0);
    for (const other of ARRIVAL_KINDS.keys()) {
      t.equal(arrivals.curve(other).at(-1), other === kind ? 60 : 0);
    }
  }
});

t.test(
  'what is written down goes on as if nobody had looked: seconds are fed again, the most is restored',
  async (t) => {
    const seconds = secondsOf([
      [100, 7, 30],
      [4000, 9, 300],
    ]);
    const whole = feed(seconds, 0, 1);
    const restored = new Arrivals();
    // Of the last hour only what windows still reach is fed again.
    for (let step = 60; step < 720; step++) {
      const counts = new Float64Array(STEP_COUNTS);
      for (let s = 0; s < STEP_SECONDS; s++) counts[s * KINDS] = seconds[step * STEP_SECONDS + s]!;
      restored.add(BEGIN / STEP_SECONDS + step, counts);
    }
    restored.restore(0, whole.curve(0));
    t.same(restored.curve(0), whole.curve(0));
  },
);

t.test('what is restored is the most, of its kind alone, until more comes', async (t) => {
  const arrivals = new Arrivals();
  const written = CURVE_WINDOWS.map((_, index) => 5 + index);
  arrivals.restore(1, written);
  for (const kind of ARRIVAL_KINDS.keys()) {
    t.same(arrivals.curve(kind), kind === 1 ? written : written.map(() => 0), `${kind}`);
  }
  arrivals.add(1000, new Float64Array(STEP_COUNTS).fill(100));
  t.equal(arrivals.curve(1).at(-1), 1000);
});

t.test('a step that was fed already is not counted twice', async (t) => {
  const arrivals = new Arrivals();
  const counts = new Float64Array(STEP_COUNTS).fill(1);
  arrivals.add(1000, counts);
  arrivals.add(1000, counts);
  arrivals.add(999, counts);
  const most = CURVE_WINDOWS.map((seconds) => Math.min(seconds, STEP_SECONDS));
  t.same(arrivals.curve(0), most);
});

t.test('what came before a long silence is in no window any more', async (t) => {
  const counts = new Float64Array(STEP_COUNTS).fill(1);
  const most = CURVE_WINDOWS.map((seconds) => Math.min(seconds, STEP_SECONDS));
  // The last: the clock was far behind, and to go through each step of that would take minutes.
  for (const silentSteps of [31, HOUR_STEPS + 1, HOUR_STEPS + 2, 10 * HOUR_STEPS, 1e10]) {
    const arrivals = new Arrivals();
    arrivals.add(1000, counts);
    arrivals.beginHour(1000 + silentSteps);
    arrivals.add(1000 + silentSteps, counts);
    const long =
      silentSteps > HOUR_STEPS ? most : most.map((one, i) => ((CURVE_WINDOWS[i] ?? 0) > 300 ? 20 : one));
    t.same(arrivals.curve(0), long, `${silentSteps} steps`);
  }
});

t.test('it is silent when nothing came for an hour and the step before it', async (t) => {
  const arrivals = new Arrivals();
  t.ok(arrivals.isSilentAt(1000), 'nothing ever came');
  arrivals.add(1000, new Float64Array(STEP_COUNTS).fill(1));
  t.notOk(arrivals.isSilentAt(1000 + HOUR_STEPS + 1));
  t.ok(arrivals.isSilentAt(1000 + HOUR_STEPS + 2));
});

t.test('when the most is forgotten, what windows have of before still counts', async (t) => {
  const arrivals = new Arrivals();
  const counts = new Float64Array(STEP_COUNTS).fill(1);
  arrivals.add(1000, counts);
  arrivals.forgetMost();
  t.ok(arrivals.curve(0).every((most) => most === 0));
  arrivals.add(1001, counts);
  t.equal(arrivals.curve(0).at(-1), 20);
});

t.test(
  'each window up to five minutes has the most that any such window had, a longer one at least that and at most that of ten seconds more, over the ends of hours, too',
  async () => {
    fc.assert(
      fc.property(bursts, fc.nat(KINDS - 1), fc.nat(2), (list, kind, hour) => {
        checkCurve(secondsOf(list), kind, hour);
      }),
      { numRuns: 60 },
    );
  },
);

t.test(
  'where less memory is taken a window still has no less than came, and at most what came in ten or sixty seconds more',
  async (t) => {
    fc.assert(
      fc.property(bursts, fc.nat(KINDS - 1), fc.nat(2), (list, kind, hour) => {
        checkCurve(secondsOf(list), kind, hour, COMPACT, COMPACTLY);
      }),
      { numRuns: 60 },
    );
    const mebibytes = (shape: typeof EXACT) => (10_000 * 4 * shape.slots) / (1 << 20);
    t.ok(mebibytes(COMPACT) < 25, 'of ten thousand tenants');
    t.ok(mebibytes(COMPACT) < mebibytes(EXACT) / 3);
  },
);

t.test('what comes late makes no window less than it was', async () => {
  fc.assert(
    fc.property(bursts, bursts, (early, late) => {
      const both = secondsOf([...early, ...late]);
      const arrivals = feed(secondsOf(early), 0, 0);
      arrivals.addLate(feed(secondsOf(late), 0, 0));
      const curve = arrivals.curve(0);
      return CURVE_WINDOWS.every((window, index) => curve[index]! >= bruteForce(both, 0, window));
    }),
    { numRuns: 30 },
  );
});
