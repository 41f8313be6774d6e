/**
 * How much one address may have under way, in items, found out by how soon it answers: while the time that it takes is near what is
 * usual for pushes of that size, a little more; when it takes longer, less, in proportion; when it says that it is overloaded, or says
 * nothing, a tenth less. Where sending half as much makes it answer no sooner, it is not what is sent that makes it slow, and what
 * it takes becomes usual. At first it only watches. Time is handed in.
 */

export interface CapacityOptions {
  /** Never less than so many items. */
  readonly floor: number;
  /** For so long nothing is limited. */
  readonly learningMs: number;
}

/** The limit is thought over so often, when there were so many answers. */
const WINDOW_MS = 1000;
const ENOUGH_ANSWERS = 10;
/** Times of a window that are looked at. */
const MOST_TIMES = 64;
/** An address may take so many times as long as is usual before any is taken away. */
const TOLERANCE = 1.1;
const LEAST_GRADIENT = 0.5;
/** Each time it may have more, as long as it uses what it has: so it grows, and settles a little above the tolerance. */
const GROWTH = 1.05;
/** Of the way from the limit to what is wanted. */
const SMOOTHING_UP = 0.2;
const SMOOTHING_DOWN = 0.4;
/** While it answers as soon as ever it may have so many times as much. */
const AS_EVER = 1.05;
const FAST_GROWTH = 1.25;
const OVERLOADED_FACTOR = 0.9;
/**
 * Of the way from the time that is usual to that of a window: slowly when it rises, and most slowly while all that may be is under
 * way, so that an overload does not become usual within minutes.
 */
const RISES = 1 / 120;
const RISES_WHEN_FULL = 1 / 1200;
const FALLS = 1 / 10;
/** After learning it may have so many times what it had at once. */
const LEARNT_FACTOR = 2;
/** With half as much under way an overloaded address takes about half as long. */
const HELPS = 0.8;

export class Capacity {
  /** Items that may be under way. */
  limit = Number.POSITIVE_INFINITY;
  /** 1: it answers as soon as ever. */
  gradient = 1;
  inFlight = 0;
  readonly #options: CapacityOptions;
  readonly #learnsUntilMs: number;
  readonly #times = new Float64Array(MOST_TIMES);
  readonly #sizes = new Uint8Array(MOST_TIMES);
  #answers = 0;
  #overloaded = 0;
  /** Most items at once, in this window and since the start. */
  #peak = 0;
  #highest = 0;
  /** Of the pushes that began in this window. */
  #largest = 0;
  #windowMs: number;
  /** By size, as powers of two; 0: not known. */
  readonly #usualMs = new Float64Array(33);
  /** When it was slowest: how slow, and what was under way. */
  #slow: { readonly slowness: number; readonly peak: number } | undefined;

  constructor(options: CapacityOptions, nowMs: number) {
    this.#options = options;
    this.#learnsUntilMs = nowMs + options.learningMs;
    this.#windowMs = nowMs;
  }

