/** A tenant as the API shows it. Everything that is said of one tenant is put together here. */
import { rounded } from '../base/rounded.js';
import { limitFacts, MODE } from '../controls/control.js';
import { mostSeries, tenantSeriesLimit } from '../enforce/series-limit.js';
import { wholeTenant } from '../limits/effective.js';
import { EDGE_LIMITS, MIMIR_LIMITS } from '../limits/limit-table.js';
import type { Mode, TenantLimits } from '../limits/limits.js';
import type { Loss, Points, Totals } from '../usage/history.js';
import type { DatedChange } from '../usage/limit-history.js';
import { RANGES, type Range } from '../usage/tracks.js';
import { knownSince, ratesOver, wholeRange } from './curves.js';
import type { Edge, TenantState } from './edge.js';

/** How much of a limit is asked for: above 1, more than it allows. */
export interface LimitUse {
  readonly limit: string;
  readonly allowed: number;
  readonly observed: number;
  readonly ratio: number;
}

/** Rates of what a tenant asked for and of what it lost. */
export interface Rates {
  readonly pushesPerSecond: number;
  readonly samplesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of pushes refused whole and of those that went on without some of their series. */
  readonly lostSamplesPerSecond: number;
  readonly lostSeriesPerSecond: number;
  /** Would have been lost, but for shadow mode. */
  readonly shadowLostSamplesPerSecond: number;
  readonly shadowLostSeriesPerSecond: number;
  /** Pushes. */
  readonly refusedPerSecond: number;
  /** Went on without some of their series. */
  readonly filteredPerSecond: number;
  /** Would have been refused, but for shadow mode. */
  readonly shadowedPerSecond: number;
}

export interface TenantRow extends Rates {
  readonly id: string;
  readonly mode: Mode;
  /** Here, and over all replicas as far as it is known; null: not tracked, or not known. */
  readonly activeSeries: number | null;
  readonly fleetSeries: number | null;
  /** In the range, by reason. */
  readonly lost: Readonly<Record<string, Loss>>;
  readonly shadowLost: Readonly<Record<string, Loss>>;
  /** The pushes of these alone. */
  readonly refused: Readonly<Record<string, number>>;
  readonly shadowed: Readonly<Record<string, number>>;
  readonly limits: readonly LimitUse[];
  /** The most used limit's ratio; null: none of them is above 0. */
  readonly utilisation: number | null;
}

export function tenantRow(edge: Edge, tenant: TenantState, range: Range): TenantRow {
  const { history } = edge;
  const seconds = history.seconds(range, edge.now());
  const totals = history.totals(tenant, range);
  const limits = limitUses(tenant, totals, seconds);
  const lost = history.reasons(tenant, range, 'refused');
  const shadowLost = history.reasons(tenant, range, 'shadowed');
  return {
    id: tenant.id,
    mode: tenant.mode,
    ...ratesOf(totals, seconds),
    activeSeries: tenant.series?.active ?? null,
    fleetSeries: tenant.series?.fleet ?? null,
    lost,
    shadowLost,
    refused: pushesOf(lost),
    shadowed: pushesOf(shadowLost),
    limits,
    utilisation: utilisation(limits),
  };
}

export function ratesOf(totals: Totals, seconds: number): Rates {
  const { refused, shadowed } = totals;
  return {
    pushesPerSecond: rounded(totals.pushes / seconds),
    samplesPerSecond: rounded(totals.samples / seconds),
    bytesPerSecond: rounded(totals.bytes / seconds),
    lostSamplesPerSecond: rounded(refused.samples / seconds),
    lostSeriesPerSecond: rounded(refused.series / seconds),
    shadowLostSamplesPerSecond: rounded(shadowed.samples / seconds),
    shadowLostSeriesPerSecond: rounded(shadowed.series / seconds),
    refusedPerSecond: rounded(refused.pushes / seconds),
    filteredPerSecond: rounded(totals.filtered / seconds),
    shadowedPerSecond: rounded(shadowed.pushes / seconds),
  };
}

/** A reason that only left out series has refused no push. */
function pushesOf(losses: Readonly<Record<string, Loss>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(losses)
      .filter(([, { pushes }]) => pushes > 0)
      .map(([reason, { pushes }]) => [reason, pushes]),
  );
}

/** The limits that a tenant's use is held against. One that is off is not there. */
export function limitUses(
  { limits, series }: Pick<TenantState, 'limits' | 'series'>,
  totals: Totals,
  seconds: number,
): LimitUse[] {
  const uses: readonly (readonly [string, number, number])[] = [
    ['ingestion_rate', limits.ingestion_rate, totals.items / seconds],
    ['request_rate', limits.request_burst_size > 0 ? limits.request_rate : 0, totals.pushes / seconds],
    ['bytes_per_second', limits.edge.bytes_per_second, totals.bytes / seconds],
    ...(series === undefined
      ? []
      : [[tenantSeriesLimit(limits), mostSeries(limits), series.fleet ?? series.active] as const]),
  ];
  return uses
    .filter(([, allowed]) => allowed > 0)
    .map(([limit, allowed, used]) => {
      const observed = rounded(used);
      return { limit, allowed, observed, ratio: rounded(observed / allowed) };
    });
}

export function utilisation(limits: readonly LimitUse[]): number | null {
  return limits.length === 0 ? null : Math.max(...limits.map(({ ratio }) => ratio));
}

