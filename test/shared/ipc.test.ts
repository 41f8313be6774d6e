import t, { type Test } from 'tap';
import { IpcTransport, type NumberedRequest } from '#src/shared/ipc/ipc-transport.js';
import { LeasedLedger } from '#src/shared/leased-ledger.js';
import { LeaseStore } from '#src/shared/memory/lease-store.js';
import { MemoryStore } from '#src/shared/memory/memory-store.js';
import { charge, eventually, ledgerContract } from './contract.js';

const now = (): number => performance.now();

/** A primary without a process: messages are copied, and come in a later turn of the event loop. */
class Primary {
  readonly store = new MemoryStore(() => 'only', 100, 10_000);
  paused = false;
  messages = 0;
  #late: (() => void)[] = [];

  transport(): IpcTransport {
    const transport = new IpcTransport(2, (requests) => {
      this.messages++;
      const copy = structuredClone(requests);
      setImmediate(() => this.#answer(transport, copy));
    });
    return transport;
  }

  resume(): void {
    this.paused = false;
    for (const answer of this.#late.splice(0)) answer();
  }

  #answer(transport: IpcTransport, requests: readonly NumberedRequest[]): void {
    if (this.paused) {
      this.#late.push(() => this.#answer(transport, requests));
      return;
    }
    const replies = requests.map(({ id, request }) => ({ id, reply: this.store.answer(request, now()) }));
    setImmediate(() => transport.answered(structuredClone(replies)));
  }
}

async function openLedger(t: Test, transport: IpcTransport, callTimeoutMs = 1000): Promise<LeasedLedger> {
  const ledger = new LeasedLedger(transport, {
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
  t.teardown(() => ledger.close());
  await ledger.start();
  return ledger;
}

ledgerContract(t, { name: 'primary', open: (t) => openLedger(t, new Primary().transport()) });

t.test('calls of one turn travel in one message', async (t) => {
  const primary = new Primary();
  const ledger = await openLedger(t, primary.transport());
  const before = primary.messages;
  const buckets = [0.1, 100, 1e12].map((capacity, index) =>
    ledger.bucket(`tenant-${index}`, 'items', { rate: 0, capacity }, now()),
  );
  const answers = await Promise.all(buckets.map((bucket) => charge(bucket, 0.1)));
  t.ok(answers.every(({ granted }) => granted));
  t.equal(primary.messages, before + 1);
});

t.test('a primary that has ended is known at once: nothing waits, and each serves its share', async (t) => {
  const primary = new Primary();
  const transport = primary.transport();
  const ledger = await openLedger(t, transport, 60_000);
  const bucket = ledger.bucket('tenant', 'items', { rate: 0, capacity: 1000 }, now());
  await charge(bucket, 100);
  primary.paused = true;
  const waiting = charge(bucket, 100);
  transport.lost();
  t.ok((await waiting).granted, 'of its share');
  let granted = 200;
  for (let i = 0; i < 20; i++) if ((await charge(bucket, 100)).granted) granted += 100;
  t.ok(granted <= 100 + 900 / 2, `${granted} of what was known to be there, by two`);
  await ledger.close();
});

t.test('a primary that does not answer in time is asked again when it does', async (t) => {
  const primary = new Primary();
  const ledger = await openLedger(t, primary.transport(), 20);
  primary.paused = true;
  for (let i = 0; i < 5; i++) {
    const bucket = ledger.bucket(`tenant-${i}`, 'items', { rate: 0, capacity: 1e6 }, now());
    t.ok((await charge(bucket, 1000)).granted);
  }
  t.ok(await eventually(() => ledger.status().state === 'degraded'));
  primary.resume();
  t.ok(await eventually(() => ledger.status().state === 'up' && ledger.status().bucketsAlone === 0));
});

t.test(
  'the store holds so many buckets and no more; one that comes back is as its caller last saw it',
  async (t) => {
    const store = new LeaseStore(() => String(generations++), 2);
    let generations = 0;
    const shape = { rate: 0, capacity: 100 };
    const call = {
      shape,
      reshape: true,
      give: 0,
      debit: 0,
      need: 40,
      least: 0,
      most: 0,
      generation: '',
      bound: 0,
    };
    const seen = store.apply('a', call, 0);
    store.apply('b', call, 0);
    store.apply('a', call, 0);
    store.apply('c', call, 0);
    t.equal(store.size, 2);
    t.equal(store.apply('a', call, 0).granted, 0, 'used after b, so it stayed, and is drained');
    const { generation, available } = store.apply(
      'b',
      { ...call, generation: seen.generation, bound: 7, need: 5 },
      0,
    );
    t.equal(available, 2);
    t.not(generation, '1');
  },
);
