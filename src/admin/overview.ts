/**
 * The first screen: whose fault it is, what was sent and lost over time, who loses what and why, and what was changed
 * meanwhile. Of ten thousand tenants only those that are shown are looked at closely.
 */
import { plain } from '../base/amounts.js';
import { rounded } from '../base/rounded.js';
import { REASONS, type Reason } from '../enforce/reasons.js';
import { type LossTotals, noLoss, type Points } from '../usage/history.js';
import { COARSE_SECONDS, FINE_SECONDS, RANGES } from '../usage/tracks.js';
import { type Change, changesOf, MAX_ENTRIES } from './audit-view.js';
import { knownSince, ratesOver, roundedPoint, thinned } from './curves.js';
import type { Edge } from './edge.js';
import type { Query } from './query.js';
import { replicasOf } from './replicas-view.js';
import { readReplica, scopedEdge } from './scope.js';
import { type TenantUsage, usageOf } from './tenant-usage.js';
import { type LimitUse, limitUses, rangeView, ratesOf } from './tenant-view.js';
import { NEAR, verdictOf } from './verdict.js';

const LOSERS = 8;
const NEAREST = 5;
/** Of lines in the chart. */
const REASONS_SHOWN = 4;
const SPARK_POINTS = 60;
const MARKS = 40;
/** Those of other replicas may be as late. */
const MARKS_KEPT_MS = 10_000;
/** Replicas that start within this time with one version are one deploy. */
const DEPLOY_MS = 15 * 60_000;
/** A loss that stops for less than this goes on. */
const PAUSE_STEPS = 6;

/** The limit that a reason is about, where its use is known. */
const LIMIT_OF: Readonly<Partial<Record<Reason, string>>> = {
  rate_limited: 'ingestion_rate',
  request_rate_limited: 'request_rate',
  edge_bytes_rate_limited: 'bytes_per_second',
  max_active_series: 'max_active_series_per_user',
  per_user_series_limit: 'max_global_series_per_user',
};

export async function overviewView(own: Edge, query: Query): Promise<object> {
  const range = query.choice('range', ['1h', '24h'] as const) ?? '1h';
  const replica = readReplica(query);
  query.done();
  const { edge, scope } = scopedEdge(own, replica);
  const sinceMs = Date.now() - RANGES[range] * (range === '24h' ? COARSE_SECONDS : FINE_SECONDS) * 1000;
  const [told, { entries }] = await Promise.all([
    replicasOf(own, replica),
    changesOf(own, replica, {
      limit: MAX_ENTRIES,
      // The same question for a while, however many ask: it is asked once.
      sinceMs: Math.floor(sinceMs / MARKS_KEPT_MS) * MARKS_KEPT_MS,
      keptMs: MARKS_KEPT_MS,
    }),
  ]);
  const now = usageOf(edge, '1m');
  return {
    scope,
    verdict: verdictOf(edge, told.others, told.scope.silent, told.scope.known),
    range: rangeView(edge, range),
    now: { ...ratesOf(now.sums, edge.history.seconds('1m', edge.now())), tenants: now.each.length },
    history: historyView(edge, range),
    losers: losers(edge, range),
    marks: marks(entries),
  };
}

function historyView(edge: Edge, range: '1h' | '24h'): object {
  const { stepSeconds, endMs, counts, refused, shadowed } = edge.history.allSeries(range);
  const rate = (points: Points): (number | null)[] => ratesOver(points, range, stepSeconds);
  const byReason = Object.entries(refused.samples)
    .map(([reason, points]) => ({ reason, points, lost: sumOf(points) }))
    .sort((a, b) => b.lost - a.lost);
  const together = (each: readonly Points[]): (number | null)[] =>
    rate(counts.samples.map((known, step) => (known === null ? null : sumOf(each.map((one) => one[step])))));
  const pushes = (reason: string): number => sumOf(refused.pushes[reason as Reason] ?? []);
  const endedMs = Date.now() - (edge.now() - endMs);
  const offered = rate(counts.samples);
  return {
    stepSeconds,
    end: new Date(endedMs).toISOString(),
    since: knownSince(offered, endedMs, stepSeconds),
    offered,
    lost: together(Object.values(refused.samples)),
    letPass: together(Object.values(shadowed.samples)),
    lostByReason: [...new Set([...Object.keys(refused.samples), ...Object.keys(refused.pushes)])]
      .map((reason) => ({
        reason,
        brief: REASONS[reason as Reason].brief,
        samples: byReason.find((one) => one.reason === reason)?.lost ?? 0,
        pushes: pushes(reason),
      }))
      .filter(({ samples, pushes }) => samples + pushes > 0)
      .sort((a, b) => b.samples - a.samples || b.pushes - a.pushes),
    reasonsOverTime: Object.fromEntries(
      byReason.slice(0, REASONS_SHOWN).map(({ reason, points }) => [reason, rate(points)]),
    ),
  };
}

