/**
 * Which metrics make a tenant's series, over the fleet. Each replica knows the twenty with the most series there, and a series
 * that several replicas see counts at each of them: so a sum comes with the least and the most that it can be.
 */
import type { TopMetric } from '../enforce/series.js';
import { TOP } from '../series/top-metrics.js';
import type { Edge } from './edge.js';
import { isTenantId } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';
import { gather, readReplica, type Scope, THIS, type Told } from './scope.js';
import { limitedText, listOf, numberOr } from './told.js';

/** Of a metric; its name may be as long as a push. */
const MAX_METRIC = 512;
const KINDS = ['active', 'new'] as const;
const COUNTED = { active: 'series', new: 'newSeries' } as const;

interface Metric {
  readonly name: string | null;
  readonly series: number;
  readonly newSeries: number;
}

/** `series` and `newSeries`, by which is asked for, lie between the least and the most. */
interface MergedMetric extends Metric {
  readonly atLeast: number;
  readonly atMost: number;
  /** Replicas that name it among theirs. */
  readonly replicas: number;
}

/** What one replica sees of a tenant. */
interface Seen {
  /** Series that are active there, and over all replicas; null: not known. */
  readonly activeSeries: number | null;
  readonly fleetSeries: number | null;
  readonly active: readonly Metric[];
  readonly new: readonly Metric[];
}

interface MergedMetrics {
  /** As replicas count them, added up; and over all of them, where that is shared. Null: not known. */
  readonly activeSeries: number | null;
  readonly fleetSeries: number | null;
  readonly active: readonly MergedMetric[];
  readonly new: readonly MergedMetric[];
}

export async function topMetricsView(edge: Edge, tenant: string, query: Query): Promise<object> {
  const replica = readReplica(query);
  query.done();
  if (!isTenantId(tenant)) throw new Problem(404, 'no tenant can have this id');
  const { scope, metrics } = await topMetricsOf(edge, replica, tenant);
  return { scope, tenant, ...metrics };
}

export async function topMetricsOf(
  edge: Edge,
  replica: string | undefined,
  tenant: string,
): Promise<{ readonly scope: Scope; readonly metrics: MergedMetrics }> {
  const { scope, each } = await gather<Seen>(edge, replica, {
    path: `/tenants/${encodeURIComponent(tenant)}/metrics?replica=${THIS}`,
    own: () => seenHere(edge, tenant),
    read: readSeen,
  });
  const active = each.flatMap(({ body }) => body.activeSeries ?? []);
  const fleet = each.flatMap(({ body }) => body.fleetSeries ?? []);
  const metrics = {
    activeSeries: active.length === 0 ? null : active.reduce((sum, one) => sum + one, 0),
    fleetSeries: fleet.length === 0 ? null : Math.max(...fleet),
    active: merged(each, 'active'),
    new: merged(each, 'new'),
  };
  return { scope, metrics };
}

async function seenHere(edge: Edge, tenant: string): Promise<Seen> {
  const { active, new: newest } = await edge.topMetrics(tenant);
  const series = edge.tenant(tenant)?.series;
  return {
    activeSeries: series?.active ?? null,
    fleetSeries: series?.fleet ?? null,
    active: active.map(metricOf),
    new: newest.map(metricOf),
  };
}

function metricOf({ name, series, newSeries }: TopMetric): Metric {
  return { name: name?.slice(0, MAX_METRIC) ?? null, series, newSeries };
}

function merged(each: readonly Told<Seen>[], kind: (typeof KINDS)[number]): MergedMetric[] {
  const by = COUNTED[kind];
  const fleet = Math.max(...each.map(({ body }) => body.fleetSeries ?? 0));
  const sum = each.reduce((total, { body }) => total + (body.activeSeries ?? 0), 0);
  // How many of what is counted are series of their own.
  const part = fleet > 0 && sum > fleet ? fleet / sum : 1;
  const all = new Map<string, { metrics: Metric[]; tellers: Set<number> }>();
  for (const [teller, { body }] of each.entries()) {
    for (const [place, metric] of body[kind].entries()) {
      // Those that no push has shown yet may be any.
      const key = metric.name === null ? `? ${teller} ${place}` : `= ${metric.name}`;
      const its = all.get(key) ?? { metrics: [], tellers: new Set() };
      if (its.tellers.has(teller)) continue;
      its.metrics.push(metric);
      its.tellers.add(teller);
      all.set(key, its);
    }
  }
  const rows = [...all.values()].map(({ metrics, tellers }): MergedMetric => {
    const missed = each.reduce(
      (most, { body }, i) => most + (tellers.has(i) ? 0 : leastOf(body[kind], by)),
      0,
    );
    const total = sumOf(metrics, by);
    const atLeast = Math.max(...metrics.map((one) => one[by]));
    const other = by === 'series' ? 'newSeries' : 'series';
    const estimate = (of: typeof by): number =>
      Math.max(Math.round(sumOf(metrics, of) * part), ...metrics.map((one) => one[of]));
    return {
      name: metrics[0]?.name ?? null,
      series: 0,
      newSeries: 0,
      [by]: estimate(by),
      [other]: estimate(other),
      atLeast,
      atMost: fleet > 0 ? Math.max(atLeast, Math.min(total + missed, fleet)) : total + missed,
      replicas: tellers.size,
    };
  });
  return rows.sort((a, b) => b[by] - a[by]).slice(0, TOP);
}

/** Of a metric that is not in its list. */
function leastOf(metrics: readonly Metric[], by: 'series' | 'newSeries'): number {
  return metrics.length < TOP ? 0 : Math.min(...metrics.map((one) => one[by]));
}

function sumOf(metrics: readonly Metric[], by: 'series' | 'newSeries'): number {
  return metrics.reduce((total, one) => total + one[by], 0);
}

function readSeen(body: Readonly<Record<string, unknown>>): Seen | undefined {
  const active = listOf(body['active'], TOP, readMetric);
  const newest = listOf(body['new'], TOP, readMetric);
  if (active === undefined || newest === undefined) return undefined;
  return {
    activeSeries: numberOr(body['activeSeries'], null),
    fleetSeries: numberOr(body['fleetSeries'], null),
    active,
    new: newest,
  };
}

function readMetric({ name, series, newSeries }: Readonly<Record<string, unknown>>): Metric {
  return {
    name: limitedText(name, MAX_METRIC) ?? null,
    series: Math.max(0, numberOr(series, 0)),
    newSeries: Math.max(0, numberOr(newSeries, 0)),
  };
}
