/**
 * The elected replica of each of a tenant's HA pairs, by Mimir's rules. Time is handed in. The stores in memory are made
 * of this; shared/redis/elect.lua and resign.lua do the same, and a test holds the two against each other.
 */

import type { ElectionRules } from '../enforce/ledger.js';
import type { HaLabels } from '../payload/push.js';

interface Election {
  replica: string;
  /** When the elected replica was last noted to be heard. */
  notedMs: number;
}

type TableRules = Pick<ElectionRules, 'updateMs' | 'takeoverMs' | 'mostClusters'>;

/** A pair of which nothing was noted for so long is forgotten when another one needs its place, as in Mimir. */
export const FORGET_MS = 30 * 60_000;
/** Looking for such pairs costs a look at all of them. */
const LOOK_EVERY_MS = 1000;

export class ElectionTable {
  readonly #elections = new Map<string, Election>();
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** Who is elected, after this replica was heard. Undefined: the tenant has too many pairs for another one. */
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
    // The clock stepped back: from now on it counts, or a takeover would wait for the clock to be there again.
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
