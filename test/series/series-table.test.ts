import t from 'tap';
import { addRow, noRows } from '#src/payload/rows.js';
import type { SeriesClient } from '#src/series/series-client.js';
import { countRows, KNOWN, NEW, NO_LIMIT, ROW_WORDS } from '#src/series/series-rows.js';
import { answered, limitsOf, MINUTE_MS, pushOf, refusedRows, STATE, sweepAll, tracker } from './fixtures.js';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

t.test(
  'known series pass over the limit, new ones only below the limit, in the order of the push',
  async (t) => {
    const series = tracker().tenant('a');
    const limits = limitsOf(5);
    t.match(answered(series.check(pushOf([1, 2, 3]), undefined, limits, false, 0)), {
      newAdmitted: 3,
      overLimit: undefined,
    });
    t.match(answered(series.check(pushOf([4, 1, 5, 6, 6, 2, 7]), undefined, limits, false, 0)), {
      newAdmitted: 2,
      overLimit: { reasons: Array(3).fill('per_user_series_limit'), observed: 5, rows: [3, 4, 6] },
    });
    t.equal(series.active, 5);
    t.equal(
      answered(series.check(pushOf([1, 2, 3, 4, 5]), undefined, limitsOf(1), false, 0)).newAdmitted,
      0,
      'a limit below',
    );
    t.equal(
      refusedRows(answered(series.check(pushOf([8]), undefined, limitsOf(0), false, 0))).length,
      0,
      '0 is no limit',
    );
  },
);

t.test('a metric has a limit of its own, which is looked at after the tenant’s', async (t) => {
  const series = tracker().tenant('a');
  const limits = limitsOf(25, 3);
  const answer = answered(series.check(pushOf(range(0, 20)), undefined, limits, false, 0));
  t.strictSame(refusedRows(answer), [...range(3, 10), ...range(13, 20)]);
  t.match(answer.overLimit, { observed: 3, reasons: Array(14).fill('per_metric_series_limit') });
  t.match(answered(series.check(pushOf([20, 0, 9]), undefined, limitsOf(6, 3), false, 0)).overLimit, {
    reasons: ['per_user_series_limit', 'per_user_series_limit'],
    rows: [0, 2],
  });
});

t.test('all or nothing takes back what it admitted, and what it counted', async (t) => {
  const tracked = tracker();
  const series = tracked.tenant('a');
  const limits = limitsOf(10_000);
  answered(series.check(pushOf([1, 2]), undefined, limits, true, 0));
  // More than goes through the table at one time.
  const answer = answered(series.check(pushOf(range(0, 20_000)), undefined, limits, true, 0));
  t.match(answer, { newAdmitted: 0, overLimit: { observed: 10_000 } });
  t.equal(answer.overLimit?.rows.length, 10_000);
  t.equal(series.active, 2);
  t.equal(tracked.table.metrics.size, 1);
  t.equal(answered(series.check(pushOf(range(0, 10_000)), undefined, limits, true, 0)).newAdmitted, 9998);
});

t.test('series that are left out already are neither looked up nor counted', async (t) => {
  const series = tracker().tenant('a');
  const excluded = noRows(3);
  addRow(excluded, 1);
  t.equal(answered(series.check(pushOf([1, 2, 3]), excluded, limitsOf(2), false, 0)).overLimit, undefined);
  t.equal(series.active, 2);
});

t.test('what was left out of one push is looked at in the next', async (t) => {
  const series = tracker().tenant('a');
  const first = noRows(3);
  addRow(first, 1);
  t.match(answered(series.check(pushOf([1, 2, 3]), first, limitsOf(0), false, 0)), { newAdmitted: 2 });
  t.match(answered(series.check(pushOf([1, 2, 3]), undefined, limitsOf(0), false, 0)), { newAdmitted: 1 });
});

t.test('a push of known series is answered at once with one and the same object', async (t) => {
  const series = tracker().tenant('a');
  const push = pushOf(range(0, 3000));
  answered(series.check(push, undefined, limitsOf(0), false, 0));
  const answer = answered(series.check(push, undefined, limitsOf(0), false, 0));
  t.equal(answered(series.check(push, undefined, limitsOf(1), false, MINUTE_MS)), answer);
});

t.test('tenants do not see each other', async (t) => {
  const tracked = tracker();
  const [a, b] = [tracked.tenant('a'), tracked.tenant('b')];
  answered(a.check(pushOf(range(0, 100)), undefined, limitsOf(100), false, 0));
  t.equal(answered(b.check(pushOf(range(50, 150)), undefined, limitsOf(100), false, 0)).newAdmitted, 100);
  t.equal(tracked.table.series, 200);
});

t.test('a tenant that leaves takes its series along, and its index is used again', async (t) => {
  const tracked = tracker({ maxTenants: 1 });
  const first = tracked.tenant('a');
  const second = tracked.tenant('b');
  answered(first.check(pushOf(range(0, 5000)), undefined, limitsOf(0), false, 0));
  answered(second.check(pushOf(range(0, 10)), undefined, limitsOf(0), false, 0));
  const untracked = tracked.tenant('c');
  t.equal(answered(untracked.check(pushOf([1]), undefined, limitsOf(1), false, 0)).overLimit, undefined);
  t.equal(tracked.status().untracked, 1, 'there is no index for a third');
  first.release();
  first.release();
  tracked.sweep(1, 0);
  t.ok(tracked.table.series > 10, 'some of them are still there');
  const third = tracked.tenant('c');
  answered(third.check(pushOf([1, 2]), undefined, limitsOf(0), false, 0));
  sweepAll(tracked, 0);
  t.equal(tracked.table.series, 12);
  t.equal(third.active, 2);
  t.equal(second.active, 10);
});

