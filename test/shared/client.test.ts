/** A replica's side of the shared state, over a store that answers when the test says so, on a clock that the test sets. */
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import type { LeaseCall, LeaseReply } from '#src/buckets/lease-protocol.js';
import type { Answer, BucketShape } from '#src/enforce/ledger.js';
import { NEW } from '#src/series/series-rows.js';
import { StoreClient, type StoreClientOptions } from '#src/shared/client.js';
import { StoreError } from '#src/shared/store.js';
import { leaseReply } from '../buckets/fixtures.js';
import { admitCall, announceCall } from '../series/fixtures.js';
import { type Asked, FakeStore } from './fake-store.js';

const SHAPE: BucketShape = { rate: 0, capacity: 1000 };

/** What is due in this turn of the event loop, promises included. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
t.teardown(() => mock.timers.reset());

async function given(t: Test, options: Partial<StoreClientOptions> = {}, shards = 1) {
  const store = new FakeStore(shards);
  const clock = { nowMs: 0 };
  const log: string[] = [];
  const client = new StoreClient(store, {
    replicas: 0,
    onLoss: 'local-share',
    callTimeoutMs: 50,
    connectTimeoutMs: 1000,
    maxInFlight: 100,
    closeTimeoutMs: 1000,
    now: () => clock.nowMs,
    random: () => 0.5,
    log: {
      info: (_details, message) => log.push(message),
      warn: (_details, message) => log.push(message),
    },
    ...options,
  });
  /** Time goes by: the clock first, then the timers that are due. */
  const pass = async (ms: number): Promise<void> => {
    clock.nowMs += ms;
    mock.timers.tick(ms);
    await turn();
    await turn();
  };
  const next = (): Asked => {
    const asked = store.asked.shift();
    if (asked === undefined) throw new Error('nothing was asked');
    return asked;
  };
  const start = async (): Promise<void> => {
    const starting = client.start();
    await turn();
    store.beats.shift()?.answer(2);
    await starting;
  };
  t.teardown(async () => {
    let closed = false;
    void client.close().then(() => {
      closed = true;
    });
    while (!closed) await pass(100);
  });
  return { store, clock, client, log, pass, next, start };
}

/** What became of it, by now. */
function watch(answer: Answer | Promise<Answer>): { answer: Answer | undefined } {
  const watched: { answer: Answer | undefined } = { answer: undefined };
  void Promise.resolve(answer).then((known) => {
    watched.answer = known;
  });
  return watched;
}

function granting({ call }: Asked): LeaseReply {
  return leaseReply({ granted: (call as LeaseCall).need, available: 500, shape: SHAPE });
}

t.test('the deadline of a push’s second call begins when that is sent, not when the push came', async (t) => {
  const { client, clock, next, pass, start } = await given(t);
  await start();
  const arrivedMs = clock.nowMs;
  const requests = client.bucket('a', 'requests', SHAPE, arrivedMs);
  const items = client.bucket('a', 'items', SHAPE, arrivedMs);
  const first = watch(requests.ask(1, arrivedMs));
  await pass(28);
  const one = next();
  one.answer(granting(one));
  await turn();
  t.match(first.answer, { granted: true });

  const second = watch(items.ask(100, arrivedMs));
  await pass(28);
  t.equal(second.answer, undefined, 'its own 50 ms are not over');
  t.equal(client.status().errors.timeout, 0);
  const two = next();
  two.answer(granting(two));
  await turn();
  t.match(second.answer, { granted: true });
  t.equal(client.status().bucketsAlone, 0);
});

t.test(
  'a call of a lease that is late is answered from the local share, and its tokens are kept',
  async (t) => {
    const { client, next, pass, start } = await given(t);
    await start();
    const bucket = client.bucket('a', 'items', SHAPE, 0);
    const waiting = watch(bucket.ask(100, 0));
    await pass(50);
    t.match(waiting.answer, { granted: true }, 'half of the bucket, by two replicas');
    t.match(client.status(), { bucketsAlone: 1, callsInFlight: 1, errors: { timeout: 1 }, tokensLeased: 0 });
    const late = next();
    late.answer(granting(late));
    await pass(0);
    t.match(client.status(), { bucketsAlone: 1, callsInFlight: 0, tokensLeased: 100 });
    await pass(100);
    const payment = next();
    t.match(payment, { kind: 'lease', tenant: 'a', call: { need: 0, debit: 100 } });
    payment.answer(granting(payment));
    await pass(0);
    t.match(client.status(), { bucketsAlone: 0, state: 'up' });
  },
);

t.test('a call of a lease that fails is paid again with the next', async (t) => {
  const { client, next, pass, start } = await given(t);
  await start();
  const bucket = client.bucket('a', 'items', SHAPE, 0);
  const waiting = watch(bucket.ask(100, 0));
  next().fail(new StoreError('connection', 'gone'));
  await pass(0);
  t.match(waiting.answer, { granted: true });
  t.match(client.status(), { bucketsAlone: 1, callsInFlight: 0, errors: { connection: 1 } });
  t.match(client.status().lastError, { kind: 'connection', message: 'gone' });
});

