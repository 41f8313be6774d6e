/** What the API answers about usage: hours and days of a tenant over the fleet, its arrival curves, and who is in the fleet. */
import { TALLY_NUMBERS } from '../enforce/tally.js';
import type { BookState, PlaneState } from '../usage/book-state.js';
import { STEP_MS } from '../usage/frame.js';
import type { ImportStatus } from '../usage/prometheus-import.js';
import { merged } from '../usage/records.js';
import { CURVE_WINDOWS, type UsageCounts, type UsageRecord } from '../usage/usage-record.js';
import { CsvFile } from './csv.js';
import type { Edge } from './edge.js';
import { isTenantId } from './listing.js';
import { Problem } from './problem.js';
import type { Query } from './query.js';
import { isAlive, machinesOf, type Scope } from './scope.js';
import { rounded } from './tenant-view.js';

/** Of an id with metadata. */
const MAX_TENANT = 214;
const PSEUDO_TENANTS = ['(other)', '(none)'];

export async function usageView(edge: Edge, query: Query): Promise<object> {
  const tenant = query.text('tenant', MAX_TENANT);
  const { from, to } = readRange(query);
  const step = query.choice('step', ['1h', '1d']) ?? '1h';
  const format = query.choice('format', ['json', 'csv']) ?? 'json';
  query.done();
  if (tenant === undefined) throw new Problem(400, 'tenant is missing: whose usage is asked for?');
  const { hours, days } = await historyOf(edge, tenant);
  const records = within(step === '1h' ? hours : days, from, to);
  if (format === 'csv') return fileOf(records);
  const scope = await bookScope(edge);
  return { scope, tenant, step, records: records.map(recordView) };
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
    before: beforeView(usage.before?.status()),
    replicas: [...byMachine]
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

async function bookScope({ usage }: Edge): Promise<Scope> {
  const { planes, step } = await read(usage.kept.state());
  const nowMs = Date.now();
  const until = (step + 1) * STEP_MS;
  const replicas = machinesOf(Object.values(planes), nowMs);
  return {
    of: usage.isShared ? 'fleet' : 'machine',
    replicas,
    known: replicas,
    silent: [],
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

function fileOf(records: readonly UsageRecord[]): CsvFile {
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
  return new CsvFile('usage.csv', [head, ...rows]);
}
