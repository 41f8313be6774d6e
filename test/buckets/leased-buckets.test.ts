import t from 'tap';
import type { LeasedBucket } from '#src/buckets/leased-bucket.js';
import { LeasedBuckets } from '#src/buckets/leased-buckets.js';

interface Stub {
  looks: number;
  returned: number;
  held: number;
  calling: boolean;
  onLocalShare: boolean;
}

function given(count: number, sends = false) {
  const buckets = new LeasedBuckets();
  const stubs = Array.from({ length: count }, () => {
    const stub = {
      looks: 0,
      returned: 0,
      held: 2,
      calling: false,
      onLocalShare: false,
      sweep: () => {
        stub.looks++;
        return sends;
      },
      returnAll: () => {
        stub.returned++;
        return false;
      },
    };
    buckets.add(stub as unknown as LeasedBucket);
    return stub;
  });
  const looks = () => stubs.reduce((sum, one) => sum + one.looks, 0);
  const forget = (at: number) => buckets.forget(stubs[at] as unknown as LeasedBucket);
  return { buckets, stubs: stubs as Stub[], looks, forget };
}

t.test('each bucket is looked at once in ten ticks, or more often where there are few', async (t) => {
  for (const [count, looked] of [
    [0, 0],
    [1, 1],
    [64, 64],
    [65, 64],
    [640, 64],
    [1000, 100],
    [1001, 101],
  ] as const) {
    const { buckets, looks } = given(count);
    buckets.tick(0);
    t.equal(looks(), looked, `${count} buckets`);
  }
  const { buckets, stubs } = given(1000);
  for (let tick = 0; tick < 10; tick++) buckets.tick(0);
  t.ok(stubs.every(({ looks }) => looks === 1));
});

t.test('a tick sends so many calls at most, and the next goes on there', async (t) => {
  const { buckets, stubs, looks } = given(1000, true);
  buckets.tick(0);
  t.equal(looks(), 64);
  buckets.tick(0);
  t.equal(looks(), 128);
  t.ok(stubs.slice(0, 128).every((one) => one.looks === 1));
});

t.test('a round goes on whatever comes and goes', async (t) => {
  const { buckets, stubs, forget } = given(200);
  buckets.tick(0);
  forget(0);
  forget(70);
  for (let tick = 0; tick < 3; tick++) buckets.tick(0);
  t.equal(stubs[70]?.looks, 0);
  t.equal(stubs[0]?.looks, 1);
  t.equal(stubs[199]?.looks, 1);
  t.ok(
    stubs.slice(1, 50).every(({ looks }) => looks === 2),
    'and begins again',
  );
});

t.test('all that is held goes back, as far as calls may be sent', async (t) => {
  const { buckets, stubs } = given(5);
  let calls = 3;
  t.equal(
    buckets.returnAll(() => calls-- > 0, 0),
    true,
    'some are not sent yet',
  );
  t.strictSame(
    stubs.map(({ returned }) => returned),
    [1, 1, 1, 0, 0],
  );
  t.equal(
    buckets.returnAll(() => true, 0),
    false,
  );
  stubs[1]!.calling = true;
  t.equal(
    buckets.returnAll(() => true, 0),
    true,
    'one is not answered',
  );
  t.equal(stubs[4]?.returned, 2, 'and the others are not forgotten over it');
});

t.test('the status counts', async (t) => {
  const { buckets, stubs, forget } = given(5);
  stubs[1]!.onLocalShare = true;
  stubs[2]!.held = 0.5;
  forget(4);
  t.strictSame(buckets.status(), { buckets: 4, onLocalShare: 1, tokensLeased: 6.5 });
});
