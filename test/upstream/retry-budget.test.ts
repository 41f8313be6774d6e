/** How many requests may go out a second time, of all senders and of each. */
import t from 'tap';
import { RetryBudget } from '#src/upstream/retry-budget.js';

function take(budget: RetryBudget, nowMs: number, sender = 'a', most = Number.POSITIVE_INFINITY): number {
  let taken = 0;
  while (taken < most && budget.take(sender, nowMs)) taken++;
  return taken;
}

function send(budget: RetryBudget, times: number, nowMs: number, ...senders: string[]): void {
  for (let i = 0; i < times; i++) budget.sent(senders[i % senders.length] ?? 'a', nowMs);
}

t.test('an edge with little to do may retry ten times a second', async (t) => {
  const budget = new RetryBudget(0);
  t.equal(take(budget, 0), 10);
  t.equal(take(budget, 500), 5);
  t.equal(take(budget, 500), 0);
});

t.test('one with much to do may send a tenth of it again', async (t) => {
  const budget = new RetryBudget(0);
  take(budget, 0);
  send(budget, 505, 0, 'a');
  t.equal(take(budget, 0), 50);
});

t.test('what is not used up is not kept for long', async (t) => {
  const budget = new RetryBudget(0);
  send(budget, 100_000, 0, 'a');
  t.equal(take(budget, 0), 100);
  t.equal(take(budget, 3_600_000), 100);
});

t.test('a sender whose pushes all fail leaves others theirs, and gets what they do not need', async (t) => {
  const budget = new RetryBudget(0);
  const taken = { bad: 0, good: 0 };
  let refused = 0;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
    send(budget, 10, nowMs, 'bad', 'good');
    taken.bad += take(budget, nowMs, 'bad', 5);
    if (nowMs % 500 !== 0) continue;
    if (budget.take('good', nowMs)) taken.good++;
    else refused++;
  }
  t.equal(refused, 0, 'each push of the other went again');
  const all = 60_000 * 0.1 + 600;
  t.ok(taken.bad + taken.good <= all + 10, 'no more than the budget in all');
  t.ok(taken.bad > all * 0.9, `what nobody else needed: ${taken.bad} of ${all}`);
});

t.test('senders that all fail get the same, however often they try', async (t) => {
  const budget = new RetryBudget(0);
  const taken = new Map<string, number>();
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
    send(budget, 10, nowMs, 'a', 'b', 'c');
    for (const [sender, tries] of [
      ['a', 9],
      ['b', 3],
      ['c', 1],
    ] as const) {
      taken.set(sender, (taken.get(sender) ?? 0) + take(budget, nowMs, sender, tries));
    }
  }
  const [least = 0, , most = 0] = [...taken.values()].sort((a, b) => a - b);
  t.ok(least > most * 0.8, `${least} and ${most}`);
});

t.test('one that was alone, and used all up, stands back once another sends', async (t) => {
  const budget = new RetryBudget(0);
  send(budget, 1000, 0, 'bad');
  t.equal(take(budget, 0, 'bad'), 100);
  budget.sent('good', 0);
  t.equal(take(budget, 200, 'bad'), 0);
  t.equal(take(budget, 200, 'good'), 1, 'half of what there is');
});

t.test('made-up names make nobody forget what a sender used', async (t) => {
  const budget = new RetryBudget(0);
  send(budget, 2000, 0, 'bad', 'good');
  t.equal(take(budget, 0, 'bad'), 50);
  for (let i = 0; i < 50; i++) t.ok(budget.take(`made-up ${i}`, 0));
  for (let i = 50; i < 250; i++) budget.take(`made-up ${i}`, (i - 49) * 100);
  t.notOk(budget.take('bad', 20_100));
  t.ok(budget.take('good', 20_100));
});

t.test(
  'names without end take no memory, and together no more than one of those that are known',
  async (t) => {
    const budget = new RetryBudget(0);
    send(budget, 2000, 0, 'a', 'b');
    for (let i = 0; i < 200; i++) budget.take(`known-${i}`, 0);
    for (let i = 0; i < 100_000; i++) {
      send(budget, 1, i, 'a', 'b');
      for (let j = 0; j < 3; j++) budget.take(`made-up-${i}-${j}`, i);
    }
    t.ok(budget.senders <= 101);
    t.ok(budget.take('a', 100_000), 'one that was not heard of before has its share');
  },
);
