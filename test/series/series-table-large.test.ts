/** The table at sizes and over schedules that take seconds: apart, so that other tests of it are quick. */
import fc from 'fast-check';
import t from 'tap';
import { NO_LIMIT, RowList } from '#src/series/series-rows.js';
import { SeriesTable } from '#src/series/series-table.js';
import {
  answered,
  Dice,
  limitsOf,
  MINUTE_MS,
  MimirModel,
  metricOfTen,
  pushOf,
  range,
  refusedRows,
  sweepAll,
  tracker,
} from './fixtures.js';

t.test('the table does what a Map does, however series come and go', async (t) => {
  const step = fc.record({
    from: fc.nat({ max: 12_000 }),
    length: fc.nat({ max: 6000 }),
    minutes: fc.constantFrom(0, 0, 1, 5, 15, 21),
    perUser: fc.constantFrom(0, 100, 5000, 9000),
    perMetric: fc.constantFrom(0, 0, 2, 9),
    seed: fc.nat(),
  });
  let forgotten = 0;
  let refusals = 0;
  await fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const tracked = tracker();
      const series = tracked.tenant('a');
      const model = new MimirModel(20);
      let minute = 0;
      for (const { from, length, minutes, perUser, perMetric, seed } of steps) {
        minute += minutes;
        model.forgetIdle(minute);
        forgotten += sweepAll(tracked, minute * MINUTE_MS);
        if (series.active !== model.size) throw new Error(`${series.active} series, not ${model.size}`);
        const dice = new Dice(seed);
        const numbers = range(from, from + length).map((one) =>
          dice.below(8) === 0 ? dice.below(12_000) : one,
        );
        const limits = limitsOf(perUser, perMetric);
        const expected = model.push(numbers, limits, minute);
        const got = refusedRows(
          answered(series.check(pushOf(numbers), undefined, limits, false, minute * MINUTE_MS)),
        );
        refusals += got.length;
        if (`${got}` !== `${expected}`) throw new Error('other series are refused');
      }
      if (series.active !== model.size) throw new Error(`${series.active} series, not ${model.size}`);
      sweepAll(tracked, (minute + 21) * MINUTE_MS);
      if (tracked.table.series + tracked.table.metrics.size !== 0) throw new Error('something is left');
    }),
    { numRuns: 60 },
  );
  t.ok(forgotten > 0 && refusals > 0);
});

t.test('a million series take at most 20 bytes each at any size, and all are found again', async (t) => {
  const table = new SeriesTable(10, 2e6);
  const tenant = table.addTenant()!;
  const moment = { minute: 0, window: 0 };
  const outcomes = new Uint8Array(8000);
  const noLimits = { mostOfTenant: NO_LIMIT, mostOfMetric: NO_LIMIT, mayFill: true };
  const rules = { idleMinutes: 20, mark: 0, maySee: true };
  const push = (from: number) => pushOf(range(from, from + 8000), (one) => Math.floor(one / 1000));
  let most = 0;
  for (let from = 0; from < 1_000_000; from += 8000) {
    const rows = new RowList();
    rows.append(push(from), 0, Uint32Array.from(range(0, 8000)));
    table.admit(rows.rows(), tenant, moment, 0, noLimits, outcomes);
    if (from > 100_000) most = Math.max(most, table.bytes / table.series);
  }
  t.equal(table.series, 1_000_000);
  t.ok(most < 20, `${most} bytes a series`);
  let unknown = 0;
  for (let from = 0; from < 1_000_000; from += 8000) {
    unknown += table.lookup(push(from), 0, undefined, tenant, moment, rules);
  }
  t.equal(unknown, 0);
  t.equal(metricOfTen(19), 1);
});
