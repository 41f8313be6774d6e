import t from 'tap';
import { bucketsOf, countsIn, knownTimes, RecentTimes, summedTimes } from '#src/telemetry/recent-times.js';

t.test('times are never said to be shorter than they were, and at most an eighth longer', async (t) => {
  for (let micros = 1; micros < 60_000_000; micros = micros * 1.07 + 1) {
    const times = new RecentTimes();
    times.add(micros / 1e6, 5000);
    const { p99Seconds = 0 } = knownTimes(times.counts(5000)) ?? {};
    const said = p99Seconds * 1e6;
    if (said < micros || said > Math.max(micros + 1.001, micros * 1.126))
      t.fail(`${micros} µs is said to be ${said}`);
  }
});

t.test('of a hundred answers one may be slower than the p99, and two may not', async (t) => {
  for (const [slow, p99] of [
    [1, 0.01],
    [2, 1],
  ] as const) {
    const times = new RecentTimes();
    for (let i = 0; i < 100 - slow; i++) times.add(0.01, 0);
    for (let i = 0; i < slow; i++) times.add(1, 0);
    const known = knownTimes(times.counts(0));
    t.equal(known?.count, 100);
    for (const [said, was] of [
      [known?.p99Seconds ?? 0, p99],
      [known?.medianSeconds ?? 0, 0.01],
    ] as const)
      t.ok(said >= was && said <= was * 1.126, `${said} s for ${was} s`);
  }
});

t.test('what is older than ten seconds is forgotten, whether answers came since or not', async (t) => {
  const answers = (times: RecentTimes, nowMs: number) => knownTimes(times.counts(nowMs))?.count ?? 0;
  for (const isLookedAt of [true, false]) {
    const times = new RecentTimes();
    for (let second = 0; second < 30; second++) {
      times.add(0.02, second * 1000 + 500);
      if (isLookedAt) t.equal(answers(times, second * 1000 + 600), Math.min(10, second + 1));
    }
    t.equal(answers(times, 29_900), 10);
    t.equal(answers(times, 34_000), 5);
    t.equal(answers(times, 39_999), 0, 'nothing is known, which is not zero seconds');
    times.add(0.02, 100_000_000);
    t.equal(answers(times, 100_000_001), 1);
  }
});

t.test('an answer that takes longer than can be told counts as the longest', async (t) => {
  const times = new RecentTimes();
  times.add(5000, 0);
  t.ok((knownTimes(times.counts(0))?.p99Seconds ?? 0) > 60);
});

t.test('those of several processes are as those of one', async (t) => {
  const [all, ...each] = [new RecentTimes(), new RecentTimes(), new RecentTimes()];
  for (let i = 1; i < 200; i++) {
    all.add(i / 1000, 0);
    each[i % 2]?.add(i / 1000, 0);
  }
  t.strictSame(knownTimes(summedTimes(each.map((one) => one.counts(0)))), knownTimes(all.counts(0)));
  t.equal(knownTimes(summedTimes([])), undefined);
});

t.test('counts are the same once they were told as buckets', async (t) => {
  const counts = new RecentTimes().counts(0).map((_, bucket) => bucket + 1);
  t.strictSame(countsIn(bucketsOf(counts)), counts);
  t.strictSame(bucketsOf(new RecentTimes().counts(0)), []);
});
