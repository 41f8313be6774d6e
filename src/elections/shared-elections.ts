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

export interface ElectionCall {
  readonly ha: HaLabels;
  readonly updateMs: number;
  readonly failoverMs: number;
  readonly mostClusters: number;
  readonly forgetMs: number;
  /** Gives the place up, if it is this replica's, and elects nobody. */
  readonly resign: boolean;
}

/** Undefined: too many clusters. */
export type ElectionReply = { readonly replica: string; readonly ageMs: number } | undefined;

export interface ElectionHost {
  /** Calls the store, under its deadline and circuit. Undefined, or a promise of 'lost': it can not be asked. */
  elect(tenant: string, call: ElectionCall, nowMs: number): Promise<ElectionReply | 'lost'> | undefined;
}

interface Known {
  readonly replica: string;
  /** In the time of this process, which is what was asked in: never later than in the store's. */
  readonly notedMs: number;
  /** When the elected replica last pushed here. */
  heardMs: number;
}

/** For so long the store is not asked about further clusters of a tenant that has too many. */
const FULL_MS = 1000;

export class SharedElections implements Elections {
  readonly #host: ElectionHost;
  readonly #tenant: string;
  /** -1 to 1: this replica's place in the jitter. */
  readonly #spread: number;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<ElectionReply | 'lost'>>();
  #fullUntilMs = Number.NEGATIVE_INFINITY;

  constructor(host: ElectionHost, tenant: string, spread: number) {
    this.#host = host;
    this.#tenant = tenant;
    this.#spread = spread;
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

  resign(ha: HaLabels, nowMs: number): void {
    if (this.#known.get(ha.cluster)?.replica !== ha.replica) return;
    this.#known.delete(ha.cluster);
    this.#fullUntilMs = Number.NEGATIVE_INFINITY;
    const call = {
      ha,
      updateMs: 0,
      failoverMs: 0,
      mostClusters: 0,
      forgetMs: FORGET_MS,
      resign: true,
    };
    void this.#host.elect(this.#tenant, call, nowMs);
  }

  /** Replicas of a pair that ask at one moment share one call, and its reply. */
  #ask(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer | Promise<ElectionAnswer> {
    const underWay = this.#asking.get(ha.cluster);
    if (underWay !== undefined) return underWay.then((reply) => this.#decide(ha, reply, rules, nowMs));
    const { failoverMs, mostClusters } = rules;
    const call = {
      ha,
      updateMs: this.#updateMs(rules),
      failoverMs,
      mostClusters,
      forgetMs: FORGET_MS,
      resign: false,
    };
    const asking = this.#host.elect(this.#tenant, call, nowMs);
    if (asking === undefined) return this.#decideAlone(ha, rules, nowMs);
    this.#asking.set(ha.cluster, asking);
    return asking.then((reply) => {
      this.#asking.delete(ha.cluster);
      this.#learn(ha, reply, rules, nowMs);
      return this.#decide(ha, reply, rules, nowMs);
    });
  }

  #learn(
    { cluster, replica }: HaLabels,
    reply: ElectionReply | 'lost',
    rules: ElectionRules,
    askedMs: number,
  ): void {
    if (reply === 'lost') return;
    if (reply === undefined) {
      this.#fullUntilMs = askedMs + FULL_MS;
      return;
    }
    const before = this.#known.get(cluster);
    const wasHeard = reply.replica === replica ? askedMs : Number.NEGATIVE_INFINITY;
    const heardMs = before?.replica === reply.replica ? Math.max(before.heardMs, wasHeard) : wasHeard;
    if (before === undefined) this.#makeRoom(rules.mostClusters, askedMs);
    this.#known.set(cluster, { replica: reply.replica, notedMs: askedMs - reply.ageMs, heardMs });
  }

  #decide(ha: HaLabels, reply: ElectionReply | 'lost', rules: ElectionRules, nowMs: number): ElectionAnswer {
    if (reply === 'lost') return this.#decideAlone(ha, rules, nowMs);
    if (reply === undefined) return 'too_many_clusters';
    return reply.replica === ha.replica ? 'elected' : 'other';
  }

  #decideAlone(ha: HaLabels, rules: ElectionRules, nowMs: number): ElectionAnswer {
    const known = this.#known.get(ha.cluster);
    if (known === undefined) return 'unknown';
    if (known.replica === ha.replica) return 'elected';
    return nowMs - known.heardMs < rules.failoverMs ? 'other' : 'unknown';
  }

  #updateMs(rules: ElectionRules): number {
    return rules.updateMs + this.#spread * rules.updateJitterMs;
  }

  /** What the store has forgotten is of no use here either. */
  #makeRoom(most: number, nowMs: number): void {
    if (this.#known.size < most) return;
    for (const [cluster, { notedMs }] of this.#known) {
      if (nowMs - notedMs >= FORGET_MS) this.#known.delete(cluster);
    }
    const [oldest] = this.#known.keys();
    if (this.#known.size >= most && oldest !== undefined) this.#known.delete(oldest);
  }
}
