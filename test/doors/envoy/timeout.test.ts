import t from 'tap';
import { readTimeoutMs } from '#src/doors/envoy/grpc/timeout.js';

t.test('a timeout is digits and a unit, and nothing else is one', async (t) => {
  for (const [text, ms] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['400m', 400],
    ['5000u', 5],
    ['6000000n', 6],
    ['0S', 0],
    ['007m', 7],
    ['99999999H', 99_999_999 * 3_600_000],
    ['100000000S', undefined],
    ['', undefined],
    ['S', undefined],
    ['1', undefined],
    ['1s', undefined],
    ['1h', undefined],
    ['-1S', undefined],
    ['1.5S', undefined],
    [' 1S', undefined],
    ['1S ', undefined],
    ['1 S', undefined],
    ['1SS', undefined],
    ['x1S', undefined],
    ['1e3S', undefined],
    [undefined, undefined],
    [['1S', '2S'], undefined],
  ] as const) {
    const read = readTimeoutMs(text as string | string[] | undefined);
    if (ms === undefined) t.equal(read, undefined, String(text));
    else t.ok(Math.abs((read ?? Number.NaN) - ms) < 1e-9, `${text}: ${read}`);
  }
});
