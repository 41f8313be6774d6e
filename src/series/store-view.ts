/** What a replica knows of one tenant's series in the store: what it said last, and what follows from that. */
import type { SeriesReply } from './series-store.js';
import { NO_ROUND, ROUNDS } from './series-table.js';

export class StoreView {
  /** Series over all replicas. */
  total: number | undefined;
  readonly #generationMs: number;
  #epoch = '';
  #generation: number | undefined;
  #generationEndsMs = 0;
  /** How often it has lost what it knew. */
  #losses = 0;

  constructor(generationMs: number) {
    this.#generationMs = generationMs;
  }

  hear(reply: SeriesReply, askedMs: number): void {
    // What was announced to a store that lost it has to be announced anew: the round changes.
    if (this.#epoch !== '' && this.#epoch !== reply.epoch) this.#losses++;
    this.#epoch = reply.epoch;
    this.#generation = reply.generation;
    // From when it was asked: what is announced a little early is announced again, what is late would be forgotten.
    this.#generationEndsMs = askedMs + reply.leftMs;
    this.total = reply.total;
  }

  /** In which a series must have been announced for the store to know it. */
  round(nowMs: number): number {
    if (this.#generation === undefined) return NO_ROUND;
    const lateMs = nowMs - this.#generationEndsMs;
    const passed = lateMs < 0 ? 0 : 1 + Math.floor(lateMs / this.#generationMs);
    return (this.#generation + passed + this.#losses) % ROUNDS;
  }

  /** In which the store has heard what it was just told. */
  roundOf({ generation }: SeriesReply): number {
    return (generation + this.#losses) % ROUNDS;
  }
}
