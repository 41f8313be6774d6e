import fc from 'fast-check';
import t from 'tap';
import { REASON_NAMES } from '#src/enforce/reasons.js';
import { Damaged } from '#src/usage/bytes.js';
import { encodeUp, packRecords, reasonCode, unpackRecords } from '#src/usage/record-codec.js';
import { DAY_MS, dayFromHours, emptyRecord, HOUR_MS, withLate, withRecord } from '#src/usage/records.js';
import { decode } from '#src/usage/tracks.js';
import { CURVE_WINDOWS, type UsageRecord } from '#src/usage/usage-record.js';

const count = fc.oneof(fc.nat(1000), fc.nat(2 ** 50));
const eachCount = { requests: count, items: count, bytes: count, newSeries: count };
const counts = fc.record(eachCount);
const curve = fc.array(fc.oneof(fc.constant(Number.NaN), count), {
  minLength: CURVE_WINDOWS.length,
  maxLength: CURVE_WINDOWS.length,
});
const record: fc.Arbitrary<UsageRecord> = fc.record({
  startMs: fc.nat(1_000_000).map((hour) => hour * HOUR_MS),
  seconds: fc.constantFrom(3600, 86_400),
  coveredSeconds: fc.nat(86_400),
  resolutionSeconds: fc.constantFrom(1, 15, 60),
  offered: counts,
  refused: fc.record({ ...eachCount, bytes: fc.oneof(fc.constant(Number.NaN), count) }),
  reasons: fc.uniqueArray(
    fc.record({ reason: fc.constantFrom<string>(...REASON_NAMES), pushes: count, samples: count }),
    { selector: ({ reason }) => reason, maxLength: 5 },
  ),
  curves: fc.record({ items: curve, requests: curve, bytes: curve }, { requiredKeys: [] }),
  peaks: fc.record(
    {
      activeSeries: fc.nat(),
      seriesPerMetric: fc.nat(),
      seriesPerRequest: fc.nat(),
      labelsPerSeries: fc.nat(),
      bytesPerRequest: fc.nat(),
      labelNameBytes: fc.nat(),
      labelValueBytes: fc.nat(),
    },
    { requiredKeys: [] },
  ),
});

t.test(
  'records are read as they were written, but for curves, which are a thousandth higher at most',
  async (t) => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), (records) => {
        const read = unpackRecords(packRecords(records));
        t.same(
          read.map((one) => ({ ...one, curves: undefined })),
          records.map((one) => ({ ...one, curves: undefined })),
        );
        for (const [i, { curves }] of records.entries()) {
          for (const kind of ['items', 'requests', 'bytes'] as const) {
            t.equal(read[i]?.curves[kind]?.length, curves[kind]?.length);
            curves[kind]?.forEach((value, w) => {
              const kept = read[i]!.curves[kind]![w]!;
              const fine = Number.isNaN(value)
                ? Number.isNaN(kept)
                : kept >= value && kept <= value * (1 + 1 / 1024);
              if (!fine) throw new Error(`${kept} stands for ${value}`);
            });
          }
        }
      }),
      { numRuns: 50 },
    );
  },
);

t.test('no two reasons have the same code', async (t) => {
  t.equal(new Set(REASON_NAMES.map(reasonCode)).size, REASON_NAMES.length);
});

t.test('a code that is rounded up stands for no less', async () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const kept = decode(encodeUp(value));
      return kept >= value && kept <= value * (1 + 1 / 1024);
    }),
    { examples: [[0], [2047], [2048], [4095], [4096], [4097], [2 ** 40 - 1], [2 ** 40 + 1]] },
  );
});

t.test('damaged records are Damaged, and nothing else', async () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.nat(255),
      (records, at, byte) => {
        const bytes = packRecords(records);
        bytes[at % bytes.length] = byte;
        try {
          unpackRecords(bytes);
          unpackRecords(bytes.subarray(0, at % bytes.length));
        } catch (error) {
          if (!(error instanceof Damaged)) throw error;
        }
      },
    ),
  );
});

t.test('a day has the sums of its hours and the most of any of them', async (t) => {
  const hour = (at: number, items: number, most: number): UsageRecord => ({
    ...emptyRecord(at * HOUR_MS, 3600, 3600),
    offered: { requests: 1, items, bytes: 2, newSeries: 0 },
    reasons: [{ reason: 'rate_limited', pushes: 1, samples: items }],
    curves: { items: [most] },
    peaks: { activeSeries: most },
  });
  const day = dayFromHours(DAY_MS, [
    hour(23, 1000, 999),
    hour(24, 10, 4),
    hour(47, 20, 7),
    hour(48, 1000, 999),
  ]);
  t.match(day, {
    startMs: DAY_MS,
    seconds: 86_400,
    coveredSeconds: 7200,
    offered: { requests: 2, items: 30, bytes: 4 },
    reasons: [{ reason: 'rate_limited', pushes: 2, samples: 30 }],
    curves: { items: [7] },
    peaks: { activeSeries: 7 },
  });
  t.match(withLate(hour(24, 10, 4), hour(24, 1, 2)), { offered: { items: 11 }, curves: { items: [6] } });
});

t.test('a record takes the place of one of the same hour, and old ones go', async (t) => {
  const at = (hour: number) => emptyRecord(hour * HOUR_MS, 3600);
  const list = withRecord([at(1), at(2), at(3)], { ...at(2), coveredSeconds: 7 }, 2 * HOUR_MS);
  t.match(list, [{ startMs: 2 * HOUR_MS, coveredSeconds: 7 }, { startMs: 3 * HOUR_MS }]);
  t.equal(list.length, 2);
});

t.test(
  'what a record of an earlier version did not measure is not known, and stays so in a day with it',
  async (t) => {
    // One hour with a peak of active series, as it was written before pushes had peaks.
    const before = unpackRecords(Buffer.from('01011801901c0101010101010100010006460700', 'hex'));
    t.same(before[0]?.peaks, { activeSeries: 70, seriesPerMetric: 7 });
    t.ok(Number.isNaN(before[0]?.refused.bytes), 'nor is what bytes were refused');
    const hour: UsageRecord = { ...emptyRecord(25 * HOUR_MS, 3600, 3600), peaks: { labelsPerSeries: 12 } };
    t.match(dayFromHours(DAY_MS, [...before, hour]).peaks, { activeSeries: 70, labelsPerSeries: 12 });
    t.notOk('bytesPerRequest' in dayFromHours(DAY_MS, [...before, hour]).peaks);
  },
);
