import t from 'tap';
import { UseWindow } from '#src/buckets/use-window.js';

t.test('use is what the window holds, and of the one before it what a second still reaches', async (t) => {
  const use = new UseWindow(0);
  const rates = (nowMs: number) => [use.tokensPerSecond(nowMs), use.pushesPerSecond(nowMs)];
  t.strictSame(rates(0), [0, 0]);
  use.countPush();
  use.countTokens(6);
  use.countPush();
  use.countTokens(2);
  t.strictSame(rates(0), [8, 2]);
  t.strictSame(rates(999), [8, 2]);
  t.strictSame(rates(1000), [8, 2], 'the window is over');
  t.strictSame(rates(1250), [6, 1.5]);
  use.countPush();
  use.countTokens(10);
  t.strictSame(rates(1500), [14, 2]);
  t.strictSame(rates(2000), [10, 1]);
  t.strictSame(rates(3000), [0, 0]);
});

t.test('a window that went on for longer counts as so much a second', async (t) => {
  const use = new UseWindow(1000);
  for (let n = 0; n < 8; n++) use.countPush();
  use.countTokens(40);
  t.strictSame([use.tokensPerSecond(5000), use.pushesPerSecond(5000)], [10, 2]);
  t.equal(use.tokensPerSecond(5500), 5);
  const other = new UseWindow(0);
  for (let n = 0; n < 8; n++) other.countPush();
  other.countTokens(40);
  t.strictSame([other.pushesPerSecond(4000), other.tokensPerSecond(4000)], [2, 10]);
});

t.test('a clock that steps back counts as no time', async (t) => {
  const use = new UseWindow(0);
  use.countTokens(8);
  t.equal(use.tokensPerSecond(1000), 8);
  t.equal(use.tokensPerSecond(500), 8);
});
