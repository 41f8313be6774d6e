import t from 'tap';
import type { LeaseCall, LeaseReply } from '#src/buckets/lease-protocol.js';
import { type LeaseClient, LeasedBucket } from '#src/buckets/leased-bucket.js';
import type { Answer, BucketShape, OnLoss } from '#src/enforce/ledger.js';
import { leaseReply, limitsOf } from './fixtures.js';

const SHAPE: BucketShape = { rate: 10, capacity: 100 };

/** A bucket whose calls a test answers, or not. */
class Given {
  readonly calls: LeaseCall[] = [];
  up = true;
  /** False: too many calls are in flight. */
  sends = true;
  forgotten = 0;
  readonly bucket: LeasedBucket;

  constructor(onLoss: OnLoss = 'local-share', shape = SHAPE) {
    const client: LeaseClient = {
      onLoss,
      limits: limitsOf(),
      replicas: () => 4,
      isUp: () => this.up,
      send: (_bucket, call) => {
        if (this.sends) this.calls.push(call);
        return this.sends;
      },
      forget: () => {
        this.forgotten++;
      },
    };
    this.bucket = new LeasedBucket(client, 'a', 'items', shape, 0);
  }

  get last(): LeaseCall {
    return this.calls.at(-1)!;
  }

  reply(given: Partial<LeaseReply> = {}, inTime = true, nowMs = 0): void {
    this.bucket.replied(this.last, leaseReply({ shape: SHAPE, ...given }), inTime, nowMs);
  }

  /** Seen by the store, with so much held here and so much left there. */
  hold(held: number, available = 0): this {
    this.bucket.sweep(0);
    this.reply({ granted: held, available });
    this.calls.length = 0;
    return this;
  }

  /** Off the store, with so much of the bucket left. */
  cut(available = 100): this {
    this.hold(0, available);
    this.up = false;
    void this.bucket.ask(0, 0);
    return this;
  }
}

const granted = (available: number): Answer => ({ granted: true, available, waitSeconds: 0 });

/** Whether a push is answered yet, and what. */
function watch(answer: Answer | Promise<Answer>): { answer: Answer | undefined } {
  const seen: { answer: Answer | undefined } = { answer: undefined };
  if (answer instanceof Promise) {
    void answer.then((one) => {
      seen.answer = one;
    });
  } else seen.answer = answer;
  return seen;
}

const settle = () => new Promise(setImmediate);

t.test('what is held is given at once, and what is not is asked for once', async (t) => {
  const given = new Given();
  const { bucket } = given;
  t.equal(bucket.tenant, 'a');
  t.notOk(bucket.take(5, 0));
  t.strictSame(given.calls, [], 'to take asks nobody');
  const first = watch(bucket.ask(5, 0));
  t.ok(bucket.calling);
  t.match(given.calls, [{ need: 5, leastReserve: 0, version: 1, shape: SHAPE }]);
  const second = watch(bucket.ask(3, 0));
  t.equal(given.calls.length, 1, 'one call at a time');
  given.reply({ granted: 6, available: 40 });
  await settle();
  t.strictSame(first.answer, granted(1));
  t.equal(second.answer, undefined);
  t.match(given.calls[1], { need: 2 });
  given.reply({ granted: 2, available: 38 });
  await settle();
  t.strictSame(second.answer, granted(0));
  t.notOk(bucket.calling);
  given.hold(9);
  t.ok(bucket.take(4, 0));
  t.strictSame(bucket.ask(5, 0), granted(0), 'as a push does that was counted before');
});

t.test('pushes that wait share a call, the smallest first', async (t) => {
  const given = new Given().hold(0, 100);
  const pushes = [20, 30, 10, 25].map((n) => watch(given.bucket.ask(n, 0)));
  given.reply({ granted: 20, available: 80 });
  t.match(given.calls, [{ need: 20 }, { need: 10, leastReserve: 55, mostReserve: 55 }]);
  given.reply({ granted: 40, available: 0 });
  await settle();
  t.strictSame(
    pushes.map(({ answer }) => answer),
    [granted(0), { granted: false, available: 5, waitSeconds: 2.5 }, granted(30), granted(5)],
  );
});

t.test(
  'what came while a call was in flight is served from what it brought, or refused, or asked for',
  async (t) => {
    const given = new Given().hold(0, 100);
    const first = watch(given.bucket.ask(10, 0));
    const [small, large, never] = [5, 40, 101].map((n) => watch(given.bucket.ask(n, 0)));
    given.reply({ granted: 16, available: 84 });
    await settle();
    t.match(first.answer, { granted: true });
    t.strictSame(small?.answer, granted(1));
    t.match(never?.answer, { granted: false, waitSeconds: Number.POSITIVE_INFINITY });
    t.equal(large?.answer, undefined);
    t.match(given.last, { need: 39, leastReserve: 0 });
  },
);

