/** What the API answers to those who look. */

import { parse } from 'yaml';
import { rounded } from '../base/rounded.js';
import { VERSION } from '../base/version.js';
import { controlKey } from '../controls/control.js';
import { PANIC_CLASSES, panicName } from '../controls/panic-control.js';
import { REASON_NAMES, REASONS } from '../enforce/reasons.js';
import type { GuardStatus } from '../guard/guards.js';
import { RANGE_NAMES } from '../usage/tracks.js';
import { denialsOf } from './denials.js';
import type { Edge, WorkerStatus } from './edge.js';
import { isTenantId, listLimits, listTenants, readListing, readPage } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';
import { type Replicas, replicasOf } from './replicas-view.js';
import { gather, named, noted, ofAnswering, readReplica, type Scope, scopedEdge, THIS } from './scope.js';
import { controlViews, tenantView } from './tenant-view.js';
import { timesView } from './times-view.js';
import { limitedText, listOf } from './told.js';
import { topMetricsOf } from './top-metrics-view.js';
import { upstreamView } from './upstream-view.js';
import { verdictOf } from './verdict.js';

const MAX_SEARCH = 150;
const MAX_HASH = 100;
const TENANT_DENIALS = 20;

/** Of the replica that is asked; what others say is wrong is in its verdict, too. */
export async function statusView(edge: Edge, query: Query): Promise<object> {
  const replica = readReplica(query);
  query.done();
  return statusOf(edge, await replicasOf(edge, replica));
}

export function statusOf(edge: Edge, { scope, others }: Replicas): object {
  const { ledger, overrides, workers, ...status } = edge.status();
  const { goodAtMs, lagMs, lastError, sources, ...source } = overrides;
  const secondsSinceGood = rounded((Date.now() - goodAtMs) / 1000);
  const { name } = edge.usage;
  return {
    scope:
      scope.of === 'fleet'
        ? noted(scope, `all but the verdict is of replica ${name}, which was asked`)
        : scope,
    replica: name,
    version: VERSION,
    uptimeSeconds: rounded(process.uptime()),
    verdict: verdictOf(scopedEdge(edge, undefined).edge, others, scope.silent, scope.known),
    mode: edge.mode(),
    modeSource: edge.controls.get('', 'mode') === undefined ? 'settings' : 'temporary',
    ...status,
    pushTimes: timesView(status.pushTimes),
    upstream: upstreamView(status.upstream),
    panic: panicOf(edge),
    replicas: scope.known,
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
export function panicView(edge: Edge, query: Query): object {
  const replica = readReplica(query);
  query.done();
  const differs = 'what is set holds for all, and each has a guard of what it measures itself';
  return { scope: ofAnswering(edge, replica, differs), ...panicOf(edge) };
}

function panicOf(edge: Edge): object {
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
  const [{ metrics }, { denials }] = await Promise.all([
    topMetricsOf(edge, replica, id),
    denialsOf(edge, replica, { tenant: id, limit: TENANT_DENIALS }),
  ]);
  const { active, new: newest } = metrics;
  return {
    scope: scoped.scope,
    ...tenantView(scoped.edge, tenant, range),
    topMetrics: { active, new: newest },
    denials,
  };
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

export async function limitsView(edge: Edge, query: Query): Promise<object> {
  const search = (query.text('search', MAX_SEARCH) ?? '').toLowerCase();
  const page = readPage(query, 100, 1000);
  const replica = readReplica(query);
  query.done();
  const scope = await limitsScope(edge, replica);
  return { scope, ...listLimits(edge, search, page.offset, page.limit) };
}

/** Those that have other limits than the replica that answers are named, and are not in the answer. */
async function limitsScope(edge: Edge, replica: string | undefined): Promise<Scope> {
  const { hash } = edge.snapshot();
  const { scope, each } = await gather(edge, replica, {
    path: `/replicas?replica=${THIS}`,
    own: () => hash,
    read: ({ replicas }) => listOf(replicas, 1, (one) => limitedText(one['limitsHash'], MAX_HASH))?.[0],
  });
  const differ = each.filter(({ body }) => body !== hash).map((told) => told.replica);
  if (differ.length === 0) return scope;
  const note = `${differ.length} of ${scope.known} replicas have other limits: ${named(differ.sort())}`;
  return noted({ ...scope, replicas: scope.replicas - differ.length }, note);
}

export function configView(edge: Edge, query: Query): object {
  const replica = readReplica(query);
  query.done();
  const scope = ofAnswering(edge, replica, 'each has settings of its own');
  return { scope, settings: parse(edge.config()) };
}
