/** How soon the pushes of each sender were answered of late. */
import t from 'tap';
import { AnswerTimes, answersOf, mergedAnswers, OTHER_SENDERS } from '#src/upstream/answer-times.js';

function answered(times: AnswerTimes, sender: string, count: number, seconds = 0.02): void {
  for (let i = 0; i < count; i++) times.answered(sender, seconds);
}

const told = (times: AnswerTimes, nowMs: number) =>
  Object.fromEntries(times.recent(nowMs).map(({ sender, counts }) => [sender, answersOf(counts)]));

t.test('answers are told of for five to ten seconds', async (t) => {
  const times = new AnswerTimes(0);
  answered(times, 'a', 6);
  t.strictSame(told(times, 4000), { a: 6 });
  t.strictSame(told(times, 5000), { a: 6 });
  answered(times, 'a', 5);
  t.strictSame(told(times, 9000), { a: 11 });
  t.strictSame(told(times, 10_000), { a: 11 });
  t.strictSame(told(times, 10_001), { a: 5 });
  t.strictSame(told(times, 60_000), { a: 5 }, 'nobody asked meanwhile');
  t.strictSame(told(times, 60_001), {});
});

t.test('those that send little are one, and so are those that are too many', async (t) => {
  const times = new AnswerTimes(0);
  answered(times, 'a', 5);
  for (let i = 0; i < 1000; i++) answered(times, `made-up-${i}`, i < 20 ? 1 : 5);
  const rows = told(times, 1000);
  t.equal(Object.keys(rows).length, 50 - 20 + 1);
  t.equal(rows.a, 5);
  t.equal(rows[OTHER_SENDERS], 20 + (1000 - 49) * 5);
});

t.test('what several processes heard is added up by sender', async (t) => {
  const one = [
    { sender: 'a', counts: [3, 0] },
    { sender: OTHER_SENDERS, counts: [0, 1] },
  ];
  const other = [
    { sender: 'a', counts: [1, 1] },
    { sender: 'b', counts: [0, 4] },
  ];
  t.strictSame(mergedAnswers([one, other]), [
    { sender: 'a', counts: [4, 1] },
    { sender: OTHER_SENDERS, counts: [0, 5] },
  ]);
});
