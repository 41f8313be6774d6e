/** What is known of the store's health, shard by shard, and what is logged of it. */
import t from 'tap';
import type { OnLoss } from '#src/enforce/ledger.js';
import { Health } from '#src/shared/health.js';
import { STORE_ERROR_KINDS, StoreError } from '#src/shared/store.js';

function given(shards = 1, onLoss: OnLoss = 'local-share') {
  const clock = { nowMs: 0 };
  const log: { readonly level: string; readonly details: object; readonly message: string }[] = [];
  const health = new Health(shards, {
    onLoss,
    replicas: () => 4,
    now: () => clock.nowMs,
    random: () => 0.5,
    log: {
      info: (details, message) => log.push({ level: 'info', details, message }),
      warn: (details, message) => log.push({ level: 'warn', details, message }),
    },
  });
  const fail = (shard: number, times = 3) => {
    for (let i = 0; i < times; i++) health.failed(shard, new StoreError('timeout', 'no answer'));
  };
  return { clock, log, health, fail };
}

t.test('a shard that fails is down, and the others stay up', async (t) => {
  const { health, fail } = given(3);
  fail(1);
  t.strictSame(
    [0, 1, 2].map((shard) => health.isUp(shard)),
    [true, false, true],
  );
  t.equal(health.shards, 3);
  t.equal(health.shardsDown, 1);
  t.equal(health.isDegraded, true);
  fail(2);
  t.equal(health.shardsDown, 2);
});

t.test('each change between up and degraded is logged once, with what it is about', async (t) => {
  const { clock, log, health, fail } = given(3);
  fail(0, 2);
  t.equal(log.length, 0);
  health.succeeded(0);
  fail(0, 2);
  t.equal(log.length, 0, 'not three in a row');
  clock.nowMs = 5000;
  fail(0);
  fail(1);
  fail(1);
  clock.nowMs = 15_400;
  health.probeFailed(0, new StoreError('connection', 'refused'));
  health.probeSucceeded(0);
  t.equal(health.isDegraded, true, 'one shard is still down');
  health.probeSucceeded(1);
  t.equal(health.isDegraded, false);
  t.match(log, [
    {
      level: 'warn',
      details: { error: 'timeout', message: 'no answer', partsDown: 1, parts: 3, replicas: 4 },
      message: 'the shared state does not answer: each replica serves its share of the limits',
    },
    { level: 'info', details: { seconds: 10, replicas: 4 }, message: 'the shared state answers again' },
  ]);
  t.equal(log.length, 2);
});

t.test('the log says what becomes of pushes meanwhile', async (t) => {
  for (const [onLoss, sentence] of [
    ['allow', /pushes that no lease covers pass$/],
    ['refuse', /pushes that no lease covers are refused$/],
  ] as const) {
    const { log, fail } = given(1, onLoss);
    fail(0);
    t.match(log[0]?.message, sentence);
  }
});

t.test('it says since when it is as it is', async (t) => {
  const { clock, health, fail } = given();
  clock.nowMs = 3000;
  t.equal(health.sinceSeconds, 3);
  fail(0);
  clock.nowMs = 4500;
  t.equal(health.sinceSeconds, 1.5);
  fail(0);
  t.equal(health.sinceSeconds, 1.5, 'another failure changes nothing');
  health.probeSucceeded(0);
  clock.nowMs = 5000;
  t.equal(health.sinceSeconds, 0.5);
});

t.test('errors are counted by kind, and the last one is told', async (t) => {
  const { clock, health } = given();
  t.equal(health.lastError, undefined);
  t.strictSame(Object.keys(health.errors), [...STORE_ERROR_KINDS]);
  health.failed(0, new StoreError('memory', 'out of memory'));
  health.probeFailed(0, new StoreError('memory', 'out of memory'));
  health.noteError(new Error('a surprise'));
  clock.nowMs = 2000;
  t.match(health.errors, { memory: 2, other: 1, timeout: 0 });
  t.strictSame(health.lastError, { kind: 'other', message: 'a surprise', secondsAgo: 2 });
  t.equal(health.isUp(0), true, 'what says nothing of a shard counts for none');
});

t.test(
  'a start without the store takes all of it for down, for want of anything that is known',
  async (t) => {
    const { log, health } = given(2);
    health.allFailed();
    t.equal(health.shardsDown, 2);
    t.match(log, [{ level: 'warn', details: { error: 'connection', message: 'not connected yet' } }]);
  },
);

t.test('a shard that is down is probed, one that is up is not', async (t) => {
  const { clock, health, fail } = given(2);
  fail(1);
  clock.nowMs = 250;
  t.equal(health.mayProbe(0), false);
  t.equal(health.mayProbe(1), true);
  t.equal(health.mayProbe(1), false);
});

t.test('there is no shard that there is not', async (t) => {
  t.throws(() => given(2).health.isUp(2), /no shard 2/);
});

t.test('a tenant that a cluster is moving says nothing of its shard', async (t) => {
  const { health } = given();
  for (let i = 0; i < 10; i++) health.failed(0, new StoreError('moving', 'TRYAGAIN'));
  t.equal(health.isUp(0), true);
  t.equal(health.errors.moving, 10);
});
