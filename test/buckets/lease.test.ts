import t from 'tap';
import { Lease } from '#src/buckets/lease.js';
import type { LeaseCall } from '#src/buckets/lease-protocol.js';
import type { BucketShape } from '#src/enforce/ledger.js';
import { leaseCall, leaseReply, limitsOf } from './fixtures.js';

const SHAPE: BucketShape = { rate: 10, capacity: 100 };

/** A lease that holds so much of a bucket in which so much is left. */
function leased(held: number, available = 0, shape = SHAPE): Lease {
  const lease = new Lease('items', shape, limitsOf(), 0);
  const call = lease.callForPushes(held, 0, 0, 0);
  lease.receive(call, leaseReply({ granted: held, available, shape }), 0, 0);
  return lease;
}

/** As many pushes of so many tokens within the first second, and nothing held after them. */
function used(pushes: number, tokens: number, shape = SHAPE): Lease {
  const lease = leased(0, 0, shape);
  lease.held = pushes * tokens;
  for (let n = 0; n < pushes; n++) lease.take(tokens, 0);
  return lease;
}

t.test('a lease spends what it holds, all or nothing', async (t) => {
  const lease = new Lease('items', SHAPE, limitsOf(), 0);
  t.notOk(lease.take(1, 0), 'which is nothing before the store has answered');
  t.ok(lease.take(0, 0));
  const full = leased(10);
  t.notOk(full.take(11, 0));
  t.ok(full.take(4, 0));
  t.ok(full.spend(6));
  t.equal(full.held, 0);
});

t.test('tokens that come back are held up to the capacity', async (t) => {
  const lease = leased(10);
  lease.giveBack(5);
  t.equal(lease.held, 15);
  lease.giveBack(1000);
  t.equal(lease.held, 100);
});

t.test('the first call brings the shape, and asks for what waits', async (t) => {
  const lease = new Lease('bytes', SHAPE, limitsOf(), 0);
  t.ok(lease.isNews);
  t.strictSame(lease.callForPushes(7, 20, 3, 0), {
    ...leaseCall(),
    bucket: 'bytes',
    shape: SHAPE,
    version: 1,
    debit: 3,
    need: 7,
    leastReserve: 20,
    mostReserve: 20,
    ceiling: 100,
  });
});

t.test('a later call knows the bucket, and needs only what is not held', async (t) => {
  const lease = leased(5, 40);
  t.match(lease.callForPushes(7, 0, 0, 1000), {
    version: 1,
    need: 2,
    returned: 0,
    incarnation: 'one',
    ceiling: 50,
  });
  t.match(lease.callForPushes(3, 0, 0, 1000), { need: 0 });
  t.equal(lease.held, 5);
});

t.test('what the store can hold is what it held, refilled since, up to its capacity', async (t) => {
  t.equal(new Lease('items', SHAPE, limitsOf(), 0).ceiling(0), 100, 'of one that was never seen: all');
  const lease = leased(0, 40);
  t.equal(lease.ceiling(0), 40);
  t.equal(lease.ceiling(1500), 55);
  t.equal(lease.ceiling(60_000), 100);
  lease.receive(lease.callForReserve(0, 500), leaseReply({ available: 20, shape: SHAPE }), 0, 500);
  t.equal(lease.ceiling(1500), 30);
});

