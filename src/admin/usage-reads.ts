/** What the API answers about usage: hours and days of a tenant over the fleet, its arrival curves, and who is in the fleet. */
import { TALLY_NUMBERS } from '../enforce/tally.js';
import type { PlaneState } from '../usage/book.js';
import { STEP_MS } from '../usage/frame.js';
import type { ImportStatus } from '../usage/prometheus-import.js';
import { merged } from '../usage/records.js';
import { CURVE_WINDOWS, type UsageCounts, type UsageRecord } from '../usage/usage-record.js';
import { csv } from './csv.js';
import type { Edge } from './edge.js';
import { isTenantId } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';
import { rounded } from './tenant-view.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
const PSEUDO_TENANTS = ['(other)', '(none)'];
const MAX_REPLICA = 100;
/** A data plane that was not heard of for so long is not counted as one. */
const ALIVE_MS = 60_000;

/** Whom an answer speaks for. */
export interface Scope {
  /** `machine`: of this one alone, because nothing is shared, the fleet is not seen now, or it was asked for. */
  readonly of: 'fleet' | 'machine';
  readonly replicas: number;
  /** What came later is not in it yet; null: it is of now. */
  readonly until: string | null;
  readonly ageSeconds: number;
  /** Why it does not speak for the fleet; null: it does. */
  readonly note: string | null;
}

/**
 * The edge as reads are to see it: the fleet's tenants, as far as they are known, or this replica's where it is named. Throws
 * a Problem where another replica is named.
 */
export function scopedEdge(
  edge: Edge,
  replica: string | undefined,
): { readonly edge: Edge; readonly scope: Scope } {
  const { usage } = edge;
  const own = { of: 'machine', replicas: 1, until: null, ageSeconds: 0 } as const;
  if (replica !== undefined) {
    if (replica !== 'this' && replica !== usage.name && replica !== usage.machine) {
      throw new Problem(
        404,
        `here is replica ${usage.name}; ${replica.slice(0, MAX_REPLICA)} answers at its own address`,
      );
    }
    return { edge, scope: { ...own, note: `of replica ${usage.name} alone, as asked` } };
  }
  const { fleet } = usage;
  if (fleet === undefined) {
    return { edge, scope: { ...own, note: 'of this machine: nothing is shared with others' } };
  }
  if (!fleet.counts.isFresh) {
    const why = fleet.counts.error ?? 'nobody has closed a step of it lately';
    return {
      edge,
      scope: { ...own, note: `of this machine alone: the fleet's usage can not be seen (${why})` },
    };
  }
  const nowMs = Date.now();
  const until = fleet.counts.now();
  return {
    edge: fleet.edge,
    scope: {
      of: 'fleet',
      replicas: machinesOf(Object.values(fleet.counts.state.planes), nowMs),
      until: new Date(until).toISOString(),
      ageSeconds: rounded((nowMs - until) / 1000),
      note: null,
    },
  };
}

export function readReplica(query: Query): string | undefined {
  return query.text('replica', MAX_REPLICA);
}

export interface UsageAnswer {
  readonly body: object;
  /** Undefined: as JSON. */
  readonly csv: string | undefined;
}

export async function usageView(edge: Edge, query: Query): Promise<UsageAnswer> {
  const tenant = query.text('tenant', MAX_TENANT);
  const { from, to } = readRange(query);
  const step = query.choice('step', ['1h', '1d']) ?? '1h';
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  query.done();
  if (tenant === undefined) throw new Problem(400, 'tenant is missing: whose usage is asked for?');
  const { hours, days } = await historyOf(edge, tenant);
  const records = within(step === '1h' ? hours : days, from, to);
  if (format === 'csv') return { body: {}, csv: csvOf(records) };
  const scope = await bookScope(edge);
  return { body: { scope, tenant, step, records: records.map(recordView) }, csv: undefined };
}

