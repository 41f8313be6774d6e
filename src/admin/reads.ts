/** What the API answers to those who look. */
import { parse } from 'yaml';
import { VERSION } from '../base/version.js';
import { controlKey } from '../controls/control.js';
import { PANIC_CLASSES, panicName } from '../controls/panic-control.js';
import { REASON_NAMES, REASONS } from '../enforce/reasons.js';
import type { GuardStatus } from '../guard/guards.js';
import { upstreamState } from '../upstream/address-health.js';
import { knownTimes, TIMES_SECONDS } from '../upstream/recent-times.js';
import { RANGE_NAMES } from '../usage/tracks.js';
import type { AuditEntry } from './audit.js';
import { csv } from './csv.js';
import type { Edge, EdgeStatus, WorkerStatus } from './edge.js';
import { isTenantId, listLimits, listTenants, readListing, readPage } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';
import { controlViews, refusalView, rounded, tenantView } from './tenant-view.js';
import { readReplica, scopedEdge } from './usage-reads.js';
import { verdictOf } from './verdict.js';

const MAX_SEARCH = 150;
const MAX_REFUSALS = 5000;

export function statusView(edge: Edge): object {
  const { ledger, overrides, workers, ...status } = edge.status();
  const { goodAtMs, lagMs, lastError, sources, ...source } = overrides;
  const secondsSinceGood = rounded((Date.now() - goodAtMs) / 1000);
  return {
    version: VERSION,
    uptimeSeconds: rounded(process.uptime()),
    verdict: verdictOf(scopedEdge(edge, undefined).edge),
    mode: edge.mode(),
    modeSource: edge.controls.get('', 'mode') === undefined ? 'settings' : 'temporary',
    ...status,
    upstream: upstreamView(status.upstream),
    panic: panicView(edge),
    replicas: ledger?.replicas ?? 1,
    workers: workers === undefined ? null : { ...workers, each: workers.each.map(workerView) },
    ledger: ledger === undefined ? null : { ...ledger, lastError: ledger.lastError ?? null },
    overrides: {
      ...source,
      secondsSinceGood,
      staleSeconds: source.stale ? secondsSinceGood : 0,
      lagSeconds: rounded(lagMs / 1000),
      sources: sources.map(({ lastChange: { by, atMs }, ...one }) => ({
        ...one,
        error: one.error ?? null,
        changedBy: by ?? null,
        changedAt: atMs === undefined ? null : new Date(atMs).toISOString(),
      })),
      lastError: lastError ?? null,
    },
    limitsHash: edge.snapshot().hash,
    history: { bytes: edge.history.bytes, countersWithoutRoom: edge.history.withoutRoom },
    sharing: { ...edge.controls.status(), lastError: edge.controls.status().lastError ?? null },
    controls: controlViews(edge),
  };
}

/** Which part of their rates tenants may use, and who says so. */
export function panicView(edge: Edge): object {
  const set = new Map(edge.controls.active().map((control) => [controlKey(control), control]));
  return {
    admitted: edge.admitted(),
    set: [undefined, ...PANIC_CLASSES].flatMap((its) => {
      const control = set.get(controlKey({ tenant: '', name: panicName(its) }));
      if (control === undefined) return [];
      const { value, reason, by, atMs, untilMs } = control;
      const times = { at: new Date(atMs).toISOString(), until: new Date(untilMs).toISOString() };
      return [{ class: its ?? null, factor: value, reason, by, ...times }];
    }),
    guard: {
      mode: edge.guards.mode,
      modeSource: edge.controls.guardMode() === undefined ? 'settings' : 'temporary',
      guards: edge.guards.status().map(guardView),
    },
  };
}

function guardView({ guard, standing, rules }: GuardStatus): object {
  const { level, admitted, critical, steppedMs, cause } = standing;
  return {
    guard,
    level,
    admitted: { critical: critical / 100, normal: admitted / 100, low: admitted / 100 },
    since: steppedMs === 0 ? null : new Date(steppedMs).toISOString(),
    cause: cause === '' ? null : cause,
    rules: rules.map(({ rule, percent, error }) => ({
      rule,
      load: percent === undefined ? null : Math.round(percent * 10) / 1000,
      error: error ?? null,
    })),
  };
}

function upstreamView({
  addresses,
  breaker,
  admission,
  recentTimes,
  ...upstream
}: EdgeStatus['upstream']): object {
  return {
    ...upstream,
    times: timesView(recentTimes),
    state: upstreamState(addresses),
    breaker:
      breaker === undefined
        ? null
        : { ...breaker, sinceSeconds: rounded(breaker.sinceSeconds), cause: breaker.cause ?? null },
    admission: admission === undefined ? null : { ...admission, limit: admission.limit ?? null },
    addresses: addresses.map(({ sinceSeconds, lastFailure, backInSeconds, limit, gradient, ...one }) => ({
      ...one,
      sinceSeconds: rounded(sinceSeconds),
      limit: limit ?? null,
      gradient: gradient ?? null,
      backInSeconds: backInSeconds === undefined ? null : rounded(backInSeconds),
      lastFailure:
        lastFailure === undefined
          ? null
          : { message: lastFailure.message, secondsAgo: rounded(lastFailure.secondsAgo) },
    })),
  };
}