t.test('a reserve is for a time by the use of the last second', async (t) => {
  for (const [what, lease, least, most] of [
    ['one push a second saves no call', used(1, 5), 0, 0],
    ['two do', used(2, 5), 2.5, 10],
    ['a quarter of a second at least, a second at most', used(10, 4), 10, 40],
    ['calls come no more often than for 64 pushes', used(320, 1), 64, 320],
    ['nor than twenty times a second', used(6400, 1), 320, 6400],
    ['of a bucket that never refills', used(10, 4, { rate: 0, capacity: 100 }), 10, 40],
    ['a sixth of the time in which it fills up', used(100, 1, { rate: 100, capacity: 75 }), 12.5, 12.5],
    ['and then for two pushes at least', used(15, 1, { rate: 100, capacity: 75 }), 0, 0],
    ['just two', used(16, 1, { rate: 100, capacity: 75 }), 2, 2],
  ] as const) {
    const call = lease.callForReserve(0, 0);
    t.match({ least: call.leastReserve, most: call.mostReserve }, { least, most }, what);
    t.match(lease.callForPushes(1, 6, 0, 0), { leastReserve: least + 6, mostReserve: most + 6 }, what);
  }
});

t.test('a call ahead of need fills up to the reserve', async (t) => {
  const lease = used(10, 4);
  for (const [held, leastReserve, mostReserve] of [
    [0, 10, 40],
    [4, 6, 36],
    [15, 0, 25],
    [50, 0, 0],
  ] as const) {
    lease.held = held;
    t.match(lease.callForReserve(3, 0), { debit: 3, need: 0, returned: 0, leastReserve, mostReserve });
  }
});

t.test('a call that returns takes nothing, and no call ahead follows it', async (t) => {
  const lease = leased(40);
  lease.take(35, 0);
  t.ok(lease.runsLow(0));
  t.match(lease.callToReturn(2, 7, 0), {
    returned: 2,
    debit: 7,
    need: 0,
    leastReserve: 0,
    mostReserve: 0,
  });
  t.equal(lease.held, 3);
  t.notOk(lease.runsLow(0));
});

t.test('it runs low below a quarter of what was leased beyond what waits', async (t) => {
  for (const [granted, waiting, spent, low] of [
    [40, 0, 30, false],
    [40, 0, 31, true],
    [40, 20, 35, false],
    [40, 20, 36, true],
    [40, 60, 40, false],
  ] as const) {
    const lease = new Lease('items', SHAPE, limitsOf(), 0);
    lease.receive(lease.callForPushes(granted, 0, 0, 0), leaseReply({ granted, shape: SHAPE }), waiting, 0);
    lease.spend(spent);
    t.equal(lease.runsLow(0), low, `${spent} of ${granted} spent, ${waiting} waited`);
  }
});

t.test('idle leases go back whole, and what has outgrown the use', async (t) => {
  t.equal(leased(0).surplus(60_000), 0);
  const idle = leased(10);
  idle.take(1, 5000);
  t.equal(idle.surplus(6999), 9, 'there is no use to hold anything for');
  t.equal(idle.surplus(7000), 9);
  const busy = used(10, 4);
  for (const [held, surplus] of [
    [79, 0],
    [80, 0],
    [81, 41],
  ] as const) {
    busy.held = held;
    t.equal(busy.surplus(500), surplus, `${held} held`);
  }
  busy.held = 80;
  t.equal(busy.surplus(1333), 49, 'whole tokens: 30.0075 are of use');
  for (const [nowMs, surplus] of [
    [2999, 0],
    [3000, 26],
  ] as const) {
    const late = leased(66);
    for (let n = 0; n < 10; n++) late.take(4, 1000);
    t.equal(late.surplus(nowMs), surplus, 'nobody took from it for two seconds');
  }
});

/** The store had this less than it was asked for. */
function drained(given: Partial<LeaseCall>, granted: number, available = 4): Lease {
  const lease = leased(0, 50);
  lease.receive(
    { ...lease.callForPushes(0, 0, 0, 0), ...given },
    leaseReply({ granted, available, shape: SHAPE }),
    0,
    0,
  );
  return lease;
}

