/** What Mimir's limits, and the edge's own, ask of a tenant's buckets. */
import t from 'tap';
import { byteLimit, isOverBurst, itemLimit, limitedBy, requestLimit } from '#src/enforce/limited-bucket.js';
import { limits } from './fixtures.js';

t.test('a request rate is shared by the distributors, and each of them has the whole burst', async (t) => {
  for (const [rate, burst, expected] of [
    [2, 4, { kind: 'requests', rate: 2, capacity: 12, burst: 4, maxPerPush: Infinity }],
    [0, 4, undefined],
    [-1, 4, undefined],
    [2, 0, undefined],
  ] as const) {
    const given = limits({ request_rate: rate, request_burst_size: burst });
    t.strictSame(requestLimit(given, 3), expected, `${rate}/s, burst ${burst}`);
  }
});

t.test('a burst factor of 1 or more stands in for the burst, rounded up', async (t) => {
  for (const [factor, distributors, burst] of [
    [0, 3, 7],
    [0.99, 3, 7],
    [1, 1, 100],
    [1, 3, 34],
    [2.5, 2, 125],
  ] as const) {
    const given = limits({ ingestion_rate: 100, ingestion_burst_size: 7, ingestion_burst_factor: factor });
    t.strictSame(
      itemLimit(given, distributors),
      { kind: 'items', rate: 100, capacity: burst * distributors, burst, maxPerPush: burst },
      `factor ${factor} of ${distributors}`,
    );
  }
});

t.test("a byte rate has the whole cluster's burst, or ten seconds' worth", async (t) => {
  for (const [rate, size, burst] of [
    [5, 70, 70],
    [5, 0, 50],
  ] as const) {
    const given = limits({}, { bytes_per_second: rate, bytes_burst_size: size });
    t.strictSame(byteLimit(given), { kind: 'bytes', rate, capacity: burst, burst, maxPerPush: Infinity });
  }
  for (const rate of [0, -1]) {
    t.equal(byteLimit(limits({}, { bytes_per_second: rate, bytes_burst_size: 70 })), undefined);
  }
});

t.test('one push may have all of the burst, and no more', async (t) => {
  const limited = limitedBy(itemLimit(limits({ ingestion_burst_size: 7 }), 2), {} as never);
  t.equal(isOverBurst(limited, 7), false);
  t.equal(isOverBurst(limited, 8), true);
});
