/**
 * Which replicas share the store: each sends heartbeats and receives the number of live replicas. A heartbeat is also the
 * probe of a shard that is down.
 */
import type { Health } from './health.js';
import { HEARTBEAT_TTL_MS, type Store, timeoutError } from './store.js';

const HEARTBEAT_MS = 2000;
/** A store that lost its data counts up from one until all replicas were heard. */
const LOWER_AFTER_MS = 2 * HEARTBEAT_TTL_MS;

interface MembersOptions {
  /** A later answer counts as none. */
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
  /** When the count last fell below `replicas`, and the highest count since. */
  #fewerSinceMs: number | undefined;
  #fewer = 0;
  #nextBeatMs = 0;
  #answered = 0;

  constructor(store: Store, health: Health, options: MembersOptions) {
    this.#store = store;
    this.#health = health;
    this.#options = options;
  }

  /** The last count; it only falls once the count has been lower for a while. */
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

  /** True: it was answered in time. Never rejects. */
  async beat(shard: number): Promise<boolean> {
    if (this.#beating.has(shard)) return false;
    const { now, timeoutMs, random } = this.#options;
    const sentMs = now();
    this.#beating.add(shard);
    if (shard === 0) this.#nextBeatMs = sentMs + HEARTBEAT_MS * (0.75 + random() / 2);
    try {
      const replicas = await this.#store.heartbeat(shard);
      if (now() - sentMs > timeoutMs) throw timeoutError(timeoutMs);
      if (shard === 0) this.#count(Math.max(1, replicas), sentMs);
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

  /** A local share for too few replicas lets more through than the limit; for too many, less. */
  #count(replicas: number, nowMs: number): void {
    if (replicas >= this.#replicas) {
      this.#replicas = replicas;
      this.#fewerSinceMs = undefined;
      return;
    }
    if (this.#fewerSinceMs === undefined) {
      this.#fewerSinceMs = nowMs;
      this.#fewer = 0;
    }
    this.#fewer = Math.max(this.#fewer, replicas);
    if (nowMs - this.#fewerSinceMs < LOWER_AFTER_MS) return;
    this.#replicas = this.#fewer;
    this.#fewerSinceMs = undefined;
  }
}
