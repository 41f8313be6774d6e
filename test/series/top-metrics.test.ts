import t from 'tap';
import type { TopMetric } from '#src/enforce/series.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import { answered, limitsOf, MINUTE_MS, pushOf, range, sweepAll, tracker } from './fixtures.js';

/** Series for each metric: so many of each, those of metric m numbered from 1000 m. */
function seriesOf(counts: Readonly<Record<number, number>>): number[] {
  return Object.entries(counts).flatMap(([metric, count]) =>
    range(1000 * Number(metric), 1000 * Number(metric) + count),
  );
}

const metricOf = (series: number) => Math.floor(series / 1000);

function send(series: TrackedSeries, counts: Readonly<Record<number, number>>, nowMs = 0): void {
  answered(series.check(pushOf(seriesOf(counts), metricOf), undefined, limitsOf(0), false, nowMs));
}

const sizes = (tops: readonly TopMetric[]) => tops.map(({ series, newSeries }) => [series, newSeries]);

t.test('the largest come first, and those with the most new series of ten minutes or so', async (t) => {
  const tracked = tracker();
  const series = tracked.tenant('a');
  t.strictSame(series.topMetrics('active'), [], 'before a walk');
  send(series, { 1: 5, 2: 50, 3: 20 });
  tracked.tick(0);
  t.strictSame(sizes(series.topMetrics('active')), [
    [50, 50],
    [20, 20],
    [5, 5],
  ]);
  t.strictSame(series.topMetrics('new'), series.topMetrics('active'));
  t.ok(series.topMetrics('active').every(({ name }) => name === undefined));
  const later = 16 * MINUTE_MS;
  send(series, { 1: 15, 3: 22 }, later);
  tracked.tick(later);
  t.strictSame(sizes(series.topMetrics('active')), [
    [50, 0],
    [22, 2],
    [15, 10],
  ]);
  t.strictSame(sizes(series.topMetrics('new')), [
    [15, 10],
    [22, 2],
  ]);
});

t.test('there are twenty at most, and of equals those that were there first', async (t) => {
  const tracked = tracker();
  const series = tracked.tenant('a');
  send(series, Object.fromEntries(range(1, 31).map((metric) => [metric, metric])));
  tracked.tick(0);
  t.strictSame(
    series.topMetrics('active').map((one) => one.series),
    range(11, 31).reverse(),
  );
  const equal = tracker();
  const other = equal.tenant('a');
  send(other, Object.fromEntries(range(1, 31).map((metric) => [metric, 3])));
  equal.tick(0);
  t.equal(other.topMetrics('active').length, 20);
});

t.test('a metric that is smaller than the twenty takes no place of theirs', async (t) => {
  const tracked = tracker();
  const series = tracked.tenant('a');
  send(series, Object.fromEntries(range(1, 31).map((metric) => [metric, 31 - metric])));
  tracked.tick(0);
  for (const by of ['active', 'new'] as const)
    t.strictSame(
      series.topMetrics(by).map((one) => one.series),
      range(11, 31).reverse(),
    );
});

t.test('of equals those that were there first stay, unless others are newer', async (t) => {
  const later = 16 * MINUTE_MS;
  for (const before of [1, 20]) {
    const tracked = tracker();
    const series = tracked.tenant('a');
    send(series, Object.fromEntries(range(1, 1 + before).map((metric) => [metric, 3])));
    send(series, { 99: 3 }, later);
    tracked.tick(later);
    const old = Array(before).fill([3, 0]);
    t.strictSame(sizes(series.topMetrics('active')), before === 20 ? old : [...old, [3, 3]]);
    t.strictSame(sizes(series.topMetrics('new')), [[3, 3]]);
  }
});

t.test('a walk begins five seconds after the last one ended', async (t) => {
  const tracked = tracker();
  const series = tracked.tenant('a');
  send(series, { 1: 1 });
  tracked.tick(0);
  send(series, { 1: 2 });
  tracked.tick(4999);
  t.strictSame(sizes(series.topMetrics('active')), [[1, 1]]);
  tracked.tick(5000);
  t.strictSame(sizes(series.topMetrics('active')), [[2, 2]]);
});

