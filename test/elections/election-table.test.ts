import t from 'tap';
import { ElectionTable, FORGET_MS } from '#src/elections/election-table.js';

const RULES = { updateMs: 15_000, takeoverMs: 30_000, mostClusters: 2 };

function given() {
  const table = new ElectionTable();
  const elect = (cluster: string, replica: string, nowMs: number) => {
    const election = table.elect({ cluster, replica }, RULES, nowMs);
    return election && { ...election };
  };
  return { table, elect };
}

t.test('the first that is heard is elected; its note is renewed after the update timeout', async (t) => {
  const { elect } = given();
  t.strictSame(elect('a', 'one', 5), { replica: 'one', notedMs: 5 });
  t.strictSame(elect('a', 'one', 15_004), { replica: 'one', notedMs: 5 });
  t.strictSame(elect('a', 'one', 15_005), { replica: 'one', notedMs: 15_005 });
});

t.test('another takes its place after the failover timeout, not before', async (t) => {
  const { elect } = given();
  elect('a', 'one', 0);
  t.strictSame(elect('a', 'two', 29_999), { replica: 'one', notedMs: 0 });
  t.strictSame(elect('a', 'two', 30_000), { replica: 'two', notedMs: 30_000 });
  t.strictSame(elect('a', 'one', 30_001), { replica: 'two', notedMs: 30_000 });
});

t.test('a clock that stepped back delays no takeover: whoever is elected is noted anew', async (t) => {
  const { elect } = given();
  elect('a', 'one', 1_000_000);
  t.strictSame(elect('a', 'two', 1000), { replica: 'one', notedMs: 1000 });
  t.strictSame(elect('a', 'two', 30_999), { replica: 'one', notedMs: 1000 });
  t.strictSame(elect('a', 'two', 31_000), { replica: 'two', notedMs: 31_000 });
  t.strictSame(elect('a', 'two', 500), { replica: 'two', notedMs: 500 });
});

t.test('a tenant has so many pairs, until some were silent for half an hour', async (t) => {
  const { elect } = given();
  for (const cluster of ['a', 'b']) t.ok(elect(cluster, 'one', 0));
  t.equal(elect('c', 'one', 0), undefined);
  t.ok(elect('a', 'two', 0), 'those that are known go on');
  elect('b', 'one', 20_000);
  t.equal(elect('c', 'one', FORGET_MS - 1), undefined);
  t.equal(elect('c', 'one', FORGET_MS + 998), undefined, 'looked for a moment ago');
  t.strictSame(elect('c', 'one', FORGET_MS + 999), { replica: 'one', notedMs: FORGET_MS + 999 });
  t.strictSame(
    elect('b', 'two', FORGET_MS + 999),
    { replica: 'two', notedMs: FORGET_MS + 999 },
    'b was kept',
  );
  t.equal(elect('a', 'one', FORGET_MS + 999), undefined, 'a was forgotten');
});

t.test('as long as there is place nobody is forgotten', async (t) => {
  const { elect } = given();
  elect('a', 'one', 0);
  elect('b', 'one', 2 * FORGET_MS);
  t.strictSame(elect('a', 'one', 2 * FORGET_MS), { replica: 'one', notedMs: 2 * FORGET_MS });
  t.equal(elect('c', 'one', 2 * FORGET_MS), undefined, 'it was renewed');
});

t.test(
  'a pair that has been silent for long leaves its place right after another one was added',
  async (t) => {
    const { elect } = given();
    elect('a', 'one', 0);
    elect('b', 'one', FORGET_MS - 500);
    t.ok(elect('c', 'one', FORGET_MS), 'nobody has looked for such pairs while there was place');
  },
);

t.test('who resigns gives its place to whoever is heard next, and nobody resigns for another', async (t) => {
  const { table, elect } = given();
  elect('a', 'one', 0);
  table.resign({ cluster: 'a', replica: 'two' });
  table.resign({ cluster: 'b', replica: 'one' });
  t.match(elect('a', 'two', 1), { replica: 'one' });
  table.resign({ cluster: 'a', replica: 'one' });
  t.strictSame(elect('a', 'two', 2), { replica: 'two', notedMs: 2 });
});
