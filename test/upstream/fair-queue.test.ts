/** Who may send when there is not room for all: a Mimir that is simulated, on a clock of the test's own. */
import t from 'tap';
import { FairQueue, type Sender } from '#src/upstream/fair-queue.js';
import { countOf, given, sender, settled } from './given-queue.js';

t.test('while there is room all go at once', async (t) => {
  const { queue, enter, went } = given(t, 10);
  for (let i = 0; i < 10; i++) enter(sender('a'));
  t.equal(went.length, 10);
  t.match(queue, { inFlight: 10, waiting: 0, counts: { waited: 0 } });
});

t.test('then the oldest of a tenant goes first, as room comes', async (t) => {
  const one = given(t, 1);
  for (const items of [1, 1, 1]) one.enter(sender('a'), items);
  t.equal(one.went.length, 1);
  t.match(one.queue, { waiting: 2, waitingBytes: 2 });
  await one.leave(1);
  t.equal(one.went.length, 2);
  await one.leave(1);
  await one.leave(1);
  t.match(one.queue, { inFlight: 0, waiting: 0, waitingBytes: 0 });
});

t.test('one below its share goes next, however many of another wait', async (t) => {
  const { enter, leave, went } = given(t, 10);
  for (let i = 0; i < 200; i++) enter(sender('greedy'));
  enter(sender('modest'));
  await leave(1);
  t.equal(went.at(-1), 'modest');
});

t.test('of those that are as far the one goes first that came first', async (t) => {
  const { enter, leave, went } = given(t, 1);
  const names = ['a', 'b', 'c', 'd', 'e'];
  enter(sender('first'));
  for (const name of names) enter(sender(name));
  for (let i = 0; i < names.length; i++) await leave(1);
  t.strictSame(went.slice(1), names);
});

t.test('what one has sent before it waits counts', async (t) => {
  const { enter, leave, went } = given(t, 101);
  enter(sender('large'), 100);
  enter(sender('small'), 1);
  for (const name of ['large', 'small']) enter(sender(name));
  await leave(2);
  t.strictSame(went.slice(2), ['small']);
});

t.test('who is above its share leaves room for one more, which one below it gets at once', async (t) => {
  const { enter, leave, went, queue } = given(t, 10);
  for (let i = 0; i < 20; i++) enter(sender('greedy'));
  await leave(1);
  t.equal(queue.inFlight, 9, 'one place is kept');
  enter(sender('modest'));
  await leave(0);
  t.equal(went.at(-1), 'modest');
  t.equal(queue.inFlight, 10);
  t.equal(queue.counts.waited, 10, 'it did not wait');
  await leave(2);
  t.equal(queue.inFlight, 9);
});

t.test('of little that may be under way little is kept', async (t) => {
  const { enter, leave, went } = given(t, 29);
  for (let i = 0; i < 5; i++) enter(sender('greedy'), 10);
  t.equal(went.length, 2);
  await leave(1, 10);
  t.equal(went.length, 3, 'an eighth, and not a third');
});

t.test(
  'those above their shares go one after another, in the time that an answer usually takes',
  async (t) => {
    const self = given(t, 10);
    const { enter, leave, went, timers } = self;
    self.usualMs = 100;
    for (let i = 0; i < 20; i++) enter(sender('greedy'));
    const pace = () => timers.filter(({ ms }) => ms < 60_000);
    await leave(10);
    t.equal(went.length, 11, 'of ten whose answers come at once one is followed at once');
    t.strictSame(
      pace().map(({ ms }) => ms),
      [10],
      'a tenth of the time',
    );
    enter(sender('modest'));
    await leave(0);
    t.equal(went.at(-1), 'modest', 'one below its share does not wait for that');
    self.nowMs = 19;
    pace()[0]?.run();
    await leave(0);
    t.equal(went.length, 13, 'and pushes back those that do');
    self.nowMs = 1000;
    pace()[1]?.run();
    await leave(0);
    t.equal(went.length, 14, 'after a time in which none went they do not go all at once');
  },
);

t.test(
  'one larger than all that may be under way is followed by the next in the time of one answer',
  async (t) => {
    const self = given(t, 10, 1e6);
    const { enter, leave, went, timers } = self;
    self.usualMs = 100;
    for (let i = 0; i < 3; i++) enter(sender('large'), 500);
    await leave(1, 500);
    await leave(1, 500);
    t.strictSame(went.length, 2);
    t.equal(timers.at(-1)?.ms, 100);
  },
);

