import t, { type Test } from 'tap';
import { StoreClient } from '#src/shared/client.js';
import { IpcStore, type NumberedRequest } from '#src/shared/ipc/ipc-store.js';
import { MemoryStore } from '#src/shared/memory/memory-store.js';
import { charge, eventually, ledgerContract } from '../contract.js';

const now = (): number => performance.now();

/** A primary without a process: messages are copied, and come in a later turn of the event loop. */
class Primary {
  readonly store = new MemoryStore(() => 'only', 100, 10_000);
  paused = false;
  messages = 0;
  #late: (() => void)[] = [];

  worker(): IpcStore {
    const worker = new IpcStore(2, (requests) => {
      this.messages++;
      const copy = structuredClone(requests);
      setImmediate(() => this.#answer(worker, copy));
    });
    return worker;
  }

  resume(): void {
    this.paused = false;
    for (const answer of this.#late.splice(0)) answer();
  }

  #answer(worker: IpcStore, requests: readonly NumberedRequest[]): void {
    if (this.paused) {
      this.#late.push(() => this.#answer(worker, requests));
      return;
    }
    const replies = requests.map(({ id, request }) => ({ id, reply: this.store.answer(request, now()) }));
    setImmediate(() => worker.answered(structuredClone(replies)));
  }
}

async function openClient(t: Test, store: IpcStore, callTimeoutMs = 1000): Promise<StoreClient> {
  const client = new StoreClient(store, {
    replicas: 2,
    onLoss: 'local-share',
    callTimeoutMs,
    connectTimeoutMs: 1000,
    maxInFlight: 1024,
    closeTimeoutMs: 1000,
    now,
    random: Math.random,
    log: { info() {}, warn() {} },
  });
  t.teardown(() => client.close());
  await client.start();
  return client;
}

ledgerContract(t, { name: 'primary', open: (t) => openClient(t, new Primary().worker()) });

t.test('calls of one turn travel in one message', async (t) => {
  const primary = new Primary();
  const client = await openClient(t, primary.worker());
  const before = primary.messages;
  const buckets = [0.1, 100, 1e12].map((capacity, index) =>
    client.bucket(`tenant-${index}`, 'items', { rate: 0, capacity }, now()),
  );
  const answers = await Promise.all(buckets.map((bucket) => charge(bucket, 0.1)));
  t.ok(answers.every(({ granted }) => granted));
  t.equal(primary.messages, before + 1);
});

t.test('a primary that has ended is known at once: nothing waits, and each serves its share', async (t) => {
  const primary = new Primary();
  const worker = primary.worker();
  const client = await openClient(t, worker, 60_000);
  const bucket = client.bucket('tenant', 'items', { rate: 0, capacity: 1000 }, now());
  await charge(bucket, 100);
  primary.paused = true;
  const waiting = charge(bucket, 100);
  worker.lost();
  t.ok((await waiting).granted, 'of its share');
  let granted = 200;
  for (let i = 0; i < 20; i++) if ((await charge(bucket, 100)).granted) granted += 100;
  t.ok(granted <= 100 + 900 / 2, `${granted} of what was known to be there, by two`);
  await client.close();
});

t.test('a primary that does not answer in time is asked again when it does', async (t) => {
  const primary = new Primary();
  const client = await openClient(t, primary.worker(), 20);
  primary.paused = true;
  for (let i = 0; i < 5; i++) {
    const bucket = client.bucket(`tenant-${i}`, 'items', { rate: 0, capacity: 1e6 }, now());
    t.ok((await charge(bucket, 1000)).granted);
  }
  t.ok(await eventually(() => client.status().state === 'degraded'));
  primary.resume();
  t.ok(await eventually(() => client.status().state === 'up' && client.status().bucketsAlone === 0));
});

t.test('a heartbeat is a message without a call, and is answered with the number of workers', async (t) => {
  const sent: (readonly NumberedRequest[])[] = [];
  const store = new IpcStore(3, (requests) => sent.push(requests));
  const beats = [store.heartbeat(), store.heartbeat()];
  t.strictSame(sent, [[], []]);
  store.answered([]);
  t.strictSame(await Promise.all(beats), [3, 3]);
  t.equal(store.shardOf(), 0);
});

t.test('each call gets its own answer, whatever the order they come in', async (t) => {
  const sent: NumberedRequest[] = [];
  const store = new IpcStore(3, (requests) => sent.push(...requests));
  const ha = { cluster: 'x', replica: 'one' };
  const asked = ['a', 'b', 'c'].map((tenant) => store.ask('resign', tenant, { ha }));
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(
    sent.map(({ request }) => [request.kind, request.tenant]),
    [
      ['resign', 'a'],
      ['resign', 'b'],
      ['resign', 'c'],
    ],
  );
  const replies = sent.map(({ id, request }) => ({ id, reply: request.tenant as unknown as undefined }));
  store.answered([replies[2]!, replies[0]!]);
  store.answered([replies[1]!, replies[1]!, { id: 999, reply: undefined }]);
  t.strictSame(await Promise.all(asked), ['a', 'b', 'c']);
});

t.test('when the primary is gone all that was asked fails, and all that is asked then', async (t) => {
  let sent = 0;
  const store = new IpcStore(3, () => sent++);
  const ha = { cluster: 'x', replica: 'one' };
  const waiting = [store.ask('resign', 'a', { ha }), store.heartbeat()];
  store.lost();
  for (const asked of [...waiting, store.ask('resign', 'a', { ha }), store.heartbeat()]) {
    await t.rejects(asked, { kind: 'connection', message: /primary process is gone/ });
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(sent, 1, 'the heartbeat alone');
});
