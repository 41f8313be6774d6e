import fc from 'fast-check';
import t from 'tap';
import { MergedRefusals } from '#src/app/merged-refusals.js';
import { ONE_ENTRY_MS } from '#src/doors/recent-refusals.js';
import { refusal } from './fixtures.js';

const seen = (merged: MergedRefusals) =>
  merged.newest(100).map(({ tenant, atMs, count }) => [tenant, atMs, count]);

t.test('refusals of several data planes within a second are one entry', async (t) => {
  const merged = new MergedRefusals(10);
  merged.add([refusal({ atMs: 5000, count: 2 })]);
  merged.add([refusal({ atMs: 5000 + ONE_ENTRY_MS - 1, count: 3 })]);
  merged.add([refusal({ atMs: 5000 - ONE_ENTRY_MS + 1 })]);
  t.strictSame(seen(merged), [['a', 5000, 6]]);
  merged.add([refusal({ atMs: 5000 + ONE_ENTRY_MS })]);
  merged.add([refusal({ atMs: 5000 - ONE_ENTRY_MS })]);
  t.strictSame(seen(merged), [
    ['a', 6000, 1],
    ['a', 5000, 6],
    ['a', 4000, 1],
  ]);
});

t.test('another tenant, reason or mode is another entry', async (t) => {
  const merged = new MergedRefusals(10);
  const all = [
    refusal(),
    refusal({ tenant: 'b' }),
    refusal({ tenant: undefined }),
    refusal({ reason: 'burst_exceeded' }),
    refusal({ shadow: true }),
  ];
  merged.add(all);
  merged.add(all);
  t.equal(merged.newest(100).length, all.length);
  t.ok(merged.newest(100).every(({ count }) => count === 2));
  t.strictSame(
    merged.newest(1, { tenant: 'b' }).map(({ tenant }) => tenant),
    ['b'],
  );
});

t.test('what is added later is sorted in by its time, and what was added is not edited', async (t) => {
  const merged = new MergedRefusals(10);
  const late = refusal({ tenant: 'late', atMs: 2000 });
  merged.add([refusal({ tenant: 'b', atMs: 1000 }), refusal({ tenant: 'c', atMs: 3000 })]);
  merged.add([late]);
  merged.add([late]);
  t.strictSame(seen(merged), [
    ['c', 3000, 1],
    ['late', 2000, 2],
    ['b', 1000, 1],
  ]);
  t.equal(late.count, 1);
});

t.test('the version changes when something is added, and not otherwise', async (t) => {
  const merged = new MergedRefusals(10);
  const { version } = merged;
  merged.add([]);
  t.equal(merged.version, version);
  merged.add([refusal()]);
  t.not(merged.version, version);
  const after = merged.version;
  merged.add([refusal()]);
  t.not(merged.version, after, 'also when it is counted in an entry that is there');
});

t.test('the oldest go when there are too many, and one that went is forgotten', async (t) => {
  const merged = new MergedRefusals(2);
  merged.add([refusal({ tenant: 'a', atMs: 1000 })]);
  merged.add([refusal({ tenant: 'b', atMs: 1100 }), refusal({ tenant: 'c', atMs: 1200 })]);
  t.strictSame(seen(merged), [
    ['c', 1200, 1],
    ['b', 1100, 1],
  ]);
  merged.add([refusal({ tenant: 'a', atMs: 1300 })]);
  t.strictSame(seen(merged), [
    ['a', 1300, 1],
    ['c', 1200, 1],
  ]);
});

t.test(
  'whatever comes in whatever order: none is lost while there is room, and entries are in order',
  async () => {
    const some = fc.record({
      atMs: fc.nat(5000),
      tenant: fc.constantFrom('a', 'b'),
      count: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(fc.array(some, { maxLength: 5 }), { maxLength: 20 }), (reports) => {
        const merged = new MergedRefusals(1000);
        for (const one of reports) merged.add(one.map((given) => refusal(given)));
        const entries = merged.newest(1000);
        const sum = (all: readonly { count: number }[]) => all.reduce((total, { count }) => total + count, 0);
        return (
          sum(entries) === sum(reports.flat()) &&
          entries.every(({ atMs }, i) => i === 0 || atMs <= (entries[i - 1]?.atMs ?? 0))
        );
      }),
    );
  },
);
