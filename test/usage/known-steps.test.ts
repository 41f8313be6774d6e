import fc from 'fast-check';
import t from 'tap';
import { KnownSteps } from '#src/usage/known-steps.js';
import { FINE_SECONDS, RANGE_NAMES, RANGES } from '#src/usage/tracks.js';

const FINE_IN_COARSE = 6;

t.test('steps are known as they were told, and no longer than their range', async (t) => {
  const told = fc.tuple(fc.integer({ min: 1, max: 400 }), fc.constantFrom(undefined, true, false));
  fc.assert(
    fc.property(fc.array(told, { minLength: 1, maxLength: 60 }), (all) => {
      const known = new KnownSteps();
      const fine: boolean[] = [];
      for (const [steps, last] of all) {
        known.advance(steps, last);
        for (let i = 1; i <= steps; i++) fine.push(last === undefined || (i === steps && last));
      }
      const whole = Math.floor(fine.length / FINE_IN_COARSE);
      const coarse = Array.from({ length: whole }, (_, i) =>
        fine.slice(FINE_IN_COARSE * i, FINE_IN_COARSE * (i + 1)).includes(true),
      );
      for (const range of RANGE_NAMES) {
        const its = (range === '24h' ? coarse : fine).slice(-RANGES[range]);
        const masked = known.masked(
          its.map(() => 7),
          range,
        );
        const isRight = masked.length === its.length && its.every((one, i) => masked[i] === (one ? 7 : null));
        const underWay = fine.length % FINE_IN_COARSE;
        const steps = range === '24h' ? RANGES[range] * FINE_IN_COARSE + underWay : RANGES[range];
        const seconds = fine.slice(-steps).filter(Boolean).length * FINE_SECONDS;
        if (!isRight || known.seconds(range) !== seconds) {
          t.fail(`${range}: ${masked}, ${known.seconds(range)} s; not ${its}, ${seconds} s`);
          return false;
        }
      }
      return true;
    }),
    { numRuns: 60 },
  );
  t.equal(new KnownSteps().seconds('24h'), 0);
});
