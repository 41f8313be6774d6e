/**
 * What the two planes of the edge say to each other. A data plane is what a push touches, a control plane what people
 * and Kubernetes touch. Down go the limits and the mode in force; up come counts, refusals and status, when they are
 * asked for and never for a push.
 */
import type { TenantState, TopMetrics, WorkersStatus } from '../admin/edge.js';
import type { RecentRefusal, RefusalList } from '../doors/recent-refusals.js';
import type { SenderList } from '../doors/senders.js';
import type { AdmittedParts } from '../enforce/panic.js';
import type { Tally } from '../enforce/tally.js';
import type { EdgeSample } from '../guard/edge-loads.js';
import type { Mode, Snapshot } from '../limits/limits.js';
import type { SeriesStatus } from '../series/series-tracker.js';
import type { LedgerStatus } from '../shared/client.js';
import type { AddressStatus } from '../upstream/address-health.js';
import type { AdmissionStatus } from '../upstream/admission.js';
import type { BreakerStatus } from '../upstream/breaker.js';

/** Kept in each data plane, and of all of them together. */
export const RECENT_REFUSALS = 5000;
/** That are told of: those that have sent most. */
export const MOST_SENDERS = 1000;

export interface Orders {
  /** With what is set for a time laid over it. */
  readonly snapshot: Snapshot;
  /** Of tenants that have none of their own. */
  readonly mode: Mode;
  /** The parts of their rates that tenants may use; all of them, but in a panic. */
  readonly admitted: AdmittedParts;
  /** All documents were read and understood at least once. */
  readonly limitsLoaded: boolean;
  readonly logLevel: string;
  /** With every change of it, files with certificates are read again. */
  readonly reloads: number;
}

export interface PlaneStatus {
  /** It serves, has the limits that it needs, and is not stopping. */
  readonly ready: boolean;
  readonly draining: boolean;
  /** Of the limits in force there. */
  readonly limitsHash: string;
  /** Undefined: nothing is shared. */
  readonly ledger: LedgerStatus | undefined;
  /** Undefined: series are not tracked. */
  readonly series: SeriesStatus | undefined;
  readonly upstream: UpstreamStatus;
  /** What guards look at. */
  readonly measured: Pick<EdgeSample, 'pushes' | 'answers'>;
  /** How long pushes of the last ten seconds were in the edge itself (telemetry/recent-times.ts). */
  readonly pushTimes: readonly number[];
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  readonly requestsInFlight: number;
  /** Tenants that left memory because there were too many, since the start. */
  readonly evictions: number;
}

export interface UpstreamStatus {
  /** By class of status, since the start. */
  readonly responses: Readonly<Record<string, number>>;
  /** Requests that got no answer, since the start. */
  readonly failures: number;
  /** How long answers to pushes of the last ten seconds took (telemetry/recent-times.ts). */
  readonly recentTimes: readonly number[];
  readonly addresses: readonly AddressStatus[];
  /** Names that could not be resolved when they were last asked for: what was known of them is used. */
  readonly unresolved: readonly string[];
  /** Undefined: no process has told yet. */
  readonly breaker: BreakerStatus | undefined;
  /** Undefined: all that comes is sent. */
  readonly admission: AdmissionStatus | undefined;
}

/** What became of the tenants of one data plane since it told last. */
export interface TenantChanges {
  /**
   * NO_TENANT stands for pushes without one, OTHER_TENANTS for those that came and left between two reports. Who left and
   * came back is in it twice.
   */
  readonly ids: readonly string[];
  /** What was added to each of TALLY_NUMBERS, tenant after tenant. */
  readonly added: Float64Array;
  /** Of these, what was added of refusals. */
  readonly discarded: readonly DiscardedChange[];
  /** Series that are active now, there and over all replicas; NaN: not tracked, or not known. */
  readonly active: Float64Array;
  readonly fleet: Float64Array;
  /** No longer in memory. */
  readonly left: readonly string[];
}

export interface DiscardedChange {
  readonly tenant: number;
  readonly kind: 'refused' | 'shadowed';
  readonly added: Float64Array;
}

/** Plain values, that can be sent to another process. */
export interface Report {
  readonly tenants: TenantChanges;
  /** New ones, and those that stand for more than before: `count` is what came since. */
  readonly refusals: readonly RecentRefusal[];
  readonly status: PlaneStatus;
  /** What it has cost to find that out. */
  readonly tookMs: number;
}

/** The way to one data plane that is in another process. Nothing here rejects. */
export interface DataPlaneLink {
  readonly worker: number;
  readonly pid: number | undefined;
  /** Resolves when the orders are in force there, or it has ended. */
  apply(orders: Orders): Promise<void>;
  /** Undefined: it has ended. What is asked for is asked once at a time. */
  report(): Promise<Report | undefined>;
  /** The part of it that costs next to nothing. */
  status(): Promise<PlaneStatus | undefined>;
  /** Undefined: it has ended. */
  topMetrics(id: string): Promise<TopMetrics | undefined>;
  /** Undefined: it has ended. */
  senders(tenant: string | undefined): Promise<SenderList | undefined>;
}

/** The data planes of this machine as the control plane sees them: its own process's one, or those of all workers as one. */
export interface DataPlanes {
  /**
   * Resolves when all of them have put the orders into force, with the workers that have not said so in time. Never
   * rejects.
   */
  apply(orders: Orders): Promise<readonly number[]>;
  /**
   * When it resolves, all that was counted before it was called is in what the others answer; where there are so many
   * tenants that it costs too much to ask for that often, what was counted some seconds before. Never rejects.
   */
  refresh(): Promise<void>;
  status(): PlaneStatus;
  /** When it resolves, `status` is of now, and what tenants have counted may not be. Never rejects. */
  look(): Promise<void>;
  /** Those in memory. */
  tenants(): Iterable<TenantState>;
  tenant(id: string): TenantState | undefined;
  /** What tenants that have left memory had counted. */
  departed(): Tally;
  /** Pushes that named no tenant, or none that may send. */
  unattributed(): TenantState;
  readonly refusals: RefusalList;
  topMetrics(id: string): Promise<TopMetrics>;
  /** Of a tenant, or of all; who has sent most comes first. */
  senders(tenant: string | undefined): Promise<SenderList>;
  /** False: one of them hangs, and nothing but an end will help. Never rejects. */
  healthy(): Promise<boolean>;
  /** Undefined: the data plane is in this process. */
  workers(): WorkersStatus | undefined;
}
