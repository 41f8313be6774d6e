import t from 'tap';
import { RecentAddresses } from '#src/base/recent-addresses.js';

t.test('an address is alone until another one is seen, and again two minutes after that', async (t) => {
  let nowMs = 0;
  const recent = new RecentAddresses(() => nowMs);
  t.notOk(recent.hasOthersThan('a'), 'nobody was seen');
  recent.seen('a');
  recent.seen('a');
  t.notOk(recent.hasOthersThan('a'));
  t.ok(recent.hasOthersThan('b'));
  recent.seen('b');
  nowMs = 1000;
  recent.seen('a');
  t.ok(recent.hasOthersThan('a'), 'b was here a second ago');
  t.ok(recent.hasOthersThan('b'));
  recent.seen('a');
  nowMs = 119_999;
  t.ok(recent.hasOthersThan('a'));
  nowMs = 120_000;
  t.notOk(recent.hasOthersThan('a'), 'that was two minutes ago');
  recent.seen('b');
  recent.seen('c');
  t.ok(recent.hasOthersThan('c'));
  t.ok(recent.hasOthersThan('b'));
});
