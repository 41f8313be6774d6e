/**
 * Buckets and elections as the enforcer sees them. Implemented in src/shared, for a single process and for replicas that
 * share a store; one contract test runs against all implementations.
 */

import type { HaLabels } from '../payload/push.js';

/** Each tenant has one bucket of each kind. */
export type BucketKind = 'requests' | 'items' | 'bytes';

export interface BucketShape {
  /** Tokens per second. 0: spent tokens never come back. */
  readonly rate: number;
  /** Tokens that a full bucket holds. A new bucket is full. */
  readonly capacity: number;
}

export interface Answer {
  /** Whether the tokens were taken. */
  readonly granted: boolean;
  /** Tokens in the bucket at that time, for the message of a refusal. */
  readonly available: number;
  /** Seconds until the same request could pass; Infinity when it never can. 0 when granted. */
  readonly waitSeconds: number;
  /** The store did not answer and `state.on_loss` grants nothing: this says nothing about the tenant's limit. */
  readonly lost?: true;
}

/** Times are in milliseconds of a monotonic clock. */
export interface Bucket {
  /** Takes n tokens if they are held locally. Never waits, and takes all or nothing. */
  take(n: number, nowMs: number): boolean;
  /**
   * After `take` returned false: takes n tokens if the store has them. A local store answers synchronously, a shared one
   * within its deadline. Never rejects.
   */
  ask(n: number, nowMs: number): Answer | Promise<Answer>;
  /** Tokens left, as far as is known locally; for a shared bucket an estimate. */
  left(nowMs: number): number;
  /** Refunds tokens. The bucket never holds more than its capacity. */
  giveBack(n: number, nowMs: number): void;
  /** Applies a new limit at once. Never creates tokens: the bucket keeps at most what it had. */
  reshape(shape: BucketShape, nowMs: number): void;
  /** The tenant leaves memory: leased tokens go back to the store. */
  release(nowMs: number): void;
}

/** Mimir's limits for HA pairs, in milliseconds. */
export interface ElectionRules {
  /** The maximal age of the stored time at which the elected replica was last heard. */
  readonly updateMs: number;
  readonly updateJitterMs: number;
  /** While the stored time is younger than this, the elected replica stays. */
  readonly failoverMs: number;
  /** The age from which another replica may take over: `failoverMs` or more, depending on how old its samples are. */
  readonly takeoverMs: number;
  readonly mostClusters: number;
}

/** `unknown`: the store can not be asked, and local knowledge does not decide it. */
export type ElectionAnswer = 'elected' | 'other' | 'too_many_clusters' | 'unknown';

/** Which replica of each HA pair of a tenant may send. The first one heard is elected. */
export interface Elections {
  /** Synchronous unless the store has to be asked, and then within its deadline. Never rejects. */
  hear(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer | Promise<ElectionAnswer>;
  /** Mimir has elected another replica: the next one heard may be elected here. */
  resign(ha: HaLabels, nowMs: number): void;
}

/** What a tenant gets while the shared store does not answer. */
export type OnLoss = 'local-share' | 'allow' | 'refuse';

export interface Ledger {
  bucket(tenant: string, kind: BucketKind, shape: BucketShape, nowMs: number): Bucket;
  elections(tenant: string): Elections;
  /** Whether a tenant that is evicted to make room for `next` will find its buckets as they were. */
  remembersEvicted(next: string, nowMs: number): boolean;
  /** Returns leased tokens and closes connections. */
  close(): Promise<void>;
}
