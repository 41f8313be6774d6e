import t from 'tap';
import { FreePasses } from '#src/buckets/free-passes.js';

/** What is remembered stays for so long, and for as long again at most. */
const REMEMBERED_MS = 300_000;

t.test('what is given back is what passed free first, and tokens after that', async (t) => {
  const passes = new FreePasses();
  t.equal(passes.tokensIn(5, 0), 5, 'nothing has passed free');
  passes.add(10, 0);
  t.equal(passes.tokensIn(4, 1), 0);
  t.equal(passes.tokensIn(10, 2), 4, 'six were left');
  t.equal(passes.tokensIn(10, 3), 10, 'and each counts once');
});

t.test('what passed free is remembered for five minutes, beside what has passed since', async (t) => {
  const passes = new FreePasses();
  passes.add(3, 0);
  passes.add(3, 1);
  passes.add(10, REMEMBERED_MS);
  t.equal(passes.tokensIn(4, REMEMBERED_MS), 0);
  t.equal(passes.tokensIn(4, 2 * REMEMBERED_MS - 1), 0);
  t.equal(passes.tokensIn(10, 2 * REMEMBERED_MS - 1), 2, 'eight were left');
  t.equal(passes.tokensIn(1, 2 * REMEMBERED_MS - 1), 1);
});

t.test('it is forgotten after ten minutes at the latest', async (t) => {
  const untouched = new FreePasses();
  untouched.add(10, 0);
  t.equal(untouched.tokensIn(10, 2 * REMEMBERED_MS), 10);
  const asked = new FreePasses();
  asked.add(10, 0);
  for (const nowMs of [REMEMBERED_MS, REMEMBERED_MS + 1]) t.equal(asked.tokensIn(0, nowMs), 0);
  t.equal(asked.tokensIn(10, 2 * REMEMBERED_MS), 10);
});
