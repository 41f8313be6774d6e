/**
 * What the two planes of the edge say to each other. A data plane is what a push touches, a control plane what people
 * and Kubernetes touch. Down go the limits and the mode in force; up come counts, refusals and status, when they are
 * asked for and never for a push.
 */
import type { TenantState, TopMetrics } from '../admin/edge.js';
import type { RefusalList } from '../doors/recent-refusals.js';
import type { Mode, Snapshot } from '../limits/limits.js';
import type { SeriesStatus } from '../series/series-tracker.js';
import type { LedgerStatus } from '../shared/client.js';

export interface Orders {
  /** With what is set for a time laid over it. */
  readonly snapshot: Snapshot;
  /** Of tenants that have none of their own. */
  readonly mode: Mode;
  /** All documents were read and understood at least once. */
  readonly limitsLoaded: boolean;
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
  /** Answers of the upstream by class, and requests that got none, since the start. */
  readonly upstream: { readonly responses: Readonly<Record<string, number>>; readonly failures: number };
  readonly bytesInFlight: { readonly used: number; readonly capacity: number };
  readonly requestsInFlight: number;
  /** Tenants that left memory because there were too many, since the start. */
  readonly evictions: number;
}

/** The data planes of this machine as the control plane sees them: its own process's one, or those of all workers as one. */
export interface DataPlanes {
  /**
   * Resolves when all of them have put the orders into force, with the workers that have not said so in time. Never
   * rejects.
   */
  apply(orders: Orders): Promise<readonly number[]>;
  /** When it resolves, all that was counted before it was called is in what the others answer. Never rejects. */
  refresh(): Promise<void>;
  status(): PlaneStatus;
  /** Those in memory. */
  tenants(): Iterable<TenantState>;
  tenant(id: string): TenantState | undefined;
  /** Pushes that named no tenant, or none that may send. */
  unattributed(): TenantState;
  readonly refusals: RefusalList;
  topMetrics(id: string): Promise<TopMetrics>;
}
