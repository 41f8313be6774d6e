import fc from 'fast-check';
import t from 'tap';
import type { Edge } from '#src/admin/edge.js';
import { type Listing, listTenants } from '#src/admin/listing.js';
import { Tally } from '#src/enforce/tally.js';
import { History } from '#src/usage/history.js';
import { limits } from '../enforce/fixtures.js';

interface Answer {
  readonly matching: number;
  readonly tenants: readonly { readonly id: string; readonly pushesPerSecond: number }[];
}

function edgeOf(pushes: readonly number[]): Edge {
  const tenants = pushes.map((requests, index) => {
    const tally = new Tally();
    tally.requests = requests;
    return { id: `t${index}`, mode: 'enforce' as const, limits: limits(), tally, series: undefined };
  });
  const unattributed = {
    id: '(none)',
    mode: 'enforce' as const,
    limits: limits(),
    tally: new Tally(),
    series: undefined,
  };
  // The rest is not asked for.
  return {
    history: new History(1 << 20, 0),
    now: () => 1000,
    tenants: () => tenants,
    unattributed: () => unattributed,
  } as unknown as Edge;
}

t.test(
  'of those that lose nothing the first are near a limit, and they are in no order that changes',
  async (t) => {
    const edge = edgeOf([1, 1, 1, 1]);
    const active = [0, 130_000, 5, 149_000];
    for (const [index, tenant] of [...edge.tenants()].entries()) {
      Object.assign(tenant, {
        series: { active: active[index] },
        limits: limits({ max_global_series_per_user: 150_000 }),
      });
    }
    const order = (sort: Listing['sort'], order: Listing['order']): string[] =>
      (
        listTenants(edge, { range: '5m', search: '', sort, order, offset: 0, limit: 10 }) as Answer
      ).tenants.map(({ id }) => id);
    t.strictSame(order('lost', 'desc'), ['t1', 't3', 't0', 't2']);
    t.strictSame(order('lost', 'asc'), ['t0', 't2', 't1', 't3']);
    t.strictSame(order('pushes', 'desc'), ['t0', 't1', 't2', 't3']);
  },
);

t.test('pages cut what a plain sort gives, wherever they begin', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(9), { maxLength: 200 }),
      fc.nat(220),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom('asc' as const, 'desc' as const),
      fc.constantFrom('', '1', '13', 'x'),
      (pushes, offset, limit, order, search) => {
        const listing: Listing = { range: '5m', search, sort: 'pushes', order, offset, limit };
        const { matching, tenants } = listTenants(edgeOf(pushes), listing) as Answer;
        const sign = order === 'asc' ? 1 : -1;
        const expected = pushes
          .map((count, index) => ({ id: `t${index}`, count }))
          .filter(({ id }) => id.includes(search))
          .sort((a, b) => sign * (a.count - b.count) || (a.id < b.id ? -1 : 1));
        return (
          matching === expected.length &&
          JSON.stringify(tenants.map(({ id }) => id)) ===
            JSON.stringify(expected.slice(offset, offset + limit).map(({ id }) => id))
        );
      },
    ),
  );
});
