import fc from 'fast-check';
import t from 'tap';
import { Debts } from '#src/buckets/debts.js';
import type { BucketKind } from '#src/enforce/ledger.js';

t.test('a debt is what is still missing when its owner comes back, once', async (t) => {
  const debts = new Debts();
  debts.remember('a', 'items', 100, 10, 0);
  debts.remember('a', 'bytes', 7, 0, 0);
  debts.remember('b', 'items', 0, 10, 0);
  t.equal(debts.size, 2, 'a full bucket leaves no debt');
  t.equal(debts.take('a', 'items', 4000), 60);
  t.equal(debts.take('a', 'items', 4000), 0);
  t.equal(debts.take('a', 'bytes', 1e9), 7, 'a bucket that earns nothing stays as it is');
  t.equal(debts.size, 0);
  debts.remember('a', 'items', 100, 10, 0);
  t.equal(debts.take('a', 'items', 10_001), 0, 'it is paid');
  debts.remember('a', 'items', 100, 10, 10_000);
  t.equal(debts.take('a', 'items', 12_000), 80, 'by what has come since then');
});

t.test('it forgets as a Map would, whatever comes and goes', async (t) => {
  const owners = Array.from({ length: 3000 }, (_, i) => `owner-${i}`);
  const steps = fc.array(
    fc.tuple(fc.nat({ max: 2999 }), fc.constantFrom<BucketKind>('requests', 'items', 'bytes'), fc.boolean()),
    { minLength: 500, maxLength: 5000, size: 'max' },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const debts = new Debts();
      const expected = new Map<string, number>();
      for (const [i, [index, kind, takes]] of all.entries()) {
        const owner = owners[index]!;
        const key = `${owner} ${kind}`;
        if (takes) {
          t.equal(debts.take(owner, kind, 0), expected.get(key) ?? 0);
          expected.delete(key);
        } else {
          debts.remember(owner, kind, i + 1, 0, 0);
          expected.set(key, i + 1);
        }
      }
      return debts.size === expected.size;
    }),
    { numRuns: 20 },
  );
});

t.test('no less is owed than is, and a little more at most', async (t) => {
  const debts = new Debts();
  for (const tokens of [1e9 + 1, 123_456_789.123, 16_777_217, 0.1]) {
    debts.remember('a', 'bytes', tokens, 0, 0);
    const owed = debts.take('a', 'bytes', 0);
    t.ok(owed >= tokens && owed <= tokens * (1 + 1e-6), `${owed} for ${tokens}`);
    debts.remember('a', 'bytes', 1e9, tokens, 0);
    const left = debts.take('a', 'bytes', 1000);
    t.ok(left >= 1e9 - tokens && left <= (1e9 - tokens) * (1 + 1e-6) + 1000, `${left} at ${tokens} a second`);
  }
});

t.test('a debt takes some tens of bytes, however long its owner is called', async (t) => {
  const debts = new Debts();
  for (let i = 0; i < 100_000; i++) debts.remember(`${'x'.repeat(140)}${i}`, 'items', 100, 0, 0);
  t.equal(debts.size, 100_000);
  t.ok(debts.bytes / debts.size < 64, `${debts.bytes / debts.size} bytes each`);
  t.equal(debts.take(`${'x'.repeat(140)}77777`, 'items', 0), 100);
});

t.test(
  'there is room while debts are few, again when some are paid, and for whoever takes its own',
  async (t) => {
    const debts = new Debts(100);
    for (let i = 0; i < 100; i++) {
      t.ok(debts.hasRoom('new', 0));
      debts.remember(`owner-${i}`, 'items', 100, i < 50 ? 10 : 1, 0);
    }
    t.notOk(debts.hasRoom('new', 0));
    t.ok(debts.hasRoom('owner-70', 0));
    let freed = 0;
    for (let i = 0; i < 50; i++) if (debts.hasRoom('new', 10_001)) freed++;
    t.ok(freed > 0, 'at 10 s half of them have paid');
    t.equal(debts.take('owner-70', 'items', 10_000), 90, 'the others owe as before');
  },
);

t.test('who does not ask for room makes one go that owes little: there are never many more', async (t) => {
  const debts = new Debts(10);
  debts.remember('much', 'items', 1e6, 0, 0);
  for (let i = 0; i < 100; i++) debts.remember(`owner-${i}`, 'items', 100 + i, 0, 0);
  t.ok(debts.size <= 16, 'of the one that leaves, and the one that is about to take its own');
  t.equal(debts.take('much', 'items', 0), 1e6);
});