t.test('one that went while there was no address to send to stops nobody who comes later', async (t) => {
  for (const usualMs of [0, 100]) {
    const self = given(t, 0);
    const { enter, leave, went, timers } = self;
    self.usualMs = usualMs;
    for (let i = 0; i < 4; i++) enter(sender('greedy'));
    await leave(1);
    self.limit = 10;
    self.nowMs = 1000;
    await leave(1);
    for (const { run } of timers.splice(0)) run();
    await leave(0);
    t.ok(went.length > 2, `${went.length} went`);
  }
});

t.test('those below their shares push others back for no longer than an answer usually takes', async (t) => {
  const one = given(t, 10);
  one.usualMs = 100;
  for (let i = 0; i < 12; i++) one.enter(sender('greedy'));
  // Answers come ten times as soon as is usual.
  for (let i = 0; i < 100; i++) {
    one.enter(sender(`modest ${i}`), 1);
    await one.leave(1);
    one.nowMs += 1;
  }
  const before = one.went.filter((name) => name === 'greedy').length;
  one.nowMs += 100;
  await one.leave(2);
  t.equal(one.went.filter((name) => name === 'greedy').length, before + 1);
});

t.test('they go sooner than they were to go, once answers take less', async (t) => {
  const self = given(t, 10);
  const { enter, leave, went, timers } = self;
  self.usualMs = 1000;
  for (let i = 0; i < 20; i++) enter(sender('greedy'));
  await leave(10);
  t.equal(went.length, 11);
  self.usualMs = 10;
  enter(sender('modest'));
  await leave(0);
  const pace = timers.filter(({ ms }) => ms < 60_000);
  t.strictSame(
    pace.map(({ ms }) => ms),
    [100, 10],
  );
  self.nowMs = 10;
  pace[1]?.run();
  await leave(0);
  t.strictSame(went.slice(11, 13), ['modest', 'greedy']);
});

t.test('those that always want more share by their weights', async (t) => {
  const { enter, leave, went } = given(t, 10);
  for (let i = 0; i < 300; i++) {
    enter(sender('one', 1));
    enter(sender('three', 3));
  }
  went.length = 0;
  for (let i = 0; i < 20; i++) await leave(10);
  const { one = 0, three = 0 } = countOf(went);
  t.ok(Math.abs(three / one - 3) < 0.2, `${three} to ${one}`);
});

t.test('items count, not pushes', async (t) => {
  const { enter, leave, went, queue } = given(t, 100, 1e6);
  for (let i = 0; i < 200; i++) enter(sender('large'), 10);
  for (let i = 0; i < 2000; i++) enter(sender('small'), 1);
  went.length = 0;
  const under: number[] = Array.from({ length: 10 }, () => 10);
  for (let i = 0; i < 300; i++) {
    const before = went.length;
    await leave(1, under.shift());
    for (const name of went.slice(before)) under.push(name === 'large' ? 10 : 1);
  }
  const { large = 0, small = 0 } = countOf(went);
  t.ok(Math.abs((large * 10) / small - 1) < 0.2, `${large * 10} items to ${small}`);
  t.ok(queue.inFlight <= 100);
});

t.test('critical goes before normal, and normal before low', async (t) => {
  const { enter, leave, went } = given(t, 1);
  enter(sender('first'));
  for (const priority of ['low', 'normal', 'critical'] as const) {
    for (let i = 0; i < 2; i++) enter(sender(priority, 1, priority));
  }
  for (let i = 0; i < 6; i++) await leave(1);
  t.strictSame(went.slice(1), ['critical', 'critical', 'normal', 'normal', 'low', 'low']);
});

t.test('beside one that goes before them others share by their weights, too', async (t) => {
  const { enter, leave, went } = given(t, 10, 1e6);
  for (let i = 0; i < 400; i++) {
    enter(sender('one', 1));
    enter(sender('three', 3));
  }
  went.length = 0;
  for (let round = 0; round < 80; round++) {
    for (let i = 0; i < 5; i++) enter(sender('critical', 1, 'critical'));
    await leave(10);
  }
  const { critical, one = 0, three = 0 } = countOf(went);
  t.equal(critical, 400, 'it has all that it wants');
  t.ok(Math.abs(three / one - 3) < 0.3, `${three} to ${one}`);
});