t.test('a step looks at 2,048 records, and publishes the metrics of 256 tenants', async (t) => {
  const tracked = tracker();
  const series = tracked.tenant('a');
  send(series, Object.fromEntries(range(1, 3001).map((metric) => [metric, 1])));
  tracked.tick(0);
  t.strictSame(series.topMetrics('active'), []);
  tracked.tick(0);
  t.equal(series.topMetrics('active').length, 20);

  const many = tracker({ maxTenants: 300 });
  const tenants = range(0, 300).map((n) => many.tenant(`t${n}`));
  for (const tenant of tenants) send(tenant, { 1: 1 });
  const published = () => tenants.filter((tenant) => tenant.topMetrics('active').length === 1).length;
  many.tick(0);
  t.equal(published(), 256);
  many.tick(0);
  t.equal(published(), 300);
});

t.test('four names a second are read, each once, from pushes that have them', async (t) => {
  const read: number[] = [];
  const tracked = tracker({
    nameMetric: (_push, row) => {
      read.push(row);
      return `metric ${row}`;
    },
  });
  const series = tracked.tenant('a');
  const counts = { 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1 };
  send(series, counts);
  t.strictSame(read, [], 'nobody wants one yet');
  tracked.tick(0);
  send(series, counts, 100);
  t.strictSame(read, [0, 1, 2, 3]);
  send(series, counts, 1099);
  t.equal(read.length, 4);
  send(series, counts, 1100);
  t.strictSame(read, range(0, 6));
  const find = tracked.table.findWanted;
  tracked.table.findWanted = () => t.fail('nobody looks for names when all are there');
  send(series, counts, 10_000);
  tracked.table.findWanted = find;
  t.equal(read.length, 6);
  const names = () => series.topMetrics('active').map(({ name }) => name);
  t.strictSame(
    names().sort(),
    range(0, 6).map((row) => `metric ${row}`),
  );
  tracked.tick(10_000);
  t.equal(names().filter((name) => name !== undefined).length, 6, 'they stay with the next walk');
  send(series, { ...counts, 7: 1 }, 11_000);
  tracked.tick(20_000);
  t.equal(names().filter((name) => name === undefined).length, 1);
  send(series, { 7: 1 }, 21_000);
  t.equal(read.length, 7);
});

t.test('what fell off the list loses its name, and is not looked for', async (t) => {
  const read: number[] = [];
  const tracked = tracker({ nameMetric: (_push, row) => `${read.push(row)}` });
  const series = tracked.tenant('a');
  const small = Object.fromEntries(range(1, 21).map((metric) => [metric, 1]));
  const large = Object.fromEntries(range(101, 121).map((metric) => [metric, 2]));
  send(series, small);
  tracked.tick(0);
  send(series, large);
  tracked.tick(16 * MINUTE_MS);
  send(series, small, 16 * MINUTE_MS);
  t.strictSame(read, [], 'names of those that are not listed');
  send(series, large, 16 * MINUTE_MS + 1000);
  t.equal(read.length, 4);
});

t.test('a tenant whose series are gone has no metrics, nor has one that left', async (t) => {
  const tracked = tracker();
  const [idle, busy, left] = ['idle', 'busy', 'left'].map((id) => tracked.tenant(id));
  for (const one of [idle, busy, left]) send(one!, { 1: 1 });
  tracked.tick(0);
  left!.release();
  t.strictSame(left!.topMetrics('active'), []);
  const later = 22 * MINUTE_MS;
  send(busy!, { 1: 1 }, later);
  t.equal(sweepAll(tracked, later), 2);
  t.equal(idle!.topMetrics('active').length, 1, 'as the last walk has seen it');
  tracked.tick(later);
  t.strictSame(idle!.topMetrics('active'), []);
  t.equal(busy!.topMetrics('active').length, 1);
});

t.test('who takes the place of a tenant that left has none of its metrics', async (t) => {
  for (const ticks of [0, 1]) {
    const tracked = tracker({ maxTenants: 1 });
    const [left, stays] = ['left', 'stays'].map((id) => tracked.tenant(id));
    send(left!, { 1: 3 });
    send(stays!, { 1: 1 });
    for (let tick = 0; tick <= ticks; tick++) tracked.tick(5000 * tick);
    left!.release();
    sweepAll(tracked, 0);
    const next = tracked.tenant('next');
    send(next, { 2: 1 });
    t.strictSame(next.topMetrics('active'), []);
    tracked.tick(20_000);
    t.strictSame(sizes(next.topMetrics('active')), [[1, 1]]);
    t.equal(stays!.topMetrics('active').length, 1);
  }
});
