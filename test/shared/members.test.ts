/** Heartbeats: who says when that it is alive, and what is heard. */
import t from 'tap';
import { Health } from '#src/shared/health.js';
import { Members } from '#src/shared/members.js';
import { StoreError } from '#src/shared/store.js';
import { FakeStore } from './fake-store.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function given(shards = 1, random = 0.5) {
  const store = new FakeStore(shards);
  const clock = { nowMs: 0 };
  const now = () => clock.nowMs;
  const health = new Health(shards, {
    onLoss: 'local-share',
    replicas: () => 1,
    now,
    random: () => 0.5,
    log: { info() {}, warn() {} },
  });
  const members = new Members(store, health, { timeoutMs: 50, now, random: () => random });
  /** Ticks every ten milliseconds until a heartbeat is sent. Answers when that is. */
  const nextBeatMs = (): number => {
    const before = store.beats.length;
    for (; store.beats.length === before; clock.nowMs += 10) members.tick();
    return clock.nowMs - 10;
  };
  return { store, clock, health, members, nextBeatMs };
}

t.test('replicas are counted by the first shard, and there is one at least', async (t) => {
  const { store, members } = given(2);
  t.equal(members.replicas, 1);
  for (const [shard, counted, replicas] of [
    [0, 3, 3],
    [1, 7, 3],
    [0, 0, 3],
  ] as const) {
    const beating = members.beat(shard);
    store.beats.shift()?.answer(counted);
    t.equal(await beating, true);
    t.equal(members.replicas, replicas);
  }
  t.equal(members.answered, 3);
});

t.test('fewer replicas are believed after two lives of a heartbeat, more at once', async (t) => {
  const { store, clock, members } = given();
  const hear = async (nowMs: number, counted: number) => {
    clock.nowMs = nowMs;
    const beating = members.beat(0);
    store.beats.shift()?.answer(counted);
    await beating;
    return members.replicas;
  };
  t.equal(await hear(0, 8), 8);
  t.equal(await hear(2000, 1), 8, 'the store was emptied: each says again that it is there');
  t.equal(await hear(4000, 5), 8);
  t.equal(await hear(6000, 8), 8);
  t.equal(await hear(8000, 6), 8, 'two have gone');
  t.equal(await hear(10_000, 4), 8, 'and two more');
  t.equal(await hear(23_999, 4), 8);
  t.equal(await hear(24_000, 4), 6, 'the most that were counted since');
  t.equal(await hear(26_000, 4), 6);
  t.equal(await hear(42_000, 4), 4);
  t.equal(await hear(44_000, 9), 9);
});

t.test('one that starts on an empty store believes what it hears', async (t) => {
  const { store, members } = given();
  for (const counted of [1, 2, 3]) {
    const beating = members.beat(0);
    store.beats.shift()?.answer(counted);
    await beating;
    t.equal(members.replicas, counted);
  }
});

t.test('a heartbeat goes every two seconds, give or take a quarter', async (t) => {
  for (const [random, everyMs] of [
    [0, 1500],
    [0.5, 2000],
    [1, 2500],
  ] as const) {
    const { store, nextBeatMs } = given(1, random);
    const first = nextBeatMs();
    store.beats[0]?.answer(2);
    await turn();
    t.equal(nextBeatMs() - first, everyMs);
  }
});

t.test('one at a time: while one is not answered no other is sent', async (t) => {
  const { store, members } = given();
  const first = members.beat(0);
  t.equal(await members.beat(0), false);
  t.equal(store.beats.length, 1);
  store.beats[0]?.answer(2);
  t.equal(await first, true);
  void members.beat(0);
  t.equal(store.beats.length, 2);
});

t.test('an answer that comes late counts as none', async (t) => {
  const { store, clock, health, members } = given();
  const intime = members.beat(0);
  clock.nowMs = 50;
  store.beats.shift()?.answer(5);
  t.equal(await intime, true);
  const late = members.beat(0);
  clock.nowMs = 101;
  store.beats.shift()?.answer(9);
  t.equal(await late, false);
  t.equal(members.replicas, 5, 'the last count stands');
  t.equal(health.errors.timeout, 1);
  t.match(health.lastError?.message, /no answer within 50 ms/);
  t.equal(members.answered, 1);
});

t.test('a shard that is down is probed until it answers, and heartbeats wait for that', async (t) => {
  const { store, clock, health, members } = given(2);
  for (let i = 0; i < 3; i++) health.failed(1, new StoreError('connection', 'gone'));
  clock.nowMs = 250;
  members.tick();
  t.strictSame(
    store.beats.map(({ shard }) => shard),
    [1, 0],
    'a probe, and the heartbeat of the one that is up',
  );
  store.beats[0]?.fail(new StoreError('connection', 'gone'));
  await turn();
  t.equal(health.isUp(1), false);
  clock.nowMs = 749;
  members.tick();
  t.equal(store.beats.length, 2);
  clock.nowMs = 750;
  members.tick();
  store.beats[2]?.answer(1);
  await turn();
  t.equal(health.isUp(1), true);

  store.beats[1]?.answer(2);
  await turn();
  for (let i = 0; i < 3; i++) health.failed(0, new StoreError('connection', 'gone'));
  clock.nowMs = 100_000;
  members.tick();
  members.tick();
  t.equal(store.beats.length, 4, 'the probe is the heartbeat');
  store.beats[3]?.answer(6);
  await turn();
  t.equal(members.replicas, 6);
});

t.test('a heartbeat under way is not joined by a probe when the shard goes down', async (t) => {
  const { store, clock, health, members } = given();
  void members.beat(0);
  for (let i = 0; i < 3; i++) health.failed(0, new StoreError('timeout', 'late'));
  clock.nowMs = 10_000;
  members.tick();
  t.equal(store.beats.length, 1);
  store.beats[0]?.fail(new StoreError('connection', 'gone'));
  await turn();
  members.tick();
  t.equal(store.beats.length, 2, 'the first probe is due since long');
});
