/** Shared buckets in memory. That they do what the script does is tested with a real Redis. */
import t from 'tap';
import { Debts } from '#src/buckets/debts.js';
import type { BucketShape } from '#src/enforce/ledger.js';
import { MemoryBuckets } from '#src/shared/memory/memory-buckets.js';
import { leaseCall } from '../../buckets/fixtures.js';

t.test(
  'there are so many buckets and no more; one that comes back is as its caller last saw it',
  async (t) => {
    let incarnations = 0;
    const buckets = new MemoryBuckets(() => String(incarnations++), 2);
    const call = leaseCall({ need: 40 });
    const seen = buckets.lease('a', call, 0);
    buckets.lease('b', call, 0);
    buckets.lease('a', call, 0);
    buckets.lease('c', call, 0);
    t.equal(buckets.size, 2);
    t.equal(buckets.lease('a', call, 0).granted, 0, 'used after b, so it stayed, and is drained');
    const { incarnation, available } = buckets.lease(
      'b',
      { ...call, incarnation: seen.incarnation, ceiling: 7, need: 5 },
      0,
    );
    t.equal(available, 2);
    t.not(incarnation, '1');
  },
);

const SHAPE = { rate: 10, capacity: 100 };

/** A bucket of that shape that holds so much at 0 ms. */
function bucketOf(tokens: number, shape = SHAPE): MemoryBuckets {
  const buckets = new MemoryBuckets(() => 'one');
  buckets.lease('a', leaseCall({ shape, need: shape.capacity - tokens }), 0);
  return buckets;
}

t.test('a new bucket is full, of the caller’s shape, and has a name of its own', async (t) => {
  let incarnations = 0;
  const buckets = new MemoryBuckets(() => `${incarnations++}`);
  t.strictSame(buckets.lease('a', leaseCall({ shape: SHAPE, need: 30 }), 0), {
    granted: 30,
    available: 70,
    shape: SHAPE,
    version: 0,
    incarnation: '0',
  });
  t.match(buckets.lease('b', leaseCall({ shape: SHAPE }), 0), { available: 100, incarnation: '1' });
  t.match(buckets.lease('a', leaseCall({ bucket: 'bytes' }), 0), { incarnation: '2' });
  t.match(buckets.lease('a', leaseCall(), 0), { available: 70, incarnation: '0' });
});

t.test('it refills by the time that passes, up to its capacity', async (t) => {
  for (const [ms, available] of [
    [0, 20],
    [-5000, 20],
    [1500, 35],
    [8000, 100],
    [50_000, 100],
  ] as const) {
    t.equal(bucketOf(20).lease('a', leaseCall(), ms).available, available, `${ms} ms`);
  }
  const back = bucketOf(20);
  back.lease('a', leaseCall(), -5000);
  t.equal(back.lease('a', leaseCall(), -4000).available, 30, 'from the new time on');
});

t.test('the need is met whole or not at all', async (t) => {
  t.match(bucketOf(20).lease('a', leaseCall({ need: 20 }), 0), { granted: 20, available: 0 });
  t.match(bucketOf(20).lease('a', leaseCall({ need: 20.5, leastReserve: 10, mostReserve: 10 }), 0), {
    granted: 0,
    available: 20,
  });
});

t.test('the reserve: the least of it as long as there is any, more the fuller the bucket is', async (t) => {
  for (const [tokens, leastReserve, mostReserve, reserve] of [
    // Half full: half of the most.
    [50, 0, 20, 10],
    // A quarter of what is left at most,
    [50, 0, 80, 12],
    [100, 0, 90, 25],
    // but for the least, which is all there is at most.
    [50, 30, 80, 30],
    [50, 70, 80, 50],
    // Whole tokens.
    [50, 7.9, 8, 7],
    [50, 0, 9, 4],
  ] as const) {
    const { granted, available } = bucketOf(tokens).lease('a', leaseCall({ leastReserve, mostReserve }), 0);
    t.equal(granted, reserve, `${tokens}: ${leastReserve} to ${mostReserve}`);
    t.equal(available, tokens - reserve);
  }
  t.match(bucketOf(60).lease('a', leaseCall({ need: 10, mostReserve: 20 }), 0), {
    granted: 20,
    available: 40,
  });
  t.match(bucketOf(0, { rate: 0, capacity: 0 }).lease('a', leaseCall({ mostReserve: 5 }), 0), { granted: 0 });
});

t.test('what comes back fills it, debts drain it, to one capacity below zero', async (t) => {
  for (const [returned, debit, available] of [
    [30, 0, 50],
    [500, 0, 100],
    [0, 30, -10],
    [0, 500, -100],
    [50, 500, -50],
  ] as const) {
    t.equal(bucketOf(20).lease('a', leaseCall({ returned, debit }), 0).available, available);
  }
  const owing = bucketOf(20);
  owing.lease('a', leaseCall({ debit: 110 }), 0);
  t.equal(owing.lease('a', leaseCall({ debit: 5 }), 0).available, -95, 'a further debt');
  owing.lease('a', leaseCall({ version: 1, shape: { rate: 10, capacity: 50 } }), 0);
  t.equal(
    owing.lease('a', leaseCall({ debit: 1 }), 0).available,
    -95,
    'it owes more than it may by now: no more',
  );
});

