/**
 * What one tenant sent, second by second, and the most of it that arrived within any window of each of CURVE_WINDOWS that
 * ends in the hour under way. Windows up to five minutes are exact to the second. Longer ones are kept in steps of ten
 * seconds and are never too low: what is kept of a window of w seconds lies between the most of any w and of any w + 10.
 *
 * Fed with steps of ten seconds, each once and in order; what lies between two of them was silent.
 */
import { CURVE_WINDOWS } from './usage-record.js';

export const STEP_SECONDS = 10;
export const HOUR_STEPS = 360;
/** What is counted in each second, side by side. */
export const ARRIVAL_KINDS = ['items', 'requests', 'bytes'] as const;
export const KINDS = ARRIVAL_KINDS.length;
/** Of one step: a second after the other, in each of them its kinds. */
export const STEP_COUNTS = STEP_SECONDS * KINDS;

/** Seconds that are kept. */
const FINE = 300;
/** Steps that are kept: an hour, and the one that its window begins in. */
const COARSE = HOUR_STEPS + 1;
const WINDOWS = CURVE_WINDOWS.length;
const FINE_WINDOWS = CURVE_WINDOWS.filter((seconds) => seconds <= FINE);
const COARSE_WINDOWS = CURVE_WINDOWS.filter((seconds) => seconds > FINE);
/** A window that begins within a step is cut from one step more than it is long. */
const COARSE_LENGTHS = COARSE_WINDOWS.map((seconds) => seconds / STEP_SECONDS + 1);

/** Memory of one, for those who have many. */
export const ARRIVALS_BYTES = (FINE + COARSE) * KINDS * 4 + 2 * WINDOWS * KINDS * 8 + 200;

const SILENCE = new Float64Array(STEP_COUNTS);

export class Arrivals {
  /** By kind and window: the most of the hour under way. */
  readonly #most = new Float64Array(KINDS * WINDOWS);
  /** What is in each window that ends now. */
  readonly #sums = new Float64Array(KINDS * WINDOWS);
  readonly #seconds = new Float32Array(KINDS * FINE);
  readonly #steps = new Float32Array(KINDS * COARSE);
  /** The last step that is in. */
  #step = Number.NaN;

  /** A step that is not later than the last one is left out: late ones are for `addLate`. */
  add(step: number, counts: ArrayLike<number>): void {
    if (step <= this.#step) return;
    this.#pass(step - 1);
    this.#step = step;
    this.#take(counts);
  }

  /** An hour begins with this step: its windows are those that end in it, what they have of before included. */
  beginHour(firstStep: number): void {
    this.#pass(firstStep - 1);
    this.#most.fill(0);
    if (Number.isNaN(this.#step)) return;
    // In silence nothing grows, so that the first second has the most of all windows that only silence ends.
    this.#firstSecond();
  }

  /** What came too late for its step: `curve` of it alone is added, which is never too little. */
  addLate(late: Arrivals): void {
    for (let i = 0; i < KINDS * WINDOWS; i++) {
      this.#most[i] = (this.#most[i] ?? 0) + (late.#most[i] ?? 0);
    }
  }

  /** For each of CURVE_WINDOWS. */
  curve(kind: number): number[] {
    return [...this.#most.subarray(kind * WINDOWS, (kind + 1) * WINDOWS)];
  }

  /** The hour under way as it was written down before, when the seconds themselves were fed again. */
  restore(kind: number, curve: readonly number[]): void {
    for (let window = 0; window < WINDOWS; window++) this.#most[kind * WINDOWS + window] = curve[window] ?? 0;
  }

  /** Nothing of the hour under way is known but what is restored. */
  forgetMost(): void {
    this.#most.fill(0);
  }

  /** Nothing came in the last hour. */
  isSilentAt(step: number): boolean {
    return Number.isNaN(this.#step) || step - this.#step > COARSE;
  }

  /** Silence up to and with this step. */
  #pass(step: number): void {
    if (Number.isNaN(this.#step)) return;
    if (step - this.#step > COARSE) {
      this.#sums.fill(0);
      this.#seconds.fill(0);
      this.#steps.fill(0);
      this.#step = step;
      return;
    }
    // After five minutes of silence no second is left to leave a window.
    const finePasses = this.#step + FINE / STEP_SECONDS;
    while (this.#step < step) {
      this.#step++;
      if (this.#step <= finePasses) this.#take(SILENCE);
      else for (let kind = 0; kind < KINDS; kind++) this.#takeStep(kind, 0, true);
    }
  }

  #take(counts: ArrayLike<number>): void {
    const silent = counts === SILENCE;
    for (let kind = 0; kind < KINDS; kind++) {
      let total = 0;
      for (let second = 0; second < STEP_SECONDS; second++) {
        const count = keptFine(counts[second * KINDS + kind] ?? 0);
        total += count;
        this.#takeSecond(kind, this.#step * STEP_SECONDS + second, count, silent);
      }
      this.#takeStep(kind, keptFine(total), silent);
    }
  }

  #takeSecond(kind: number, second: number, count: number, silent: boolean): void {
    const seconds = this.#seconds;
    const ring = kind * FINE;
    for (let window = 0; window < FINE_WINDOWS.length; window++) {
      const at = kind * WINDOWS + window;
      const leaving = seconds[ring + ((second - (FINE_WINDOWS[window] ?? 0)) % FINE)] ?? 0;
      const sum = (this.#sums[at] ?? 0) + count - leaving;
      this.#sums[at] = sum;
      if (!silent && sum > (this.#most[at] ?? 0)) this.#most[at] = sum;
    }
    seconds[ring + (second % FINE)] = count;
  }

  #takeStep(kind: number, total: number, silent: boolean): void {
    const steps = this.#steps;
    const ring = kind * COARSE;
    for (let window = 0; window < COARSE_LENGTHS.length; window++) {
      const at = kind * WINDOWS + FINE_WINDOWS.length + window;
      const leaving = steps[ring + ((this.#step - (COARSE_LENGTHS[window] ?? 0)) % COARSE)] ?? 0;
      const sum = (this.#sums[at] ?? 0) + total - leaving;
      this.#sums[at] = sum;
      if (!silent && sum > (this.#most[at] ?? 0)) this.#most[at] = sum;
    }
    steps[ring + (this.#step % COARSE)] = total;
  }

  /** The windows that end with the first second after the last step, if that is silent. */
  #firstSecond(): void {
    const second = (this.#step + 1) * STEP_SECONDS;
    for (let kind = 0; kind < KINDS; kind++) {
      for (let window = 0; window < FINE_WINDOWS.length; window++) {
        const at = kind * WINDOWS + window;
        const leaving = this.#seconds[kind * FINE + ((second - (FINE_WINDOWS[window] ?? 0)) % FINE)] ?? 0;
        this.#most[at] = (this.#sums[at] ?? 0) - leaving;
      }
      for (let window = 0; window < COARSE_LENGTHS.length; window++) {
        const at = kind * WINDOWS + FINE_WINDOWS.length + window;
        const oldest = this.#step + 1 - (COARSE_LENGTHS[window] ?? 0);
        const leaving = this.#steps[kind * COARSE + (oldest % COARSE)] ?? 0;
        this.#most[at] = (this.#sums[at] ?? 0) - leaving;
      }
    }
  }
}

/** As a 32-bit float, rounded up: counts to 16 million as they are. */
function keptFine(count: number): number {
  const kept = Math.fround(count);
  return kept >= count ? kept : Math.fround(count * (1 + 2 ** -23));
}