interface LimitInForce {
  readonly name: string;
  readonly value: string | number | boolean | null;
  /** `temporary`: by a control. `overrides`: a document. `settings`: the configuration. `default`: of whose it is. */
  readonly source: 'temporary' | 'overrides' | 'settings' | 'default';
  /** Who knows the limit: Mimir, too, or the edge alone. */
  readonly of: 'mimir' | 'edge';
  /** It can be set for a time. */
  readonly changeable: boolean;
  /** The document, or who made the control. */
  readonly detail: string | null;
}

export function limitsInForce(edge: Edge, id: string, limits: TenantLimits): LimitInForce[] {
  const whole = wholeTenant(id);
  const origins = edge.origins(id);
  const configured = edge.configuredLimits();
  const values = { ...limits, ...limits.edge } as unknown as Record<string, LimitInForce['value']>;
  return [...Object.keys(MIMIR_LIMITS), ...Object.keys(EDGE_LIMITS)].map((name) => {
    const value = values[name] ?? null;
    const of = Object.hasOwn(MIMIR_LIMITS, name) ? 'mimir' : 'edge';
    const common = { name, value, of, changeable: whole === id && limitFacts(name) !== undefined } as const;
    const control = edge.controls.get(whole, name);
    // Metadata may have selected another value.
    if (control !== undefined && (whole === id || control.value === value))
      return { ...common, source: 'temporary', detail: control.by };
    const document = origins.get(name);
    if (document !== undefined) return { ...common, source: 'overrides', detail: document };
    return { ...common, source: configured.has(name) ? 'settings' : 'default', detail: null };
  });
}

/** Everything about one tenant. */
export function tenantView(edge: Edge, tenant: TenantState, range: Range): object {
  const { history } = edge;
  const { stepSeconds, endMs, counts, activeSeries, refused, shadowed } = history.series(tenant.id, range);
  const nowMs = Date.now();
  const endedMs = nowMs - (edge.now() - endMs);
  const startMs = endedMs - RANGES[range] * stepSeconds * 1000;
  // What a limit was before this replica began nobody here knows.
  const limitsFromMs = Math.max(startMs, edge.usage.startedMs);
  const rates = (of: Readonly<Record<string, Points>>): Record<string, (number | null)[]> =>
    Object.fromEntries(
      Object.entries(of).map(([name, points]) => [name, ratesOver(points, range, stepSeconds)]),
    );
  return {
    ...tenantRow(edge, tenant, range),
    range: rangeView(edge, range),
    now: tenantRow(edge, tenant, '1m'),
    limitsInForce: limitsInForce(edge, tenant.id, tenant.limits),
    modeSource: modeSource(edge, tenant),
    history: {
      stepSeconds,
      end: new Date(endedMs).toISOString(),
      since: knownSince(wholeRange(counts.samples, range), endedMs, stepSeconds),
      perSecond: rates(counts),
      activeSeries: wholeRange(activeSeries, range),
      lostSamplesPerSecond: rates(refused.samples),
      shadowLostSamplesPerSecond: rates(shadowed.samples),
      refusedPerSecond: rates(refused.pushes),
      shadowedPerSecond: rates(shadowed.pushes),
      limits: limitsOverTime(tenant.limits, edge.limitHistory.changes(tenant.id, startMs), limitsFromMs),
      changes: edge.limitHistory.changes(tenant.id, startMs).map(({ limit, before, after, atMs }) => ({
        at: new Date(atMs).toISOString(),
        limit,
        before: before ?? null,
        after: after ?? null,
      })),
    },
    controls: controlViews(edge, tenant.id),
  };
}

const CHARTED = [
  'ingestion_rate',
  'request_rate',
  'bytes_per_second',
  'max_active_series_per_user',
  'max_global_series_per_user',
] as const;

/** What each limit that a chart shows was from when on; the first one holds from the beginning of the range, or of what is known. */
function limitsOverTime(
  limits: TenantLimits,
  changes: readonly DatedChange[],
  startMs: number,
): Record<string, { from: string; value: unknown }[]> {
  const now = { ...limits, ...limits.edge } as unknown as Record<string, unknown>;
  return Object.fromEntries(
    CHARTED.map((name) => {
      const its = changes.filter(({ limit }) => limit === name);
      const first = { atMs: startMs, after: its.length === 0 ? now[name] : its[0]?.before };
      const steps = [first, ...its].map(({ atMs, after }) => ({
        from: new Date(atMs).toISOString(),
        value: after,
      }));
      return [name, steps];
    }),
  );
}

/** Where a tenant's mode comes from, in the order in which it is looked for. */
function modeSource(edge: Edge, { id, mode }: TenantState): string {
  const global = edge.controls.get('', MODE) === undefined ? 'settings' : 'temporary, for all tenants';
  if (edge.mode() === 'off') return global;
  const whole = wholeTenant(id);
  if (edge.controls.get(whole, MODE) !== undefined) return 'temporary';
  const document = edge.origins(whole).get(MODE);
  if (document !== undefined) return document;
  return mode === edge.mode() ? global : 'tenants.unknown';
}

export function rangeView(edge: Edge, range: Range): object {
  return { name: range, seconds: rounded(edge.history.seconds(range, edge.now())) };
}

/** `tenant` undefined: of all tenants and of each. */
export function controlViews(edge: Edge, tenant?: string): object[] {
  return edge.controls
    .active()
    .filter((control) => tenant === undefined || control.tenant === tenant)
    .map(({ tenant, name, value, reason, by, atMs, untilMs }) => ({
      tenant: tenant === '' ? null : tenant,
      name,
      value,
      reason,
      by,
      at: new Date(atMs).toISOString(),
      until: new Date(untilMs).toISOString(),
    }));
}