t.test('the shape of the newest limits is the bucket’s, and nothing comes of a change', async (t) => {
  const buckets = bucketOf(60);
  const shape = { rate: 1, capacity: 40 };
  const lease = (shape: BucketShape, version: number, atMs = 0) =>
    buckets.lease('a', leaseCall({ shape, version }), atMs);
  t.match(lease(shape, 0), { available: 60, shape: SHAPE }, 'one that is not known to be the newest is not');
  t.match(lease(shape, 2), { available: 40, shape, version: 2 });
  const larger = { rate: 1, capacity: 400 };
  t.match(lease(larger, 1), { shape, version: 2 }, 'older');
  t.match(lease(larger, 0), { shape, version: 2 });
  t.match(lease(larger, 2), { available: 40, shape: larger, version: 2 }, 'the same: somebody meddled');
  t.match(lease(shape, 3), { shape, version: 3 });
  t.match(lease(larger, 4), { available: 40, version: 4 });
  t.equal(lease(larger, 0, 5000).available, 45, 'at the new rate');
});

t.test('one that was lost starts no fuller than its caller last saw it', async (t) => {
  for (const [incarnation, ceiling, available] of [
    ['', 5, 100],
    ['one', 5, 100],
    ['other', 5, 5],
    ['other', 500, 100],
    ['other', -30, -30],
  ] as const) {
    const buckets = new MemoryBuckets(() => 'one');
    t.equal(buckets.lease('a', leaseCall({ shape: SHAPE, incarnation, ceiling }), 0).available, available);
  }
});

t.test('a bucket lives for twice its refill time, for a minute at least and a day at most', async (t) => {
  const day = 86_400_000;
  for (const [rate, capacity, livesMs] of [
    [10, 100, 60_000],
    [1, 60, 120_000],
    [3, 100, 66_667],
    [0.001, 1000, day],
    [0, 100, day],
  ] as const) {
    const shape = { rate, capacity };
    const [kept, gone] = [bucketOf(0, shape), bucketOf(0, shape)];
    kept.expire(livesMs - 1);
    t.equal(kept.size, 1, `${rate}/s of ${capacity}`);
    gone.expire(livesMs);
    t.equal(gone.size, 0, `${rate}/s of ${capacity}`);
  }
  const unswept = bucketOf(0, { rate: 0, capacity: 100 });
  t.match(unswept.lease('a', leaseCall({ shape: SHAPE, need: 100 }), day), { granted: 100, shape: SHAPE });
  t.equal(unswept.size, 1);
});

t.test('each call gives it another life', async (t) => {
  const buckets = bucketOf(0);
  buckets.lease('a', leaseCall(), 50_000);
  buckets.expire(109_999);
  t.equal(buckets.size, 1);
});

/** Each call takes so much if it is there. */
function crowd(most: number, mostDebts: number) {
  let incarnations = 0;
  const buckets = new MemoryBuckets(() => String(incarnations++), most, new Debts(mostDebts));
  const take = (tenant: string, need: number, nowMs = 0, shape: BucketShape = SHAPE) =>
    buckets.lease(tenant, leaseCall({ shape, need }), nowMs).granted;
  return { buckets, take };
}

t.test('a bucket that is pushed out comes back with what it had, and what came in since', async (t) => {
  const { buckets, take } = crowd(10, 1000);
  t.equal(take('a', 90), 90);
  for (let i = 0; i < 200; i++) take(`other-${i}`, 90);
  t.equal(buckets.size, 10);
  t.match(buckets.lease('a', leaseCall({ shape: SHAPE }), 0), { available: 10 });
  for (let i = 0; i < 200; i++) take(`other-${i}`, 1);
  t.match(buckets.lease('a', leaseCall({ shape: SHAPE }), 2000), { available: 30 });
});

t.test('one that owes more than it holds still does when it is back', async (t) => {
  const { buckets, take } = crowd(10, 1000);
  buckets.lease('a', leaseCall({ shape: SHAPE, debit: 150 }), 0);
  for (let i = 0; i < 20; i++) take(`other-${i}`, 90);
  t.match(buckets.lease('a', leaseCall({ shape: SHAPE }), 1000), { available: -40 });
});

t.test('a full bucket is pushed out before one that is not', async (t) => {
  const { buckets, take } = crowd(10, 0);
  for (let i = 0; i < 7; i++) take(`spent-${i}`, 90);
  for (let i = 0; i < 6000; i++) take(`made-up-${i}`, 0);
  t.equal(buckets.size, 10);
  for (let i = 0; i < 7; i++) t.equal(take(`spent-${i}`, 20), 0);
});

t.test('where no debt can be forgotten, new tenants of one shape share a bucket of it', async (t) => {
  const { buckets, take } = crowd(10, 20);
  for (let i = 0; i < 30; i++) take(`spent-${i}`, 90);
  const wide = { rate: 10, capacity: 1000 };
  let narrow = 0;
  for (let i = 0; i < 300; i++) narrow += take(`made-up-${i}`, 50);
  t.equal(narrow, 100, 'what one of them may');
  t.equal(take('wide', 500, 0, wide), 500, 'a tenant with another limit does not stand behind them');
  t.equal(take('made-up-again', 50, 5000), 50, 'they have their rate');
  let more = 0;
  for (let i = 0; i < 2000; i++) more += take(`spent-${(i * 7) % 30}`, 10);
  t.equal(more, 30 * 10, 'the others have what they had left');
  t.ok(buckets.size <= 12);

  take('made-up', 0, 100_000);
  t.equal(take('made-up', 100, 100_000), 100, 'it has its own again when debts are paid');
});
