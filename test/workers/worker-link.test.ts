import t from 'tap';
import { SnapshotFollower } from '#src/limits/snapshot-change.js';
import type { Question, SentOrders } from '#src/workers/messages.js';
import { type LinkedProcess, WorkerLink } from '#src/workers/worker-link.js';
import { orders } from '../app/fixtures.js';
import { limits, snapshot } from '../enforce/fixtures.js';

function given(first = orders()) {
  const told: SentOrders[] = [];
  const asked: Question[] = [];
  const process: LinkedProcess = {
    id: 2,
    pid: 77,
    tell: ({ orders: sent }) => told.push(sent),
    ask: async (question) => {
      asked.push(question);
      return undefined;
    },
  };
  return { link: new WorkerLink(process, first), told, asked };
}

const rate = (ingestion_rate: number, ids = ['a']) =>
  orders({ snapshot: snapshot(Object.fromEntries(ids.map((id) => [id, limits({ ingestion_rate })]))) });

/** Whether a promise has settled by now. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise(setImmediate);
  return done;
}

t.test('a process begins with all limits, and gets what changed after that', async (t) => {
  const { link, told } = given(rate(1, ['a', 'b']));
  t.match(link, { worker: 2, pid: 77 });
  t.strictSame(link.first.change.tenants, ['a', 'b']);
  const both = snapshot({ a: limits({ ingestion_rate: 1 }), c: limits() });
  void link.apply(orders({ snapshot: both }));
  t.match(told, [{ mode: 'enforce', limitsLoaded: true, change: { tenants: ['c'], removed: ['b'] } }]);
  t.notOk('snapshot' in told[0]!, 'the whole is not sent again');
});

t.test('orders are in force when they were obeyed, and not before', async (t) => {
  const { link } = given();
  const applied = link.apply(rate(1));
  t.notOk(await isDone(applied));
  link.obeyed();
  t.ok(await isDone(applied));
});

t.test('orders that come while others are under way become one, with what changed since those', async (t) => {
  const { link, told } = given();
  const follower = new SnapshotFollower(limits());
  follower.follow(link.first.change);
  const [one, two, three] = [rate(1), rate(2, ['a', 'b']), rate(3, ['b'])].map((next) => link.apply(next));
  t.equal(told.length, 1);
  link.obeyed();
  t.ok(await isDone(one!));
  t.notOk(await isDone(two!));
  t.equal(told.length, 2);
  let followed = orders().snapshot;
  for (const { change } of told) followed = follower.follow(change);
  t.strictSame([...followed.tenants.keys()], ['b']);
  t.equal(followed.tenants.get('b')?.ingestion_rate, 3);
  link.obeyed();
  t.ok(await isDone(two!), 'what came after it stands for it');
  t.ok(await isDone(three!));
  t.equal(told.length, 2);
});

t.test('orders that are in force already are not sent', async (t) => {
  const { link, told } = given(rate(1));
  t.ok(await isDone(link.apply(rate(1))));
  t.strictSame(told, []);
  const away = link.apply(rate(2));
  const back = link.apply(rate(1));
  link.obeyed();
  t.equal(told.length, 2, 'back to what it was is a change of what is under way');
  t.notOk(await isDone(back));
  t.ok(await isDone(away));
  link.obeyed();
  t.ok(await isDone(back));
});

t.test('those that become what is under way need not be sent', async (t) => {
  const { link, told } = given();
  const one = link.apply(rate(1));
  const same = link.apply(rate(1));
  link.obeyed();
  t.ok(await isDone(one));
  t.ok(await isDone(same));
  t.equal(told.length, 1);
});

t.test('each part of orders alone is a change', async (t) => {
  for (const next of [
    orders({ mode: 'off' }),
    orders({ limitsLoaded: false }),
    orders({ logLevel: 'debug' }),
    orders({ reloads: 1 }),
    rate(1),
  ]) {
    const { link, told } = given();
    void link.apply(next);
    t.equal(told.length, 1);
  }
});

t.test('nobody waits for a process that has ended', async (t) => {
  const { link, told } = given();
  const waiting = [link.apply(rate(1)), link.apply(rate(2))];
  link.end();
  for (const one of waiting) t.ok(await isDone(one));
  t.ok(await isDone(link.apply(rate(3))));
  t.equal(told.length, 1, 'nor is anything sent to it');
});

t.test('an answer that does not come is none', async (t) => {
  const { link, asked } = given();
  t.equal(await link.report(), undefined);
  t.equal(await link.topMetrics('a'), undefined);
  t.strictSame(asked, [{ about: 'report' }, { about: 'top', tenant: 'a' }]);
});