function timesView(recentTimes: readonly number[]): object | null {
  const times = knownTimes(recentTimes);
  return times === undefined ? null : { overSeconds: TIMES_SECONDS, ...times };
}

function workerView({ pid, ledger, series, ...worker }: WorkerStatus): object {
  return { ...worker, pid: pid ?? null, sharedState: ledger?.state ?? null };
}

export function tenantsView(edge: Edge, query: Query): object {
  const listing = readListing(query);
  const replica = readReplica(query);
  query.done();
  const scoped = scopedEdge(edge, replica);
  return { scope: scoped.scope, ...listTenants(scoped.edge, listing) };
}

export async function oneTenantView(edge: Edge, id: string, query: Query): Promise<object> {
  const range = query.choice('range', RANGE_NAMES) ?? '1h';
  const replica = readReplica(query);
  query.done();
  const scoped = scopedEdge(edge, replica);
  const tenant = isTenantId(id) ? scoped.edge.tenant(id) : undefined;
  if (tenant === undefined) throw new Problem(404, 'no document names this tenant, and it has sent nothing');
  const view = tenantView(scoped.edge, tenant, await edge.topMetrics(id), range);
  return { scope: scoped.scope, ...view };
}

/** Of an id with metadata. */
const MAX_TENANT = 214;

export interface RefusalsAnswer {
  readonly refusals: readonly object[];
  /** Undefined: as JSON. */
  readonly csv: string | undefined;
}

export function refusalsView(edge: Edge, query: Query): RefusalsAnswer {
  const tenant = query.text('tenant', MAX_TENANT);
  const reason = query.choice('reason', REASON_NAMES);
  const sinceMs = query.since('since', Date.now());
  const limit = query.count('limit', 100, 1, MAX_REFUSALS);
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  query.done();
  const refusals = edge.refusals.newest(limit, { tenant, reason, sinceMs });
  if (format === 'json') return { refusals: refusals.map(refusalView), csv: undefined };
  const head = ['at', 'tenant', 'reason', 'status', 'shadow', 'count', 'observed', 'allowed'];
  const rows = refusals.map((one) => [
    new Date(one.atMs).toISOString(),
    one.tenant,
    one.reason,
    one.status,
    one.shadow,
    one.count,
    one.observed,
    one.allowed,
    one.retryAfterSeconds,
    one.requestId,
    one.message,
  ]);
  return { refusals: [], csv: csv([[...head, 'retry_after_seconds', 'request_id', 'message'], ...rows]) };
}

/** What the words of a refusal mean, for whoever shows them. */
export function reasonsView(): object {
  return {
    reasons: REASON_NAMES.map((name) => {
      const { status, id, retry, brief, meaning, remedy } = REASONS[name];
      return { name, status, id, retry, brief, meaning, remedy };
    }),
  };
}

export function limitsView(edge: Edge, query: Query): object {
  const search = (query.text('search', MAX_SEARCH) ?? '').toLowerCase();
  const { offset, limit } = readPage(query, 100, 1000);
  query.done();
  return listLimits(edge, search, offset, limit);
}

export function configView(edge: Edge): object {
  return { settings: parse(edge.config()) };
}

const FROM = {
  people: ['here', 'fleet'],
  overrides: ['overrides'],
  time: ['time'],
} as const;

export interface AuditAnswer {
  readonly entries: readonly AuditEntry[];
  /** Undefined: as JSON. */
  readonly csv: string | undefined;
}

export function auditView(edge: Edge, query: Query): AuditAnswer {
  const limit = query.count('limit', 100, 1, 1000);
  const from = query.choice('from', Object.keys(FROM) as (keyof typeof FROM)[]);
  const sinceMs = query.since('since', Date.now());
  const tenant = query.text('tenant', MAX_TENANT);
  const search = (query.text('search', MAX_SEARCH) ?? '').toLowerCase();
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  query.done();
  const entries = edge.audit
    .newest(1000)
    .filter(
      (one) =>
        (from === undefined || (FROM[from] as readonly string[]).includes(one.from)) &&
        (sinceMs === undefined || Date.parse(one.at) >= sinceMs) &&
        (tenant === undefined || one.tenant === tenant) &&
        `${one.tenant} ${one.name} ${one.who} ${one.reason}`.toLowerCase().includes(search),
    )
    .slice(0, limit);
  if (format === 'json') return { entries, csv: undefined };
  const head = [
    'at',
    'who',
    'from',
    'action',
    'tenant',
    'name',
    'before',
    'after',
    'reason',
    'until',
  ] as const;
  return { entries: [], csv: csv([head, ...entries.map((entry) => head.map((name) => entry[name]))]) };
}
