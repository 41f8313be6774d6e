import fc from 'fast-check';
import t from 'tap';
import { type DayValue, daysUntil, type Trend, trendOf } from '#src/advice/forecast.js';

const DAY_MS = 86_400_000;

function days(values: readonly number[]): DayValue[] {
  return values.map((value, day) => ({ startMs: day * DAY_MS, value }));
}

function trend(values: readonly number[]): Trend {
  const found = trendOf(days(values));
  if (found === undefined) throw new Error('no trend');
  return found;
}

t.test('less than seven days are not enough', async (t) => {
  t.equal(trendOf(days([1, 2, 3, 4, 5, 6])), undefined);
  t.ok(trendOf(days([1, 2, 3, 4, 5, 6, 7])));
  t.equal(trendOf([]), undefined);
});

t.test('a straight line is told exactly', async (t) => {
  const line = trend(Array.from({ length: 20 }, (_, day) => 0.1 + 0.02 * day));
  t.ok(Math.abs(line.slope - 0.02) < 1e-12);
  t.ok(Math.abs(line.level - 0.48) < 1e-12);
  const { days: until, from, to } = daysUntil(line, 1);
  for (const one of [until, from, to]) t.ok(Math.abs((one ?? 0) - 26) < 1e-6, String(one));
});

t.test('odd days do not turn it', async (t) => {
  const values = Array.from({ length: 30 }, (_, day) => 0.3 + 0.01 * day);
  for (const day of [3, 11, 12, 25]) values[day] = 5;
  const { slope } = trend(values);
  t.ok(Math.abs(slope - 0.01) < 0.002, String(slope));
});

t.test('days that are missing are no days', async (t) => {
  const some = days(Array.from({ length: 20 }, (_, day) => day)).filter((_, day) => day % 3 !== 0);
  t.equal(trendOf(some)?.slope, 1);
});

t.test('what does not grow is never reached, and what is over it is reached now', async (t) => {
  const flat = trend([5, 5, 5, 5, 5, 5, 5, 5]);
  t.strictSame(daysUntil(flat, 6), { days: undefined, from: undefined, to: undefined });
  t.strictSame(daysUntil(flat, 5), { days: 0, from: 0, to: 0 });
  t.equal(daysUntil(trend([8, 7, 6, 5, 4, 3, 2, 1]), 10).days, undefined);
});

t.test('the interval holds the slope, and noise makes it wider', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 7, maxLength: 35 }), (values) => {
      const { slope, slopeFrom, slopeTo } = trend(values);
      return slopeFrom <= slope && slope <= slopeTo;
    }),
  );
  const noisy = trend(Array.from({ length: 20 }, (_, day) => day + ((day * 7919) % 13)));
  t.ok(noisy.slopeTo - noisy.slopeFrom > 0.1);
});
