/**
 * How much one address may have under way, in items, found out by how soon it answers: while the time that it takes is near what it
 * took before, a little more; when it takes longer, less, in proportion; when it says that it is overloaded, or says nothing, a tenth
 * less. At first it only watches. Time is handed in.
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
/** An address may take so many times as long as it did before any is taken away. */
const TOLERANCE = 1.5;
const LEAST_GRADIENT = 0.5;
const SMOOTHING = 0.2;
/** So many pushes may wait within Mimir: it grows by these. */
const QUEUED_PUSHES = 4;
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

export class Capacity {
  /** Items that may be under way. */
  limit = Number.POSITIVE_INFINITY;
  /** 1: it answers as soon as ever. */
  gradient = 1;
  inFlight = 0;
  readonly #options: CapacityOptions;
  readonly #learnsUntilMs: number;
  readonly #times = new Float64Array(MOST_TIMES);
  #answers = 0;
  #items = 0;
  #overloaded = 0;
  /** Most items at once, in this window and since the start. */
  #peak = 0;
  #highest = 0;
  #windowMs: number;
  #usualMs = 0;

  constructor(options: CapacityOptions, nowMs: number) {
    this.#options = options;
    this.#learnsUntilMs = nowMs + options.learningMs;
    this.#windowMs = nowMs;
  }

  begin(items: number): void {
    this.inFlight += items;
    if (this.inFlight > this.#peak) this.#peak = this.inFlight;
  }

  /** It ended, and nothing is known by it. */
  end(items: number): void {
    this.inFlight -= items;
  }

  /** `overloaded`: it said so, or said nothing in time. */
  answered(items: number, tookMs: number, overloaded: boolean, nowMs: number): void {
    this.inFlight -= items;
    this.#times[this.#answers % MOST_TIMES] = tookMs;
    this.#answers++;
    this.#items += items;
    if (overloaded) this.#overloaded++;
    if (nowMs - this.#windowMs >= WINDOW_MS && this.#answers >= ENOUGH_ANSWERS) this.#think(nowMs);
  }

  #think(nowMs: number): void {
    const tookMs = this.#median();
    this.#highest = Math.max(this.#highest, this.#peak);
    if (nowMs < this.#learnsUntilMs)
      this.#usualMs = this.#usualMs === 0 ? tookMs : this.#nearer(tookMs, FALLS);
    else if (this.limit === Number.POSITIVE_INFINITY) {
      this.limit = Math.max(this.#options.floor, this.#highest * LEARNT_FACTOR);
      if (this.#usualMs === 0) this.#usualMs = tookMs;
    } else this.#adapt(tookMs);
    this.#windowMs = nowMs;
    this.#answers = 0;
    this.#items = 0;
    this.#overloaded = 0;
    this.#peak = this.inFlight;
  }

  #adapt(tookMs: number): void {
    this.gradient = Math.max(LEAST_GRADIENT, Math.min(1, (TOLERANCE * this.#usualMs) / tookMs));
    if (this.#overloaded > 0) this.limit *= OVERLOADED_FACTOR;
    else if (this.gradient < 1 || this.#peak * 2 > this.limit) {
      const queued = (QUEUED_PUSHES * this.#items) / this.#answers;
      const wanted = this.limit * this.gradient + queued;
      this.limit += (wanted - this.limit) * SMOOTHING;
    }
    this.limit = Math.max(this.#options.floor, this.limit);
    const rises = this.#peak * 2 > this.limit ? RISES_WHEN_FULL : RISES;
    this.#usualMs = this.#nearer(tookMs, tookMs > this.#usualMs ? rises : FALLS);
  }

  #nearer(tookMs: number, part: number): number {
    return this.#usualMs + (tookMs - this.#usualMs) * part;
  }

  #median(): number {
    const times = this.#times.slice(0, Math.min(this.#answers, MOST_TIMES)).sort();
    return times[times.length >>> 1] ?? 0;
  }
}
