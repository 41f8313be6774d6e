/**
 * The elected replica of each of a tenant's HA pairs, by Mimir's rules. Time is passed in. The stores in memory use this;
 * shared/redis/elect.lua and resign.lua do the same, and a test compares the two.
 */

import type { ElectionRules } from '../enforce/ledger.js';
import type { HaLabels } from '../payload/push.js';

interface Election {
  replica: string;
  /** When the elected replica was last recorded as heard. */
  notedMs: number;
}

type TableRules = Pick<ElectionRules, 'updateMs' | 'takeoverMs' | 'mostClusters'>;

/** As in Mimir, a pair that was not heard for this long may be forgotten to make room for another. */
export const FORGET_MS = 30 * 60_000;
/** Minimal time between searches for such pairs, which look at all of them. */
const LOOK_EVERY_MS = 1000;

export class ElectionTable {
  readonly #elections = new Map<string, Election>();
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** Records that this replica was heard, and returns who is elected. Undefined: the tenant has too many pairs. */
  elect({ cluster, replica }: HaLabels, rules: TableRules, nowMs: number): Election | undefined {
    const known = this.#elections.get(cluster);
    if (known === undefined) {
      if (!this.#mayAdd(rules.mostClusters, nowMs)) return undefined;
      const election = { replica, notedMs: nowMs };
      this.#elections.set(cluster, election);
      return election;
    }
    const ageMs = nowMs - known.notedMs;
    if (ageMs >= (known.replica === replica ? rules.updateMs : rules.takeoverMs)) {
      known.replica = replica;
      known.notedMs = nowMs;
    }
    // If the clock stepped back, the new time counts; else a takeover would wait until it has caught up.
    known.notedMs = Math.min(known.notedMs, nowMs);
    return known;
  }

  resign({ cluster, replica }: HaLabels): void {
    if (this.#elections.get(cluster)?.replica === replica) this.#elections.delete(cluster);
  }

  #mayAdd(most: number, nowMs: number): boolean {
    if (this.#elections.size >= most && nowMs - this.#lookedMs >= LOOK_EVERY_MS) {
      this.#lookedMs = nowMs;
      for (const [cluster, { notedMs }] of this.#elections) {
        if (nowMs - notedMs >= FORGET_MS) this.#elections.delete(cluster);
      }
    }
    return this.#elections.size < most;
  }
}
