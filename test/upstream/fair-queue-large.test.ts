/** The fair queue with many names, and over many rounds: these take seconds, where the others take milliseconds. */
import fc from 'fast-check';
import t from 'tap';
import { countOf, given, sender, settled } from './given-queue.js';

t.test('names that come once and never again are not kept for good', async (t) => {
  const { enter, leave, queue } = given(t, 1e9);
  for (let i = 0; i < 100_000; i++) {
    enter(sender(`name ${i}`));
    await (i % 1000 === 0 ? leave(1) : queue.leave(1));
  }
  t.ok(queue.known <= 10_000, `${queue.known}`);
});

t.test('whoever offers less than its share is never turned away, and gets all of it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ weight: fc.integer({ min: 1, max: 5 }), greedy: fc.boolean() }), {
        minLength: 2,
        maxLength: 6,
      }),
      async (tenants) => {
        // Mimir takes 60 items a round. Who is modest offers half of its share, who is greedy much more.
        const one = given(t, 60, 600, 1e9);
        const weights = tenants.reduce((sum, { weight }) => sum + weight, 0);
        const offers = tenants.map(({ weight, greedy }) =>
          greedy ? 100 : Math.floor((30 * weight) / weights),
        );
        for (let round = 0; round < 30; round++) {
          for (const [index, { weight }] of tenants.entries()) {
            for (let i = 0; i < (offers[index] ?? 0); i++) one.enter(sender(String(index), weight));
          }
          await settled();
          await one.leave(Math.min(one.queue.inFlight, 60));
        }
        const went = countOf(one.went);
        const away = countOf(one.turnedAway.map(([name]) => name));
        for (const [index, { greedy }] of tenants.entries()) {
          if (greedy) continue;
          const offered = 30 * (offers[index] ?? 0);
          if ((away[index] ?? 0) > 0) return false;
          if ((went[index] ?? 0) < offered) return false;
        }
        return true;
      },
    ),
    { numRuns: 60 },
  );
});
