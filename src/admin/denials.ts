/** The last refusals of the fleet: each replica tells its own, and they stand in the order of time. */
import type { RecentRefusal } from '../doors/recent-refusals.js';
import { REASON_NAMES, type Reason } from '../enforce/reasons.js';
import { CsvFile } from './csv.js';
import type { Edge } from './edge.js';
import type { Query } from './query.js';
import { gather, readReplica, type Scope, THIS } from './scope.js';
import { limitedText, listOf, numberOr, textIn, timeIn } from './told.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
const MAX_REFUSALS = 5000;
const MAX_MESSAGE = 1000;
const MAX_ID = 200;

export interface Denial {
  readonly at: string;
  readonly tenant: string | null;
  /** That refused it. */
  readonly replica: string;
  readonly reason: Reason;
  readonly status: number;
  readonly shadow: boolean;
  readonly count: number;
  readonly message: string;
  readonly requestId: string;
  readonly observed: number | null;
  readonly allowed: number | null;
  readonly retryAfterSeconds: number | null;
}

interface Wanted {
  readonly tenant?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly sinceMs?: number | undefined;
  readonly limit: number;
}

export async function denialsView(edge: Edge, query: Query): Promise<object> {
  const wanted = {
    tenant: query.text('tenant', MAX_TENANT),
    reason: query.choice('reason', REASON_NAMES),
    sinceMs: query.since('since', Date.now()),
    limit: query.count('limit', 100, 1, MAX_REFUSALS),
  };
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  const replica = readReplica(query);
  query.done();
  const { scope, denials } = await denialsOf(edge, replica, wanted);
  return format === 'json' ? { scope, denials } : fileOf(denials);
}

/** The newest first. */
export async function denialsOf(
  edge: Edge,
  replica: string | undefined,
  wanted: Wanted,
): Promise<{ readonly scope: Scope; readonly denials: readonly Denial[] }> {
  const { tenant, reason, sinceMs, limit } = wanted;
  const params = new URLSearchParams({ replica: THIS, limit: String(limit) });
  if (tenant !== undefined) params.set('tenant', tenant);
  if (reason !== undefined) params.set('reason', reason);
  if (sinceMs !== undefined) params.set('since', new Date(sinceMs).toISOString());
  const { scope, each } = await gather(edge, replica, {
    path: `/denials?${params}`,
    own: () => edge.refusals.newest(limit, wanted).map((one) => denialOf(one, edge.usage.name)),
    read: ({ denials }) => listOf(denials, limit, readDenial),
  });
  const all = each.flatMap((told) => told.body.map((one) => ({ ...one, replica: told.replica })));
  if (each.length > 1) all.sort((a, b) => (a.at > b.at ? -1 : a.at < b.at ? 1 : 0));
  return { scope, denials: all.slice(0, limit) };
}

function denialOf(refusal: RecentRefusal, replica: string): Denial {
  const { atMs, tenant, observed, allowed, retryAfterSeconds, ...rest } = refusal;
  return {
    at: new Date(atMs).toISOString(),
    tenant: tenant ?? null,
    replica,
    ...rest,
    observed: observed ?? null,
    allowed: allowed ?? null,
    retryAfterSeconds: retryAfterSeconds ?? null,
  };
}

/** Of a version that has more reasons: undefined, too. */
function readDenial(one: Readonly<Record<string, unknown>>): Denial | undefined {
  const { at, tenant, reason, status, shadow, count, message, requestId } = one;
  const when = timeIn(at);
  const why = REASON_NAMES.find((name) => name === reason);
  if (when === undefined || why === undefined) return undefined;
  return {
    at: when,
    tenant: limitedText(tenant, MAX_TENANT) ?? null,
    replica: '',
    reason: why,
    status: numberOr(status, 0),
    shadow: shadow === true,
    count: numberOr(count, 1),
    message: textIn(message, MAX_MESSAGE),
    requestId: textIn(requestId, MAX_ID),
    observed: numberOr(one['observed'], null),
    allowed: numberOr(one['allowed'], null),
    retryAfterSeconds: numberOr(one['retryAfterSeconds'], null),
  };
}

function fileOf(denials: readonly Denial[]): CsvFile {
  const head = [
    'at',
    'tenant',
    'reason',
    'status',
    'shadow',
    'count',
    'observed',
    'allowed',
    'retry_after_seconds',
    'request_id',
    'message',
    'replica',
  ];
  const rows = denials.map((one) => [
    one.at,
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
    one.replica,
  ]);
  return new CsvFile('denials.csv', [head, ...rows]);
}