function sumOf(points: readonly (number | null | undefined)[]): number {
  return points.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

/** Those that lose now come first, then those that did in the range, then those that are near a limit. */
function losers(edge: Edge, range: '1h' | '24h'): object[] {
  const now = new Map(usageOf(edge, '1m').each.map((one) => [one.tenant.id, one]));
  const lostNow = ({ tenant }: TenantUsage): number => now.get(tenant.id)?.totals.refused.samplesAtLeast ?? 0;
  const { each } = usageOf(edge, range);
  const losing = each
    .filter((one) => one.totals.refused.samplesAtLeast > 0 || lostNow(one) > 0)
    .sort(
      (a, b) =>
        lostNow(b) - lostNow(a) ||
        b.totals.refused.samplesAtLeast - a.totals.refused.samplesAtLeast ||
        (a.tenant.id < b.tenant.id ? -1 : 1),
    )
    .slice(0, LOSERS);
  const near = [...now.values()]
    .filter(({ tenant, utilisation }) => utilisation >= NEAR && tenant.mode === 'enforce')
    .filter(({ tenant }) => !losing.some((one) => one.tenant.id === tenant.id))
    .sort((a, b) => b.utilisation - a.utilisation)
    .slice(0, NEAREST);
  return [...losing, ...near].map((one) => loserView(edge, one, now.get(one.tenant.id), range));
}

function loserView(
  edge: Edge,
  { tenant, totals }: TenantUsage,
  lately: TenantUsage | undefined,
  range: '1h' | '24h',
): object {
  const seconds = edge.history.seconds('1m', edge.now());
  const refused: LossTotals = lately?.totals.refused ?? noLoss();
  const lost = edge.history.reasons(tenant, range, 'refused');
  const reasons = (Object.entries(lost) as [Reason, { pushes: number; samples: number; series: number }][])
    .map(([reason, loss]) => ({ reason, brief: REASONS[reason].brief, ...loss }))
    .sort((a, b) => b.samples - a.samples || b.pushes - a.pushes);
  const uses = lately === undefined ? [] : limitUses(tenant, lately.totals, seconds);
  const points = edge.history.lostSamples(tenant.id, range);
  const { stepSeconds, endMs } = edge.history.allSeries(range);
  const endedMs = Date.now() - (edge.now() - endMs);
  const [since, until] = lossSpan(points);
  const at = (step: number): string =>
    new Date(endedMs - (points.length - step) * stepSeconds * 1000).toISOString();
  return {
    id: tenant.id,
    mode: tenant.mode,
    losing: refused.samplesAtLeast > 0,
    lostSamplesPerSecond: rounded(refused.samples / seconds),
    refusedPerSecond: rounded(refused.pushes / seconds),
    samplesPerSecond: rounded((lately?.totals.samples ?? 0) / seconds),
    lostSamples: Math.round(totals.refused.samples),
    reasons,
    use: useOf(reasons[0]?.reason, uses) ?? null,
    since: since === undefined ? null : at(since),
    until: until === undefined || refused.samplesAtLeast > 0 ? null : at(until),
    spark: thinned(ratesOver(points, range, stepSeconds), SPARK_POINTS).map(roundedPoint),
  };
}

function useOf(reason: Reason | undefined, uses: readonly LimitUse[]): LimitUse | undefined {
  const limit = reason === undefined ? undefined : LIMIT_OF[reason];
  if (reason !== undefined) return uses.find((one) => one.limit === limit);
  return [...uses].sort((a, b) => b.ratio - a.ratio)[0];
}

/** The steps at which the last loss began and ended; a pause of a minute does not end it. */
function lossSpan(points: Points): [since: number | undefined, until: number | undefined] {
  const last = points.findLastIndex((count) => (count ?? 0) > 0);
  if (last < 0) return [undefined, undefined];
  let since = last;
  for (let step = last, pause = 0; step >= 0 && pause < PAUSE_STEPS; step--) {
    if ((points[step] ?? 0) > 0) {
      since = step;
      pause = 0;
    } else pause++;
  }
  return [since, last + 1];
}

/** What may explain a turn in the curves: changes of limits and modes, and starts of replicas. The oldest first. */
function marks(entries: readonly Change[]): object[] {
  const bunches = new Map<string, Change[]>();
  for (const entry of [...entries].reverse()) {
    const key = bunchOf(entry);
    bunches.set(key, [...(bunches.get(key) ?? []), entry]);
  }
  return [...bunches.values()]
    .map(markOf)
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .slice(-MARKS);
}

/** A change of documents is an entry for each limit of each tenant, and a deploy a start of each replica. */
function bunchOf({ from, at, who, tenant, name, after }: Change): string {
  if (from === 'start') return `start ${after} ${Math.floor(Date.parse(at) / DEPLOY_MS)}`;
  return from === 'overrides' ? `${at} ${who}` : `${at} ${tenant} ${name}`;
}

function markOf(entries: readonly Change[]): {
  at: string;
  kind: string;
  tenants: (string | null)[];
  text: string;
} {
  const [first] = entries as [Change];
  if (first.from === 'start') {
    const replicas = new Set(entries.map(({ who }) => who)).size;
    const who = replicas === 1 ? `replica ${first.who}` : `${replicas} replicas`;
    return { at: first.at, kind: 'start', tenants: [], text: `${who} started, version ${first.after}` };
  }
  const tenants = [...new Set(entries.map(({ tenant }) => tenant))];
  const who =
    first.from === 'time'
      ? 'its time was over'
      : first.from === 'overrides'
        ? shortDocument(first.who)
        : first.who;
  const whom = tenants.length > 1 ? `${tenants.length} tenants` : (tenants[0] ?? 'all tenants');
  const limits = entries.filter(({ name }) => name !== 'overrides');
  const [one = first] = limits;
  const what =
    first.action === 'reload'
      ? 'overrides read again'
      : limits.length > 1
        ? `${whom}: ${limits.length} limits`
        : one.name === 'overrides'
          ? `${whom}: ${one.after === null ? 'no limits any more' : 'has limits'}`
          : `${whom}: ${one.name} ${said(one.before)} → ${said(one.after)}`;
  return {
    at: first.at,
    kind: first.from === 'overrides' ? 'overrides' : first.action,
    tenants,
    text: `${what}, ${who}`,
  };
}

function shortDocument(name: string): string {
  return name.split('/').at(-1) ?? name;
}

function said(value: Change['before']): string {
  if (typeof value !== 'number') return value === null ? 'unset' : String(value);
  return plain(value);
}
