import fc from 'fast-check';
import t from 'tap';
import { Histogram } from '#src/loadtest/histogram.js';

const times = fc.array(fc.double({ min: 0, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 300 });

t.test('a quantile is never below the true one, and at most 4 % and a microsecond above it', async () => {
  fc.assert(
    fc.property(times, fc.double({ min: 0.001, max: 1, noNaN: true }), (all, quantile) => {
      const histogram = new Histogram();
      for (const ms of all) histogram.record(ms);
      const exact = [...all].sort((a, b) => a - b)[Math.ceil(quantile * all.length) - 1]!;
      const found = histogram.quantileMs(quantile);
      return found >= exact && found <= exact * 1.04 + 0.001;
    }),
  );
});

t.test('its buckets hold everything that was recorded, in order', async () => {
  fc.assert(
    fc.property(times, (all) => {
      const histogram = new Histogram();
      for (const ms of all) histogram.record(ms);
      const buckets = histogram.buckets();
      return (
        buckets.reduce((sum, [, count]) => sum + count, 0) === all.length &&
        buckets.every(([upToMs], index) => index === 0 || upToMs > buckets[index - 1]![0])
      );
    }),
  );
});

t.test('an empty one answers zero, also after a reset', async (t) => {
  const histogram = new Histogram();
  t.equal(histogram.quantileMs(0.99), 0);
  histogram.record(5);
  histogram.reset();
  t.equal(histogram.quantileMs(0.99), 0);
  t.equal(histogram.meanMs(), 0);
  t.strictSame(histogram.buckets(), []);
});
