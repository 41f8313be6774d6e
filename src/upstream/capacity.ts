/**
 * How much one address may have under way, found out by how soon it answers while all of it is used: while the time that it
 * takes is near what is usual for pushes of that size, a little more; when it takes longer, by more than times differ by themselves,
 * less, in proportion; when it says that it is overloaded, or says nothing, a tenth less. Where sending half as much makes it answer
 * no sooner, it is not what is sent that makes it slow, and what it takes becomes usual. At first it only watches. Time is handed in.
 *
 * Those who send count alike, however much they send: one whose pushes are slow, or fail, by what is in them makes nothing smaller
 * for the others.
 */

export interface CapacityOptions {
  /** Never less than so much. */
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
/** It may take so much longer than is usual before any is taken away, as a part of it, or so many times what times differ by themselves. */
const TOLERANCE = 0.05;
const DEVIATIONS = 3;
const LEAST_GRADIENT = 0.3;
/** Each time it may have more, as long as it uses what it has: so it grows, and settles a little above the tolerance. */
const GROWTH = 1.05;
/** Of the way from the limit to what is wanted. */
const SMOOTHING_UP = 0.2;
const SMOOTHING_DOWN = 0.6;
/** While it takes no longer than half of what is tolerated it may have so many times as much. */
const FAST_GROWTH = 1.25;
/** Near what was too much last it grows slowly: each second that goes well that is so many times as much. */
const FORGOTTEN = 1.1;
const OVERLOADED_FACTOR = 0.9;
/** Of the answers: fewer are no overload. */
const OVERLOADED_PART = 0.05;
/** Of those who hear that it is overloaded so many may do so by what they send, and a third of all at most. */
const MOST_LEFT_OUT = 3;
/**
 * Of the way from the time that is usual to that of a window: slowly when it rises, and most slowly while all that may be is under
 * way, so that an overload does not become usual within minutes.
 */
const RISES = 1 / 120;
const RISES_WHEN_FULL = 1 / 1200;
const FALLS = 1 / 10;
/** The same, of how slow it seems when all is as usual, and of how much that differs: while it learns, and later. */
const LEARNS = 1 / 5;
const FOLLOWS = 1 / 60;
/** After learning it may have so many times what it had at once. */
const LEARNT_FACTOR = 2;
/** Of how slow a sender is beside the others, with each window: what it sends may take longer, and that says nothing of the address. */
const HABIT_FOLLOWS = 1 / 10;
/** A sender counts as so many times as slow at most as the middle one. */
const MOST_TIMES_THE_MIDDLE = 2;
/** With half as much under way an overloaded address takes about half as long; times differ by themselves, too. */
const HELPS = 0.65;

/** Of what may be under way so much at most is kept for those who are below their shares: room for one more push. */
const KEPT_PART = 1 / 8;

export function roomKept(room: number, limit: number): number {
  return Math.min(room, limit * KEPT_PART);
}

/** A push, and whose it is. */
export interface Load {
  /** How long it takes is compared with others that have as many. */
  readonly items: number;
  /** What it needs of what may be under way. */
  readonly room: number;
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
  /** What may be under way. */
  limit = Number.POSITIVE_INFINITY;
  /** 1: it answers as soon as ever. */
  gradient = 1;
  inFlight = 0;
  /** How long pushes of the window before this one take when all is well, or took, if that was less, by their room; 0: not known. */
  usualMs = 0;
  readonly #options: CapacityOptions;
  readonly #learnsUntilMs: number;
  /** Of this window, by sender. */
  #heard = new Map<string, Heard>();
  #answers = 0;
  #room = 0;
  #usualRoomMs = 0;
  #tookRoomMs = 0;
  /** Most at once, in this window and since the start. */
  #peak = 0;
  #highest = 0;
  /** Of the pushes that began in this window. */
  #largest = 0;
  /** In the window before this one: what was answered in the first such window was mostly sent before it. */
  #wasUsedUp = false;
  #windowMs: number;
  /** By size, as powers of two; 0: not known. */
  readonly #usualMs = new Float64Array(33);
  /** How many times as long as those of others each sender's pushes take; who was heard last is last. */
  readonly #habits = new Map<string, number>();
  /** How slow it seems when all is as usual: about 1, and not quite where times differ much. */
  #asUsual = 1;
  /** By how much that differs from second to second. */
  #deviation = 0;
  /** The limit at which it took longer than is tolerated last. */
  #tooMuch = Number.POSITIVE_INFINITY;
  /** Since it is slower than is tolerated: how slow, most that was under way, and for how long it has been half of that. */
  #slow: { slowness: number; peak: number; seconds: number } | undefined;