t.test('too many calls in flight: the next push is served from a local share', async (t) => {
  const { client, store, start } = await given(t, { maxInFlight: 2 });
  await start();
  for (const tenant of ['a', 'b', 'c']) void client.bucket(tenant, 'items', SHAPE, 0).ask(100, 0);
  t.equal(store.asked.length, 2);
  t.match(client.status(), { bucketsAlone: 1, errors: { busy: 1 } });
});

t.test(
  'a shard that is down costs only its own tenants, and nothing is asked of it but a probe',
  async (t) => {
    const { client, store, log, next, pass, start } = await given(t, {}, 3);
    await start();
    const buckets = [0, 1, 2].map((n) => client.bucket(`tenant-${n}`, 'items', SHAPE, 0));
    for (let i = 0; i < 3; i++) {
      void client.bucket('other-1', 'items', SHAPE, 0).ask(1, 0);
      next().fail(new StoreError('cluster', 'down'));
      await pass(0);
    }
    t.match(client.status(), { state: 'degraded', parts: 3, partsDown: 1 });
    t.equal(log.length, 1);
    t.notOk(buckets[1]?.ask(1, 0) instanceof Promise, 'at once');
    t.equal(store.asked.length, 0);
    t.ok(buckets[2]?.ask(1, 0) instanceof Promise);
    t.equal(store.asked.splice(0).length, 1);

    const elections = client.elections('tenant-1');
    const rules = { updateMs: 1, updateJitterMs: 0, failoverMs: 2, takeoverMs: 2, mostClusters: 1 };
    t.equal(elections.hear({ cluster: 'x', replica: 'y' }, rules, 0), 'unknown', 'at once');
    t.equal(client.series.reserve('tenant-1', { series: 1, mostOfTenant: 9, generationMs: 1 }), undefined);

    await pass(300);
    const probe = store.beats.find(({ shard }) => shard === 1);
    probe?.answer(1);
    await pass(0);
    t.match(client.status(), { state: 'up', partsDown: 0 });
    t.equal(log.length, 2);
  },
);

t.test('elections ask the store, each call under its deadline', async (t) => {
  const { client, next, pass, start } = await given(t);
  await start();
  const elections = client.elections('a');
  const rules = {
    updateMs: 15_000,
    updateJitterMs: 2000,
    failoverMs: 30_000,
    takeoverMs: 30_000,
    mostClusters: 5,
  };
  const first = elections.hear({ cluster: 'x', replica: 'one' }, rules, 0);
  const elect = next();
  t.match(elect, {
    kind: 'elect',
    tenant: 'a',
    call: { ha: { cluster: 'x', replica: 'one' }, updateMs: 15_000, takeoverMs: 30_000, mostClusters: 5 },
  });
  elect.answer({ replica: 'one', ageMs: 0 });
  t.equal(await first, 'elected');
  elections.resign({ cluster: 'x', replica: 'one' }, 0);
  t.match(next(), { kind: 'resign', tenant: 'a', call: { ha: { cluster: 'x', replica: 'one' } } });
  const late = elections.hear({ cluster: 'x', replica: 'one' }, rules, 0);
  await pass(50);
  t.equal(await late, 'unknown');
});

t.test('series ask the store: admit, reserve and announce', async (t) => {
  const { client, next, pass, start } = await given(t);
  await start();
  const state = { total: 1, epoch: 'one', generation: 1, leftMs: 1 };
  const admitted = client.series.admit('a', admitCall(1));
  const admit = next();
  t.match(admit, { kind: 'admit', tenant: 'a' });
  admit.answer({ ...state, outcomes: Uint8Array.of(1), observed: 0 });
  t.match(await admitted, { total: 1 });
  const reserved = client.series.reserve('a', { series: 200, mostOfTenant: 900, generationMs: 1 });
  const reserve = next();
  t.match(reserve, { kind: 'reserve', tenant: 'a', call: { series: 200 } });
  reserve.answer({ ...state, reservation: 'there' });
  t.match(await reserved, { reservation: 'there' });
  const announced = client.series.announce('a', announceCall(1), () => {});
  await pass(0);
  const announce = next();
  t.match(announce, { kind: 'announce', tenant: 'a' });
  announce.answer({ ...state, outcomes: Uint8Array.of(1) });
  t.equal(await announced, 0);
});

t.test('series are asked for again while they are late, until the store is taken for down', async (t) => {
  const { client, store, pass, start } = await given(t);
  await start();
  const busy = client.series.admit('a', admitCall(1));
  for (let call = 1; call <= 2; call++) {
    while (store.asked.length < call) await turn();
    await pass(499);
    t.equal(client.status().errors.timeout, call - 1, 'they have ten times the time of others');
    await pass(1);
  }
  t.equal(await busy, 'busy', 'a push waits no longer');
  t.equal(client.status().state, 'up');
  const lost = client.series.admit('a', admitCall(1));
  await pass(500);
  t.equal(client.status().state, 'degraded');
  t.equal(await lost, 'lost');
  t.equal(store.asked.length, 3);
});

