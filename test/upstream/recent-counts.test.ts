import t from 'tap';
import { RecentCounts } from '#src/upstream/recent-counts.js';

t.test('what is counted is of the last ten seconds, whenever it began', async (t) => {
  const counts = new RecentCounts(5_500_500);
  counts.well();
  t.notOk(counts.tick(5_500_999), 'no second has passed');
  counts.failed();
  t.ok(counts.tick(5_501_000));
  counts.well();
  t.strictSame(counts.sums(), { answered: 2, failed: 1 });
  t.ok(counts.tick(5_509_999));
  t.strictSame(counts.sums(), { answered: 2, failed: 1 });
  counts.tick(5_510_000);
  t.strictSame(counts.sums(), { answered: 1, failed: 0 });
  counts.tick(5_511_000);
  t.strictSame(counts.sums(), { answered: 0, failed: 0 });
});

t.test('each of the ten seconds counts', async (t) => {
  const counts = new RecentCounts(0);
  for (let second = 0; second < 10; second++) {
    counts.tick(second * 1000);
    counts.well();
    for (let i = 0; i < 2; i++) counts.failed();
  }
  t.strictSame(counts.sums(), { answered: 10, failed: 20 });
});

t.test('after a long time of nothing all is forgotten', async (t) => {
  const counts = new RecentCounts(0);
  counts.well();
  counts.tick(1e9);
  counts.failed();
  t.strictSame(counts.sums(), { answered: 0, failed: 1 });
  counts.forget();
  t.strictSame(counts.sums(), { answered: 0, failed: 0 });
});

t.test('a clock that goes back passes no second, nor the same one twice', async (t) => {
  const counts = new RecentCounts(5000);
  counts.well();
  t.notOk(counts.tick(1000));
  counts.tick(14_999);
  t.strictSame(counts.sums(), { answered: 1, failed: 0 });
  counts.tick(15_000);
  t.strictSame(counts.sums(), { answered: 0, failed: 0 });
});
