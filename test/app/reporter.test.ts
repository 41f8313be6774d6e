import t from 'tap';
import type { TenantState } from '#src/admin/edge.js';
import type { TenantChanges } from '#src/app/planes.js';
import { Reporter } from '#src/app/reporter.js';
import { ONE_ENTRY_MS, RecentRefusals } from '#src/doors/recent-refusals.js';
import { refuse } from '#src/enforce/refusal.js';
import { DISCARDED_REQUESTS, discarded, TALLY_NUMBERS, Tally } from '#src/enforce/tally.js';
import type { Tenant } from '#src/enforce/tenant.js';
import { NO_TENANT, OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { limits } from '../enforce/fixtures.js';
import { planeStatus } from './fixtures.js';

const REFUSED = refuse('rate_limited', { what: 'too much', remedy: 'send less' });

type Known = TenantState & { series: { active: number; fleet: number | undefined } | undefined };

function tenant(id: string, series?: Known['series']): Known {
  return { id, mode: 'enforce', limits: limits(), tally: new Tally(), series };
}

/** A data plane with these tenants in memory, and the reporter that looks at it. */
function given(...tenants: Known[]) {
  const held = [...tenants];
  const unattributed = tenant(NO_TENANT);
  const departed = new Tally();
  const refusals = new RecentRefusals(10);
  const clock = { nowMs: 1_000_000 };
  const source = {
    tenants: () => held,
    departed: () => departed,
    unattributed: () => unattributed,
    status: () => planeStatus({ requestsInFlight: 3 }),
    refusals,
  };
  const reporter = new Reporter(source, () => clock.nowMs);
  const refused = (id: string, count = 1) => {
    const one = byId.get(id) ?? ({ id, isHeld: true } as Tenant);
    byId.set(id, one);
    for (let i = 0; i < count; i++) {
      refusals.refused(one, REFUSED, 'r', false, clock.nowMs);
    }
  };
  const byId = new Map<string, Tenant>();
  return { held, departed, unattributed, reporter, refused, clock };
}

function added({ ids, added }: TenantChanges, name: (typeof TALLY_NUMBERS)[number]): [string, number][] {
  const at = TALLY_NUMBERS.indexOf(name);
  return ids.map((id, index) => [id, added[index * TALLY_NUMBERS.length + at] ?? Number.NaN]);
}

t.test('the first report has everybody, and those that follow what changed since', async (t) => {
  const [a, b] = [tenant('a'), tenant('b')];
  const { reporter, unattributed } = given(a, b);
  a.tally.requests = 5;
  t.strictSame(added(reporter.report().tenants, 'requests'), [
    ['a', 5],
    ['b', 0],
    [NO_TENANT, 0],
  ]);
  t.strictSame(reporter.report().tenants.ids, [], 'nothing has changed');
  b.tally.samples = 7;
  unattributed.tally.requests = 1;
  const { tenants } = reporter.report();
  t.strictSame(added(tenants, 'samples'), [
    ['b', 7],
    [NO_TENANT, 0],
  ]);
  b.tally.samples += 2;
  t.strictSame(added(reporter.report().tenants, 'samples'), [['b', 2]], 'what was added, not what there is');
});

t.test('each number of a tally is told, and each change of it alone is a change', async (t) => {
  const a = tenant('a');
  const { reporter } = given(a);
  reporter.report();
  for (const [index, name] of TALLY_NUMBERS.entries()) {
    a.tally[name] += index + 1;
    t.strictSame(added(reporter.report().tenants, name), [['a', index + 1]], name);
  }
});

t.test('refusals are told by reason and kind, each once', async (t) => {
  const a = tenant('a');
  const { reporter } = given(tenant('x'), a);
  reporter.report();
  a.tally.refuse('rate_limited', undefined);
  a.tally.shadow('edge_malformed_body', undefined);
  a.tally.shadow('edge_malformed_body', undefined);
  const { ids, discarded: told } = reporter.report().tenants;
  t.strictSame(
    told.map(({ tenant, kind }) => [ids[tenant], kind]),
    [
      ['a', 'refused'],
      ['a', 'shadowed'],
    ],
  );
  t.equal(discarded(told[0]?.added, 'rate_limited', DISCARDED_REQUESTS), 1);
  t.equal(discarded(told[1]?.added, 'edge_malformed_body', DISCARDED_REQUESTS), 2);
  a.tally.requests++;
  t.strictSame(reporter.report().tenants.discarded, [], 'not again');
  a.tally.refuse('rate_limited', undefined);
  t.equal(
    discarded(reporter.report().tenants.discarded[0]?.added, 'rate_limited', DISCARDED_REQUESTS),
    1,
    'one more',
  );
});

t.test('active series are told when they change, also to nothing', async (t) => {
  const a = tenant('a', { active: 5, fleet: undefined });
  const { reporter } = given(a);
  t.equal(reporter.report().tenants.active[0], 5);
  for (const series of [{ active: 6, fleet: undefined }, { active: 6, fleet: 9 }, undefined]) {
    a.series = series;
    const { ids, active, fleet } = reporter.report().tenants;
    t.strictSame(
      [ids, active[0], fleet[0]],
      [['a'], series?.active ?? Number.NaN, series?.fleet ?? Number.NaN],
    );
    t.strictSame(reporter.report().tenants.ids, [], 'once');
  }
});

t.test(
  'whoever came and left between two reports is told of with the others, and nobody twice',
  async (t) => {
    const a = tenant('a');
    const { reporter, held, departed } = given(a);
    a.tally.requests = 2;
    reporter.report();
    a.tally.requests = 5;
    a.tally.refuse('rate_limited', undefined);
    held.splice(0);
    departed.absorb(a.tally);
    const { tenants } = reporter.report();
    t.strictSame(added(tenants, 'requests'), [['a', 3]], 'it was told of by its name');
    const unseen = new Tally();
    unseen.requests = 4;
    unseen.refuse('rate_limited', undefined);
    departed.absorb(unseen);
    const next = reporter.report().tenants;
    t.strictSame(added(next, 'requests'), [[OTHER_TENANTS, 4]]);
    t.equal(discarded(next.discarded[0]?.added, 'rate_limited', DISCARDED_REQUESTS), 1);
    const back = tenant('a');
    held.push(back);
    t.strictSame(added(reporter.report().tenants, 'requests'), [['a', 0]]);
    back.tally.requests = 7;
    departed.absorb(back.tally);
    held.splice(0, 1, tenant('a'));
    t.strictSame(added(reporter.report().tenants, 'requests'), [
      ['a', 7],
      ['a', 0],
    ]);
    t.strictSame(reporter.report().tenants.ids, []);
  },
);

t.test('what a tenant did before it left memory is told with its leave, once', async (t) => {
  const a = tenant('a');
  const { reporter, held } = given(a);
  reporter.report();
  a.tally.requests = 3;
  held.splice(0);
  const { tenants } = reporter.report();
  t.strictSame(added(tenants, 'requests'), [['a', 3]]);
  t.strictSame(tenants.left, ['a']);
  t.strictSame(reporter.report().tenants.left, []);
});

t.test('a tenant that left and came back is told of twice, and nothing of either is lost', async (t) => {
  const before = tenant('a');
  const { reporter, held } = given(before);
  reporter.report();
  before.tally.requests = 3;
  const after = tenant('a');
  after.tally.requests = 1;
  held.splice(0, 1, after);
  const { tenants } = reporter.report();
  t.strictSame(added(tenants, 'requests'), [
    ['a', 3],
    ['a', 1],
  ]);
  t.strictSame(tenants.left, []);
  after.tally.requests = 2;
  t.strictSame(added(reporter.report().tenants, 'requests'), [['a', 1]]);
});

t.test('a refusal is told once, and what it comes to stand for within its second', async (t) => {
  const { reporter, refused, clock } = given();
  const told = () => reporter.report().refusals.map(({ tenant, count, atMs }) => [tenant, count, atMs]);
  refused('a', 2);
  refused('b');
  const first = clock.nowMs;
  t.strictSame(told(), [
    ['a', 2, first],
    ['b', 1, first],
  ]);
  t.strictSame(told(), []);
  clock.nowMs += ONE_ENTRY_MS - 1;
  refused('a', 3);
  t.strictSame(told(), [['a', 3, first]], 'what came since');
  clock.nowMs += ONE_ENTRY_MS;
  t.strictSame(told(), []);
  refused('a');
  t.strictSame(told(), [['a', 1, clock.nowMs]], 'an entry of its own');
});

t.test('what is told does not change with what is counted on', async (t) => {
  const a = tenant('a');
  const { reporter, refused } = given(a);
  refused('a');
  a.tally.refuse('rate_limited', undefined);
  const { refusals, tenants, status } = reporter.report();
  refused('a');
  a.tally.refuse('rate_limited', undefined);
  t.equal(refusals[0]?.count, 1);
  t.equal(discarded(tenants.discarded[0]?.added, 'rate_limited', DISCARDED_REQUESTS), 1);
  t.equal(status.requestsInFlight, 3);
});

t.test('more refusals than the ring holds are told as far as they are held', async (t) => {
  const { reporter, refused } = given();
  for (let i = 0; i < 15; i++) refused(`t${i}`);
  t.strictSame(
    reporter.report().refusals.map(({ tenant }) => tenant),
    Array.from({ length: 10 }, (_, i) => `t${i + 5}`),
  );
});
