import fc from 'fast-check';
import t from 'tap';
import { TokenBucket } from '#src/buckets/token-bucket.js';

t.test('a new bucket is full, and refills at its rate', async (t) => {
  const bucket = new TokenBucket({ rate: 10, capacity: 100 }, 0);
  t.equal(bucket.take(100, 0), true);
  t.equal(bucket.take(1, 0), false);
  t.equal(bucket.take(1, 99), false);
  t.equal(bucket.take(1, 100), true, 'one token a tenth of a second');
  t.equal(bucket.take(101, 1_000_000), false, 'never more than its capacity');
  t.equal(bucket.take(100, 1_000_000), true);
});

t.test('a refusal says what is left and how long to wait', async (t) => {
  const bucket = new TokenBucket({ rate: 10, capacity: 100 }, 0);
  bucket.take(95, 0);
  t.strictSame(bucket.ask(10, 0), { granted: false, available: 5, waitSeconds: 0.5 });
  t.equal(bucket.ask(101, 0).waitSeconds, Number.POSITIVE_INFINITY, 'more than it can ever hold');
  t.equal(bucket.ask(100, 0).waitSeconds, 9.5, 'as much as it can hold');
  t.strictSame(bucket.ask(5, 0), { granted: true, available: 0, waitSeconds: 0 });
});

t.test('what is left is told without taking any', async (t) => {
  const bucket = new TokenBucket({ rate: 10, capacity: 100 }, 0);
  bucket.take(40, 0);
  t.equal(bucket.left(0), 60);
  t.equal(bucket.left(1000), 70);
  t.equal(bucket.left(500), 70, 'a step back is no time');
  t.equal(bucket.left(1e9), 100);
});

t.test('a bucket with rate 0 gives its burst once', async (t) => {
  const bucket = new TokenBucket({ rate: 0, capacity: 3 }, 0);
  t.equal(bucket.take(3, 0), true);
  t.equal(bucket.take(1, 1e12), false);
  t.equal(bucket.ask(1, 1e12).waitSeconds, Number.POSITIVE_INFINITY);
});

t.test('a raised limit starts no fuller, a lowered one cuts what is held', async (t) => {
  const bucket = new TokenBucket({ rate: 1, capacity: 10 }, 0);
  bucket.reshape({ rate: 1, capacity: 1000 }, 0);
  t.equal(bucket.take(11, 0), false, 'ten tokens stay ten tokens');
  bucket.reshape({ rate: 1, capacity: 4 }, 0);
  t.equal(bucket.take(5, 0), false);
  t.equal(bucket.take(4, 0), true);
});

t.test('lowering and raising a limit again and again mints nothing', async (t) => {
  const bucket = new TokenBucket({ rate: 0, capacity: 10 }, 0);
  for (let i = 0; i < 100; i++) {
    bucket.reshape({ rate: 0, capacity: 5 }, i);
    bucket.reshape({ rate: 0, capacity: 1000 }, i);
  }
  t.equal(bucket.take(6, 100), false);
  t.equal(bucket.take(5, 100), true);
});

t.test('tokens given back can be spent, up to the capacity', async (t) => {
  const bucket = new TokenBucket({ rate: 0, capacity: 10 }, 0);
  bucket.take(10, 0);
  bucket.giveBack(4, 0);
  t.equal(bucket.take(4, 0), true);
  bucket.giveBack(1000, 0);
  t.equal(bucket.take(11, 0), false);
});

t.test(
  'a bucket never gives more than capacity + rate × elapsed, whatever is asked and reshaped',
  async (t) => {
    const step = fc.record({
      elapsedMs: fc.integer({ min: -50, max: 2000 }),
      take: fc.integer({ min: 0, max: 300 }),
      reshape: fc.option(
        fc.record({ rate: fc.integer({ min: 0, max: 500 }), capacity: fc.integer({ min: 0, max: 300 }) }),
        {
          freq: 6,
        },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let shape = { rate: 100, capacity: 100 };
        const bucket = new TokenBucket(shape, 0);
        let nowMs = 0;
        let latestMs = 0;
        let allowed = shape.capacity;
        let taken = 0;
        for (const { elapsedMs, take, reshape } of steps) {
          nowMs += elapsedMs;
          allowed += (Math.max(0, nowMs - latestMs) * shape.rate) / 1000;
          latestMs = Math.max(latestMs, nowMs);
          if (reshape) {
            shape = reshape;
            bucket.reshape(shape, nowMs);
          }
          if (bucket.take(take, nowMs)) {
            t.ok(take <= shape.capacity);
            taken += take;
          }
          if (taken > allowed + 1e-6) return false;
        }
        return true;
      }),
      { numRuns: 300 },
    );
  },
);
