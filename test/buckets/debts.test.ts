import t from 'tap';
import { Debts } from '#src/buckets/debts.js';

t.test('a debt is what is still missing when its owner comes back, once', async (t) => {
  const debts = new Debts();
  debts.remember('a', 'items', 100, 10, 0);
  debts.remember('a', 'bytes', 7, 0, 0);
  debts.remember('b', 'items', 0, 10, 0);
  t.equal(debts.owners, 1, 'a full bucket leaves no debt');
  t.equal(debts.take('a', 'items', 4000), 60);
  t.equal(debts.take('a', 'items', 4000), 0);
  t.equal(debts.take('a', 'bytes', 1e9), 7, 'a bucket that earns nothing stays as it is');
  t.equal(debts.owners, 0);
  debts.remember('a', 'items', 100, 10, 0);
  t.equal(debts.take('a', 'items', 10_000), 0, 'it is paid');
  debts.remember('a', 'items', 100, 10, 10_000);
  t.equal(debts.take('a', 'items', 12_000), 80, 'by what has come since then');
});

t.test(
  'there is room while owners are few, again when some have paid, and for whoever takes its own',
  async (t) => {
    const debts = new Debts(100);
    for (let i = 0; i < 100; i++) {
      t.ok(debts.hasRoom('new', 0));
      debts.remember(`owner-${i}`, 'items', 100, i < 50 ? 10 : 1, 0);
    }
    t.notOk(debts.hasRoom('new', 0));
    t.ok(debts.hasRoom('owner-70', 0));
    let freed = 0;
    for (let i = 0; i < 50; i++) if (debts.hasRoom('new', 10_000)) freed++;
    t.ok(freed > 0, 'at 10 s half of them have paid');
    t.equal(debts.take('owner-70', 'items', 10_000), 90, 'the others owe as before');
  },
);

t.test('who asks for room has it as soon as another one has paid', async (t) => {
  const debts = new Debts(1);
  debts.remember('a', 'items', 100, 10, 0);
  t.notOk(debts.hasRoom('b', 9999));
  // The round over all owners is at its end.
  debts.hasRoom('b', 9999);
  t.ok(debts.hasRoom('b', 10_000));
  t.equal(debts.owners, 0);
});

t.test('however many have paid, eight are looked at for each that comes', async (t) => {
  const debts = new Debts(1000);
  for (let i = 0; i < 100; i++) debts.remember(`owner-${i}`, 'items', 1, 0.001, 0);
  t.equal(debts.owners, 100);
  // The rounds so far have ended somewhere: this one begins anew.
  debts.take('owner-0', 'items', 0);
  for (let i = 0; i < 20; i++) {
    const before = debts.owners;
    debts.remember(`late-${i}`, 'items', 1, 0, 1e9);
    t.ok(before + 1 - debts.owners <= 8);
  }
  t.equal(debts.owners, 20, 'and all of them in the end');
});

t.test('who does not ask for room makes the oldest go: there are never more', async (t) => {
  const debts = new Debts(10);
  for (let i = 0; i < 100; i++) debts.remember(`owner-${i}`, 'items', 100, 0, 0);
  t.equal(debts.owners, 11, 'one over the most, who is about to take what it owes');
  t.equal(debts.take('owner-0', 'items', 0), 0);
  t.equal(debts.take('owner-99', 'items', 0), 100);
});