t.test('what is left when all are served is a lease like any other', async (t) => {
  const given = new Given().hold(0, 100);
  for (const n of [10, 20]) void given.bucket.ask(n, 0);
  given.reply({ granted: 60, available: 40 });
  t.equal(given.bucket.held, 30);
  t.ok(given.bucket.take(20, 0));
  t.equal(given.calls.length, 1, 'nothing more is asked for before a quarter of it is left');
});

t.test('a push that is over what a drained store has is refused without a call', async (t) => {
  const given = new Given().hold(0, 100);
  const push = watch(given.bucket.ask(50, 0));
  given.reply({ granted: 0, available: 20 });
  await settle();
  t.match(push.answer, { granted: false, available: 20, waitSeconds: 3 });
  t.match(given.bucket.ask(50, 0), { granted: false, available: 20 });
  t.match(given.bucket.ask(101, 0), { granted: false, waitSeconds: Number.POSITIVE_INFINITY });
  t.equal(given.calls.length, 1);
  t.ok(given.bucket.ask(20, 0) instanceof Promise, 'what it has is asked for');
});

t.test('no more than 1,024 pushes wait for a bucket', async (t) => {
  const given = new Given().hold(0, 100);
  const answers = Array.from({ length: 1025 }, () => given.bucket.ask(1, 0));
  t.ok(
    answers.every((answer) => answer instanceof Promise),
    'one is asked for, and these wait',
  );
  t.match(given.bucket.ask(1, 0), { granted: false });
});

t.test('it asks ahead of need, but not twice, and not while the store is away', async (t) => {
  const low = () => {
    const given = new Given().hold(40, 50);
    given.bucket.take(30, 0);
    t.strictSame(given.calls, []);
    return given;
  };
  const given = low();
  t.ok(given.bucket.take(1, 0));
  t.match(given.calls, [{ need: 0, returned: 0 }]);
  t.ok(given.bucket.take(1, 0));
  t.equal(given.calls.length, 1);

  const away = low();
  away.up = false;
  t.ok(away.bucket.take(1, 0));
  t.strictSame(away.calls, []);
  t.notOk(away.bucket.onLocalShare, 'what is held goes on');
  const late = low();
  late.bucket.late(0);
  t.ok(late.bucket.take(1, 0));
  t.strictSame(late.calls, []);
});

t.test('without the store each replica gives its part of what the bucket held', async (t) => {
  const given = new Given().cut(80);
  const { bucket } = given;
  t.ok(bucket.take(15, 0));
  t.notOk(bucket.take(6, 0));
  t.strictSame(bucket.ask(5, 0), granted(0));
  t.strictSame(bucket.ask(5, 0), { granted: false, available: 0, waitSeconds: 2 });
  t.strictSame(
    bucket.ask(26, 0),
    { granted: false, available: 0, waitSeconds: 1 },
    'when it is back, perhaps',
  );
  t.match(bucket.ask(100, 0), { granted: false, waitSeconds: 1 });
  t.strictSame(bucket.ask(101, 0), { granted: false, available: 0, waitSeconds: Number.POSITIVE_INFINITY });
  t.strictSame(given.calls, []);
});

t.test('without the store, of a bucket that never refills, no wait helps', async (t) => {
  const given = new Given('local-share', { rate: 0, capacity: 100 });
  given.up = false;
  t.strictSame(given.bucket.ask(26, 0), {
    granted: false,
    available: 25,
    waitSeconds: Number.POSITIVE_INFINITY,
  });
});

t.test('what is held is spent before the share, and with it', async (t) => {
  const given = new Given().cut(80);
  const { bucket } = given;
  bucket.giveBack(10, 0);
  t.strictSame(bucket.ask(12, 0), granted(0));
  t.match(bucket.ask(19, 0), { granted: false, available: 18 });
  bucket.giveBack(3, 0);
  t.match(bucket.ask(22, 0), { granted: false, available: 21, waitSeconds: 0.4 });
  t.ok(bucket.take(21, 0));
  t.equal(bucket.held, 0);
});