t.test('what waits behind too many calls of this replica does not take the store for down', async (t) => {
  const { client, store, start } = await given(t, { maxInFlight: 1 });
  await start();
  void client.series.announce('a', announceCall(1), () => {});
  await turn();
  t.equal(store.asked.length, 1);
  const waiting = client.series.admit('a', admitCall(1));
  // Of each attempt that finds no room.
  while (client.status().errors.busy < 5) await turn();
  t.equal(store.asked.length, 1);
  const state = { total: 1, epoch: 'one', generation: 1, leftMs: 1 };
  store.asked.shift()?.answer({ ...state, outcomes: Uint8Array.of(NEW) });
  while (store.asked.length === 0) await turn();
  store.asked.shift()?.answer({ ...state, outcomes: Uint8Array.of(NEW), observed: 0 });
  t.match(await waiting, { outcomes: [NEW] });
  t.equal(client.status().state, 'up');
});

t.test('replicas are counted, unless their number is set', async (t) => {
  const counted = await given(t);
  t.equal(counted.client.replicas(), 1);
  await counted.start();
  t.equal(counted.client.replicas(), 2);
  t.equal(counted.client.status().replicas, 2);
  const set = await given(t, { replicas: 7 });
  await set.start();
  t.equal(set.client.replicas(), 7);
});

t.test('a start waits for the store so long and no longer, and is degraded without it', async (t) => {
  const { client, store, log, pass } = await given(t, { connectTimeoutMs: 1234 }, 2);
  const starting = client.start();
  await pass(0);
  t.equal(store.connectedWithin, 1234);
  store.beats.shift()?.fail(new StoreError('connection', 'refused'));
  await starting;
  t.match(client.status(), { state: 'degraded', partsDown: 2, calls: 0 });
  t.equal(log.length, 1);
  t.notOk(client.bucket('a', 'items', SHAPE, 0).ask(1, 0) instanceof Promise);
});

t.test('the status says how long it is so, and what is on its way', async (t) => {
  const { client, pass, start } = await given(t);
  await start();
  void client.bucket('a', 'items', SHAPE, 0).ask(1, 0);
  client.bucket('b', 'items', SHAPE, 0);
  await pass(20);
  t.match(client.status(), {
    state: 'up',
    sinceSeconds: 0.02,
    parts: 1,
    buckets: 2,
    callsInFlight: 1,
    calls: 2,
    lastError: undefined,
  });
});

t.test('a tick looks after buckets, heartbeats and announcements', async (t) => {
  const { client, store, next, pass, start } = await given(t);
  await start();
  client.bucket('a', 'items', SHAPE, 0);
  await pass(100);
  t.match(next(), { kind: 'lease' }, 'the shape is told');
  void client.series.announce('a', announceCall(1), () => {});
  await pass(0);
  const announce = next();
  t.equal(announce.kind, 'announce');
  announce.fail(new StoreError('connection', 'reset'));
  await pass(0);
  t.equal(store.asked.length, 0);
  await pass(100);
  t.equal(next().kind, 'announce', 'it is made again');
  await pass(1800);
  t.equal(store.beats.length, 1);
});

t.test('on close leases are returned, series are announced, and the store is told', async (t) => {
  const { client, store, next, pass, start } = await given(t);
  await start();
  const bucket = client.bucket('a', 'items', SHAPE, 0);
  void bucket.ask(10, 0);
  const call = next();
  call.answer(leaseReply({ granted: 60, available: 500, shape: SHAPE }));
  void client.series.announce('a', announceCall(150), () => {});
  await pass(0);
  let closed = false;
  const closing = client.close().then(() => {
    closed = true;
  });
  await pass(0);
  const state = { total: 1, epoch: 'one', generation: 1, leftMs: 1 };
  const seen: string[] = [];
  for (let i = 0; i < 20 && !closed; i++) {
    for (const asked of store.asked.splice(0)) {
      seen.push(asked.kind);
      if (asked.kind === 'lease') {
        t.match(asked.call, { returned: 50, need: 0 });
        asked.answer(leaseReply({ shape: SHAPE }));
      } else asked.answer({ ...state, outcomes: new Uint8Array(100).fill(1) });
    }
    t.equal(store.closed, false);
    await pass(5);
  }
  await closing;
  t.strictSame(seen.sort(), ['announce', 'announce', 'lease']);
  t.equal(store.left, true);
  t.equal(store.closed, true);
});

t.test('a close takes no longer than it may, and asks nothing of a store that is down', async (t) => {
  const { client, store, pass, start } = await given(t, { closeTimeoutMs: 300 });
  await start();
  void client.bucket('a', 'items', SHAPE, 0).ask(10, 0);
  const closing = client.close();
  for (let i = 0; i < 59; i++) await pass(5);
  t.equal(store.closed, false, 'the call is not answered');
  for (let i = 0; i < 3; i++) await pass(5);
  await pass(50);
  await closing;
  t.equal(store.closed, true);

  const down = await given(t);
  const starting = down.client.start();
  await down.pass(0);
  down.store.beats.shift()?.fail(new StoreError('connection', 'refused'));
  await starting;
  await down.client.close();
  t.equal(down.store.left, false);
});
