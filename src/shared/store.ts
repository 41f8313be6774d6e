/** Where shared state lives: in Redis, or in the parent process. The client calls it. */
import type { Call, CallKind, Reply } from './protocol.js';

/** A replica that was not heard from for this long is not counted. */
export const HEARTBEAT_TTL_MS = 8000;

export interface Store {
  /** Parts that can fail independently: 1, or ranges of a Redis Cluster's slots. */
  readonly shards: number;
  /** Whether headroom for series can be reserved. Where calls cost next to nothing there is no need. */
  readonly reservesHeadroom: boolean;
  shardOf(tenant: string): number;
  /** Resolves when the store can be asked, or after the timeout. Never rejects. */
  connect(timeoutMs: number): Promise<void>;
  /** May settle late or never. When it rejects with a StoreError, it is unknown whether the call was executed. */
  ask<K extends CallKind>(kind: K, tenant: string, call: Call<K>): Promise<Reply<K>>;
  /** Records in one shard that this replica is alive, and returns how many are. Shard 0's count is the one that is used. */
  heartbeat(shard: number): Promise<number>;
  /** This replica is leaving. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** The closed list of labels of the error metric. */
export type StoreErrorKind =
  | 'timeout' // no answer within the deadline
  | 'connection' // no connection, or it broke
  | 'busy' // too many calls in flight here, or the server is busy or loading
  | 'memory' // the server is out of memory
  | 'read_only' // the server is a replica
  | 'refused' // credentials or permissions
  | 'moving' // the cluster is moving the tenant to another node, which says nothing of others
  | 'cluster' // the cluster does not serve the key's slot
  | 'other';

export const STORE_ERROR_KINDS: readonly StoreErrorKind[] = [
  'timeout',
  'connection',
  'busy',
  'memory',
  'read_only',
  'refused',
  'moving',
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

export function timeoutError(timeoutMs: number): StoreError {
  return new StoreError('timeout', `no answer within ${timeoutMs} ms`);
}
