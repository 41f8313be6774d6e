/**
 * How calls reach the store: Redis, or the process that is the ledger for others. Promises may settle late
 * or never; the ledger above does not wait for them longer than its deadline.
 */
import type { LeaseCall, LeaseReply } from '../buckets/lease.js';
import type { ElectionCall, ElectionReply } from '../elections/shared-elections.js';
import type { BucketKind } from '../enforce/ledger.js';
import type { SeriesCall, SeriesReply } from '../series/series-store.js';

export interface LeaseTransport {
  /** Parts of the store that can fail alone: 1, or ranges of a cluster's slots. */
  readonly parts: number;
  /** Whether series may be admitted first and announced later. Where a call is as fast there is no need. */
  readonly reservesRoom: boolean;
  partOf(tenant: string): number;
  /** Resolves once the store can be asked, or when the time is over. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** Rejects with a StoreError: then nobody knows whether it was done. */
  lease(tenant: string, kind: BucketKind, call: LeaseCall): Promise<LeaseReply>;
  elect(tenant: string, call: ElectionCall): Promise<ElectionReply>;
  /** New series, and what is known here. Rejects likewise. */
  series(tenant: string, call: SeriesCall): Promise<SeriesReply>;
  /** Writes to one part that this replica is alive, and counts those that are. Part 0 is the one that counts. */
  heartbeat(part: number): Promise<number>;
  /** This replica is leaving. */
  farewell(): Promise<void>;
  close(): Promise<void>;
}

/** Closed list: labels of the error metric. */
export type StoreErrorKind =
  | 'timeout' // no answer within the deadline
  | 'connection' // no connection, or it broke
  | 'busy' // too many calls in flight here, or the server is busy or loading
  | 'memory' // the server is out of memory
  | 'read_only' // the server is a replica
  | 'refused' // credentials or permissions
  | 'cluster' // the cluster does not serve the key's slot
  | 'other';

export const STORE_ERROR_KINDS: readonly StoreErrorKind[] = [
  'timeout',
  'connection',
  'busy',
  'memory',
  'read_only',
  'refused',
  'cluster',
  'other',
];

export class StoreError extends Error {
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string) {
    super(message);
    this.name = 'StoreError';
    this.kind = kind;
  }
}
