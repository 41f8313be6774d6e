/** States of the breaker, on a clock of the test's own. */
import t from 'tap';
import { Breaker, type BreakerMode, type BreakerStatus, mergedBreaker } from '#src/upstream/breaker.js';
import type { Called } from '#src/upstream/call.js';

/** A push that was sent before. */
const LATE: Called = { request: { place: 'a' }, attempt: { isProbe: false, trial: 0 } };

interface Given {
  readonly breaker: Breaker;
  readonly states: string[];
  /** A push that is on its way; undefined: it was not sent. */
  enter(place?: string): Called | undefined;
  /** Of a push that comes now; undefined: it is sent. */
  waitMs(): number | undefined;
  at(ms: number): void;
  /** So many pushes, of which the first ones fail; what was not sent is not counted. */
  push(count: number, failing: number): void;
  state(): string;
}

function given(mode: BreakerMode = 'act', allFail = () => true): Given {
  let nowMs = 0;
  const states: string[] = [];
  const changed = ({ state }: BreakerStatus) => states.push(state);
  const breaker = new Breaker({ mode, allFail, now: () => nowMs, changed });
  const enter = (place = 'a'): Called | undefined => {
    const pass = breaker.enter(place, nowMs);
    return 'trial' in pass
      ? { request: { place }, attempt: { isProbe: false, trial: pass.trial } }
      : undefined;
  };
  return {
    breaker,
    enter,
    waitMs() {
      const pass = breaker.enter('a', nowMs);
      return 'trial' in pass ? undefined : pass.waitMs;
    },
    states,
    at(ms) {
      nowMs = ms;
      breaker.tick(ms);
    },
    push(count, failing) {
      for (let i = 0; i < count; i++) {
        const push = enter();
        if (push === undefined) continue;
        if (i < failing) breaker.failed('no answer', push);
        else breaker.answered(200, push);
      }
    },
    state: () => breaker.status().state,
  };
}

t.test('it opens when half of twenty pushes fail within ten seconds', async (t) => {
  for (const [well, failing, state] of [
    [0, 19, 'closed'],
    [0, 20, 'open'],
    [10, 10, 'open'],
    [11, 10, 'closed'],
    [100, 99, 'closed'],
    [100, 100, 'open'],
  ] as const) {
    const one = given();
    one.push(well, 0);
    one.push(failing, failing);
    t.equal(one.state(), state, `${failing} of ${well + failing}`);
  }
});

t.test('what failed longer ago does not count', async (t) => {
  const { push, at, state } = given();
  push(19, 19);
  at(10_000);
  push(1, 1);
  t.equal(state(), 'closed');
});

t.test('nor does it when nobody has looked since', async (t) => {
  let nowMs = 0;
  const breaker = new Breaker({ mode: 'act', allFail: () => true, now: () => nowMs, changed() {} });
  for (let i = 0; i < 19; i++) breaker.failed('no answer', LATE);
  nowMs = 10_000;
  breaker.failed('no answer', LATE);
  t.equal(breaker.status().state, 'closed');
});

t.test('it stays closed while any address is well', async (t) => {
  const { push, state } = given('act', () => false);
  push(100, 100);
  t.equal(state(), 'closed');
});

t.test('502, 503 and 504 are failures; 500 may be about one push, and 4xx is an answer', async (t) => {
  for (const [status, state] of [
    [502, 'open'],
    [503, 'open'],
    [504, 'open'],
    [500, 'closed'],
    [429, 'closed'],
    [400, 'closed'],
  ] as const) {
    const one = given();
    for (let i = 0; i < 20; i++) one.breaker.answered(status, one.enter() ?? LATE);
    t.equal(one.state(), state, String(status));
    if (state === 'open') t.match(one.breaker.cause, new RegExp(`: Mimir answers ${status}$`));
  }
});

t.test('open, no push goes out until its time is over, and each is told when to come again', async (t) => {
  const { push, breaker, at, waitMs } = given();
  at(5000);
  push(20, 20);
  t.equal(waitMs(), 1000);
  at(5400);
  t.equal(waitMs(), 1000, 'never less than a second');
  t.match(breaker.status(), {
    state: 'open',
    sinceSeconds: 0.4,
    cause: '20 of 20 pushes failed within 10 s, the last one so: no answer',
    refused: 2,
  });
});

t.test('half-open, one push at a time finds out; three that go well close it', async (t) => {
  const { push, breaker, at, enter, waitMs, state, states } = given();
  push(20, 20);
  at(1000);
  for (let i = 0; i < 3; i++) {
    const push = enter() ?? LATE;
    t.not(waitMs(), undefined, 'another one is under way');
    breaker.answered(200, push);
  }
  t.equal(state(), 'closed');
  t.equal(breaker.status().cause, undefined);
  t.strictSame(states, ['open', 'half-open', 'closed']);
  push(19, 19);
  t.equal(state(), 'closed', 'and what failed before is forgotten');
});

t.test('one that fails opens it for twice as long, up to half a minute', async (t) => {
  const { push, breaker, at, enter, waitMs } = given();
  push(20, 20);
  let nowMs = 0;
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    const wait = waitMs() ?? 0;
    waits.push(wait / 1000);
    nowMs += wait;
    at(nowMs);
    breaker.failed('still nothing', enter() ?? LATE);
  }
  t.strictSame(waits, [1, 2, 4, 8, 16, 30, 30]);
  t.equal(breaker.status().cause, 'the last push that was tried failed: still nothing');
});