  constructor(options: CapacityOptions, nowMs: number) {
    this.#options = options;
    this.#learnsUntilMs = nowMs + options.learningMs;
    this.#windowMs = nowMs;
  }

  begin({ room }: Load): void {
    this.inFlight += room;
    if (this.inFlight > this.#peak) this.#peak = this.inFlight;
    if (room > this.#largest) this.#largest = room;
  }

  /** Nobody waited for the answer. That there was none so far says something once it takes longer than is usual. */
  end(load: Load, tookMs: number, nowMs: number): void {
    const usualMs = this.#usualMs[sizeOf(load.items)] ?? 0;
    if (usualMs > 0 && tookMs > usualMs * (1 + TOLERANCE)) this.answered(load, tookMs, false, nowMs);
    else this.inFlight -= load.room;
  }

  /** `overloaded`: it said so, or said nothing in time. */
  answered({ items, room, place }: Load, tookMs: number, overloaded: boolean, nowMs: number): void {
    this.inFlight -= room;
    this.#answers++;
    this.#room += room;
    this.#usualRoomMs += room * (this.#usualMs[sizeOf(items)] ?? 0);
    this.#tookRoomMs += room * tookMs;
    const heard = this.#of(place);
    const at = heard.answers++ % MOST_TIMES;
    heard.times[at] = tookMs;
    heard.sizes[at] = sizeOf(items);
    if (overloaded) heard.overloaded++;
    if (nowMs - this.#windowMs >= WINDOW_MS && this.#answers >= ENOUGH_ANSWERS) this.#think(nowMs);
  }

  #think(nowMs: number): void {
    // Of the limit that there was, and not of what becomes of it here.
    const isUsedUp = this.#isUsedUp();
    this.#highest = Math.max(this.#highest, this.#peak);
    const slowness = this.#slowness() / this.#asUsual;
    const isLearning = nowMs < this.#learnsUntilMs;
    if (isLearning || !isUsedUp) this.#follow(slowness, isLearning ? LEARNS : FOLLOWS);
    if (isLearning) this.#learn(slowness, FALLS);
    else if (this.limit === Number.POSITIVE_INFINITY) {
      this.limit = Math.max(this.#options.floor, this.#highest * LEARNT_FACTOR);
      this.#learn(slowness, 0);
    } else this.#adapt(slowness, isUsedUp);
    this.#wasUsedUp = isUsedUp;
    this.#windowMs = nowMs;
    this.#answers = 0;
    this.usualMs = Math.min(this.#usualRoomMs, this.#tookRoomMs) / this.#room;
    this.#room = 0;
    this.#usualRoomMs = 0;
    this.#tookRoomMs = 0;
    this.#heard = new Map();
    this.#peak = this.inFlight;
    this.#largest = 0;
  }

  /** A second in which all stood still says no more than one that was twice as slow. */
  #follow(slowness: number, part: number): void {
    const by = Math.min(slowness - 1, 1);
    this.#asUsual *= 1 + by * part;
    this.#deviation += (Math.abs(by) - this.#deviation) * part;
  }

  #adapt(slowness: number, isUsedUp: boolean): void {
    const tolerance = 1 + Math.max(TOLERANCE, DEVIATIONS * this.#deviation);
    this.gradient = Math.max(LEAST_GRADIENT, Math.min(1, tolerance / slowness));
    if (this.#isOverloaded()) this.limit *= OVERLOADED_FACTOR;
    else if (this.#isSlowByItself(slowness, tolerance)) {
      for (let size = 0; size < this.#usualMs.length; size++) {
        this.#usualMs[size] = (this.#usualMs[size] ?? 0) * slowness;
      }
      this.limit = Math.max(this.limit, this.#slow?.peak ?? 0);
      this.#slow = undefined;
      return;
    } else if (isUsedUp) {
      const isWell = this.#wasUsedUp && slowness <= (1 + tolerance) / 2;
      if (!(isWell && this.#growsFast())) this.#settle();
    }
    this.limit = Math.max(this.#options.floor, this.limit);
    this.#learn(slowness, isUsedUp ? RISES_WHEN_FULL : RISES);
  }

  /** False: it would come near what was too much. */
  #growsFast(): boolean {
    if (this.limit >= this.#tooMuch) this.#tooMuch = Number.POSITIVE_INFINITY;
    const isFar = this.limit * FAST_GROWTH <= this.#tooMuch;
    if (isFar) this.limit *= FAST_GROWTH;
    else this.#tooMuch *= FORGOTTEN;
    return isFar;
  }

  #settle(): void {
    const wanted = this.limit * this.gradient * GROWTH;
    if (wanted < this.limit) this.#tooMuch = this.limit;
    this.limit += (wanted - this.limit) * (wanted > this.limit ? SMOOTHING_UP : SMOOTHING_DOWN);
  }

  /** There was no room for one more, but for what is kept. */
  #isUsedUp(): boolean {
    return this.#peak + this.#largest + roomKept(this.#largest, this.limit) > this.limit;
  }

  /**
   * It has half as much under way as when it became slow, or as little as may be, and is as slow as it was then: for more than a
   * second, so that what is answered was sent since.
   */
  #isSlowByItself(slowness: number, tolerance: number): boolean {
    if (slowness <= tolerance) {
      this.#slow = undefined;
      return false;
    }
    this.#slow ??= { slowness, peak: this.#peak, seconds: 0 };
    const slow = this.#slow;
    if (this.#peak * 2 > slow.peak && this.limit > this.#options.floor) {
      slow.slowness = Math.max(slow.slowness, slowness);
      slow.peak = Math.max(slow.peak, this.#peak);
      slow.seconds = 0;
      return false;
    }
    if (++slow.seconds < 2) return false;
    if (slowness > slow.slowness * HELPS) return true;
    this.#slow = undefined;
    return false;
  }

  /** It says so to others than the few who hear it most, unless nobody else sends. */
  #isOverloaded(): boolean {
    const byMost = [...this.#heard.values()].sort((a, b) => b.overloaded - a.overloaded);
    const without = Math.min(MOST_LEFT_OUT, Math.ceil((byMost.length - 1) / 3));
    let overloaded = 0;
    let answers = 0;
    for (const heard of byMost.slice(without)) {
      overloaded += heard.overloaded;
      answers += heard.answers;
    }
    return overloaded > 0 && overloaded >= answers * OVERLOADED_PART;
  }

  /**
   * How many times as long as usual pushes took in this window: the mean of the middle half of each sender's, beside how it is with
   * that sender, and of the middle third of the senders. Where workers are busy half of the pushes may wait as long as one takes, and
   * half not at all: a median says the one or the other.
   */
  #slowness(): number {
    const each: { readonly place: string; readonly times: number; readonly beside: number }[] = [];
    for (const [place, { times, sizes }] of this.#heard) {
      const ratios: number[] = [];
      for (const [i, tookMs] of times.entries()) {
        const usualMs = this.#usualMs[sizes[i] ?? 0] ?? 0;
        if (usualMs > 0) ratios.push(tookMs / usualMs);
      }
      if (ratios.length === 0) continue;
      const itsTimes = middleMean(ratios, (ratios.length + 1) >>> 2);
      each.push({ place, times: itsTimes, beside: itsTimes / (this.#habits.get(place) ?? 1) });
    }
    if (each.length === 0) return 1;
    const usual = lowerMedian(each.map(({ times }) => times));
    for (const { place, times } of each) this.#followHabit(place, times / usual);
    return middleOfSenders(each.map(({ beside }) => beside));
  }

  #followHabit(place: string, times: number): void {
    const habit = this.#habits.get(place) ?? 1;
    this.#habits.delete(place);
    this.#habits.set(place, habit + (times - habit) * HABIT_FOLLOWS);
    const [longestAgo = ''] = this.#habits.keys();
    if (this.#habits.size > MOST_SENDERS) this.#habits.delete(longestAgo);
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

/** Without the third that is slowest, and the quickest; of two that differ the slower one counts little more than the other. */
function middleOfSenders(values: number[]): number {
  const most = MOST_TIMES_THE_MIDDLE * lowerMedian(values);
  const capped = values.map((value) => Math.min(value, most));
  return middleMean(capped, Math.floor(values.length / 3));
}

function lowerMedian(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[(values.length - 1) >>> 1] ?? 0;
}

/** The mean without so many of the least and of the greatest. */
function middleMean(values: number[], without: number): number {
  values.sort((a, b) => a - b);
  const middle = values.slice(without, values.length - without);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >>> 1] ?? 0;
}
