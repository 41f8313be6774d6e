/**
 * What the API reads and writes: the same for a process that answers for itself and for a primary that speaks for its
 * workers.
 */

import type { Advisor } from '../advice/advisor.js';
import type { Controls } from '../controls/controls.js';
import type { RefusalList } from '../doors/recent-refusals.js';
import type { SenderList } from '../doors/senders.js';
import type { AdmittedParts } from '../enforce/panic.js';
import type { TenantSeries, TopMetric } from '../enforce/series.js';
import type { Tally } from '../enforce/tally.js';
import type { Guards } from '../guard/guards.js';
import type { Mode, Snapshot, TenantLimits } from '../limits/limits.js';
import type { OverridesStatus } from '../overrides/overrides.js';
import type { SeriesStatus } from '../series/series-tracker.js';
import type { LedgerStatus } from '../shared/client.js';
import type { Replicas } from '../shared/replicas.js';
import type { AddressStatus } from '../upstream/address-health.js';
import type { AdmissionStatus } from '../upstream/admission.js';
import type { BreakerStatus } from '../upstream/breaker.js';
import type { BookkeeperStatus } from '../usage/bookkeeper.js';
import type { FleetCounts } from '../usage/fleet-counts.js';
import type { FrameSenderStatus } from '../usage/frame-sender.js';
import type { History } from '../usage/history.js';
import type { KeptUsage } from '../usage/kept-usage.js';
import type { LimitHistory } from '../usage/limit-history.js';
import type { ImportStatus } from '../usage/prometheus-import.js';
import type { ReplicaUsage } from '../usage/replica-usage.js';
import type { Audit } from './audit.js';

export interface TenantState {
  readonly id: string;
  readonly mode: Mode;
  readonly limits: TenantLimits;
  readonly tally: Tally;
  /** Undefined: series are not tracked, or it has not sent any. */
  readonly series: Pick<TenantSeries, 'active' | 'fleet'> | undefined;
}

/** Those with the most series, and those with the most new ones. */
export interface TopMetrics {
  readonly active: readonly TopMetric[];
  readonly new: readonly TopMetric[];
}

export interface WorkersStatus {
  readonly wanted: number;
  readonly serving: number;
  /** Workers that ended and were replaced. */
  readonly restarts: number;
  /** Those that serve. */
  readonly each: readonly WorkerStatus[];
}

export interface WorkerStatus {
  readonly worker: number;
  readonly pid: number | undefined;
  readonly ready: boolean;
  readonly draining: boolean;
  /** It does not answer: what is said of it is of before. */
  readonly hangs: boolean;
  readonly requestsInFlight: number;
  readonly limitsHash: string;
  /** Undefined: nothing is shared. */
  readonly ledger: LedgerStatus | undefined;
  /** Undefined: series are not tracked. */
  readonly series: SeriesStatus | undefined;
}

/** What only the running parts know. */
export interface EdgeStatus {
  readonly ready: boolean;
  readonly draining: boolean;
  /** Undefined: buckets are of this process alone. */
  readonly ledger: LedgerStatus | undefined;
  readonly upstream: {
    readonly urls: readonly string[];
    /** Answers by class, and requests that got none. */
    readonly responses: Readonly<Record<string, number>>;
    readonly failures: number;
    /** How long answers to pushes of the last ten seconds took (telemetry/recent-times.ts). */
    readonly recentTimes: readonly number[];
    readonly addresses: readonly AddressStatus[];
    /** Names in `upstream.url` that could not be resolved when they were last asked for. */
    readonly unresolved: readonly string[];
    /** Undefined: no process has told yet. */
    readonly breaker: BreakerStatus | undefined;
    /** Undefined: all that comes is sent. */
    readonly admission: AdmissionStatus | undefined;
  };
  readonly overrides: OverridesStatus & { readonly hash: string; readonly tenants: number };
  /** How long pushes of the last ten seconds were in the edge itself (telemetry/recent-times.ts). */
  readonly pushTimes: readonly number[];
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  readonly requestsInFlight: number;
  readonly evictions: number;
  /** Undefined: there is one process. */
  readonly workers: WorkersStatus | undefined;
}

/** What is kept of all tenants, over the fleet. */
export interface EdgeUsage {
  /** Of this replica, among all of them; and as people know it. */
  readonly machine: string;
  readonly name: string;
  /** Several replicas have one book. */
  readonly isShared: boolean;
  readonly kept: KeptUsage;
  /** What this replica has counted itself; undefined: nothing is shared, and it is what is kept. */
  readonly own: Pick<ReplicaUsage, 'history' | 'status'> | undefined;
  readonly sender: { status(): FrameSenderStatus };
  readonly bookkeeper: { status(): BookkeeperStatus };
  /** Undefined: no Prometheus is asked for what was before. */
  readonly before: { status(): ImportStatus } | undefined;
  /** Undefined: nothing is shared, and this machine is the fleet. */
  readonly fleet: { readonly counts: FleetCounts; readonly edge: Edge } | undefined;
  /** The way to other replicas; undefined: nothing is shared. */
  readonly replicas: Pick<Replicas, 'others' | 'named' | 'ask' | 'starts' | 'status'> | undefined;
  /** When this process started. */
  readonly startedMs: number;
}

export interface Edge {
  /**
   * When it resolves, all that was counted before it was called is in what the others answer; with workers and very many
   * tenants, what was counted some seconds before. Never rejects.
   */
  refresh(): Promise<void>;
  status(): EdgeStatus;
  /** Of tenants that have none of their own. */
  mode(): Mode;
  /** The parts of their rates that tenants may use. */
  admitted(): AdmittedParts;
  /** Those in memory: they have sent something, and were not pushed out by others. */
  tenants(): Iterable<TenantState>;
  /** In memory or not. Undefined: no document names it, and it has not sent anything. */
  tenant(id: string): TenantState | undefined;
  /** Pushes that named no tenant, or none that may send. */
  unattributed(): TenantState;
  topMetrics(id: string): Promise<TopMetrics>;
  /** Who pushes, of a tenant or of all; who has sent most comes first. */
  senders(tenant: string | undefined): Promise<SenderList>;
  /** All limits in force, controls included. */
  snapshot(): Snapshot;
  /** Controls for tenants that no document names have an effect. */
  readonly mayAddTenants: boolean;
  /** Which document says so, for each limit of a tenant that one names. */
  origins(id: string): ReadonlyMap<string, string>;
  /** The effective configuration as YAML, without secrets. */
  config(): string;
  /** The limits of the configuration that are not Mimir's own defaults. */
  configuredLimits(): ReadonlySet<string>;
  /** Reads the overrides again; answers what is wrong with them, if anything. */
  reload(): Promise<string | undefined>;
  /** Resolves when what was changed last is in force, with the workers that have not said so in time. */
  obeyed(): Promise<readonly number[]>;
  readonly history: History;
  readonly usage: EdgeUsage;
  readonly limitHistory: LimitHistory;
  readonly refusals: RefusalList;
  readonly controls: Controls;
  readonly guards: Pick<Guards, 'mode' | 'status'>;
  readonly audit: Audit;
  readonly advisor: Advisor;
  /** Milliseconds of a clock that never steps back: the history's. */
  now(): number;
}