t.test('a bucket that has less than was asked for is drained: for a moment nobody asks', async (t) => {
  for (const [given, granted, isDrained] of [
    [{ need: 10 }, 0, true],
    [{ need: 10 }, 10, false],
    [{ need: 10, leastReserve: 5 }, 14, true],
    [{ need: 10, leastReserve: 5.9 }, 15, false],
    [{ leastReserve: 0.9 }, 0, false],
  ] as const) {
    const lease = drained(given, granted);
    const refusal = lease.refusal(20, 249);
    if (isDrained) {
      const available = 4 + granted;
      t.strictSame(refusal, { granted: false, available, waitSeconds: (20 - available) / 10 });
    } else t.equal(refusal, undefined, JSON.stringify(given));
    t.equal(lease.refusal(20, 250), undefined, 'the moment is over');
  }
  const lease = drained({ need: 10 }, 0);
  t.equal(lease.refusal(4, 0), undefined, 'the store has as much');
  lease.held = 3;
  t.equal(lease.refusal(7, 0), undefined, 'with what is held');
  t.match(lease.refusal(8, 0), { available: 7 });
});

t.test('once a bucket is drained all that is held goes back with the next call for pushes', async (t) => {
  const lease = drained({ need: 10 }, 0);
  lease.held = 6;
  t.match(lease.callForPushes(7, 0, 0, 249), { returned: 6, need: 7 });
  t.equal(lease.held, 0);
  lease.held = 6;
  t.match(lease.callForPushes(7, 0, 0, 9000), { returned: 6, need: 7 }, 'however long ago that was');
  lease.held = 6;
  lease.receive(lease.callToReturn(1, 0, 9000), leaseReply({ shape: SHAPE }), 0, 9000);
  t.match(
    lease.callForPushes(7, 0, 0, 9000),
    { returned: 5, need: 7 },
    'a call that asks for nothing shows nothing',
  );
  lease.receive(lease.callForPushes(7, 0, 0, 9000), leaseReply({ granted: 7, shape: SHAPE }), 7, 9000);
  t.match(lease.callForPushes(8, 0, 0, 9000), { returned: 0, need: 1 }, 'the bucket is supplied again');
});

t.test('ahead of need a drained bucket is not asked either', async (t) => {
  const lease = leased(0, 50);
  lease.receive(lease.callForPushes(100, 0, 0, 0), leaseReply({ granted: 40, shape: SHAPE }), 0, 0);
  lease.spend(39);
  t.notOk(lease.runsLow(249));
  t.ok(lease.runsLow(250));
});

t.test('what can never pass is refused without asking', async (t) => {
  const lease = leased(5, 40);
  t.equal(lease.refusal(100, 0), undefined);
  t.strictSame(lease.refusal(101, 0), {
    granted: false,
    available: 45,
    waitSeconds: Number.POSITIVE_INFINITY,
  });
});

t.test('a refusal says what there is, here and in the store, and how long more will take', async (t) => {
  for (const [held, available, n, shape, told, waitSeconds] of [
    [5, 40, 65, SHAPE, 45, 2],
    [5, 40, 45, SHAPE, 45, 0],
    [5, 40, 20, SHAPE, 45, 0],
    [5, -25, 20, SHAPE, 0, 4],
    [5, 40, 100, SHAPE, 45, 5.5],
    [5, 40, 101, SHAPE, 45, Number.POSITIVE_INFINITY],
    [5, 40, 65, { rate: 0, capacity: 100 }, 45, Number.POSITIVE_INFINITY],
    [5, 40, 20, { rate: 0, capacity: 100 }, 45, Number.POSITIVE_INFINITY],
  ] as const) {
    t.strictSame(leased(held, available, shape).refuse(n), { granted: false, available: told, waitSeconds });
  }
});