  begin(items: number): void {
    this.inFlight += items;
    if (this.inFlight > this.#peak) this.#peak = this.inFlight;
    if (items > this.#largest) this.#largest = items;
  }

  /** Nobody waited for the answer. That there was none so far says something once it takes longer than is usual. */
  end(items: number, tookMs: number, nowMs: number): void {
    const usualMs = this.#usualMs[sizeOf(items)] ?? 0;
    if (usualMs > 0 && tookMs > usualMs * TOLERANCE) this.answered(items, tookMs, false, nowMs);
    else this.inFlight -= items;
  }

  /** `overloaded`: it said so, or said nothing in time. */
  answered(items: number, tookMs: number, overloaded: boolean, nowMs: number): void {
    this.inFlight -= items;
    const at = this.#answers % MOST_TIMES;
    this.#times[at] = tookMs;
    this.#sizes[at] = sizeOf(items);
    this.#answers++;
    if (overloaded) this.#overloaded++;
    if (nowMs - this.#windowMs >= WINDOW_MS && this.#answers >= ENOUGH_ANSWERS) this.#think(nowMs);
  }

  #think(nowMs: number): void {
    this.#highest = Math.max(this.#highest, this.#peak);
    const slowness = this.#slowness();
    if (nowMs < this.#learnsUntilMs) this.#learn(slowness, FALLS);
    else if (this.limit === Number.POSITIVE_INFINITY) {
      this.limit = Math.max(this.#options.floor, this.#highest * LEARNT_FACTOR);
      this.#learn(slowness, 0);
    } else this.#adapt(slowness);
    this.#windowMs = nowMs;
    this.#answers = 0;
    this.#overloaded = 0;
    this.#peak = this.inFlight;
    this.#largest = 0;
  }

  #adapt(slowness: number): void {
    this.gradient = Math.max(LEAST_GRADIENT, Math.min(1, TOLERANCE / slowness));
    if (this.#overloaded > 0) this.limit *= OVERLOADED_FACTOR;
    else if (this.#isSlowByItself(slowness)) {
      for (let size = 0; size < this.#usualMs.length; size++) {
        this.#usualMs[size] = (this.#usualMs[size] ?? 0) * slowness;
      }
      this.limit = Math.max(this.limit, (this.#slow?.peak ?? 0) * LEARNT_FACTOR);
      this.#slow = undefined;
      return;
    } else if (this.#isUsedUp() && slowness <= AS_EVER) this.limit *= FAST_GROWTH;
    else if (this.gradient < 1 || this.#isUsedUp()) {
      const wanted = this.limit * this.gradient * GROWTH;
      this.limit += (wanted - this.limit) * (wanted > this.limit ? SMOOTHING_UP : SMOOTHING_DOWN);
    }
    this.limit = Math.max(this.#options.floor, this.limit);
    this.#learn(slowness, this.#isUsedUp() ? RISES_WHEN_FULL : RISES);
  }

  /** There was no room for one more. */
  #isUsedUp(): boolean {
    return this.#peak + this.#largest > this.limit;
  }

  /** It has half as much under way as when it was slowest, and is as slow as then. */
  #isSlowByItself(slowness: number): boolean {
    const peak = this.#peak;
    if (slowness <= TOLERANCE) this.#slow = undefined;
    else if (this.#slow === undefined || slowness > this.#slow.slowness) this.#slow = { slowness, peak };
    else if (peak * 2 <= this.#slow.peak) {
      if (slowness > this.#slow.slowness * HELPS) return true;
      this.#slow = { slowness, peak };
    }
    return false;
  }

  /** How many times as long as usual the pushes of this window took, most of them. */
  #slowness(): number {
    const ratios: number[] = [];
    for (let i = 0; i < this.#looked(); i++) {
      const usualMs = this.#usualMs[this.#sizes[i] ?? 0] ?? 0;
      if (usualMs > 0) ratios.push((this.#times[i] ?? 0) / usualMs);
    }
    return ratios.length === 0 ? 1 : median(ratios);
  }

  /** What is usual comes nearer to what was seen: by so much when it rises. */
  #learn(slowness: number, rises: number): void {
    const bySize = new Map<number, number[]>();
    for (let i = 0; i < this.#looked(); i++) {
      const size = this.#sizes[i] ?? 0;
      const times = bySize.get(size) ?? [];
      times.push(this.#times[i] ?? 0);
      bySize.set(size, times);
    }
    for (const [size, times] of bySize) {
      const tookMs = median(times);
      const usualMs = this.#usualMs[size] ?? 0;
      // A size that is new while all are slow is slow, too.
      if (usualMs === 0) this.#usualMs[size] = tookMs / Math.max(1, slowness);
      else this.#usualMs[size] = usualMs + (tookMs - usualMs) * (tookMs > usualMs ? rises : FALLS);
    }
  }

  #looked(): number {
    return Math.min(this.#answers, MOST_TIMES);
  }
}

function sizeOf(items: number): number {
  return 32 - Math.clz32(items);
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >>> 1] ?? 0;
}
