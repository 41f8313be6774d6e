import t from 'tap';
import { LocalShare } from '#src/buckets/local-share.js';

const SHAPE = { rate: 100, capacity: 1000 };

t.test(
  'a share begins with its part of what the bucket can hold, and is no larger than its part',
  async (t) => {
    for (const [available, left] of [
      [1000, 250],
      [600, 150],
      [5000, 250],
      [0, 0],
      [-400, 0],
    ] as const) {
      t.equal(new LocalShare(SHAPE, 4, available, 0).available(0), left, `${available} of 1000`);
    }
  },
);

t.test('it refills at its part of the rate, up to its part of the capacity', async (t) => {
  const share = new LocalShare(SHAPE, 4, 400, 0);
  t.ok(share.take(100, 0));
  t.notOk(share.take(1, 0));
  t.equal(share.available(2000), 50);
  t.equal(share.available(60_000), 250);
});

t.test('the wait is until so many are there; for none, or fewer, there is none', async (t) => {
  const share = new LocalShare(SHAPE, 4, 40, 0);
  t.equal(share.waitSeconds(35, 0), 1);
  t.equal(share.waitSeconds(251, 0), Number.POSITIVE_INFINITY);
  t.equal(share.waitSeconds(0, 0), 0);
  t.equal(share.waitSeconds(-5, 0), 0);
  t.equal(share.available(0), 10);
});

t.test('a new shape is shared out as the old one was', async (t) => {
  const share = new LocalShare(SHAPE, 4, 1000, 0);
  share.reshape({ rate: 40, capacity: 400 }, 0);
  t.equal(share.available(0), 100);
  share.take(100, 0);
  t.equal(share.available(1000), 10);
  t.equal(share.pay(1000), 90, 'what is missing of the new one');
});

t.test('what was spent is paid once, but not what has come back meanwhile', async (t) => {
  const share = new LocalShare(SHAPE, 4, 1000, 0);
  t.ok(share.take(60, 0));
  t.ok(share.take(40, 0));
  t.notOk(share.take(200, 0));
  t.equal(share.unpaid, 100);
  t.equal(share.pay(2000), 50);
  t.equal(share.unpaid, 0);
  t.equal(share.pay(2000), 0);
  t.ok(share.take(10, 2000));
  t.equal(share.pay(2000), 10, 'no more than was spent since');
  t.equal(share.pay(60_000), 0);
});

t.test('a payment that may not have arrived is owed again', async (t) => {
  const share = new LocalShare(SHAPE, 4, 1000, 0);
  share.take(60, 0);
  const paid = share.pay(0);
  share.take(5, 0);
  share.paymentLost(paid);
  t.equal(share.unpaid, 65);
  t.equal(share.pay(0), 65);
});