t.test('who comes with little goes before one with much, whatever goes before both', async (t) => {
  const { enter, leave, went } = given(t, 1, 1e6);
  for (let i = 0; i < 100; i++) enter(sender('greedy'));
  for (let i = 0; i < 50; i++) {
    enter(sender('critical', 0.01, 'critical'));
    await leave(1);
    await leave(1);
  }
  went.length = 0;
  enter(sender('modest'));
  await leave(1);
  await leave(1);
  t.ok(went.includes('modest'), went.join());
});

t.test(
  'who takes less than there is leaves no room for, and does not wait for, those that come after it',
  async (t) => {
    const self = given(t, 10, 1e6);
    const { enter, leave, went } = self;
    self.usualMs = 100;
    for (let i = 0; i < 100; i++) enter(sender('greedy', 1, 'low'));
    await leave(2);
    for (let i = 0; i < 20; i++) {
      self.nowMs += 50;
      await leave(1);
      enter(sender('modest'));
      await settled();
      t.equal(went.at(-1), 'modest', `${i}`);
    }
  },
);

t.test('as long as critical ones take all others get nothing: they are turned away last', async (t) => {
  const { enter, leave, went } = given(t, 10, 1e6);
  for (let i = 0; i < 100; i++) enter(sender('critical', 1, 'critical'));
  enter(sender('modest', 1000));
  for (let i = 0; i < 8; i++) await leave(10);
  t.strictSame(countOf(went), { critical: went.length });
});

t.test('weights hold after years, and where some are a billion times as large as others', async (t) => {
  const { enter, leave, went } = given(t, 10, 1e6);
  for (let i = 0; i < 10_000; i++) {
    enter(sender('little', 1e-9), 10);
    await leave(1, 10);
  }
  for (let i = 0; i < 300; i++) {
    enter(sender('one', 1e6));
    enter(sender('three', 3e6));
  }
  went.length = 0;
  for (let i = 0; i < 20; i++) await leave(10);
  const { one = 0, three = 0 } = countOf(went);
  t.ok(Math.abs(three / one - 3) < 0.2, `${three} to ${one}`);
});

t.test(
  'what does not fit is turned away, and it is the newest of who is furthest above its share',
  async (t) => {
    const { enter, turnedAway, queue } = given(t, 1, 10);
    enter(sender('first'));
    for (let i = 0; i < 9; i++) enter(sender('greedy'));
    enter(sender('modest'));
    t.equal(turnedAway.length, 0);
    enter(sender('another'));
    await settled();
    t.strictSame(turnedAway, [['greedy', 2]]);
    enter(sender('heavy', 1000), 2);
    await settled();
    t.strictSame(
      turnedAway.map(([name]) => name),
      ['greedy', 'greedy'],
    );
    t.equal(queue.waitingBytes, 10);
    t.match(queue.counts, { waited: 12, turnedAway: 2 });
  },
);

t.test('how far one is above its share is what it has waiting for its weight', async (t) => {
  const heavy = [sender('heavy', 10), 5] as const;
  const light = [sender('light', 1), 3] as const;
  const others = [sender('another', 1), 1] as const;
  for (const order of [
    [heavy, light, others],
    [others, light, heavy],
    [others, heavy, light],
  ]) {
    const { enter, turnedAway } = given(t, 1, 3);
    enter(sender('first'));
    for (const [from, items] of order) enter(from, items);
    enter(sender('last', 1000), 1);
    await settled();
    t.strictSame(turnedAway, [['light', 2]], order.map(([{ tenant }]) => tenant).join());
  }
});

t.test('the lowest class is turned away first', async (t) => {
  const { enter, turnedAway } = given(t, 1, 10);
  enter(sender('first'));
  for (let i = 0; i < 9; i++) enter(sender('normal'));
  enter(sender('low', 1000, 'low'));
  enter(sender('critical', 1, 'critical'));
  await settled();
  t.strictSame(turnedAway, [['low', 2]]);
});

t.test('who comes again and is turned away again is told to wait longer, up to a minute', async (t) => {
  const one = given(t, 1, 1);
  one.enter(sender('a'));
  one.enter(sender('a'));
  for (let i = 0; i < 8; i++) {
    for (let shard = 0; shard < 3; shard++) one.enter(sender('a'));
    await settled();
    one.nowMs += 1000 * (one.turnedAway.at(-1)?.[1] ?? 0);
  }
  t.strictSame(
    one.turnedAway.map(([, seconds]) => seconds),
    [2, 4, 8, 16, 32, 64, 64, 64].flatMap((seconds) => [seconds, seconds, seconds]),
    'all that are turned away at once are told the same',
  );
});