t.test('a shape of newer limits is told until the store has it', async (t) => {
  const limits = limitsOf();
  const lease = new Lease('items', SHAPE, limits, 0);
  const hear = (shape: BucketShape, version: number) =>
    lease.receive(lease.callForReserve(0, 0), leaseReply({ granted: 50, shape, version }), 0, 0);
  hear(SHAPE, 1);
  t.notOk(lease.isNews);
  limits.version = 2;
  lease.reshape({ ...SHAPE });
  t.notOk(lease.isNews, 'newer limits that ask for the same are no news');
  for (const shape of [
    { rate: 11, capacity: 100 },
    { rate: 11, capacity: 40 },
  ]) {
    lease.reshape(shape);
    t.ok(lease.isNews);
    t.equal(lease.shape, shape);
  }
  t.equal(lease.held, 40, 'what is above it is gone');
  const call = lease.callForReserve(0, 0);
  t.match(call, { version: 2, shape: { rate: 11, capacity: 40 } });

  const newer = { rate: 12, capacity: 60 };
  limits.version = 3;
  lease.reshape(newer);
  lease.receive(call, leaseReply({ shape: call.shape, version: 2 }), 0, 0);
  t.ok(lease.isNews, 'the call was for an older one');
  t.equal(lease.shape, newer);
  hear({ ...newer }, 3);
  t.notOk(lease.isNews);
});

t.test('whose shape is in force here', async (t) => {
  const theirs = { rate: 13, capacity: 70 };
  for (const [what, version, isUnknown, theirVersion, isTheirs, isNews] of [
    ['ours are newer', 2, false, 1, false, true],
    ['theirs are newer', 2, false, 3, true, false],
    ['of one version: an edge of before versions has written theirs', 2, false, 2, false, true],
    ['theirs have none', 2, false, 0, false, true],
    ['ours are not the newest', 0, false, 3, true, false],
    ['nor are theirs, but there they are', 0, false, 0, true, false],
    ['nobody has said yet what ours are worth', 0, true, 3, false, false],
  ] as const) {
    const lease = new Lease('items', SHAPE, limitsOf(version, isUnknown), 0);
    t.ok(lease.isNews, 'the store has not heard of it');
    const reply = leaseReply({ shape: theirs, version: theirVersion });
    lease.receive(lease.callForReserve(0, 0), reply, 0, 0);
    t.strictSame(lease.shape, isTheirs ? theirs : SHAPE, what);
    t.equal(lease.isNews, isNews, what);
    t.match(lease.callForReserve(0, 0), { shape: SHAPE, version }, 'what is told is our own');
    lease.reshape({ ...SHAPE });
    t.strictSame(lease.shape, isTheirs ? theirs : SHAPE, 'limits that ask for the same change nothing');
  }
});

t.test('a smaller shape that the store knows is one for what is held, too', async (t) => {
  const lease = leased(90);
  lease.receive(
    lease.callForReserve(0, 0),
    leaseReply({ shape: { rate: 10, capacity: 30 }, version: 9 }),
    0,
    0,
  );
  t.equal(lease.held, 30);
  lease.giveBack(50);
  t.equal(lease.held, 30);
});

t.test('what is granted to all that wait is held, though it is more than a bucket has', async (t) => {
  const lease = leased(50);
  const call = lease.callForPushes(60, 600, 0, 0);
  lease.receive(call, leaseReply({ granted: 100, shape: SHAPE }), 660, 0);
  t.equal(lease.held, 150);
});

t.test('a bucket that never has anything is asked for no reserve', async (t) => {
  const lease = used(5, 0, { rate: 0, capacity: 0 });
  t.match(lease.callForReserve(0, 0), { leastReserve: 0, mostReserve: 0 });
});

t.test('the highest version that a bucket has is passed on', async (t) => {
  const seen: number[] = [];
  const lease = new Lease('items', SHAPE, { ...limitsOf(), saw: (version) => seen.push(version) }, 0);
  lease.receive(lease.callForReserve(0, 0), leaseReply({ version: 7 }), 0, 0);
  t.strictSame(seen, [7]);
});

t.test('a call that fails to be answered leaves what is known as it was', async (t) => {
  const lease = leased(5, 40);
  lease.callForPushes(50, 0, 0, 0);
  t.equal(lease.held, 5);
  t.equal(lease.ceiling(0), 40);
});
