/** The table of tenants: found, sorted and cut to a page. Only what is on the page is looked at closely. */
import { tenantIdFault } from '../limits/tenant-id.js';
import { RANGE_NAMES, type Range } from '../telemetry/tracks.js';
import type { Edge, TenantState } from './edge.js';
import type { Query } from './query.js';
import { limitUses, rangeView, rounded, tenantRow, utilisation } from './tenant-view.js';

const SORTS = ['id', 'pushes', 'samples', 'bytes', 'refused', 'shadowed', 'utilisation'] as const;

export interface Listing {
  readonly range: Range;
  readonly search: string;
  readonly sort: (typeof SORTS)[number];
  readonly order: 'asc' | 'desc';
  readonly offset: number;
  readonly limit: number;
}

const MAX_SEARCH = 150;
const MAX_PAGE = 500;
const MAX_OFFSET = 100_000_000;

export function readListing(query: Query): Listing {
  const sort = query.choice('sort', SORTS) ?? 'refused';
  return {
    range: query.choice('range', RANGE_NAMES) ?? '5m',
    search: (query.text('search', MAX_SEARCH) ?? '').toLowerCase(),
    sort,
    order: query.choice('order', ['asc', 'desc']) ?? (sort === 'id' ? 'asc' : 'desc'),
    ...readPage(query, 50, MAX_PAGE),
  };
}

export function readPage(query: Query, fallback: number, most: number): { offset: number; limit: number } {
  return {
    offset: query.count('offset', 0, 0, MAX_OFFSET),
    limit: query.count('limit', fallback, 1, most),
  };
}

interface Ranked {
  readonly tenant: TenantState;
  readonly rank: number;
}

export function listTenants(edge: Edge, listing: Listing): object {
  const { range, search, sort, order, offset, limit } = listing;
  const seconds = edge.history.seconds(range, edge.now());
  const sums = { tenants: 0, pushes: 0, samples: 0, bytes: 0, refused: 0, shadowed: 0 };
  const found: Ranked[] = [];
  for (const tenant of edge.tenants()) {
    const totals = edge.history.totals(tenant, range);
    sums.tenants++;
    for (const field of ['pushes', 'samples', 'bytes', 'refused', 'shadowed'] as const)
      sums[field] += totals[field];
    if (search !== '' && !tenant.id.toLowerCase().includes(search)) continue;
    const rank =
      sort === 'id'
        ? 0
        : sort === 'utilisation'
          ? (utilisation(limitUses(tenant.limits, totals, seconds)) ?? -1)
          : totals[sort];
    found.push({ tenant, rank });
  }
  const sign = order === 'asc' ? 1 : -1;
  // Rows that are equal keep their place from one look to the next.
  found.sort((a, b) =>
    sort === 'id' ? sign * byId(a, b) : a.rank === b.rank ? byId(a, b) : sign * (a.rank - b.rank),
  );
  const nobody = tenantRow(edge, edge.nobody(), range);
  return {
    range: rangeView(edge, range),
    totals: {
      tenants: sums.tenants,
      pushesPerSecond: rounded(sums.pushes / seconds),
      samplesPerSecond: rounded(sums.samples / seconds),
      bytesPerSecond: rounded(sums.bytes / seconds),
      refusedPerSecond: rounded(sums.refused / seconds),
      shadowedPerSecond: rounded(sums.shadowed / seconds),
    },
    withoutTenant: { pushesPerSecond: nobody.pushesPerSecond, refused: nobody.refused },
    matching: found.length,
    offset,
    tenants: found.slice(offset, offset + limit).map(({ tenant }) => tenantRow(edge, tenant, range)),
  };
}

function byId(a: Ranked, b: Ranked): number {
  return a.tenant.id < b.tenant.id ? -1 : a.tenant.id > b.tenant.id ? 1 : 0;
}

/** Limits of the defaults and of every tenant that has its own. */
export function listLimits(edge: Edge, search: string, offset: number, limit: number): object {
  const { defaults, tenants, hash } = edge.snapshot();
  const ids = [...tenants.keys()].filter((id) => id.toLowerCase().includes(search)).sort();
  const page = ids.slice(offset, offset + limit);
  return {
    hash,
    defaults,
    matching: ids.length,
    offset,
    tenants: page.map((id) => ({ id, limits: tenants.get(id) })),
  };
}

/** No tenant can have another id, so nothing is looked for under it. */
export function isTenantId(id: string): boolean {
  return tenantIdFault(id) === undefined;
}
