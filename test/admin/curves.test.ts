import t from 'tap';
import { knownSince, ratesOver, thinned, wholeRange } from '#src/admin/curves.js';

t.test('what was before the beginning is not known, nor is what nobody counted', async (t) => {
  const rates = ratesOver([0, null, 25], '1m', 10);
  t.strictSame(rates, [null, null, null, 0, null, 2.5]);
  t.strictSame(wholeRange([1, 2, 3, 4, 5, 6], '1m'), [1, 2, 3, 4, 5, 6]);
  t.equal(ratesOver([], '24h', 60).length, 1440);
});

t.test('when what is known begins', async (t) => {
  const end = Date.parse('2026-01-01T00:01:00Z');
  t.equal(knownSince([null, null, 5, null, 0, 1], end, 10), '2026-01-01T00:00:20.000Z');
  t.equal(knownSince([0, null, 5], end, 10), null, 'the range begins later');
  t.equal(knownSince([null, null], end, 10), null);
  t.equal(knownSince([], end, 10), null);
});

t.test('a bunch is the mean of what is known of it; the first one may be smaller', async (t) => {
  t.strictSame(thinned([9, 1, 3, null, 5, null, null], 4), [9, 2, 5, null]);
  t.strictSame(thinned([1, 2], 4), [1, 2]);
  t.strictSame(thinned([], 4), []);
});
