/**
 * A tenant's elections as one replica of the edge knows them. The store decides; what it last said holds here for as long
 * as it could not have changed its mind, so that next to no push waits for it:
 *
 *   noted ──▶ update timeout ──▶ failover timeout
 *   decided here   decided here, and   the store is
 *                  the store is asked  asked, the push
 *                  beside it           waits
 *
 * While the store can not be asked the last election stays, as long as its replica is heard here. A push in doubt is let
 * through: Mimir has an election of its own.
 */

import type { ElectionAnswer, ElectionRules, Elections } from '../enforce/ledger.js';
import type { HaLabels } from '../payload/push.js';
import { FORGET_MS } from './election-table.js';

/** This replica was heard: who is elected? */
export interface ElectCall {
  readonly ha: HaLabels;
  readonly updateMs: number;
  readonly takeoverMs: number;
  readonly mostClusters: number;
  readonly forgetMs: number;
}

/** Undefined: too many clusters. */
export type ElectReply = { readonly replica: string; readonly ageMs: number } | undefined;

/** Ends the election of this replica; if another one is elected, nothing changes. */
export interface ResignCall {
  readonly ha: HaLabels;
}

/**
 * The connection to the store for one tenant. `lost`: no answer in time, and it is unknown whether the call was executed.
 * Never rejects.
 */
export interface ElectionClient {
  readonly isUp: () => boolean;
  readonly elect: (call: ElectCall) => Promise<ElectReply | 'lost'>;
  readonly resign: (call: ResignCall) => Promise<unknown>;
}

interface Known {
  readonly replica: string;
  /** On this process' clock, when the store was asked: never later than the store's own record. */
  readonly notedMs: number;
  /** When the elected replica last pushed here. */
  heardMs: number;
}

/** How long the store is not asked about further clusters of a tenant that has too many. */
const FULL_MS = 1000;

export class SharedElections implements Elections {
  readonly #client: ElectionClient;
  /** -1 to 1: this replica's part of the jitter. */
  readonly #jitter: number;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<ElectReply | 'lost'>>();
  #fullUntilMs = Number.NEGATIVE_INFINITY;

  constructor(client: ElectionClient, jitter: number) {
    this.#client = client;
    this.#jitter = jitter;
  }

  hear(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer | Promise<ElectionAnswer> {
    const known = this.#known.get(ha.cluster);
    if (known === undefined) {
      return nowMs < this.#fullUntilMs ? 'too_many_clusters' : this.#ask(ha, rules, nowMs);
    }
    if (known.replica === ha.replica) known.heardMs = nowMs;
    const ageMs = nowMs - known.notedMs;
    if (ageMs >= rules.failoverMs) return this.#ask(ha, rules, nowMs);
    if (ageMs >= this.#updateMs(rules)) void this.#ask(ha, rules, nowMs);
    return known.replica === ha.replica ? 'elected' : 'other';
  }

  resign(ha: HaLabels): void {
    if (this.#known.get(ha.cluster)?.replica !== ha.replica) return;
    this.#known.delete(ha.cluster);
    this.#fullUntilMs = Number.NEGATIVE_INFINITY;
    if (this.#client.isUp()) void this.#client.resign({ ha });
  }

  /** Replicas of a pair that ask at the same time share one call and its reply. */
  #ask(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer | Promise<ElectionAnswer> {
    const inFlight = this.#asking.get(ha.cluster);
    if (inFlight !== undefined) return inFlight.then((reply) => this.#decide(ha, reply, rules, nowMs));
    if (!this.#client.isUp()) return this.#decideOffline(ha, rules, nowMs);
    const { takeoverMs, mostClusters } = rules;
    const updateMs = this.#updateMs(rules);
    const asking = this.#client.elect({ ha, updateMs, takeoverMs, mostClusters, forgetMs: FORGET_MS });
    this.#asking.set(ha.cluster, asking);
    return asking.then((reply) => {
      this.#asking.delete(ha.cluster);
      if (reply !== 'lost') this.#remember(ha, reply, rules, nowMs);
      return this.#decide(ha, reply, rules, nowMs);
    });
  }

  #remember(
    { cluster, replica }: HaLabels,
    reply: ElectReply,
    { mostClusters }: ElectionRules,
    askedMs: number,
  ): void {
    if (reply === undefined) {
      this.#fullUntilMs = askedMs + FULL_MS;
      return;
    }
    const before = this.#known.get(cluster);
    const wasHeard = reply.replica === replica ? askedMs : Number.NEGATIVE_INFINITY;
    const heardMs = before?.replica === reply.replica ? Math.max(before.heardMs, wasHeard) : wasHeard;
    if (before === undefined && this.#known.size >= mostClusters) this.#evict(mostClusters, askedMs);
    this.#known.set(cluster, { replica: reply.replica, notedMs: askedMs - reply.ageMs, heardMs });
  }

  #decide(ha: HaLabels, reply: ElectReply | 'lost', rules: ElectionRules, nowMs: number): ElectionAnswer {
    if (reply === 'lost') return this.#decideOffline(ha, rules, nowMs);
    if (reply === undefined) return 'too_many_clusters';
    return reply.replica === ha.replica ? 'elected' : 'other';
  }

  #decideOffline(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer {
    const known = this.#known.get(ha.cluster);
    if (known === undefined) return 'unknown';
    if (known.replica === ha.replica) return 'elected';
    return nowMs - known.heardMs < rules.failoverMs ? 'other' : 'unknown';
  }

  #updateMs(rules: ElectionRules): number {
    return rules.updateMs + this.#jitter * rules.updateJitterMs;
  }

  /** Entries that the store has forgotten are useless here; without any, the oldest goes. */
  #evict(most: number, nowMs: number): void {
    for (const [cluster, { notedMs }] of this.#known) {
      if (nowMs - notedMs >= FORGET_MS) this.#known.delete(cluster);
    }
    const [oldest] = this.#known.keys();
    if (this.#known.size >= most && oldest !== undefined) this.#known.delete(oldest);
  }
}
