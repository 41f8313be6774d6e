/**
 * How much one address may have under way, in items, found out by how soon it answers: while the time that it takes is near what is
 * usual for pushes of that size, a little more; when it takes longer, less, in proportion; when it says that it is overloaded, or says
 * nothing, a tenth less. Where sending half as much makes it answer no sooner, it is not what is sent that makes it slow, and what
 * it takes becomes usual. At first it only watches. Time is handed in.
 *
 * Those who send count alike, however much they send: one whose pushes are slow, or fail, by what is in them makes nothing smaller
 * for the others.
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
/** Answers of a window that are looked at: so many of each sender, and so many senders. */
const MOST_TIMES = 16;
const MOST_SENDERS = 200;
/** No id of a tenant has parentheses around it. */
const OTHERS = '(others)';
/** An address may take so many times as long as is usual before any is taken away. */
const TOLERANCE = 1.1;
const LEAST_GRADIENT = 0.3;
/** Each time it may have more, as long as it uses what it has: so it grows, and settles a little above the tolerance. */
const GROWTH = 1.05;
/** Of the way from the limit to what is wanted. */
const SMOOTHING_UP = 0.2;
const SMOOTHING_DOWN = 0.6;
/** While it answers as soon as ever it may have so many times as much. */
const AS_EVER = 1.05;
const FAST_GROWTH = 1.25;
const OVERLOADED_FACTOR = 0.9;
/** Of the answers: fewer are no overload. */
const OVERLOADED_PART = 0.05;
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

/** What a push counts, and as whose. */
export interface Load {
  readonly items: number;
  readonly place: string;
}

/** Answers to one sender within a window. */
interface Heard {
  answers: number;
  overloaded: number;
  /** By answer, in a ring. */
  readonly times: number[];
  readonly sizes: number[];
}

export class Capacity {
  /** Items that may be under way. */
  limit = Number.POSITIVE_INFINITY;
  /** 1: it answers as soon as ever. */
  gradient = 1;
  inFlight = 0;
  readonly #options: CapacityOptions;
  readonly #learnsUntilMs: number;
  /** Of this window, by sender. */
  #heard = new Map<string, Heard>();
  #answers = 0;
  /** Most items at once, in this window and since the start. */
  #peak = 0;
  #highest = 0;
  /** Of the pushes that began in this window. */
  #largest = 0;
  /** In the window before this one: what was answered in the first such window was mostly sent before it. */
  #wasUsedUp = false;
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

  begin({ items }: Load): void {
    this.inFlight += items;
    if (this.inFlight > this.#peak) this.#peak = this.inFlight;
    if (items > this.#largest) this.#largest = items;
  }

  /** Nobody waited for the answer. That there was none so far says something once it takes longer than is usual. */
  end(load: Load, tookMs: number, nowMs: number): void {
    const usualMs = this.#usualMs[sizeOf(load.items)] ?? 0;
    if (usualMs > 0 && tookMs > usualMs * TOLERANCE) this.answered(load, tookMs, false, nowMs);
    else this.inFlight -= load.items;
  }

  /** `overloaded`: it said so, or said nothing in time. */
  answered({ items, place }: Load, tookMs: number, overloaded: boolean, nowMs: number): void {
    this.inFlight -= items;
    this.#answers++;
    const heard = this.#of(place);
    const at = heard.answers++ % MOST_TIMES;
    heard.times[at] = tookMs;
    heard.sizes[at] = sizeOf(items);
    if (overloaded) heard.overloaded++;
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
    this.#wasUsedUp = this.#isUsedUp();
    this.#windowMs = nowMs;
    this.#answers = 0;
    this.#heard = new Map();
    this.#peak = this.inFlight;
    this.#largest = 0;
  }

  #adapt(slowness: number): void {
    this.gradient = Math.max(LEAST_GRADIENT, Math.min(1, TOLERANCE / slowness));
    if (this.#isOverloaded()) this.limit *= OVERLOADED_FACTOR;
    else if (this.#isSlowByItself(slowness)) {
      for (let size = 0; size < this.#usualMs.length; size++) {
        this.#usualMs[size] = (this.#usualMs[size] ?? 0) * slowness;
      }
      this.limit = Math.max(this.limit, (this.#slow?.peak ?? 0) * LEARNT_FACTOR);
      this.#slow = undefined;
      return;
    } else if (this.#isUsedUp() && this.#wasUsedUp && slowness <= AS_EVER) this.limit *= FAST_GROWTH;
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

  /** It says so to others than the one who hears it most, unless nobody else sends. */
  #isOverloaded(): boolean {
    let overloaded = 0;
    let answers = 0;
    let most: Heard | undefined;
    for (const heard of this.#heard.values()) {
      overloaded += heard.overloaded;
      answers += heard.answers;
      if (most === undefined || heard.overloaded > most.overloaded) most = heard;
    }
    if (most !== undefined && this.#heard.size > 1) {
      overloaded -= most.overloaded;
      answers -= most.answers;
    }
    return overloaded > 0 && overloaded >= answers * OVERLOADED_PART;
  }

  /**
   * How many times as long as usual pushes took in this window: the mean of the middle half of each sender's, and of the middle half
   * of the senders. Where workers are busy half of the pushes may wait as long as one takes, and half not at all: a median says the
   * one or the other.
   */
  #slowness(): number {
    const each: number[] = [];
    for (const { times, sizes } of this.#heard.values()) {
      const ratios: number[] = [];
      for (const [i, tookMs] of times.entries()) {
        const usualMs = this.#usualMs[sizes[i] ?? 0] ?? 0;
        if (usualMs > 0) ratios.push(tookMs / usualMs);
      }
      if (ratios.length > 0) each.push(middleMean(ratios));
    }
    return each.length === 0 ? 1 : middleMean(each);
  }

  /** What is usual comes nearer to what was seen: by so much when it rises. */
  #learn(slowness: number, rises: number): void {
    const bySize = new Map<number, number[]>();
    for (const { times, sizes } of this.#heard.values()) {
      for (const [i, tookMs] of times.entries()) {
        const size = sizes[i] ?? 0;
        const known = bySize.get(size);
        if (known === undefined) bySize.set(size, [tookMs]);
        else known.push(tookMs);
      }
    }
    for (const [size, times] of bySize) {
      const tookMs = median(times);
      const usualMs = this.#usualMs[size] ?? 0;
      // A size that is new while all are slow is slow, too.
      if (usualMs === 0) this.#usualMs[size] = tookMs / Math.max(1, slowness);
      else this.#usualMs[size] = usualMs + (tookMs - usualMs) * (tookMs > usualMs ? rises : FALLS);
    }
  }

  #of(place: string): Heard {
    const key = this.#heard.size < MOST_SENDERS || this.#heard.has(place) ? place : OTHERS;
    let heard = this.#heard.get(key);
    if (heard === undefined) {
      heard = { answers: 0, overloaded: 0, times: [], sizes: [] };
      this.#heard.set(key, heard);
    }
    return heard;
  }
}

function sizeOf(items: number): number {
  return 32 - Math.clz32(items);
}

/** The mean of the middle half: without the least and the greatest where there are three. */
function middleMean(values: number[]): number {
  values.sort((a, b) => a - b);
  const left = (values.length + 1) >>> 2;
  const middle = values.slice(left, values.length - left);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >>> 1] ?? 0;
}
