import t from 'tap';
import { WaitingPushes } from '#src/buckets/waiting-pushes.js';
import type { Answer } from '#src/enforce/ledger.js';

const answer = (available: number): Answer => ({ granted: true, available, waitSeconds: 0 });

/** Who has been answered, and what. */
function given(...sizes: readonly number[]) {
  const pushes = new WaitingPushes();
  const answered = new Map<number, number>();
  const add = (n: number) => {
    void pushes.add(n).then(({ available }) => answered.set(n, available));
  };
  for (const n of sizes) add(n);
  const heard = async () => {
    await new Promise(setImmediate);
    return Object.fromEntries(answered);
  };
  return { pushes, add, heard };
}

t.test('a call is for all that wait, of which the smallest must be met', async (t) => {
  const { pushes, add, heard } = given(30, 10, 20);
  t.strictSame(pushes.ask(), { smallest: 10, others: 50 });
  t.notOk(pushes.anyLater);
  add(7);
  t.ok(pushes.anyLater);
  t.equal(pushes.tokens, 67);
  const order: number[] = [];
  pushes.answerAsked((n) => {
    order.push(n);
    return answer(n);
  });
  t.strictSame(order, [10, 20, 30]);
  t.strictSame(await heard(), { 10: 10, 20: 20, 30: 30 });
  t.equal(pushes.tokens, 7, 'who came after it waits on');
  t.strictSame(pushes.ask(), { smallest: 7, others: 0 });
});

t.test(
  'those that came later are answered where there is an answer, and wait on where there is none',
  async (t) => {
    const { pushes, heard } = given(1, 2, 3);
    pushes.answerLater((n) => (n === 2 ? undefined : answer(9)));
    t.strictSame(await heard(), { 1: 9, 3: 9 });
    t.strictSame(pushes.ask(), { smallest: 2, others: 0 });
  },
);

t.test('all are answered at once when nobody is asked any more', async (t) => {
  const { pushes, add, heard } = given(1);
  pushes.ask();
  add(2);
  pushes.answerAll(() => answer(0));
  t.strictSame(await heard(), { 1: 0, 2: 0 });
  t.equal(pushes.tokens, 0);
  t.strictSame(pushes.ask(), { smallest: 0, others: 0 });
});

t.test('there are so many and no more', async (t) => {
  const { pushes, add } = given();
  for (let n = 0; n < 1023; n++) add(1);
  t.notOk(pushes.isFull);
  add(1);
  t.ok(pushes.isFull);
});
