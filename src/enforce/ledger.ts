/**
 * Buckets and elections, as the enforcer sees them. Implemented in src/shared, for one process alone and for replicas that
 * share them through a store; one contract test runs against every implementation.
 */

import type { HaLabels } from '../payload/push.js';

/** A tenant has one bucket of each kind. */
export type BucketKind = 'requests' | 'items' | 'bytes';

export interface BucketShape {
  /** Tokens a second. 0: what is spent never comes back. */
  readonly rate: number;
  /** Tokens that a full bucket holds. A new bucket is full. */
  readonly capacity: number;
}

export interface Answer {
  /** The tokens were taken. */
  readonly granted: boolean;
  /** Tokens in the bucket when it answered: what a refusal names as available. */
  readonly available: number;
  /** Seconds until the same request could pass; Infinity when it never can. 0 when granted. */
  readonly waitSeconds: number;
  /** The store could not be asked, and nothing is given on trust: no word on the tenant's limit. */
  readonly lost?: true;
}

/** Times are milliseconds of a clock that never steps back. */
export interface Bucket {
  /** Takes n tokens if they are at hand here. Never waits, never takes a part. */
  take(n: number, nowMs: number): boolean;
  /**
   * After `take` said no: takes n if the store has them. A local store answers at once; a shared one may
   * have to ask, within its deadline. Never rejects.
   */
  ask(n: number, nowMs: number): Answer | Promise<Answer>;
  /** Tokens that are left, as far as is known here: of a shared bucket an estimate, and a report, not a promise. */
  left(nowMs: number): number;
  /** Gives back tokens taken earlier. The bucket never holds more than its capacity. */
  giveBack(n: number, nowMs: number): void;
  /** A new limit. Takes effect at once and never creates tokens: a bucket keeps at most what it had. */
  reshape(shape: BucketShape, nowMs: number): void;
  /** The tenant leaves memory: what is held goes back to the store. */
  release(nowMs: number): void;
}

/** Mimir's limits for HA pairs, in milliseconds. */
export interface ElectionRules {
  /** How old the note of when the elected replica was heard may become. */
  readonly updateMs: number;
  readonly updateJitterMs: number;
  /** While the note is younger, whoever is elected stays. */
  readonly failoverMs: number;
  /** How old the note has to be for the replica that is heard to take over: this or more, by how old its samples are. */
  readonly takeoverMs: number;
  readonly mostClusters: number;
}

/** `unknown`: the store can not be asked, and what is known here does not decide it. */
export type ElectionAnswer = 'elected' | 'other' | 'too_many_clusters' | 'unknown';

/** Which replica of each of a tenant's HA pairs may send. The first one that is heard is elected. */
export interface Elections {
  /** Answers at once unless the store has to be asked, and then within its deadline. Never rejects. */
  hear(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer | Promise<ElectionAnswer>;
  /** Mimir has elected another: whichever is heard next may take the place. */
  resign(ha: HaLabels, nowMs: number): void;
}

/** What a tenant is given while the store that replicas share does not answer. */
export type OnLoss = 'local-share' | 'allow' | 'refuse';

export interface Ledger {
  bucket(tenant: string, kind: BucketKind, shape: BucketShape, nowMs: number): Bucket;
  elections(tenant: string): Elections;
  /** A tenant that leaves memory so that `next` has room there will find its buckets as they were. */
  remembersEvicted(next: string, nowMs: number): boolean;
  /** Returns what is leased, closes connections. */
  close(): Promise<void>;
}
