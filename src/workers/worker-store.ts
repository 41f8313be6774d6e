/** What the primary keeps for its workers without Redis: buckets, elections and active series. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/config.js';
import type { NumberedReply, NumberedRequest } from '../shared/ipc/ipc-store.js';
import { MemoryStore } from '../shared/memory/memory-store.js';

const EXPIRE_MS = 60_000;
const TICK_MS = 100;

export class WorkerStore {
  readonly #store: MemoryStore;
  #expiring: NodeJS.Timeout | undefined;
  #ticking: NodeJS.Timeout | undefined;

  /** `isKnown`: a document names the tenant. */
  constructor(config: Config, isKnown: (tenant: string) => boolean) {
    let incarnations = 0;
    const life = randomUUID();
    this.#store = new MemoryStore(
      () => `${life}.${incarnations++}`,
      config['tenants.max'],
      config['series.max'],
      isKnown,
    );
  }

  get buckets(): number {
    return this.#store.buckets;
  }

  start(): void {
    this.#expiring = setInterval(() => this.#store.expire(performance.now()), EXPIRE_MS);
    this.#ticking = setInterval(() => this.#store.tick(performance.now()), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#expiring);
    clearInterval(this.#ticking);
  }

  answer(requests: readonly NumberedRequest[]): NumberedReply[] {
    const nowMs = performance.now();
    return requests.map(({ id, request }) => ({ id, reply: this.#store.answer(request, nowMs) }));
  }
}
