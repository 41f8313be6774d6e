import t from 'tap';
import { MOST_IN_FLIGHT, Turns } from '#src/series/turns.js';

const TIMEOUT_MS = 50;

function given() {
  const turns = new Turns(TIMEOUT_MS);
  const order: string[] = [];
  /** Answers what `take` says at once; 'waits' is told in `order` later. */
  const take = (tenant: string, series: number, untilMs = 1000) => {
    const turn = turns.take({ tenant, series, untilMs });
    if (typeof turn === 'boolean') return turn;
    void turn.then((mayGo) => order.push(mayGo ? tenant : `not ${tenant}`));
    return 'waits';
  };
  /** What is done neither widens the window nor makes it smaller. */
  const done = async (series: number, tookMs: number | undefined = 1) => {
    turns.done(series, tookMs);
    await settled();
  };
  return { turns, order, take, done };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('so many series are in flight, and one call may be larger when it is alone', async (t) => {
  const { turns, order, take, done } = given();
  t.equal(turns.window, 1024);
  t.equal(take('a', 1000), true);
  t.equal(take('a', 24), true);
  t.equal(take('b', 1), 'waits');
  await done(24);
  t.strictSame(order, ['b']);
  const alone = given();
  t.equal(alone.take('large', 10_000), true);
  t.equal(alone.take('b', 1), 'waits');
  await alone.done(10_000, 30);
  t.strictSame(alone.order, ['b']);
});

t.test('who comes later waits behind those who wait, however few series it has', async (t) => {
  const { order, take, done } = given();
  take('a', 1000);
  t.equal(take('b', 512), 'waits');
  t.equal(take('c', 1), 'waits');
  await done(1000);
  t.strictSame(order, ['b', 'c']);
});

t.test('tenants go by turns: one with much to ask does not keep another waiting', async (t) => {
  const { order, take, done } = given();
  take('many', 1000);
  for (let i = 0; i < 10; i++) take('many', 500);
  take('one', 500);
  take('two', 500);
  await done(1000, 30);
  t.strictSame(order, ['many'], 'it came first');
  await done(500);
  t.strictSame(order, ['many', 'one'], 'there is room for one');
  await done(500);
  t.strictSame(order, ['many', 'one', 'two']);
  await done(500);
  await done(500);
  t.strictSame(order.slice(3), ['many', 'many', 'many'], 'with nobody else it goes on');
});

t.test('a store that is slow is asked less, a quick one more, within bounds', async (t) => {
  const { turns } = given();
  const after = (series: number, tookMs: number | undefined) => {
    turns.take({ tenant: 'a', series, untilMs: 1 });
    turns.done(series, tookMs);
    return turns.window;
  };
  t.equal(after(100, 25), 1049, 'half of the time that it has is quick');
  t.equal(after(101, 0), 1075);
  t.equal(after(100, 25.1), 537);
  t.equal(after(100, undefined), 268, 'no answer is slow, too');
  for (let i = 0; i < 5; i++) after(1, undefined);
  t.equal(turns.window, 64);
  for (let i = 0; i < 9; i++) after(2000, 1);
  t.equal(turns.window, MOST_IN_FLIGHT);
});

t.test('nobody waits for longer than it may', async (t) => {
  const { turns, order, take, done } = given();
  take('a', 1024);
  take('b', 1, 100);
  take('b', 1, 200);
  take('c', 1, 100);
  turns.tick(99);
  await settled();
  t.strictSame(order, []);
  turns.tick(100);
  await settled();
  t.strictSame(order, ['not b', 'not c']);
  await done(1024);
  t.strictSame(order, ['not b', 'not c', 'b']);
});

t.test('no more wait than there is room for', async (t) => {
  const { order, take, done, turns } = given();
  take('a', 1024);
  t.equal(take('b', 32_767), 'waits');
  t.equal(take('b', 2), false, 'of one tenant');
  t.equal(take('b', 1), 'waits');
  t.equal(take('c', 32_000), 'waits');
  t.equal(take('d', 767), 'waits');
  t.equal(take('d', 1), 'waits');
  t.equal(take('d', 1), false, 'of all');
  t.equal(take('e', 4), 'waits', 'one of each tenant waits in any case');
  turns.tick(1000);
  await settled();
  t.equal(order.length, 6);
  t.equal(take('b', 32_768), 'waits', 'what was given up makes room');
  t.equal(take('b', 1), false);
  await done(1024, 30);
  t.strictSame(order.slice(6), ['b']);
  await done(32_768, 30);
  take('e', 512);
  t.equal(take('b', 30_000), 'waits', 'and so does what went');
  t.equal(take('b', 2000), 'waits');
});
