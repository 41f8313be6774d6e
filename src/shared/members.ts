/**
 * Which replicas share the store: each says by heartbeats that it is alive, and hears how many are. The heartbeat is also
 * the probe of a shard that is down.
 */
import type { Health } from './health.js';
import { type Store, timeoutError } from './store.js';

const HEARTBEAT_MS = 2000;

export interface MembersOptions {
  /** An answer that takes longer counts as none. */
  readonly timeoutMs: number;
  readonly now: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
}

export class Members {
  readonly #store: Store;
  readonly #health: Health;
  readonly #options: MembersOptions;
  /** Shards with a heartbeat under way. */
  readonly #beating = new Set<number>();
  #replicas = 1;
  #nextBeatMs = 0;
  #answered = 0;

  constructor(store: Store, health: Health, options: MembersOptions) {
    this.#store = store;
    this.#health = health;
    this.#options = options;
  }

  /** As last counted. */
  get replicas(): number {
    return this.#replicas;
  }

  /** Heartbeats that were answered in time. */
  get answered(): number {
    return this.#answered;
  }

  /** Called ten times a second. */
  tick(): void {
    for (let shard = 0; shard < this.#store.shards; shard++) {
      if (!this.#beating.has(shard) && this.#health.mayProbe(shard)) void this.beat(shard);
    }
    if (this.#options.now() >= this.#nextBeatMs && this.#health.isUp(0)) void this.beat(0);
  }

  /** True: it is answered in time. Never rejects. */
  async beat(shard: number): Promise<boolean> {
    if (this.#beating.has(shard)) return false;
    const { now, timeoutMs, random } = this.#options;
    const sentMs = now();
    this.#beating.add(shard);
    if (shard === 0) this.#nextBeatMs = sentMs + HEARTBEAT_MS * (0.75 + random() / 2);
    try {
      const replicas = await this.#store.heartbeat(shard);
      if (now() - sentMs > timeoutMs) throw timeoutError(timeoutMs);
      if (shard === 0) this.#replicas = Math.max(1, replicas);
      this.#answered++;
      this.#health.probeSucceeded(shard);
      return true;
    } catch (error) {
      this.#health.probeFailed(shard, error);
      return false;
    } finally {
      this.#beating.delete(shard);
    }
  }
}