t.test('and not for so long that what it has a share in is not asked for', async (t) => {
  const one = given(t, 1, 1);
  one.enter(sender('a'));
  one.enter(sender('a'));
  for (let i = 0; i < 40; i++) {
    one.enter(sender('a'));
    await settled();
    one.nowMs += 1000 * (one.turnedAway.at(-1)?.[1] ?? 0);
    // Two go for each that is turned away, from some moment on.
    if (i >= 5) for (let went = 0; went < 2; went++) await one.leave(1).then(() => one.enter(sender('a')));
  }
  t.strictSame(one.turnedAway.slice(-2), [
    ['a', 2],
    ['a', 2],
  ]);
});

t.test('who has waited for too long is turned away, each in its time', async (t) => {
  const one = given(t, 1, 1000, 20);
  const due = () => one.timers.map(({ ms }) => ms);
  const pass = async (ms: number) => {
    one.nowMs += ms;
    one.timers.shift()?.run();
    await settled();
  };
  one.enter(sender('first'));
  one.enter(sender('a'));
  one.nowMs = 5;
  one.enter(sender('b'));
  t.strictSame(due(), [20], 'there is one timer for all');
  await pass(15);
  t.strictSame(one.turnedAway, [['a', 2]]);
  t.strictSame(due(), [5]);
  await pass(5);
  t.strictSame(one.turnedAway, [
    ['a', 2],
    ['b', 2],
  ]);
  t.match(one.queue, { waiting: 0, waitingBytes: 0, inFlight: 1 });
  t.strictSame(due(), [], 'while nobody waits there is none');
  one.enter(sender('a'));
  t.strictSame(due(), [20]);
});

t.test('when one is turned away for want of room in the queue, what waited behind it may go', async (t) => {
  const { enter, went, turnedAway } = given(t, 10);
  enter(sender('first'), 6);
  enter(sender('large'), 10, 900);
  enter(sender('small'), 4);
  enter(sender('last'), 4, 200);
  await settled();
  t.strictSame(turnedAway, [['large', 2]]);
  t.strictSame(went, ['first', 'small']);
});

t.test('by itself it goes by Node’s timers', async (t) => {
  const options = { limit: () => 1, usualMs: () => 0, maxBytes: 10, maxWaitMs: 1, holds: true };
  const queue = new FairQueue({ ...options, now: () => performance.now() });
  queue.enter(sender('first'), 1, 1);
  const turn = queue.enter(sender('a'), 1, 1);
  if (typeof turn !== 'object' || !('entry' in turn)) throw new Error('it waits');
  // Its own timer keeps no process.
  const alive = setInterval(() => {}, 1000);
  t.strictSame(await turn.entry, { againInSeconds: 2 });
  clearInterval(alive);
});

t.test('when one that has waited for too long is turned away, what waited behind it may go', async (t) => {
  const one = given(t, 10, 1000, 20);
  one.enter(sender('first'), 6);
  one.enter(sender('large'), 10);
  one.nowMs = 5;
  one.enter(sender('small'), 4);
  t.strictSame(one.went, ['first']);
  one.nowMs = 20;
  one.timers.shift()?.run();
  await settled();
  t.strictSame(one.went, ['first', 'small']);
});

t.test('a queue that holds nothing back lets all go, and counts those that would have waited', async (t) => {
  const { enter, went, turnedAway, queue, timers } = given(t, 2, 1, 20, false);
  for (let i = 0; i < 5; i++) enter(sender('a'));
  t.equal(went.length, 5);
  t.match(queue, { inFlight: 5, waiting: 0, waitingBytes: 0, counts: { waited: 3, turnedAway: 0 } });
  t.strictSame([turnedAway, timers], [[], []]);
});

t.test('a push that is larger than all there is goes when nothing else is under way', async (t) => {
  const { enter, leave, went } = given(t, 10);
  enter(sender('a'), 5);
  enter(sender('b'), 50);
  t.strictSame(went, ['a']);
  await leave(1, 5);
  t.strictSame(went, ['a', 'b']);
});

/** One of those whose names nobody knows. */
function madeUp(tenant: string): Sender {
  return { ...sender(tenant), place: '' };
}