t.test('of several tenants that leave each takes its own series along', async (t) => {
  const tracked = tracker();
  const all = ['a', 'b', 'c'].map((id, index) => {
    const series = tracked.tenant(id);
    series.check(pushOf(range(0, 10 + index)), undefined, limitsOf(0), false, 0);
    return series;
  });
  for (const [leaves, left] of [
    [2, 21],
    [1, 10],
    [0, 0],
  ] as const) {
    all[leaves]?.release();
    sweepAll(tracked, 0);
    t.equal(tracked.table.series, left);
  }
});

t.test('a round takes fifty seconds, or five while few indexes are free', async (t) => {
  const { table } = tracker({ maxTenants: 2 });
  const swept: number[] = [];
  Object.defineProperty(table, 'segments', { value: 1000 });
  table.sweep = (segments) => swept.push(segments);
  const tick = () => table.tick({ minute: 0, window: 0 }, 20);
  const indexes = [table.addTenant(), table.addTenant()] as number[];
  const seen = (tenantIndex: number) =>
    table.admit(
      pushOf([1]).records.slice(2, 6),
      tenantIndex,
      { minute: 0, window: 0 },
      0,
      { mostOfTenant: NO_LIMIT, mostOfMetric: NO_LIMIT, mayFill: true },
      new Uint8Array(1),
    );
  for (const index of indexes) t.equal(seen(index), 1);
  tick();
  for (const index of indexes) table.removeTenant(index);
  tick();
  t.equal(typeof table.addTenant(), 'number', 'of four two are left');
  tick();
  t.strictSame(swept, [2, 2, 20]);
});

t.test('a full table lets new series pass and says so', async (t) => {
  const tracked = tracker({ maxSeries: 100 });
  const series = tracked.tenant('a');
  const answer = answered(series.check(pushOf(range(0, 150)), undefined, limitsOf(120), false, 0));
  t.match(answer, { newAdmitted: 100, overLimit: undefined });
  t.equal(tracked.status().untracked, 50);
});

t.test('names are read for the metrics with the most series, and for those alone', async (t) => {
  const names: string[] = [];
  const tracked = tracker({
    nameMetric: (_push, row) => {
      names.push(`metric_${row}`);
      return `metric_${row}`;
    },
  });
  const series = tracked.tenant('a');
  // Metric m has m series.
  const push = pushOf(
    range(1, 100).flatMap((metric) => range(0, metric).map((n) => metric * 1000 + n)),
    (one) => Math.floor(one / 1000),
  );
  answered(series.check(push, undefined, limitsOf(0), false, 0));
  const walk = (nowMs: number) => {
    for (let i = 0; i < 5; i++) tracked.tick(nowMs);
  };
  walk(0);
  t.strictSame(
    series.topMetrics('active').map(({ series }) => series),
    range(80, 100).reverse(),
  );
  t.equal(names.length, 0);
  answered(series.check(push, undefined, limitsOf(0), false, 0));
  for (let i = 1; i <= 10; i++) answered(series.check(push, undefined, limitsOf(0), false, i * 1000));
  t.equal(names.length, 20, 'each once');
  t.ok(series.topMetrics('active').every(({ name }) => name?.startsWith('metric_')));

  // An hour on all are known; then one metric gets new series.
  for (let minute = 0; minute <= 60; minute++)
    answered(series.check(push, undefined, limitsOf(0), false, minute * MINUTE_MS));
  answered(
    series.check(
      pushOf(range(7500, 7530), () => 7),
      undefined,
      limitsOf(0),
      false,
      60 * MINUTE_MS,
    ),
  );
  walk(60 * MINUTE_MS);
  t.match(series.topMetrics('new'), [{ series: 37, newSeries: 30 }]);
  t.equal(series.topMetrics('new').length, 1);
  series.release();
  t.strictSame(series.topMetrics('new'), []);
});

t.test('what headroom is reserved for is new when the store says so, and not before', async (t) => {
  const calls: [series: number, reservation: string][] = [];
  let answer = (_outcomes: number[], _unannounced: number) => {};
  const client: SeriesClient = {
    onLoss: 'local-share',
    reservesHeadroom: true,
    replicas: () => 1,
    admit: () => undefined,
    reserve: async () => ({ ...STATE, reservation: 'one' }),
    announce: (_tenant, { rows, reservation }, announced) =>
      new Promise((ended) => {
        calls.push([countRows(rows), reservation]);
        answer = (outcomes, unannounced) => {
          const some = rows.slice(0, ROW_WORDS * outcomes.length);
          announced(some, { ...STATE, outcomes: Uint8Array.from(outcomes) }, 0);
          ended(unannounced);
        };
      }),
  };
  const tracked = tracker({ client });
  const series = tracked.tenant('a');
  const check = (numbers: number[]) =>
    series.check(
      pushOf(numbers, () => 1),
      undefined,
      limitsOf(10_000),
      false,
      0,
    );
  const checked = await check(range(0, 100));
  t.match(checked, { newAdmitted: 0, overLimit: undefined });
  t.equal(series.active, 100);
  tracked.tick(0);
  t.strictSame(series.topMetrics('new'), []);
  t.notOk(check(range(0, 100)) instanceof Promise, 'meanwhile they are known');
  answer([NEW, NEW, KNOWN], 97);
  t.equal(await checked.newLater, 99, 'who was not told knows none of them');
  tracked.tick(MINUTE_MS);
  t.match(series.topMetrics('new'), [{ series: 100, newSeries: 2 }]);
  t.equal(series.admittedOffline, 97);
  t.notOk(check(range(0, 100)) instanceof Promise);
  t.strictSame(
    calls,
    [
      [100, 'one'],
      [97, ''],
    ],
    'and is told with the next push',
  );
});
