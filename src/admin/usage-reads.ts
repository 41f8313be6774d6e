/** What the API answers about usage: hours and days of a tenant over the fleet, its arrival curves, and who is in the fleet. */
import { rounded } from '../base/rounded.js';
import { TALLY_NUMBERS } from '../enforce/tally.js';
import { NO_TENANT, OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { BookState, PlaneState } from '../usage/book-state.js';
import { STEP_MS } from '../usage/frame.js';
import type { ImportStatus } from '../usage/prometheus-import.js';
import { merged } from '../usage/records.js';
import { KEPT_REPLICA_HOURS, type ReplicaUsageStatus } from '../usage/replica-usage.js';
import {
  CURVE_WINDOWS,
  type UsageCounts,
  type UsageHistory,
  type UsageRecord,
} from '../usage/usage-record.js';
import type { Edge } from './edge.js';
import { isTenantId } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';
import { isAlive, machinesOf, ofOne, otherReplica, readOf, readReplica, type Scope, THIS } from './scope.js';
import { fileOf, type RecordView, readRecords, SHOWN_PEAKS } from './usage-file.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
const PSEUDO_TENANTS: readonly string[] = [OTHER_TENANTS, NO_TENANT];
/** A time that can be written down. */
const LAST_MS = Date.UTC(9999, 0);

export async function usageView(edge: Edge, query: Query): Promise<object> {
  const tenant = query.text('tenant', MAX_TENANT);
  const { from, to } = readRange(query);
  const step = query.choice('step', ['1h', '1d']) ?? '1h';
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  const replica = readReplica(query);
  query.done();
  if (tenant === undefined) throw new Problem(400, 'tenant is missing: whose usage is asked for?');
  const other = replica === undefined ? undefined : otherReplica(edge, replica);
  if (other !== undefined) {
    const range = { from: iso(Math.max(0, from)), to: iso(Math.min(to, LAST_MS)) };
    const params = new URLSearchParams({ replica: THIS, tenant, step, ...range });
    const told = await readOf(edge, other, `/usage?${params}`);
    return format === 'csv' ? fileOf(readRecords(told)) : told;
  }
  const { scope, since, hours, days } = await historyOf(edge, replica, tenant);
  const records = within(step === '1h' ? hours : days, from, to).map(recordView);
  return format === 'csv' ? fileOf(records) : { scope, since, tenant, step, records };
}

export async function curveView(edge: Edge, tenant: string, query: Query): Promise<object> {
  const { from, to } = readRange(query);
  const replica = readReplica(query);
  query.done();
  const { scope, since, hours, days } = await historyOf(edge, replica, tenant);
  // Hours where there are some, days before them.
  const firstHour = hours[0]?.startMs ?? Number.POSITIVE_INFINITY;
  const older = days.filter(({ startMs, seconds }) => startMs + seconds * 1000 <= firstHour);
  const records = within([...older, ...hours], from, to);
  const all = merged(0, Number.MAX_SAFE_INTEGER, records);
  const { limits } = edge.tenant(tenant) ?? { limits: edge.snapshot().defaults };
  return {
    scope,
    since,
    tenant,
    from: records[0] === undefined ? null : iso(records[0].startMs),
    to: records.at(-1) === undefined ? null : iso(endOf(records.at(-1) as UsageRecord)),
    coveredSeconds: all.coveredSeconds,
    resolutionSeconds: all.resolutionSeconds,
    windows: CURVE_WINDOWS,
    ...curvesView(all.curves),
    limits: { ingestion_rate: limits.ingestion_rate, ingestion_burst_size: limits.ingestion_burst_size },
  };
}

/** Replicas and their workers, and who keeps the book. Of one replica: how it tells of itself, and what the book has of it. */
export async function fleetView(edge: Edge, query: Query): Promise<object> {
  const replica = readReplica(query);
  query.done();
  const { usage } = edge;
  const nowMs = Date.now();
  const state = await read(usage.kept.state());
  const byMachine = new Map<string, [string, PlaneState][]>();
  for (const [plane, one] of Object.entries(state.planes)) {
    byMachine.set(one.info.machine, [...(byMachine.get(one.info.machine) ?? []), [plane, one]]);
  }
  const { waiting, sent, lost, lastError, failingSinceMs } = usage.sender.status();
  const keeper = usage.bookkeeper.status();
  return {
    scope:
      replica === undefined ? await bookScope(edge) : ofOne(edge, `of replica ${usage.name} alone, as asked`),
    here: usage.name,
    book: {
      keptHere: keeper.keeping,
      keeper: keeperView(state, byMachine),
      error: keeper.lastError ?? null,
      until: state.step === 0 ? null : iso((state.step + 1) * STEP_MS),
      framesLate: state.late,
      framesMissing: state.missing,
      framesTwice: state.twice,
      damaged: keeper.damaged,
      bytes: state.bytes,
      tenantsWithoutRoom: state.tenantsOver,
      recordsWithoutRoom: state.withoutRoom,
    },
    sending: {
      waiting,
      sent,
      lost,
      error: lastError ?? null,
      failingSince: failingSinceMs === undefined ? null : iso(failingSinceMs),
    },
    own: ownView(usage.own?.status()),
    before: beforeView(usage.before?.status()),
    replicas: [...byMachine]
      .filter(([machine]) => replica === undefined || machine === usage.machine)
      .map(([machine, planes]) => ({
        machine,
        name: planes[0]?.[1].info.name ?? '',
        alive: planes.some(([, { heardMs }]) => isAlive(heardMs, nowMs)),
        dataPlanes: planes
          .map(([plane, one]) => planeView(plane, one, nowMs))
          .sort((a, b) => (a.worker ?? 0) - (b.worker ?? 0)),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** As it wrote when it took the book over: null until then. */
function keeperView(
  { keeper }: BookState,
  byMachine: ReadonlyMap<string, readonly (readonly [string, PlaneState])[]>,
): object | null {
  if (keeper === undefined) return null;
  const { machine, sinceMs } = keeper;
  return { machine, name: byMachine.get(machine)?.[0]?.[1].info.name ?? null, since: iso(sinceMs) };
}

function ownView(status: ReplicaUsageStatus | undefined): object | null {
  if (status === undefined) return null;
  const { sinceMs, untilMs, tenants, tenantsOver, bytes, withoutRoom } = status;
  return {
    since: iso(sinceMs),
    until: untilMs === undefined ? null : iso(untilMs),
    tenants,
    tenantsWithoutRoom: tenantsOver,
    bytes,
    recordsWithoutRoom: withoutRoom,
  };
}

function beforeView(status: ImportStatus | undefined): object | null {
  if (status === undefined) return null;
  return { state: status.state, done: rounded(status.done), error: status.error ?? null };
}

function planeView(
  plane: string,
  { info, step, heardMs, clockAhead, tenants, totals, refused }: PlaneState,
  nowMs: number,
) {
  return {
    plane,
    worker: info.worker ?? null,
    version: info.version,
    limitsHash: info.limitsHash ?? null,
    mode: info.mode ?? null,
    started: iso(info.startedMs),
    until: iso((step + 1) * STEP_MS),
    silentSeconds: rounded(Math.max(0, nowMs - heardMs) / 1000),
    /** Less than a step is not seen. */
    clockAheadSeconds: Math.abs(clockAhead) > 1 ? (clockAhead * STEP_MS) / 1000 : 0,
    tenantsInLastStep: tenants,
    totals: Object.fromEntries(TALLY_NUMBERS.map((name, i) => [name, totals[i] ?? 0])),
    refused: { pushes: refused[0], samples: refused[1] },
  };
}

async function bookScope(edge: Edge): Promise<Scope> {
  const { usage } = edge;
  const { planes, step } = await read(usage.kept.state());
  const nowMs = Date.now();
  const replicas = machinesOf(Object.values(planes), nowMs);
  return {
    of: usage.isShared ? 'fleet' : 'machine',
    replicas,
    known: replicas,
    silent: [],
    ...ageOf(step === 0 ? undefined : (step + 1) * STEP_MS, nowMs),
    note: usage.isShared ? null : 'of this machine: nothing is shared with others',
  };
}

/** Of advice: the fleet's book as it was read when the advice was worked out. */
export async function adviceScope(edge: Edge, { asOf }: { readonly asOf?: unknown }): Promise<Scope> {
  const nowMs = Date.now();
  let scope: Scope;
  try {
    scope = await bookScope(edge);
  } catch {
    scope = ofOne(edge, "of what was kept of the fleet's usage when it could be read last");
  }
  const workedOutMs = typeof asOf === 'string' ? Date.parse(asOf) : nowMs;
  const untilMs = Math.min(workedOutMs, scope.until === null ? nowMs : Date.parse(scope.until));
  return { ...scope, ...ageOf(untilMs, nowMs) };
}

/** What this replica has counted itself. */
function ownScope(edge: Edge, { untilMs, tenantsOver, withoutRoom }: ReplicaUsageStatus): Scope {
  const notes = [
    `of replica ${edge.usage.name} alone, as asked: what it counted since it started, of the last ${KEPT_REPLICA_HOURS} hours`,
    ...(tenantsOver === 0 ? [] : [`${tenantsOver} tenants are counted together as ${OTHER_TENANTS}`]),
    ...(withoutRoom === 0 ? [] : [`${withoutRoom} hours of tenants are not kept, for want of room`]),
  ];
  return { ...ofOne(edge, notes.join('; ')), ...ageOf(untilMs, Date.now()) };
}

function ageOf(untilMs: number | undefined, nowMs: number): Pick<Scope, 'until' | 'ageSeconds'> {
  if (untilMs === undefined) return { until: null, ageSeconds: 0 };
  return { until: iso(untilMs), ageSeconds: rounded(Math.max(0, nowMs - untilMs) / 1000) };
}

/** `since`: what was before is not known; null: it is of the book. */
interface Known extends Omit<UsageHistory, 'tenant'> {
  readonly scope: Scope;
  readonly since: string | null;
}

/** Of the fleet's book, or what this replica has counted itself. Without others these are the same. */
async function historyOf(edge: Edge, replica: string | undefined, tenant: string): Promise<Known> {
  if (!isTenantId(tenant) && !PSEUDO_TENANTS.includes(tenant))
    throw new Problem(404, 'no tenant can have this id');
  const { own, kept } = edge.usage;
  if (replica === undefined || own === undefined) {
    const { hours, days } = await read(kept.history(tenant));
    return { scope: await bookScope(edge), since: null, hours, days };
  }
  const { hours, days } = await own.history(tenant);
  const status = own.status();
  return { scope: ownScope(edge, status), since: iso(status.sinceMs), hours, days };
}

async function read<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Problem(503, `the fleet's usage can not be read now: ${message}`, { 'Retry-After': '5' });
  }
}

function readRange(query: Query): { from: number; to: number } {
  const nowMs = Date.now();
  const from = query.since('from', nowMs) ?? 0;
  const to = query.since('to', nowMs) ?? Number.MAX_SAFE_INTEGER;
  if (from > to) throw new Problem(400, 'from is later than to');
  return { from, to };
}

function within(records: readonly UsageRecord[], from: number, to: number): UsageRecord[] {
  return records.filter((record) => endOf(record) > from && record.startMs < to);
}

function endOf({ startMs, seconds }: UsageRecord): number {
  return startMs + seconds * 1000;
}

function recordView(record: UsageRecord): RecordView {
  const { startMs, seconds, coveredSeconds, resolutionSeconds, offered, refused, reasons, curves, peaks } =
    record;
  return {
    start: iso(startMs),
    seconds,
    coveredSeconds,
    resolutionSeconds,
    offered: countsView(offered),
    refused: countsView(refused),
    reasons,
    curves: curvesView(curves),
    peaks: peaksView(peaks),
  };
}

function peaksView(peaks: UsageRecord['peaks']): RecordView['peaks'] {
  return Object.fromEntries(SHOWN_PEAKS.map((name) => [name, peaks[name] ?? null])) as RecordView['peaks'];
}

function countsView({ requests, items, bytes, newSeries }: UsageCounts): RecordView['offered'] {
  return {
    requests: known(requests),
    items: known(items),
    bytes: known(bytes),
    newSeries: known(newSeries),
  };
}

function curvesView({ items, requests, bytes }: UsageRecord['curves']): RecordView['curves'] {
  const view = (curve: readonly number[] | undefined) => curve?.map(known) ?? null;
  return { items: view(items), requests: view(requests), bytes: view(bytes) };
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