t.test(
  'made-up names share one place: with a thousand of them a sender gets what it gets with one',
  async (t) => {
    const shareOf = async (names: number): Promise<number> => {
      const { enter, leave, went } = given(t, 10, 1e6);
      for (let i = 0; i < 1000; i++) {
        enter(madeUp(`made-up ${i % names}`));
        for (const known of ['a', 'b', 'c']) enter(sender(known));
      }
      went.length = 0;
      for (let i = 0; i < 100; i++) await leave(10);
      return went.filter((name) => name.startsWith('made-up')).length / went.length;
    };
    for (const names of [1, 1000]) {
      const share = await shareOf(names);
      t.ok(Math.abs(share - 0.25) < 0.02, `${names} names: ${share}`);
    }
  },
);

t.test('within that place they take turns, and who has most waiting is turned away', async (t) => {
  const { enter, leave, went, turnedAway } = given(t, 1, 11);
  enter(sender('first'));
  for (let i = 0; i < 10; i++) enter(madeUp('loud'));
  enter(madeUp('quiet'));
  enter(madeUp('quiet'));
  await settled();
  t.strictSame(turnedAway, [['loud', 2]]);
  for (let i = 0; i < 4; i++) await leave(1);
  t.strictSame(went.slice(1), ['loud', 'quiet', 'loud', 'quiet']);
});

t.test('of those names the one with most items waiting is turned away, whenever it came', async (t) => {
  const { enter, turnedAway } = given(t, 1, 4);
  enter(sender('first'));
  for (const name of ['quiet', 'large', 'another']) enter(madeUp(name), name === 'large' ? 5 : 1);
  enter(madeUp('quiet'));
  enter(madeUp('one more'));
  await settled();
  t.strictSame(turnedAway, [['large', 2]]);
});

t.test('a name that has nothing waiting any more holds up none of the others', async (t) => {
  const { enter, leave, went } = given(t, 1);
  enter(sender('first'));
  for (const name of ['once', 'a', 'b', 'a', 'b']) enter(madeUp(name));
  for (let i = 0; i < 5; i++) await leave(1);
  t.strictSame(went.slice(1), ['once', 'a', 'b', 'a', 'b']);
});

t.test('who gives up leaves its room in the queue, and the next one may go', async (t) => {
  const { enter, leave, went, turnedAway, queue } = given(t, 10, 100);
  enter(sender('first'), 6);
  const giveUp = enter(sender('a'), 10, 100);
  enter(sender('a'), 1, 0);
  t.match(queue, { waiting: 2, waitingBytes: 100 });
  giveUp();
  await settled();
  t.match(queue, { waiting: 0, waitingBytes: 0, inFlight: 7 });
  t.strictSame(went, ['first', 'a'], 'what waited behind it is small enough');
  giveUp();
  t.match(queue, { waiting: 0, waitingBytes: 0 }, 'once');
  await leave(1, 6);
  t.equal(queue.inFlight, 1);
  t.strictSame(turnedAway, [], 'it is told nothing');
});

t.test('one that fills the queue alone does not empty it of others', async (t) => {
  const { enter, turnedAway, queue } = given(t, 1, 100);
  enter(sender('first'));
  for (const name of ['a', 'b', 'c']) enter(sender(name), 1, 30);
  enter(sender('hostile'), 1, 101);
  await settled();
  t.strictSame(turnedAway, [['hostile', 2]]);
  t.equal(queue.waiting, 3);
});

t.test('of ten thousand places it is kept in mind what they sent, and then of those that wait', async (t) => {
  const one = given(t, 1e9);
  for (let i = 0; i < 9999; i++) one.enter(sender(`name ${i}`));
  one.limit = 1;
  one.enter(sender('waits'));
  t.equal(one.queue.known, 10_000);
  one.enter(sender('one more'));
  t.equal(one.queue.known, 2);
  one.limit = 1e9;
  await one.leave(1);
  t.strictSame(one.went.slice(-2), ['waits', 'one more'], 'it has its turn all the same');
  for (const name of ['a', 'b']) one.enter(sender(name));
  t.equal(one.queue.known, 4, 'and there is room again');
});

t.test('when it is closed nobody is held back', async (t) => {
  const { enter, went, queue } = given(t, 1);
  for (let i = 0; i < 5; i++) enter(sender('a'));
  queue.close();
  await settled();
  t.equal(went.length, 5);
  enter(sender('a'));
  t.equal(went.length, 6, 'nor is who comes then');
  t.match(queue, { waiting: 0, waitingBytes: 0 });
});
