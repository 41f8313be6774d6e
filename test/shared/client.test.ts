/** A replica's side of the shared state, over a store that answers when the test says so, on a clock that the test sets. */
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import type { LeaseCall, LeaseReply } from '#src/buckets/lease.js';
import type { Answer, BucketShape } from '#src/enforce/ledger.js';
import { StoreClient, type StoreClientOptions } from '#src/shared/client.js';
import { leaseReply } from '../buckets/fixtures.js';
import { type Asked, FakeStore } from './fake-store.js';

const SHAPE: BucketShape = { rate: 0, capacity: 1000 };

/** What is due in this turn of the event loop, promises included. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });

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
    const closing = client.close();
    while (!store.closed) await pass(100);
    await closing;
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
