import t from 'tap';
import {
  type AddressChange,
  AddressHealth,
  type AddressStatus,
  addressState,
  mergedAddresses,
  upstreamState,
} from '#src/upstream/address-health.js';

interface Given {
  readonly health: AddressHealth;
  readonly changes: AddressChange[];
  at(ms: number): void;
}

function given(): Given {
  let nowMs = 0;
  const changes: AddressChange[] = [];
  const health = new AddressHealth(
    'http://mimir:8080',
    () => nowMs,
    (change) => changes.push(change),
  );
  return {
    health,
    changes,
    at(ms) {
      nowMs = ms;
      health.tick(ms);
    },
  };
}

t.test('a state is what came back in the last ten seconds', async (t) => {
  for (const [answered, failed, state] of [
    [0, 0, 'idle'],
    [1, 0, 'well'],
    [0, 1, 'down'],
    [10, 1, 'well'],
    [9, 1, 'failing'],
    [1, 1000, 'failing'],
  ] as const) {
    t.equal(addressState(answered, failed), state, `${answered} answered, ${failed} failed`);
  }
});

t.test('an answer is one whatever it says, but for 5xx', async (t) => {
  const { health } = given();
  for (const status of [200, 204, 400, 429, 499]) health.answered(status);
  t.match(health.status(), { state: 'well', answered: 5, failed: 0, lastFailure: undefined });
  health.answered(500);
  health.answered(503);
  t.match(health.status(), {
    state: 'failing',
    answered: 5,
    failed: 2,
    lastFailure: { message: 'it answers 503' },
  });
  health.failed('timeout', new Error('too slow'));
  health.failed('unreachable', new Error('refused'));
  t.match(health.status(), { failed: 4, lastFailure: { message: 'unreachable: refused', secondsAgo: 0 } });
  t.strictSame(health.counts(), [
    ['answered', 5],
    ['5xx', 2],
    ['unreachable', 1],
    ['busy', 0],
    ['timeout', 1],
    ['broken', 0],
  ]);
});

t.test('what is older than ten seconds is forgotten, but not in the counts', async (t) => {
  const { health, at } = given();
  health.answered(200);
  at(4000);
  health.answered(502);
  at(9999);
  t.match(health.status(), { answered: 1, failed: 1 });
  at(10_000);
  t.match(health.status(), { state: 'down', answered: 0, failed: 1, lastFailure: { secondsAgo: 6 } });
  at(13_999);
  t.equal(health.status().state, 'down');
  at(14_000);
  t.match(health.status(), { state: 'idle', sinceSeconds: 0, answered: 0, failed: 0 });
  at(100_000);
  t.match(health.status(), { state: 'idle', sinceSeconds: 86 });
  health.answered(200);
  t.match(health.status(), { state: 'well', answered: 1 });
  t.strictSame(health.counts().slice(0, 2), [
    ['answered', 2],
    ['5xx', 1],
  ]);
});

t.test('each change of state is told once, with how long the one before it was', async (t) => {
  const { health, changes, at } = given();
  for (let i = 0; i < 20; i++) health.answered(200);
  at(1000);
  for (let i = 0; i < 5; i++) health.failed('broken', new Error('gone'));
  at(11_000);
  for (let i = 0; i < 5; i++) health.failed('broken', new Error('gone'));
  at(40_000);
  health.answered(200);
  at(41_000);
  t.match(changes, [
    { before: 'idle', now: { state: 'well', answered: 20 } },
    { before: 'well', beforeSeconds: 0, now: { state: 'failing', failed: 3, answered: 20 } },
    { before: 'failing', beforeSeconds: 10, now: { state: 'down', failed: 1, answered: 0 } },
    { before: 'down', beforeSeconds: 30, now: { state: 'well', answered: 1, failed: 0 } },
  ]);
  t.equal(changes.length, 4);
});

t.test('a time without requests is no change', async (t) => {
  const { health, changes, at } = given();
  health.failed('timeout', new Error('slow'));
  at(20_000);
  t.equal(health.status().state, 'idle');
  health.failed('timeout', new Error('slow'));
  t.equal(changes.length, 1);
  t.match(health.status(), { state: 'down', sinceSeconds: 0 });
});

function status(address: string, answered: number, failed: number, sinceSeconds: number): AddressStatus {
  const lastFailure =
    failed === 0 ? undefined : { message: `after ${sinceSeconds}`, secondsAgo: sinceSeconds };
  const state = addressState(answered, failed);
  const standing = {
    name: 'http://mimir',
    zone: '',
    sentTo: 'in',
    backInSeconds: undefined,
    underWay: 1,
    limit: undefined,
    gradient: undefined,
  } as const;
  return { address, state, sinceSeconds, answered, failed, lastFailure, ...standing };
}

t.test('several processes see an address as one', async (t) => {
  t.strictSame(
    mergedAddresses([
      [status('a', 100, 0, 9), status('b', 0, 3, 7)],
      [status('a', 0, 5, 2), status('b', 0, 4, 5)],
    ]),
    [
      { ...status('a', 100, 5, 9), lastFailure: { message: 'after 2', secondsAgo: 2 }, underWay: 2 },
      { ...status('b', 0, 7, 7), lastFailure: { message: 'after 5', secondsAgo: 5 }, underWay: 2 },
    ],
  );
  t.strictSame(mergedAddresses([]), []);
});

t.test('an address is left out as far as any process leaves it out', async (t) => {
  const one = status('a', 1, 0, 1);
  for (const [states, sentTo, backInSeconds] of [
    [['in', 'in'], 'in', undefined],
    [['in', 'probing'], 'probing', undefined],
    [['out', 'probing'], 'out', 4],
    [['out', 'out'], 'out', 8],
  ] as const) {
    const each = states.map((state, index) => [
      { ...one, sentTo: state, backInSeconds: state === 'out' ? 4 * (index + 1) : undefined },
    ]);
    t.match(mergedAddresses(each), [{ sentTo, backInSeconds }], states.join(', '));
  }
});

t.test('Mimir is down when no address that was asked answers, and failing when one does not', async (t) => {
  for (const [states, all] of [
    [[], 'idle'],
    [['idle'], 'idle'],
    [['idle', 'well'], 'well'],
    [['idle', 'down'], 'down'],
    [['well', 'down'], 'failing'],
    [['well', 'failing'], 'failing'],
    [['down', 'failing'], 'failing'],
  ] as const) {
    t.equal(upstreamState(states.map((state) => ({ state }))), all, states.join(' and '));
  }
});
