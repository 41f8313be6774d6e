/** Whose limits are in force in what replicas share. */
import t, { type Test } from 'tap';
import type { LeaseReply } from '#src/buckets/lease-protocol.js';
import { StoreClient } from '#src/shared/client.js';
import { IpcStore, type NumberedRequest } from '#src/shared/ipc/ipc-store.js';
import type { LimitsCall, LimitsReply } from '#src/shared/limits-version.js';
import { LimitsVersion } from '#src/shared/limits-version.js';
import { LIVE_MS, MemoryLimits, MOST_CONTENTS } from '#src/shared/memory/memory-limits.js';
import { MemoryStore } from '#src/shared/memory/memory-store.js';
import { leaseCall } from '../buckets/fixtures.js';
import { charge, eventually } from './contract.js';

/** Replicas over one store, which can lose its data. */
function fleet() {
  let store = new MemoryLimits();
  const clock = { nowMs: 1_000_000 };
  const replica = () => new LimitsVersion(async (_tenant, call) => store.stand(call, clock.nowMs));
  const read = async (who: LimitsVersion, documents: string, controls = '') => {
    who.are({ documents, all: documents + controls });
    await who.agree();
  };
  const forget = () => {
    store = new MemoryLimits();
  };
  return { clock, replica, read, forget };
}

/** Who may say what shape a bucket has: the newest have the highest version, all others none. */
function mayTell(...replicas: readonly LimitsVersion[]): boolean[] {
  return replicas.map(({ version }) => version > 0);
}

t.test('replicas that read the same have the same version, and a change has a higher one', async (t) => {
  const { replica, read } = fleet();
  const [one, other] = [replica(), replica()];
  await read(one, 'A');
  await read(other, 'A');
  t.equal(one.version, other.version);
  const before = one.version;
  await read(one, 'B');
  t.ok(one.version > before);
  await other.agree();
  t.equal(other.version, 0, 'the other has yet to read it');
  await read(other, 'B');
  t.equal(other.version, one.version);
});

t.test('one that is restarted with what the others had before is not news', async (t) => {
  const { replica, read } = fleet();
  const one = replica();
  await read(one, 'A');
  await read(one, 'B');
  const restarted = replica();
  t.ok(restarted.isUnknown);
  await read(restarted, 'A');
  await one.agree();
  t.strictSame(mayTell(one, restarted), [true, false]);
  t.notOk(restarted.isUnknown, 'and knows it');
});

t.test('nor is one that is slow, and reads what the others had meanwhile', async (t) => {
  const { replica, read } = fleet();
  const [one, slow] = [replica(), replica()];
  for (const who of [one, slow]) await read(who, 'A');
  await read(one, 'B');
  await read(one, 'C');
  await read(slow, 'B');
  await one.agree();
  t.strictSame(mayTell(one, slow), [true, false]);
});

t.test('whoever goes back to an older document means it', async (t) => {
  const { replica, read } = fleet();
  const [one, other, third] = [replica(), replica(), replica()];
  for (const who of [one, other, third]) await read(who, 'A');
  for (const who of [one, other]) await read(who, 'B');
  await read(one, 'A');
  for (const who of [other, third]) await who.agree();
  t.strictSame(mayTell(one, other, third), [true, false, true], 'and who never read the newer one is right');
  await read(other, 'A');
  t.equal(other.version, one.version);
});

t.test('a fleet that is restarted with an older document has it once nobody has the newer', async (t) => {
  const { clock, replica, read } = fleet();
  const [old, rolledBack] = [replica(), replica()];
  await read(old, 'A');
  await read(old, 'B');
  const before = old.version;
  await read(rolledBack, 'A');
  clock.nowMs += LIVE_MS - 1;
  await rolledBack.agree();
  t.equal(rolledBack.version, 0);
  clock.nowMs += 1;
  await rolledBack.agree();
  t.ok(rolledBack.version > before);
  const back = replica();
  await read(back, 'B');
  await rolledBack.agree();
  t.strictSame(mayTell(back, rolledBack), [true, false], 'one that has it still was away, and is not old');
});

t.test('what is set for a time is news of those alone whose documents are the newest', async (t) => {
  const { replica, read } = fleet();
  const [one, stale] = [replica(), replica()];
  await read(stale, 'A');
  await read(one, 'B');
  await read(one, 'B', '+control');
  await read(stale, 'A', '+control');
  await one.agree();
  t.strictSame(mayTell(one, stale), [true, false]);
  const before = one.version;
  await read(one, 'B');
  t.ok(one.version > before, 'when it ends, too');
});

t.test('documents that are not read yet are older than any', async (t) => {
  const { replica, read } = fleet();
  const [one, unread] = [replica(), replica()];
  await read(unread, '', 'defaults');
  t.ok(unread.version > 0, 'they are what there is while nobody has others');
  await read(one, 'A');
  await read(unread, '', 'defaults and a control');
  t.strictSame(mayTell(one, unread), [true, false]);
});

t.test('a store that lost its data is told again what was newer, whoever comes first', async (t) => {
  for (const first of ['one', 'stale'] as const) {
    const { replica, read, forget } = fleet();
    const [one, stale] = [replica(), replica()];
    await read(stale, 'A');
    await read(one, 'B');
    await stale.agree();
    const before = one.version;
    forget();
    const order = first === 'one' ? [one, stale] : [stale, one];
    for (let round = 0; round < 2; round++) for (const who of order) await who.agree();
    t.strictSame(mayTell(one, stale), [true, false], first);
    t.ok(one.version >= before, 'buckets that were not lost know the version before');
  }
});

