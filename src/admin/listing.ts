/** The table of tenants: found, sorted and cut to a page. Only what is on the page is looked at closely. */
import { entryLimits } from '../limits/effective.js';
import { resolveTenantId } from '../limits/tenant-id.js';
import { RANGE_NAMES, type Range } from '../usage/tracks.js';
import { ratesOver, roundedPoint, thinned } from './curves.js';
import type { Edge } from './edge.js';
import type { Query } from './query.js';
import { type TenantUsage, usageOf } from './tenant-usage.js';
import { rangeView, ratesOf, tenantRow } from './tenant-view.js';
import { NEAR } from './verdict.js';

const SORTS = [
  'id',
  'pushes',
  'samples',
  'bytes',
  'series',
  'lost',
  'shadowLost',
  'refused',
  'shadowed',
  'utilisation',
] as const;

/** Those that lose something in the range, that are near a limit, or that shadow mode lets pass. */
const SHOWN = ['all', 'losing', 'near', 'shadow'] as const;
/** Of each tenant's trend. */
const TREND_POINTS = 30;

export interface Listing {
  readonly range: Range;
  readonly search: string;
  readonly sort: (typeof SORTS)[number];
  readonly order: 'asc' | 'desc';
  readonly offset: number;
  readonly limit: number;
  /** Undefined: all. */
  readonly show?: (typeof SHOWN)[number] | undefined;
  /** With what each offered over this time, in bunches. */
  readonly trend?: '1h' | '24h' | undefined;
}

const MAX_SEARCH = 150;
const MAX_PAGE = 500;
const MAX_OFFSET = 100_000_000;

export function readListing(query: Query): Listing {
  const sort = query.choice('sort', SORTS) ?? 'lost';
  return {
    range: query.choice('range', RANGE_NAMES) ?? '5m',
    search: (query.text('search', MAX_SEARCH) ?? '').toLowerCase(),
    sort,
    order: query.choice('order', ['asc', 'desc']) ?? (sort === 'id' ? 'asc' : 'desc'),
    ...readPage(query, 50, MAX_PAGE),
    show: query.choice('show', SHOWN),
    trend: query.choice('trend', ['1h', '24h'] as const),
  };
}

export function readPage(query: Query, fallback: number, most: number): { offset: number; limit: number } {
  return {
    offset: query.count('offset', 0, 0, MAX_OFFSET),
    limit: query.count('limit', fallback, 1, most),
  };
}

export function listTenants(edge: Edge, listing: Listing): object {
  const { range, search, offset, limit, show, trend } = listing;
  const seconds = edge.history.seconds(range, edge.now());
  const { each, sums } = usageOf(edge, range);
  const found = each.filter((one) => one.name.includes(search) && isShown(one, show));
  const page = first(found, offset + limit, orderOf(listing)).slice(offset);
  const unattributed = tenantRow(edge, edge.unattributed(), range);
  return {
    range: rangeView(edge, range),
    totals: {
      tenants: each.length,
      ...ratesOf(sums, seconds),
    },
    withoutTenant: { pushesPerSecond: unattributed.pushesPerSecond, refused: unattributed.refused },
    matching: found.length,
    offset,
    tenants: page.map(({ tenant }) => ({
      ...tenantRow(edge, tenant, range),
      ...(trend === undefined ? {} : { trend: trendOf(edge, tenant.id, trend) }),
    })),
  };
}

function isShown({ tenant, totals, utilisation }: TenantUsage, show: Listing['show']): boolean {
  switch (show) {
    case 'losing':
      return totals.refused.samplesAtLeast > 0;
    case 'near':
      return utilisation >= NEAR;
    case 'shadow':
      return tenant.mode === 'shadow' || totals.shadowed.samplesAtLeast > 0;
    default:
      return true;
  }
}

/** Samples a second. */
function trendOf(edge: Edge, id: string, range: '1h' | '24h'): (number | null)[] {
  const { points, stepSeconds } = edge.history.offeredSamples(id, range);
  return thinned(ratesOver(points, range, stepSeconds), TREND_POINTS).map(roundedPoint);
}

type Order = (a: TenantUsage, b: TenantUsage) => number;

/** Who may lose next comes behind those that lose; rows that are equal keep their place from one look to the next. */
function orderOf({ sort, order }: Listing): Order {
  const sign = order === 'asc' ? 1 : -1;
  if (sort === 'id') return (a, b) => sign * byId(a, b);
  const near = (one: TenantUsage): number => (sort === 'lost' && one.utilisation >= NEAR ? 1 : 0);
  return (a, b) => sign * (rank(a, sort) - rank(b, sort) || near(a) - near(b)) || byId(a, b);
}

function rank({ tenant, totals, utilisation }: TenantUsage, sort: Exclude<Listing['sort'], 'id'>): number {
  switch (sort) {
    case 'series':
      return tenant.series?.active ?? 0;
    case 'utilisation':
      return utilisation;
    case 'lost':
      return totals.refused.samplesAtLeast;
    case 'shadowLost':
      return totals.shadowed.samplesAtLeast;
    case 'refused':
    case 'shadowed':
      return totals[sort].pushes;
    default:
      return totals[sort];
  }
}

function byId({ tenant: a }: TenantUsage, { tenant: b }: TenantUsage): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The first `count` in order. A page of fifty is not worth sorting ten thousand for. */
function first(all: readonly TenantUsage[], count: number, order: Order): TenantUsage[] {
  if (count * 8 > all.length) return [...all].sort(order).slice(0, count);
  const found: TenantUsage[] = [];
  for (const one of all) {
    const last = found[count - 1];
    if (last !== undefined && order(one, last) >= 0) continue;
    let [low, high] = [0, found.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order(one, found[middle] as TenantUsage) < 0) high = middle;
      else low = middle + 1;
    }
    found.splice(low, 0, one);
    if (found.length > count) found.pop();
  }
  return found;
}

/** Limits of the defaults and of every tenant that has its own. */
export function listLimits(edge: Edge, search: string, offset: number, limit: number): object {
  const snapshot = edge.snapshot();
  const { defaults, tenants, hash } = snapshot;
  const ids = [...tenants.keys()].filter((id) => id.toLowerCase().includes(search)).sort();
  const page = ids.slice(offset, offset + limit);
  return {
    hash,
    defaults,
    matching: ids.length,
    offset,
    tenants: page.map((id) => ({ id, limits: entryLimits(snapshot, id) })),
  };
}

/** No tenant can have another id, with metadata or without, so nothing is looked for under it. */
export function isTenantId(id: string): boolean {
  const resolved = resolveTenantId(id);
  return 'id' in resolved && resolved.id + resolved.metadata === id;
}
