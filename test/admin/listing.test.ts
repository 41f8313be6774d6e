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
