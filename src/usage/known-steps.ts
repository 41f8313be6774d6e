/**
 * Of the steps of a history (tracks.ts) those in which somebody counted. What is 0 in another one is not known, and a rate is
 * over those that are.
 */
import { COARSE_SECONDS, FINE_SECONDS, RANGE_NAMES, RANGES, type Range } from './tracks.js';

const FINE_STEPS = RANGES['1h'];
const COARSE_STEPS = RANGES['24h'];
const FINE_IN_COARSE = COARSE_SECONDS / FINE_SECONDS;

export class KnownSteps {
  readonly #fine = new Uint8Array(FINE_STEPS);
  /** How many fine ones are known in each; the one under way is among them. */
  readonly #coarse = new Uint8Array(COARSE_STEPS + 1);
  readonly #seconds = Object.fromEntries(RANGE_NAMES.map((range) => [range, 0])) as Record<Range, number>;
  #step = 0;

  /** Fine steps are over. `last`: of several the last one alone may be known; undefined: somebody counted in all of them. */
  advance(steps: number, last?: boolean): void {
    for (let left = steps; left > 0; left--) {
      const isKnown = last === undefined || (left === 1 && last);
      const coarse = Math.floor(this.#step / FINE_IN_COARSE) % this.#coarse.length;
      if (this.#step % FINE_IN_COARSE === 0) this.#coarse[coarse] = 0;
      this.#step++;
      this.#fine[this.#step % FINE_STEPS] = Number(isKnown);
      this.#coarse[coarse] = (this.#coarse[coarse] ?? 0) + Number(isKnown);
    }
    for (const range of RANGE_NAMES) this.#seconds[range] = this.#secondsIn(range);
  }

  /** That are known of the whole steps of the range, and of a coarse one that is under way. */
  seconds(range: Range): number {
    return this.#seconds[range];
  }

  /** `points` of each step, the last one the newest; null: not known. */
  masked(points: readonly number[], range: Range): (number | null)[] {
    const last = range === '24h' ? Math.floor(this.#step / FINE_IN_COARSE) : this.#step;
    return points.map((point, index) => {
      const step = last - points.length + 1 + index;
      return this.#isKnown(step, range) ? point : null;
    });
  }

  #isKnown(step: number, range: Range): boolean {
    if (step < 1) return false;
    if (range === '24h') return (this.#coarse[(step - 1) % this.#coarse.length] ?? 0) > 0;
    return this.#fine[step % FINE_STEPS] === 1;
  }

  #secondsIn(range: Range): number {
    if (range === '24h') {
      const whole = this.#step / FINE_IN_COARSE;
      // While none is under way there is one more than belongs to the range.
      const left = Number.isInteger(whole) ? whole % this.#coarse.length : -1;
      return this.#coarse.reduce((sum, known, at) => sum + (at === left ? 0 : known), 0) * FINE_SECONDS;
    }
    let known = 0;
    for (let step = this.#step; step > Math.max(0, this.#step - RANGES[range]); step--)
      known += this.#fine[step % FINE_STEPS] ?? 0;
    return known * FINE_SECONDS;
  }
}
