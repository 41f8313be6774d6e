/**
 * The interface between the two planes. A data plane is what a push touches, a control plane what people and Kubernetes
 * touch. Limits and mode go down; counts, refusals and status come up on request, never for a push.
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

/** Kept in each data plane, and for all of them together. */
export const RECENT_REFUSALS = 5000;
/** How many senders are reported: those that have sent most. */
export const MOST_SENDERS = 1000;

export interface Orders {
  /** With all controls applied. */
  readonly snapshot: Snapshot;
  /** For tenants without a mode of their own. */
  readonly mode: Mode;
  /** The parts of their rates that tenants may use; all, except during a panic. */
  readonly admitted: AdmittedParts;
  /** All documents were read and valid at least once. */
  readonly limitsLoaded: boolean;
  readonly logLevel: string;
  /** When it changes, files with certificates are read again. */
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
  /** Input of the guards. */
  readonly measured: Pick<EdgeSample, 'pushes' | 'answers'>;
  /** How long pushes of the last ten seconds were in the edge itself (telemetry/recent-times.ts). */
  readonly pushTimes: readonly number[];
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  readonly requestsInFlight: number;
  /** Tenants evicted from memory since the start. */
  readonly evictions: number;
}

export interface UpstreamStatus {
  /** By class of status, since the start. */
  readonly responses: Readonly<Record<string, number>>;
  /** Requests without an answer, since the start. */
  readonly failures: number;
  /** How long answers to pushes took in the last ten seconds (telemetry/recent-times.ts). */
  readonly recentTimes: readonly number[];
  readonly addresses: readonly AddressStatus[];
  /** Names whose last resolution failed: their previous addresses are used. */
  readonly unresolved: readonly string[];
  /** Undefined: no process has reported yet. */
  readonly breaker: BreakerStatus | undefined;
  /** Undefined: everything is sent at once. */
  readonly admission: AdmissionStatus | undefined;
}

/** What changed for the tenants of one data plane since its last report. */
export interface TenantChanges {
  /**
   * NO_TENANT stands for pushes without one, OTHER_TENANTS for tenants that came and left between two reports. A tenant
   * that left and came back appears twice.
   */
  readonly ids: readonly string[];
  /** What was added to each of TALLY_NUMBERS, tenant after tenant. */
  readonly added: Float64Array;
  /** The same for refusals. */
  readonly discarded: readonly DiscardedChange[];
  /** Active series, there and over all replicas; NaN: not tracked, or unknown. */
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

/** Plain values, which can be sent to another process. */
export interface Report {
  readonly tenants: TenantChanges;
  /** New entries, and those with more refusals than before, with the difference as `count`. */
  readonly refusals: readonly RecentRefusal[];
  readonly status: PlaneStatus;
  /** How long it took to gather the report. */
  readonly tookMs: number;
}

/** The connection to a data plane in another process. Nothing here rejects. */
export interface DataPlaneLink {
  readonly worker: number;
  readonly pid: number | undefined;
  /** Resolves when the orders are in force there, or it has ended. */
  apply(orders: Orders): Promise<void>;
  /** Undefined: it has ended. Each request is made once at a time. */
  report(): Promise<Report | undefined>;
  /** The part of the report that costs next to nothing. */
  status(): Promise<PlaneStatus | undefined>;
  /** Undefined: it has ended. */
  topMetrics(id: string): Promise<TopMetrics | undefined>;
  /** Undefined: it has ended. */
  senders(tenant: string | undefined): Promise<SenderList | undefined>;
}

/**
 * The data planes of this machine as the control plane sees them: the one in its own process, or those of all workers as
 * one.
 */
export interface DataPlanes {
  /** Resolves to the workers that have not applied the orders in time. Never rejects. */
  apply(orders: Orders): Promise<readonly number[]>;
  /**
   * When it resolves, the other methods include everything counted before the call; with so many tenants that this would be
   * too expensive, what was counted some seconds before. Never rejects.
   */
  refresh(): Promise<void>;
  status(): PlaneStatus;
  /** When it resolves, `status` is current, though tenants' counts may not be. Never rejects. */
  look(): Promise<void>;
  /** The tenants in memory. */
  tenants(): Iterable<TenantState>;
  tenant(id: string): TenantState | undefined;
  /** The counts of tenants that have left memory. */
  departed(): Tally;
  /** Pushes without a tenant, or with one that may not send. */
  unattributed(): TenantState;
  readonly refusals: RefusalList;
  topMetrics(id: string): Promise<TopMetrics>;
  /** For one tenant or all; those who have sent most come first. */
  senders(tenant: string | undefined): Promise<SenderList>;
  /** False: one of them hangs and has to be ended. Never rejects. */
  healthy(): Promise<boolean>;
  /** Undefined: the data plane is in this process. */
  workers(): WorkersStatus | undefined;
}
