/** How many requests may go out a second time. */
import t from 'tap';
import { RetryBudget } from '#src/upstream/retry-budget.js';

function take(budget: RetryBudget, nowMs: number): number {
  let taken = 0;
  while (budget.take(nowMs)) taken++;
  return taken;
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
  for (let i = 0; i < 505; i++) budget.sent();
  t.equal(take(budget, 0), 50);
});

t.test('what is not used up is not kept for long', async (t) => {
  const budget = new RetryBudget(0);
  for (let i = 0; i < 100_000; i++) budget.sent();
  t.equal(take(budget, 0), 100);
  t.equal(take(budget, 3_600_000), 100);
});