t.test('by setting everything passes without the store, or nothing does', async (t) => {
  const allow = new Given('allow').cut();
  t.ok(allow.bucket.take(1000, 0));
  t.match(allow.bucket.ask(1000, 0), { granted: true });
  const refuse = new Given('refuse').cut();
  refuse.bucket.giveBack(3, 0);
  t.notOk(refuse.bucket.take(4, 0));
  t.strictSame(refuse.bucket.ask(4, 0), { granted: false, available: 3, waitSeconds: 1, lost: true });
  t.strictSame(refuse.bucket.ask(2, 0), granted(1), 'what is held was granted by the store');
});

t.test('what passed free while the store was away and is given back makes no tokens', async (t) => {
  const given = new Given('allow').hold(5).cut(0);
  const { bucket } = given;
  bucket.giveBack(5, 0);
  t.equal(bucket.held, 5, 'the store granted those');
  t.ok(bucket.take(1000, 0));
  bucket.giveBack(1000, 30_000);
  t.equal(bucket.held, 5);
  t.ok(bucket.take(5, 30_000));
  bucket.giveBack(5, 30_000);
  t.equal(bucket.held, 5, 'all that passed free came back already');

  t.ok(bucket.take(40, 30_000));
  given.up = true;
  bucket.sweep(30_000);
  given.reply({ available: 60 }, true, 30_000);
  t.equal(given.last.debit, 0, 'nor is it owed');
  bucket.giveBack(30, 80_000);
  t.equal(bucket.held, 5, 'a push may be under way when the store is back');
  bucket.giveBack(30, 700_000);
  t.equal(bucket.held, 35, 'but not for so long');
});

t.test(
  'a call that is late leaves no push waiting, and its answer ends the share only in time',
  async (t) => {
    const given = new Given().hold(0, 100);
    const [asked, waiting] = [30, 4].map((n) => watch(given.bucket.ask(n, 0)));
    given.bucket.late(0);
    await settle();
    // What the call may still be granted is not there for the share: (100 - 30) / 4.
    t.match(asked?.answer, { granted: false, available: 17.5 });
    t.strictSame(waiting?.answer, granted(0));
    t.ok(given.bucket.calling);
    given.reply({ granted: 30, available: 70 }, false);
    t.ok(given.bucket.onLocalShare);
    t.equal(given.bucket.held, 30);
    given.bucket.sweep(0);
    given.reply({ available: 70 });
    t.notOk(given.bucket.onLocalShare);
  },
);

t.test('what a call may be granted beyond its need is not there for the share either', async (t) => {
  const given = new Given().hold(0, 100);
  for (const n of [1, 10, 20]) void given.bucket.ask(n, 0);
  given.reply({ granted: 1, available: 99 });
  t.match(given.last, { need: 10, mostReserve: 20 });
  given.up = false;
  void given.bucket.ask(0, 0);
  t.equal(given.bucket.left(0), (99 - 30) / 4);
});

t.test(
  'what was spent from the share is paid with the next call, also after a call that was lost',
  async (t) => {
    const given = new Given().cut();
    const { bucket } = given;
    t.ok(bucket.take(10, 0));
    given.up = true;
    t.ok(bucket.sweep(0));
    t.match(given.last, { debit: 10, need: 0, returned: 0, leastReserve: 0 });
    t.ok(bucket.take(2, 0));
    bucket.failed(given.last, 0);
    t.notOk(bucket.calling);
    t.ok(bucket.sweep(0));
    t.match(given.last, { debit: 12 });
    t.ok(bucket.take(3, 0), 'while it is being paid');
    given.reply({ available: 85 });
    t.notOk(bucket.onLocalShare);
    t.ok(bucket.sweep(0), 'to pay');
    t.match(given.last, { debit: 3 });
    given.reply({ available: 85 });
    t.notOk(bucket.sweep(0), 'all is paid');
  },
);

t.test('a call that can not be sent leaves everything as it was, and the push to the share', async (t) => {
  const given = new Given().hold(6, 100);
  given.sends = false;
  t.match(await given.bucket.ask(32, 0), { granted: false, available: 31 });
  t.ok(given.bucket.onLocalShare);
  t.notOk(given.bucket.calling);
  t.ok(given.bucket.take(10, 0));
  t.equal(given.bucket.held, 0);
  t.notOk(given.bucket.sweep(0));
  given.bucket.giveBack(5, 0);
  t.notOk(given.bucket.returnAll(0));
  t.equal(given.bucket.held, 5);
  given.sends = true;
  t.ok(given.bucket.sweep(0));
  t.match(given.last, { debit: 4 });
});