t.test('after it was closed it waits shortly again', async (t) => {
  const { push, at, waitMs } = given();
  push(20, 20);
  at(1000);
  push(1, 1);
  at(3000);
  for (let i = 0; i < 3; i++) push(1, 0);
  push(20, 20);
  t.equal(waitMs(), 1000);
});

t.test('half-open, only what is tried is heard: others were on their way before', async (t) => {
  const { push, breaker, at, enter, state, states } = given();
  push(20, 20);
  at(1000);
  const first = enter() ?? LATE;
  for (let i = 0; i < 30; i++) breaker.failed('late', LATE);
  t.equal(state(), 'half-open');
  for (let i = 0; i < 30; i++) breaker.answered(200, LATE);
  breaker.aborted(LATE);
  t.equal(enter(), undefined, 'the one that is tried is still under way');
  t.equal(state(), 'half-open');
  breaker.failed('still nothing', first);
  t.equal(state(), 'open');
  at(3000);
  const second = enter() ?? LATE;
  breaker.failed('heard twice', first);
  breaker.answered(200, first);
  t.equal(state(), 'half-open', 'nor is one of an earlier time');
  breaker.answered(200, second);
  for (let i = 0; i < 30; i++) breaker.answered(200, LATE);
  breaker.failed('late', LATE);
  t.equal(state(), 'half-open', 'nor while none is tried');
  push(2, 0);
  t.strictSame(states, ['open', 'half-open', 'open', 'half-open', 'closed']);
});

t.test('it does not open for what one sender alone may be the cause of', async (t) => {
  const one = given();
  for (let i = 0; i < 100; i++) {
    one.breaker.failed('no answer', one.enter('hostile') ?? LATE);
    if (i % 3 === 0) one.breaker.answered(200, one.enter('good') ?? LATE);
  }
  t.equal(one.state(), 'closed');
  for (let i = 0; i < 34; i++) one.breaker.failed('no answer', one.enter('good') ?? LATE);
  t.equal(one.state(), 'open', 'but when the others fail, too');
});

t.test('one whose pushes fail by what is in them keeps it open for nobody', async (t) => {
  for (const hostile of [['one'], ['one', 'another']]) {
    const { push, breaker, at, enter, states } = given();
    push(20, 20);
    let seconds = 0;
    for (; !states.includes('closed') && seconds < 600; seconds++) {
      at(1000 * seconds);
      for (let i = 0; i < 10; i++) {
        for (const place of [...hostile, ...hostile, 'good']) {
          const tried = enter(place);
          if (place === 'good') breaker.answered(200, tried ?? LATE);
          else if (tried !== undefined) breaker.failed('no answer', tried);
        }
      }
    }
    t.ok(seconds < 60, `${hostile.join()}: closed after ${seconds} s`);
  }
});

t.test(
  'whose push failed waits a second for others, and is tried when these do not come again',
  async (t) => {
    const { push, breaker, at, enter } = given();
    push(20, 20);
    enter('good');
    at(1000);
    breaker.failed('no answer', enter('a') ?? LATE);
    enter('good');
    at(3000);
    t.equal(enter('a'), undefined);
    at(3900);
    t.equal(enter('a'), undefined);
    at(4000);
    t.not(enter('a'), undefined);
  },
);

t.test('a push that is tried and hangs does not hold back all others for as long', async (t) => {
  const { push, breaker, at, enter, state } = given();
  push(20, 20);
  at(1000);
  const hangs = enter() ?? LATE;
  at(5900);
  t.equal(enter(), undefined);
  at(6000);
  for (let i = 0; i < 2; i++) breaker.answered(200, enter() ?? LATE);
  breaker.answered(200, hangs);
  t.equal(state(), 'closed', 'and is heard when it is answered late');
  breaker.answered(200, hangs);
  t.equal(state(), 'closed');
});

t.test('a push that ended early leaves its place to the next', async (t) => {
  const { push, breaker, at, enter, waitMs } = given();
  push(20, 20);
  at(1000);
  breaker.aborted(enter() ?? LATE);
  t.equal(waitMs(), undefined);
});

t.test('in mode observe it says what it would do, and all pushes pass', async (t) => {
  const { push, breaker, at, enter, waitMs, state, states } = given('observe');
  push(20, 20);
  t.equal(state(), 'open');
  t.equal(waitMs(), undefined);
  at(1000);
  const first = enter() ?? LATE;
  t.equal(state(), 'half-open');
  t.equal(waitMs(), undefined, 'others are sent, too');
  breaker.answered(200, first);
  push(2, 0);
  t.strictSame(states, ['open', 'half-open', 'closed']);
  t.equal(breaker.status().refused, 0);
});

t.test('switched off it stays closed', async (t) => {
  const { push, state } = given('off');
  push(100, 100);
  t.equal(state(), 'closed');
});

t.test('of several processes the worst is shown, and what all of them answered', async (t) => {
  const one = (state: BreakerStatus['state'], refused: number): BreakerStatus => ({
    mode: 'act',
    state,
    sinceSeconds: refused,
    cause: state,
    refused,
  });
  t.match(mergedBreaker([one('closed', 1), one('open', 2), one('half-open', 4)]), {
    state: 'open',
    sinceSeconds: 2,
    refused: 7,
  });
  t.match(mergedBreaker([one('closed', 1), one('half-open', 4)]), { state: 'half-open' });
  t.equal(mergedBreaker([]), undefined);
});
