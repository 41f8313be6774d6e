/** What goes to Mimir now, and what was under way. */
import t from 'tap';
import {
  Admission,
  type AdmissionStatus,
  type FairnessMode,
  mergedAdmission,
  roomOf,
  usualMsOf,
  weightOf,
} from '#src/upstream/admission.js';

const SENDER = { tenant: 'a', place: 'a', weight: 1, priority: 'normal' } as const;

function given(mode: FairnessMode, limit = 2500) {
  let nowMs = 0;
  const capacity = { floor: 1, learningMs: 0 };
  const options = { mode, capacity, maxBytes: 100, maxWaitMs: 1000, now: () => nowMs };
  const admission = new Admission(
    options,
    () => limit,
    () => 0,
  );
  t.teardown(() => admission.close());
  return {
    admission,
    at(ms: number) {
      nowMs = ms;
    },
  };
}

t.test('a push is under way until it has an answer, or ends without one, and once', async (t) => {
  const { admission, at } = given('act');
  const address = { capacity: admission.capacity() };
  for (const end of ['answered', 'ended'] as const) {
    t.equal(admission.enter(SENDER, 1000, 1), 'go');
    const push = admission.begin(1000, 'a');
    push.at(address);
    t.equal(address.capacity.inFlight, 1000);
    t.equal(admission.status().inFlight, 1000);
    at(10);
    if (end === 'answered') push.answered(200);
    push.ended();
    push.answered(500);
    t.equal(address.capacity.inFlight, 0, end);
    t.equal(admission.status().inFlight, 0, end);
  }
});

t.test('one that was answered before anybody knew where it went is nowhere', async (t) => {
  const { admission } = given('act');
  const address = { capacity: admission.capacity() };
  admission.enter(SENDER, 1000, 1);
  const push = admission.begin(1000, 'a');
  push.answered(0);
  push.at(address);
  t.equal(address.capacity.inFlight, 0);
  t.equal(admission.status().inFlight, 0);
});

t.test('what is small costs something, too: by bytes, and by the push', async (t) => {
  for (const [items, bytes, weight] of [
    [0, 10, 100],
    [1, 100, 100],
    [1000, 64_000, 1000],
    [1, 1_000_000, 1000],
  ] as const) {
    t.equal(weightOf(items, bytes), weight, `${items} items of ${bytes} bytes`);
  }
});

t.test('a push needs room by the root of its size, and a whole number of it', async (t) => {
  for (const [items, room] of [
    [100, 316],
    [1000, 1000],
    [100_000, 10_000],
    [1234.567, 1111],
  ] as const) {
    t.equal(roomOf(items), room, `${items} items`);
  }
});

t.test('when all have ended nothing is under way, whatever they weigh', async (t) => {
  const { admission } = given('act', 1e9);
  for (let bytes = 1_000_003; bytes < 1_000_100; bytes++) {
    const items = weightOf(1, bytes);
    admission.enter(SENDER, items, bytes);
    const push = admission.begin(items, 'a');
    admission.enter(SENDER, 0.1 * items, bytes);
    admission.begin(0.1 * items, 'a').ended();
    push.ended();
  }
  t.equal(admission.status().inFlight, 0);
});

t.test('no answer, and 502 to 504, say that an address has too much', async (t) => {
  for (const [status, isTooMuch] of [
    [0, true],
    [502, true],
    [503, true],
    [504, true],
    [500, false],
    [429, false],
    [200, false],
  ] as const) {
    const { admission, at } = given('act', 1e9);
    const { capacity } = { capacity: admission.capacity() };
    const answerTen = (fromMs: number, answer: number): void => {
      for (let i = 0; i < 10; i++) {
        at(fromMs);
        const push = admission.begin(1000, 'a');
        push.at({ capacity });
        at(fromMs + 1000);
        push.answered(answer);
      }
    };
    answerTen(0, 200);
    const { limit } = capacity;
    answerTen(1000, status);
    t.equal(capacity.limit < limit, isTooMuch, String(status));
  }
});

t.test('in mode observe all go, and what would have waited is counted', async (t) => {
  const { admission } = given('observe');
  for (let i = 0; i < 5; i++) t.equal(admission.enter(SENDER, 1000, 1), 'go');
  t.match(admission.status(), {
    mode: 'observe',
    limit: 2500,
    inFlight: 5000,
    waiting: 0,
    waited: 3,
    turnedAway: 0,
  });
});

t.test('several processes add up, and a limit that one does not know yet is not known', async (t) => {
  const one: AdmissionStatus = {
    mode: 'act',
    limit: 10,
    inFlight: 1,
    waiting: 2,
    waitingBytes: 3,
    waited: 4,
    turnedAway: 5,
  };
  t.strictSame(mergedAdmission([one, one]), {
    mode: 'act',
    limit: 20,
    inFlight: 2,
    waiting: 4,
    waitingBytes: 6,
    waited: 8,
    turnedAway: 10,
  });
  t.equal(mergedAdmission([one, { ...one, limit: undefined }])?.limit, undefined);
  t.equal(mergedAdmission([]), undefined);
});

t.test('all addresses together answer as many as each of them does in its time', async (t) => {
  const address = (limit: number, usualMs: number) => ({
    capacity: Object.assign(known(), { limit, usualMs }),
  });
  const known = () => given('act').admission.capacity();
  for (const [what, each, usualMs] of [
    ['one', [[1000, 50]], 50],
    [
      'two alike',
      [
        [1000, 50],
        [1000, 50],
      ],
      50,
    ],
    [
      'one quick and one slow',
      [
        [1000, 10],
        [1000, 1000],
      ],
      2000 / 101,
    ],
    [
      'one of which nothing is known',
      [
        [1000, 50],
        [1000, 0],
      ],
      50,
    ],
    [
      'one that is not limited yet',
      [
        [1000, 50],
        [Number.POSITIVE_INFINITY, 10],
      ],
      50,
    ],
    ['none', [], 0],
  ] as const) {
    const addresses = each.map(([limit, usual]) => address(limit, usual));
    t.ok(Math.abs(usualMsOf([...addresses, { capacity: undefined }]) - usualMs) < 1e-9, what);
  }
});