t.test('a version that a bucket has is not given a second time', async (t) => {
  const { replica, read } = fleet();
  const one = replica();
  one.saw(41);
  one.saw(7);
  await read(one, 'A');
  t.equal(one.version, 42);
});

t.test('what has changed while the store was asked is asked about again', async (t) => {
  const calls: LimitsCall[] = [];
  const answers: ((reply: LimitsReply | 'lost') => void)[] = [];
  const limits = new LimitsVersion((_tenant, call) => {
    calls.push(call);
    return new Promise((answer) => answers.push(answer));
  });
  await limits.agree();
  t.equal(calls.length, 0, 'nothing is known of the limits yet');
  limits.are({ documents: 'A', all: 'A' });
  const agreed = limits.agree();
  limits.are({ documents: 'B', all: 'B' });
  void limits.agree();
  t.equal(calls.length, 1, 'one call at a time');
  answers[0]?.({ documents: 7, all: 8, areNewest: true, version: 3 });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(limits.version, 0, 'which was about others');
  t.strictSame(calls[1], {
    documents: { hash: 'B', place: 0, before: 7 },
    all: { hash: 'B', place: 0, before: 8 },
    version: 3,
  });
  answers[1]?.('lost');
  await agreed;
  t.ok(limits.isUnknown);
  const again = limits.agree();
  answers[2]?.({ documents: 9, all: 0, areNewest: false, version: 5 });
  await again;
  t.match(limits, { version: 0, isUnknown: false });
  void limits.agree();
  t.match(calls[3], { documents: { place: 9, before: 0 }, all: { place: 0, before: 8 }, version: 5 });
});

t.test('a clock of the store that stepped back keeps nobody alive for long', async (t) => {
  const { clock, replica, read } = fleet();
  const [old, rolledBack] = [replica(), replica()];
  await read(old, 'A');
  await read(old, 'B');
  clock.nowMs = 1000;
  await read(rolledBack, 'A');
  clock.nowMs += LIVE_MS;
  await rolledBack.agree();
  t.ok(rolledBack.version > 0);
});

t.test('the oldest contents are forgotten', async (t) => {
  const { replica, read } = fleet();
  const one = replica();
  for (let n = 0; n < MOST_CONTENTS; n++) await read(one, `document ${n}`);
  const stale = replica();
  await read(stale, 'document 0');
  t.equal(stale.version, 0);
  await read(one, 'one more');
  await read(one, 'and one');
  const older = replica();
  await read(older, 'document 1');
  t.ok(older.version > 0);
});

/** Clients that share buckets, as workers do. */
function clients() {
  let incarnations = 0;
  const store = new MemoryStore(() => `${incarnations++}`, 10, 10);
  const open = async (t: Test, documents: string) => {
    const answer = (requests: readonly NumberedRequest[]) =>
      ipc.answered(
        requests.map(({ id, request }) => ({ id, reply: store.answer(request, performance.now()) })),
      );
    const ipc: IpcStore = new IpcStore(2, (requests) => setImmediate(() => answer(requests)));
    const client = new StoreClient(ipc, {
      replicas: 2,
      onLoss: 'local-share',
      callTimeoutMs: 5000,
      connectTimeoutMs: 5000,
      maxInFlight: 100,
      closeTimeoutMs: 1000,
      now: () => performance.now(),
      random: Math.random,
      log: { info() {}, warn() {} },
    });
    t.teardown(() => client.close());
    client.limitsAre({ documents, all: documents });
    await client.start();
    return client;
  };
  return { store, open };
}

const [OLD, NEW] = [
  { rate: 0, capacity: 100 },
  { rate: 0, capacity: 10_000 },
];

t.test('a replica with old limits leaves the fleet’s bucket as it is, and follows it', async (t) => {
  const { store, open } = clients();
  const now = () => performance.now();
  const inForce = () =>
    (store.answer({ kind: 'lease', tenant: 'tenant', call: leaseCall() }, now()) as LeaseReply).shape;
  const one = await open(t, 'old');
  const bucket = one.bucket('tenant', 'items', OLD, now());
  t.ok((await charge(bucket, 1)).granted);
  one.limitsAre({ documents: 'new', all: 'new' });
  bucket.reshape(NEW, now());
  t.ok(await eventually(() => inForce().capacity === NEW.capacity), 'without any push');

  const stale = await open(t, 'old');
  for (const what of ['restarted', 'back in memory']) {
    const there = stale.bucket('tenant', 'items', OLD, now());
    t.ok((await charge(there, 1)).granted);
    t.strictSame(inForce(), NEW, what);
    const { waitSeconds } = await charge(there, OLD.capacity + 1);
    t.equal(waitSeconds, Number.POSITIVE_INFINITY, 'of a rate of 0');
    there.release(now());
  }
  stale.limitsAre({ documents: 'newest', all: 'newest' });
  stale.bucket('tenant', 'items', OLD, now());
  t.ok(await eventually(() => inForce().capacity === OLD.capacity), 'what is news is told');
});
