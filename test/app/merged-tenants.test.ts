import t from 'tap';
import { MergedTenants, mergedTopMetrics } from '#src/app/merged-tenants.js';
import { DISCARDED_REQUESTS, DISCARDED_SERIES, discarded, Tally } from '#src/enforce/tally.js';
import { NO_TENANT, OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import type { LimitsInForce } from '#src/limits/effective.js';
import { limits, samples, snapshot } from '../enforce/fixtures.js';
import { changes } from './fixtures.js';

function given({ maxTenants = 10, beyondMachine = false } = {}) {
  const state: { inForce: LimitsInForce } = {
    inForce: {
      snapshot: snapshot({ a: limits({ ingestion_rate: 5 }) }),
      mode: 'enforce',
      unknownTenants: 'pass',
    },
  };
  const tenants = new MergedTenants({ maxTenants, beyondMachine, inForce: () => state.inForce });
  const ids = () => [...tenants.values()].map(({ id }) => id);
  const requests = (id: string) => tenants.get(id)?.tally.requests;
  return { tenants, state, ids, requests };
}

t.test('counts of all are added up, and never fall', async (t) => {
  const { tenants, requests } = given();
  tenants.change(1, changes([{ id: 'a', requests: 5 }]));
  tenants.change(
    2,
    changes([
      { id: 'b', requests: 1 },
      { id: 'a', requests: 2 },
    ]),
  );
  t.strictSame([requests('a'), requests('b'), requests('c')], [7, 1, undefined]);
  tenants.end(1);
  t.equal(requests('a'), 7, 'one has ended');
  tenants.end(2);
  t.equal(requests('a'), 7, 'and the other');
  tenants.change(1, changes([{ id: 'a', requests: 1 }]));
  t.equal(requests('a'), 8, 'the one that took its place');
});

t.test('pushes without a tenant are counted apart', async (t) => {
  const { tenants, ids } = given();
  tenants.change(1, changes([{ id: NO_TENANT, requests: 4 }]));
  tenants.change(2, changes([{ id: NO_TENANT, requests: 1 }]));
  t.strictSame(ids(), []);
  t.match(tenants.unattributed(), { id: NO_TENANT, tally: { requests: 5 }, mode: 'enforce' });
});

t.test('refusals go to the tenant that they are of', async (t) => {
  const { tenants } = given();
  const tally = new Tally();
  tally.refuse('rate_limited', samples(3));
  const added = tally.refused ?? new Float64Array();
  const told = changes([{ id: 'a' }, { id: 'b' }], {
    discarded: [
      { tenant: 1, kind: 'refused', added },
      { tenant: 0, kind: 'shadowed', added },
    ],
  });
  tenants.change(1, told);
  tenants.change(2, told);
  const count = (id: string, kind: 'refused' | 'shadowed') =>
    discarded(tenants.get(id)?.tally[kind], 'rate_limited', DISCARDED_REQUESTS);
  t.strictSame([count('a', 'refused'), count('a', 'shadowed')], [0, 2]);
  t.strictSame([count('b', 'refused'), count('b', 'shadowed')], [2, 0]);
  t.equal(discarded(tenants.get('b')?.tally.refused, 'rate_limited', DISCARDED_SERIES), 6, 'series, too');
  t.equal(discarded(added, 'rate_limited', DISCARDED_REQUESTS), 1, 'what was told is not edited');
});

t.test('limits and mode are those in force now', async (t) => {
  const { tenants, state } = given();
  tenants.change(1, changes([{ id: 'a' }, { id: 'new' }]));
  t.match(tenants.get('a'), { mode: 'enforce', limits: { ingestion_rate: 5 } });
  t.match(tenants.get('new'), { mode: 'off' });
  state.inForce = { snapshot: snapshot(), mode: 'shadow', unknownTenants: 'defaults' };
  t.match(tenants.get('a'), { mode: 'shadow', limits: limits() });
});

t.test('active series are those of the data plane that sees most', async (t) => {
  const cases = [
    ['not tracked', false, [{}, {}], undefined],
    ['one sees them', false, [{ active: 5 }, {}], { active: 5, fleet: undefined }],
    [
      'both see the same',
      false,
      [
        { active: 5, fleet: 8 },
        { active: 7, fleet: 7 },
      ],
      { active: 8, fleet: undefined },
    ],
    [
      'over replicas',
      true,
      [
        { active: 5, fleet: 20 },
        { active: 7, fleet: 18 },
      ],
      { active: 7, fleet: 20 },
    ],
    ['not known over replicas', true, [{ active: 5 }, { active: 7 }], { active: 7, fleet: undefined }],
    [
      'of old',
      true,
      [
        { active: 0, fleet: 90 },
        { active: 7, fleet: 9 },
      ],
      { active: 7, fleet: 9 },
    ],
  ] as const;
  for (const [what, beyondMachine, each, expected] of cases) {
    const { tenants } = given({ beyondMachine });
    for (const [index, series] of each.entries())
      tenants.change(index + 1, changes([{ id: 'a', ...series }]));
    t.strictSame(tenants.get('a')?.series, expected, what);
  }
});

t.test('what one sees goes with it', async (t) => {
  const { tenants } = given();
  tenants.change(1, changes([{ id: 'a', active: 9 }]));
  tenants.change(2, changes([{ id: 'a', active: 4 }]));
  tenants.end(1);
  t.equal(tenants.get('a')?.series?.active, 4);
  tenants.change(2, changes([], { left: ['a', 'never seen'] }));
  t.equal(tenants.get('a')?.series, undefined);
});

t.test('who is in no memory stays while there is room, the last ones to leave longest', async (t) => {
  const { tenants, ids } = given({ maxTenants: 2 });
  tenants.change(1, changes([{ id: 'a' }, { id: 'b' }, { id: 'c' }]));
  t.strictSame(ids(), ['a', 'b', 'c'], 'those that are in memory stay, however many');
  tenants.change(1, changes([], { left: ['b'] }));
  t.strictSame(ids(), ['a', 'c'], 'no room');
  tenants.change(1, changes([], { left: ['a'] }));
  tenants.end(1);
  t.strictSame(ids(), ['a', 'c'], 'room');
  tenants.change(2, changes([{ id: 'd' }]));
  t.strictSame(ids(), ['c', 'd'], 'the first to leave goes first');
  tenants.change(2, changes([{ id: 'c' }, { id: 'e' }]));
  t.strictSame(ids(), ['c', 'd', 'e'], 'one that came back is in memory');
});

t.test('what those that are no longer here had counted stays in the sum', async (t) => {
  const { tenants, ids, requests } = given({ maxTenants: 3 });
  for (let i = 0; i < 20; i++) {
    tenants.change(i, changes([{ id: `tenant-${i}`, requests: i + 1 }]));
    tenants.end(i);
  }
  tenants.change(99, changes([{ id: OTHER_TENANTS, requests: 1000 }]));
  t.strictSame(ids(), ['tenant-17', 'tenant-18', 'tenant-19'], 'they are bounded');
  const here = ids().reduce((sum, id) => sum + (requests(id) ?? 0), 0);
  t.equal(here + tenants.departed.requests, 210 + 1000);
});

t.test('one that another still has in memory stays', async (t) => {
  const { tenants, ids } = given({ maxTenants: 1 });
  for (const worker of [1, 2]) tenants.change(worker, changes([{ id: 'a' }, { id: 'b' }]));
  tenants.end(1);
  t.strictSame(ids(), ['a', 'b']);
  tenants.change(2, changes([], { left: ['a'] }));
  t.strictSame(ids(), ['b']);
});

t.test('of top metrics each is as the one says that sees most of it, in order', async (t) => {
  const one = [
    { name: 'x', series: 5, newSeries: 9 },
    { name: 'y', series: 7, newSeries: 0 },
    { name: undefined, series: 6, newSeries: 1 },
  ];
  const other = [
    { name: 'x', series: 8, newSeries: 2 },
    { name: undefined, series: 1, newSeries: 3 },
  ];
  const merged = mergedTopMetrics(
    [
      { active: one, new: one },
      { active: other, new: other },
    ],
    3,
  );
  t.strictSame(merged.active, [{ name: 'x', series: 8, newSeries: 9 }, one[1], one[2]]);
  t.strictSame(merged.new, [{ name: 'x', series: 8, newSeries: 9 }, other[1], one[2]]);
  t.strictSame(mergedTopMetrics([], 3), { active: [], new: [] });
});
