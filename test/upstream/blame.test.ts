/** What of the failures of an address it is to blame for. */
import t from 'tap';
import { Blame } from '#src/upstream/blame.js';

function given() {
  const blame = new Blame(0);
  return {
    blame,
    well(sender: string, times = 1) {
      for (let i = 0; i < times; i++) blame.well(sender);
    },
    fail(sender: string, times = 1) {
      for (let i = 0; i < times; i++) blame.failed(sender);
    },
  };
}

t.test('the sender whose pushes fail most is left out where others send', async (t) => {
  const { blame, well, fail } = given();
  t.strictSame(blame.withoutCause(), { requests: 0, failed: 0 });
  t.notOk(blame.hasOneSender(), 'nothing failed');
  fail('bad', 10);
  t.strictSame(blame.withoutCause(), { requests: 10, failed: 10 }, 'but not where nobody else does');
  t.ok(blame.hasOneSender());
  well('bad', 5);
  t.ok(blame.hasOneSender());
  well('a', 20);
  t.strictSame(blame.withoutCause(), { requests: 25, failed: 0 });
  t.strictSame(blame.all(), { requests: 35, failed: 10 });
  t.notOk(blame.hasOneSender());
  fail('a', 3);
  t.strictSame(blame.withoutCause(), { requests: 28, failed: 3 });
});

t.test('others that fail are others, too', async (t) => {
  const { blame, fail } = given();
  fail('a', 6);
  fail('b', 4);
  t.strictSame(blame.withoutCause(), { requests: 4, failed: 4 });
});

t.test('five in a row are five where they are of several senders, or of the only one', async (t) => {
  for (const [senders, before, isRow] of [
    ['aaaaa', '', true],
    ['aaaa', '', false],
    ['bbbbb', 'a', false],
    ['bbbba', 'a', false],
    ['bbaba', 'a', true],
    ['abcde', 'a', true],
  ] as const) {
    const { blame, well, fail } = given();
    for (const sender of before) well(sender);
    for (const sender of senders) fail(sender);
    t.equal(blame.inARow(5), isRow, `${senders} after ${before}`);
    well('c');
    t.notOk(blame.inARow(1), 'one that went well ends it');
  }
});

t.test('it is forgotten within ten seconds, and not before five', async (t) => {
  const { blame, fail } = given();
  fail('a', 7);
  blame.tick(4999);
  blame.tick(5000);
  t.equal(blame.all().failed, 7);
  blame.tick(9999);
  t.equal(blame.withoutCause().failed, 7);
  blame.tick(10_000);
  t.strictSame(blame.withoutCause(), { requests: 0, failed: 0 });
  fail('a');
  blame.tick(30_000);
  t.equal(blame.all().failed, 0, 'nor is what was before a long time of nothing kept');
});

t.test('made-up names cost no memory without bound', async (t) => {
  const { blame, fail } = given();
  for (let i = 0; i < 100_000; i++) fail(`made-up ${i}`);
  t.equal(blame.all().failed, 100_000);
  t.equal(blame.withoutCause().failed, 100, 'all that there was no room for are one sender');
});

t.test('others are heard of in whatever order they send, and who sends again is no other', async (t) => {
  for (const [senders, hasOne] of [
    ['', true],
    ['bb', true],
    ['ab', false],
    ['ba', false],
    ['aba', false],
  ] as const) {
    const { blame, well, fail } = given();
    for (const sender of senders) well(sender);
    fail('b');
    t.equal(blame.hasOneSender(), hasOne, senders);
    blame.tick(5000);
    t.match(blame.all(), { requests: senders.length + 1, failed: 1 });
    t.equal(blame.hasOneSender(), hasOne, `${senders}, of the five seconds before`);
  }
});

t.test('another sender is heard of as soon as one of its pushes goes well', async (t) => {
  const { blame, well, fail } = given();
  fail('bad', 2);
  t.ok(blame.hasOneSender());
  well('a');
  t.notOk(blame.hasOneSender());
});

t.test('who may be the cause is another once the failures of the first are forgotten', async (t) => {
  const { blame, fail } = given();
  fail('a', 6);
  blame.tick(5000);
  fail('b', 4);
  t.strictSame(blame.withoutCause(), { requests: 4, failed: 4 });
  blame.tick(10_000);
  t.strictSame(blame.withoutCause(), { requests: 4, failed: 4 }, 'the one that is left');
  t.ok(blame.hasOneSender());
});

t.test('of ten seconds without a look nothing is kept', async (t) => {
  for (const [passedMs, failed] of [
    [9999, 1],
    [10_000, 0],
  ] as const) {
    const { blame, fail } = given();
    fail('a');
    blame.tick(passedMs);
    t.equal(blame.all().failed, failed, `${passedMs} ms`);
  }
});

t.test('what is to be forgotten is, the failures in a row included', async (t) => {
  const { blame, well, fail } = given();
  fail('a', 5);
  blame.tick(5000);
  fail('a', 5);
  well('b');
  fail('a', 5);
  t.strictSame(blame.withoutCause(), { requests: 1, failed: 0 });
  blame.forget();
  t.strictSame([blame.all(), blame.withoutCause()], Array(2).fill({ requests: 0, failed: 0 }));
  t.notOk(blame.inARow(1));
  fail('a');
  t.ok(blame.hasOneSender(), 'and who sent');
});
