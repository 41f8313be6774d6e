/**
 * What a replica knows of one tenant's series in the store: what it said last, and what follows from that. The table
 * keeps for each series a mark of four bits, the generation in which it was announced, modulo 13.
 */
import type { FleetState } from './series-protocol.js';

const MARKS = 13;
/** While no generation is known: no series has this mark. */
const NO_GENERATION = 13;
/** Of a series that was never announced, because nothing was to be. */
export const UNANNOUNCED = 14;
/** Of a series that was admitted without the store: it is over what the store says until it is announced. */
export const OFFLINE = 15;

export class StoreView {
  /** Series over all replicas. */
  total: number | undefined;
  readonly #generationMs: number;
  #epoch = '';
  #generation: number | undefined;
  #generationEndsMs = 0;
  /** How often the store has lost what it knew. */
  #losses = 0;

  constructor(generationMs: number) {
    this.#generationMs = generationMs;
  }

  update(state: FleetState, askedMs: number): void {
    // What was announced to a store that lost it has to be announced anew: the mark changes.
    if (this.#epoch !== '' && this.#epoch !== state.epoch) this.#losses++;
    this.#epoch = state.epoch;
    this.#generation = state.generation;
    // From when it was asked: what is announced a little early is announced again, what is late would be forgotten.
    this.#generationEndsMs = askedMs + state.leftMs;
    this.total = state.total;
  }

  /** The mark that a series must have for the store to know it. */
  mark(nowMs: number): number {
    if (this.#generation === undefined) return NO_GENERATION;
    const lateMs = nowMs - this.#generationEndsMs;
    const passed = lateMs < 0 ? 0 : 1 + Math.floor(lateMs / this.#generationMs);
    return (this.#generation + passed + this.#losses) % MARKS;
  }

  /** The mark of what the store was told with this answer. */
  markOf({ generation }: FleetState): number {
    return (generation + this.#losses) % MARKS;
  }
}