t.test('what is owed is not there for the next share', async (t) => {
  const given = new Given().cut();
  given.bucket.take(20, 0);
  given.up = true;
  given.sends = false;
  t.notOk(given.bucket.sweep(0));
  given.sends = true;
  given.bucket.sweep(0);
  t.match(given.last, { debit: 20 });
  given.bucket.take(4, 0);
  given.reply({ available: 80 });
  given.up = false;
  void given.bucket.ask(0, 0);
  t.equal(given.bucket.left(0), (80 - 4) / 4);
});

t.test('a call that is lost leaves no push waiting', async (t) => {
  const given = new Given().hold(0, 100);
  const pushes = [4, 8].map((n) => watch(given.bucket.ask(n, 0)));
  given.bucket.failed(given.last, 0);
  await settle();
  t.match(
    pushes.map(({ answer }) => answer),
    [{ granted: true }, { granted: true }],
  );
  t.notOk(given.bucket.calling);
});

t.test('what is left is what is held and what the store, or the share, can have', async (t) => {
  const given = new Given().hold(30, 40);
  t.equal(given.bucket.left(0), 70);
  t.equal(given.bucket.left(1000), 80);
  t.equal(given.bucket.left(60_000), 100, 'no more than fits');
  t.equal(new Given().hold(0, -5).bucket.left(0), 0);
  const cut = new Given().cut(80);
  cut.bucket.giveBack(7, 0);
  t.equal(cut.bucket.left(0), 27);
});

t.test('a new shape is for what is held, for the share and for the store', async (t) => {
  const given = new Given().cut(100);
  given.bucket.giveBack(90, 0);
  given.bucket.reshape({ rate: 10, capacity: 40 }, 0);
  t.equal(given.bucket.held, 40);
  t.equal(given.bucket.left(0), 40);
  t.ok(given.bucket.take(50, 0));
  t.notOk(given.bucket.take(1, 0), 'ten of the share');
  const other = new Given().hold(0, 100);
  t.notOk(other.bucket.sweep(0));
  other.bucket.reshape({ rate: 10, capacity: 40 }, 0);
  t.ok(other.bucket.sweep(0));
  t.match(other.calls, [{ version: 1, shape: { capacity: 40 } }]);
});

t.test('a shape that a late answer brings is the local share’s, too', async (t) => {
  const given = new Given().hold(0, 100);
  void given.bucket.ask(60, 0);
  given.bucket.late(0);
  given.reply({ available: 40, shape: { rate: 4, capacity: 40 }, version: 2 }, false);
  t.ok(given.bucket.onLocalShare);
  t.equal(given.bucket.left(100_000), 10, 'a quarter of it');
});

t.test('a sweep says what has to be said, one call at a time', async (t) => {
  const given = new Given();
  given.up = false;
  t.notOk(given.bucket.sweep(0));
  given.up = true;
  t.ok(given.bucket.sweep(0), 'the shape is new');
  t.notOk(given.bucket.sweep(0), 'a call is in flight');
  given.reply({ granted: 10, available: 90 });
  t.ok(given.bucket.sweep(0), 'nobody uses what is held');
  t.match(given.last, { returned: 10, debit: 0 });
  t.equal(given.bucket.held, 0);
  given.reply({ available: 100 });
  t.notOk(given.bucket.sweep(0));
  t.equal(given.calls.length, 2);
});

t.test('who leaves returns what is held and pays what is owed, once', async (t) => {
  const given = new Given().hold(10, 50);
  given.bucket.release(0);
  given.bucket.release(0);
  t.equal(given.forgotten, 1);
  t.match(given.calls, [{ returned: 10, need: 0 }]);
  given.reply();
  t.equal(given.calls.length, 1);

  const asking = new Given().hold(2, 50);
  void asking.bucket.ask(5, 0);
  asking.bucket.release(0);
  t.equal(asking.calls.length, 1, 'its call is still in flight');
  asking.reply({ granted: 7 });
  t.match(asking.last, { returned: 4 });

  const owing = new Given().cut();
  owing.bucket.take(5, 0);
  owing.up = true;
  t.ok(owing.bucket.returnAll(0));
  t.match(owing.calls, [{ returned: 0, debit: 5 }]);
  t.notOk(owing.bucket.returnAll(0), 'a call is in flight');

  const away = new Given().hold(10, 50);
  away.up = false;
  t.notOk(away.bucket.returnAll(0));
  t.equal(away.bucket.held, 10);
  t.notOk(new Given().hold(0, 50).bucket.returnAll(0), 'there is nothing to say');
});
