/**
 * What one tenant sent, second by second, and the most of it that arrived within any window of each of CURVE_WINDOWS that
 * ends in the hour under way. Windows up to five minutes are exact to the second. Longer ones are kept in steps of ten
 * seconds and are never too low: what is kept of a window of w seconds lies between the most of any w and of any w + 10. Where
 * less memory is to be taken, windows are kept less closely, and never too low either (COMPACT).
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

/** Windows that are kept in slots of one length. */
interface Ring {
  /** Of a slot. */
  readonly seconds: number;
  /** Of each window, in slots. One that begins within a slot is cut from one slot more than it is long. */
  readonly lengths: readonly number[];
  /** Its place in CURVE_WINDOWS. */
  readonly firstWindow: number;
  readonly slots: number;
  /** Where its slots begin, among those of all rings. */
  readonly offset: number;
}

/** How closely windows are kept: the shortest ones to the second. */
export interface CurveShape {
  readonly rings: readonly Ring[];
  readonly slots: number;
  /** What came before so many steps is in no window. */
  readonly steps: number;
}

const WINDOWS = CURVE_WINDOWS.length;

/** Each part: the seconds of a slot, and the longest window that is kept in such slots. */
function shapeOf(...parts: readonly (readonly [seconds: number, longest: number])[]): CurveShape {
  const rings: Ring[] = [];
  let firstWindow = 0;
  let offset = 0;
  for (const [seconds, longest] of parts) {
    const windows = CURVE_WINDOWS.slice(firstWindow).filter((window) => window <= longest);
    const lengths = windows.map((window) => (seconds === 1 ? window : window / seconds + 1));
    const slots = Math.max(...lengths);
    rings.push({ seconds, lengths, firstWindow, slots, offset });
    firstWindow += windows.length;
    offset += slots * KINDS;
  }
  const steps = Math.max(...rings.map(({ seconds, slots }) => (seconds * slots) / STEP_SECONDS));
  return { rings, slots: offset, steps };
}

/** 8 kB. */
export const EXACT = shapeOf([1, 300], [STEP_SECONDS, 3600]);
/**
 * 3 kB. Windows up to a minute are exact, those up to ten minutes are kept in steps of ten seconds, longer ones in minutes: what is
 * kept of a window of w seconds lies between the most of any w and of any w + 10, or w + 60.
 */
export const COMPACT = shapeOf([1, 60], [STEP_SECONDS, 600], [60, 3600]);

const SILENCE = new Float64Array(STEP_COUNTS);

export class Arrivals {
  readonly #shape: CurveShape;
  /** By kind and window: the most of the hour under way. */
  readonly #most = new Float64Array(KINDS * WINDOWS);
  /** What is in each window that ends now. */
  readonly #sums = new Float64Array(KINDS * WINDOWS);
  /** By ring and kind. */
  readonly #slots: Float32Array;
  /** The last step that is in. */
  #step = Number.NaN;

  constructor(shape = EXACT) {
    this.#shape = shape;
    this.#slots = new Float32Array(shape.slots);
  }

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
    return Number.isNaN(this.#step) || step - this.#step > this.#shape.steps;
  }

  /** Silence up to and with this step. */
  #pass(step: number): void {
    if (Number.isNaN(this.#step)) return;
    if (step - this.#step > this.#shape.steps) {
      this.#sums.fill(0);
      this.#slots.fill(0);
      this.#step = step;
      return;
    }
    // After so long a silence no second is left to leave a window.
    const [fine] = this.#shape.rings;
    const finePasses = this.#step + (fine?.slots ?? 0) / STEP_SECONDS;
    while (this.#step < step) {
      this.#step++;
      if (this.#step <= finePasses) this.#take(SILENCE);
      else for (let kind = 0; kind < KINDS; kind++) this.#takeStep(kind, 0, true);
    }
  }

  #take(counts: ArrayLike<number>): void {
    const silent = counts === SILENCE;
    const [fine] = this.#shape.rings;
    const first = this.#step * STEP_SECONDS;
    for (let kind = 0; kind < KINDS; kind++) {
      let total = 0;
      for (let second = 0; second < STEP_SECONDS; second++) {
        const count = keptFine(counts[second * KINDS + kind] ?? 0);
        total += count;
        if (fine !== undefined) this.#takeSlot(fine, kind, first + second, count, true, silent);
      }
      this.#takeStep(kind, total, silent);
    }
  }

  #takeStep(kind: number, total: number, silent: boolean): void {
    const { rings } = this.#shape;
    const first = this.#step * STEP_SECONDS;
    for (let i = 1; i < rings.length; i++) {
      const ring = rings[i] as Ring;
      const slot = Math.floor(first / ring.seconds);
      this.#takeSlot(ring, kind, slot, total, first % ring.seconds === 0, silent);
    }
  }

  /** `isNew`: nothing is in the slot yet, and what is leaves the windows. */
  #takeSlot(
    { lengths, firstWindow, slots: count, offset }: Ring,
    kind: number,
    slot: number,
    added: number,
    isNew: boolean,
    silent: boolean,
  ): void {
    const slots = this.#slots;
    const sums = this.#sums;
    const most = this.#most;
    const ring = offset + kind * count;
    const own = ring + (slot % count);
    const first = kind * WINDOWS + firstWindow;
    const before = isNew ? 0 : (slots[own] ?? 0);
    const kept = keptFine(before + added);
    const more = kept - before;
    for (let i = 0; i < lengths.length; i++) {
      const at = first + i;
      const leaving = isNew ? (slots[ring + ((slot - (lengths[i] ?? 0)) % count)] ?? 0) : 0;
      const sum = (sums[at] ?? 0) + more - leaving;
      sums[at] = sum;
      if (!silent && sum > (most[at] ?? 0)) most[at] = sum;
    }
    slots[own] = kept;
  }

  /** The windows that end with the first second after the last step, if that is silent. An hour begins there: each slot is new. */
  #firstSecond(): void {
    const second = (this.#step + 1) * STEP_SECONDS;
    for (const { seconds, lengths, firstWindow, slots: count, offset } of this.#shape.rings) {
      const slot = Math.floor(second / seconds);
      for (let kind = 0; kind < KINDS; kind++) {
        const ring = offset + kind * count;
        for (let i = 0; i < lengths.length; i++) {
          const at = kind * WINDOWS + firstWindow + i;
          const leaving = this.#slots[ring + ((slot - (lengths[i] ?? 0)) % count)] ?? 0;
          this.#most[at] = (this.#sums[at] ?? 0) - leaving;
        }
      }
    }
  }
}

/** As a 32-bit float, rounded up: counts to 16 million as they are. */
function keptFine(count: number): number {
  const kept = Math.fround(count);
  return kept >= count ? kept : Math.fround(count * (1 + 2 ** -23));
}
