/**
 * What a replica knows of one tenant's series in the store, from its last reply. The table keeps a mark of four bits for
 * each series: the generation in which it was announced, modulo 13.
 */
import type { FleetState } from './series-protocol.js';

const MARKS = 13;
/** Used while the generation is unknown: no series has this mark. */
const NO_GENERATION = 13;
/** For series that were never announced because nothing is shared. */
export const UNANNOUNCED = 14;
/** For series that were admitted without the store: they are added to the store's count until they are announced. */
export const OFFLINE = 15;

export class StoreView {
  /** Series over all replicas. */
  total: number | undefined;
  readonly #generationMs: number;
  #epoch = '';
  #generation: number | undefined;
  #generationEndsMs = 0;
  /** How many times the store has lost its data. */
  #losses = 0;

  constructor(generationMs: number) {
    this.#generationMs = generationMs;
  }

  update(state: FleetState, askedMs: number): void {
    // After a loss everything has to be announced again, so the mark changes.
    if (this.#epoch !== '' && this.#epoch !== state.epoch) this.#losses++;
    this.#epoch = state.epoch;
    this.#generation = state.generation;
    // Counted from the request: announcing a little early means announcing twice, but announcing late means being
    // forgotten.
    this.#generationEndsMs = askedMs + state.leftMs;
    this.total = state.total;
  }

  /** The mark of series that the store knows. */
  mark(nowMs: number): number {
    if (this.#generation === undefined) return NO_GENERATION;
    const lateMs = nowMs - this.#generationEndsMs;
    const passed = lateMs < 0 ? 0 : 1 + Math.floor(lateMs / this.#generationMs);
    return (this.#generation + passed + this.#losses) % MARKS;
  }

  /** The mark of series that were announced with this reply. */
  markOf({ generation }: FleetState): number {
    return (generation + this.#losses) % MARKS;
  }
}