export async function curveView(edge: Edge, tenant: string, query: Query): Promise<object> {
  const { from, to } = readRange(query);
  query.done();
  const { hours, days } = await historyOf(edge, tenant);
  // Hours where there are some, days before them.
  const firstHour = hours[0]?.startMs ?? Number.POSITIVE_INFINITY;
  const older = days.filter(({ startMs, seconds }) => startMs + seconds * 1000 <= firstHour);
  const records = within([...older, ...hours], from, to);
  const all = merged(0, Number.MAX_SAFE_INTEGER, records);
  const { limits } = edge.tenant(tenant) ?? { limits: edge.snapshot().defaults };
  return {
    scope: await bookScope(edge),
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

/** Replicas and their workers, and who keeps the book. */
export async function fleetView(edge: Edge): Promise<object> {
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
    scope: await bookScope(edge),
    here: usage.name,
    book: {
      keptHere: keeper.keeping,
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
    before: beforeView(usage.before?.status()),
    replicas: [...byMachine]
      .map(([machine, planes]) => ({
        machine,
        name: planes[0]?.[1].info.name ?? '',
        alive: planes.some(([, { heardMs }]) => nowMs - heardMs < ALIVE_MS),
        dataPlanes: planes
          .map(([plane, one]) => planeView(plane, one, nowMs))
          .sort((a, b) => (a.worker ?? 0) - (b.worker ?? 0)),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
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

function machinesOf(planes: readonly PlaneState[], nowMs: number): number {
  return new Set(planes.filter(({ heardMs }) => nowMs - heardMs < ALIVE_MS).map(({ info }) => info.machine))
    .size;
}

async function bookScope({ usage }: Edge): Promise<Scope> {
  const { planes, step } = await read(usage.kept.state());
  const nowMs = Date.now();
  const until = (step + 1) * STEP_MS;
  return {
    of: usage.isShared ? 'fleet' : 'machine',
    replicas: machinesOf(Object.values(planes), nowMs),
    until: step === 0 ? null : iso(until),
    ageSeconds: step === 0 ? 0 : rounded(Math.max(0, nowMs - until) / 1000),
    note: usage.isShared ? null : 'of this machine: nothing is shared with others',
  };
}

async function historyOf(edge: Edge, tenant: string) {
  if (!isTenantId(tenant) && !PSEUDO_TENANTS.includes(tenant))
    throw new Problem(404, 'no tenant can have this id');
  return read(edge.usage.kept.history(tenant));
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

function recordView(record: UsageRecord): object {
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
    peaks: { ...NO_PEAKS, ...peaks },
  };
}

/** Nobody saw any. */
const NO_PEAKS = {
  activeSeries: null,
  seriesPerMetric: null,
  seriesPerRequest: null,
  labelsPerSeries: null,
  bytesPerRequest: null,
  labelNameBytes: null,
  labelValueBytes: null,
};

function countsView(counts: UsageCounts): object {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, known(value)]));
}

function curvesView({ items, requests, bytes }: UsageRecord['curves']): object {
  const view = (curve: readonly number[] | undefined) => curve?.map(known) ?? null;
  return { items: view(items), requests: view(requests), bytes: view(bytes) };
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function csvOf(records: readonly UsageRecord[]): string {
  const head = [
    'start',
    'seconds',
    'covered_seconds',
    'resolution_seconds',
    'requests',
    'items',
    'bytes',
    'new_series',
    'refused_requests',
    'refused_items',
    'active_series',
    ...CURVE_WINDOWS.map((window) => `most_items_in_${window}s`),
  ];
  const rows = records.map(
    ({ startMs, seconds, coveredSeconds, resolutionSeconds, offered, refused, peaks, curves }) => [
      iso(startMs),
      seconds,
      coveredSeconds,
      resolutionSeconds,
      known(offered.requests),
      known(offered.items),
      known(offered.bytes),
      known(offered.newSeries),
      known(refused.requests),
      known(refused.items),
      peaks.activeSeries,
      ...CURVE_WINDOWS.map((_, i) => known(curves.items?.[i] ?? Number.NaN)),
    ],
  );
  return csv([head, ...rows]);
}
