import t from 'tap';
import { REMEMBERED_SECONDS, RefusedOfTenant, RefusedSeries } from '#src/series/refused-series.js';
import { KNOWN, NEW, REFUSED_METRIC, REFUSED_TENANT, RowList } from '#src/series/series-rows.js';
import { pushOf, range } from './fixtures.js';

const TERMS = { mostOfTenant: 10, mostOfMetric: 5, mark: 1 };

function rowsOf(series: readonly number[]): RowList {
  const rows = new RowList();
  rows.append(pushOf(series), 0, Uint32Array.from(range(0, series.length)));
  return rows;
}

function given() {
  const all = new RefusedSeries();
  const refused = new RefusedOfTenant(all);
  refused.under(TERMS);
  /** What is remembered of these. */
  const find = (series: readonly number[], nowMs = 0) => [...(refused.find(rowsOf(series), nowMs) ?? [])];
  const remember = (
    series: readonly number[],
    outcomes: readonly number[],
    { total = 10, allOrNothing = false, nowMs = 0 } = {},
  ) => refused.remember(rowsOf(series), Uint8Array.from(outcomes), total, allOrNothing, nowMs);
  return { all, refused, find, remember };
}

t.test('what was refused is remembered with its reason, and nothing else is', async (t) => {
  const { find, remember } = given();
  t.strictSame(find([1, 2, 3]), [], 'nothing yet');
  remember([1, 2, 3, 4], [REFUSED_TENANT, REFUSED_METRIC, KNOWN, NEW]);
  t.strictSame(find([4, 2, 3, 1, 5]), [0, REFUSED_METRIC, 0, REFUSED_TENANT, 0]);
  t.strictSame(find([3, 4]), []);
});

t.test('for 15 to 30 seconds, each series for a time of its own', async (t) => {
  const { find, remember } = given();
  const series = range(0, 300);
  remember(series, Array(300).fill(REFUSED_TENANT), { nowMs: 5000 });
  const left = (seconds: number) =>
    find(series, 5000 + seconds * 1000).filter((one) => one === REFUSED_TENANT).length;
  t.equal(REMEMBERED_SECONDS, 15);
  t.equal(left(14), 300);
  const some = left(22);
  t.ok(some > 75 && some < 225, `${some} of 300 after 22 s`);
  t.equal(left(30), 0);
  remember(series, Array(300).fill(REFUSED_TENANT), { nowMs: 25_000 });
  t.equal(left(34), 300, 'a new refusal counts from when it was');
});

t.test('under other limits, or in another generation, each is asked for anew', async (t) => {
  for (const terms of [
    { ...TERMS, mostOfTenant: 11 },
    { ...TERMS, mostOfTenant: 9 },
    { ...TERMS, mostOfMetric: 6 },
    { ...TERMS, mark: 2 },
  ]) {
    const { refused, find, remember } = given();
    remember([1, 2], [REFUSED_TENANT, REFUSED_METRIC]);
    refused.under({ ...TERMS });
    t.strictSame(find([1, 2]), [REFUSED_TENANT, REFUSED_METRIC], 'the same terms');
    refused.under(terms);
    t.strictSame(find([1, 2]), []);
    refused.under(TERMS);
    t.strictSame(find([1, 2]), [], 'for good');
  }
});

t.test('a store with headroom refuses nothing for the limit of the tenant', async (t) => {
  const { refused, find, remember } = given();
  remember([1, 2], [REFUSED_TENANT, REFUSED_METRIC]);
  refused.hear(10);
  t.strictSame(find([1, 2]), [REFUSED_TENANT, REFUSED_METRIC]);
  refused.hear(9);
  t.strictSame(find([1, 2]), [0, REFUSED_METRIC], 'metrics are full all the same');
  remember([3], [REFUSED_TENANT], { total: 9 });
  t.strictSame(find([3]), [], 'below the limit it was refused for what came before it');
});

t.test('what a push was refused whole for may have been its own rows', async (t) => {
  const { find, remember } = given();
  remember([1, 2], [REFUSED_TENANT, REFUSED_METRIC], { allOrNothing: true });
  t.strictSame(find([1, 2]), [REFUSED_TENANT, 0]);
});

t.test('tenants do not see each other’s', async (t) => {
  const { all, find, remember } = given();
  const other = new RefusedOfTenant(all);
  other.under(TERMS);
  other.remember(rowsOf([7]), Uint8Array.of(REFUSED_TENANT), 10, false, 0);
  remember([1], [REFUSED_TENANT]);
  t.equal(other.find(rowsOf([1]), 0), undefined);
  t.strictSame(find([7]), []);
});

t.test('its memory is bounded: what does not fit pushes out what ends first', async (t) => {
  const all = new RefusedSeries();
  for (let i = 0; i < 4; i++) all.remember(5, i, i);
  for (let i = 0; i < 4; i++) t.ok(all.has(5, i, 0));
  all.remember(5, 9, 9);
  t.notOk(all.has(5, 0, 0), 'the oldest');
  for (const i of [1, 2, 3, 9]) t.ok(all.has(5, i, 0));
  t.notOk(all.has(6, 1, 0));
  t.ok(all.has(5, 1, 16), 'from second 1 on, for 15 and one more by its hash');
  t.notOk(all.has(5, 1, 17));
  t.notOk(new RefusedSeries().has(0, 0, 0), 'an empty place is nobody’s');
  const many = new RefusedSeries();
  for (let i = 0; i < 150_000; i++) many.remember(i, 1, 0);
  let kept = 0;
  for (let i = 0; i < 150_000; i++) if (many.has(i, 1, 0)) kept++;
  t.equal(kept, 131_072);
});
