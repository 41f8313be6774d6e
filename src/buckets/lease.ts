/**
 * What one replica holds of a shared bucket, and the arithmetic of its calls to the store: how much to ask for,
 * when to ask ahead of need, when to refuse without asking, what to bring back. No I/O and no clock of its own.
 *
 * Tokens are counted as spent in the store when they are leased, so a lease can be late, lost or stale without
 * ever letting more through than the bucket gave.
 */
import type { Answer, BucketShape } from '../enforce/ledger.js';

/** One call to the store: brings back, takes and reshapes in one step that nothing comes between. */
export interface LeaseCall {
  /** The shape as this replica knows it. */
  readonly shape: BucketShape;
  /** This replica has just learned of the shape: it becomes the bucket's. Otherwise the bucket keeps its own. */
  readonly reshape: boolean;
  /** Unused tokens that come back. */
  readonly give: number;
  /** Tokens that were let through without the store (from a local share) and are paid for now. */
  readonly debit: number;
  /** All of it or nothing at all. */
  readonly need: number;
  /** Reserve wanted beyond the need: `least` as long as there is any, up to `most` the fuller the bucket is. */
  readonly least: number;
  readonly most: number;
  /** The bucket's generation when it was last seen, empty if never. A lost and remade bucket has another. */
  readonly generation: string;
  /** What the bucket can hold at most by what was last seen of it: the start of a remade one. */
  readonly bound: number;
}

export interface LeaseReply {
  /** The need and some of the reserve, or 0 when the need could not be met. */
  readonly granted: number;
  /** What the bucket still holds; below 0 when it owes. */
  readonly available: number;
  /** The bucket's shape, which another replica may have changed. */
  readonly shape: BucketShape;
  readonly generation: string;
}

/** While the bucket is drained a replica calls no more often than once for so many pushes. */
const PUSHES_PER_CALL = 64;
const MIN_SPACING_SECONDS = 0.05;
/** How old the knowledge may be that a push is refused on. */
const MAX_SPACING_SECONDS = 0.25;
/** The reserve never lasts longer than this, */
const MAX_RESERVE_SECONDS = 1;
/** nor is it more of the use than the bucket refills in this part of the time that it takes to fill. */
const RESERVE_PART_OF_REFILL = 1 / 6;
/** What is left of a lease when it is time to ask for the next. */
const LOW_WATER = 1 / 4;
/** A lease that nobody took from for so long goes back. */
const IDLE_MS = 2000;

export class Lease {
  /** Tokens leased and not spent. */
  held = 0;
  #shape: BucketShape;
  #shapeIsNews = true;
  /** What the store held when it last answered, and when that was. */
  #available = 0;
  #seenMs = 0;
  #generation = '';
  /** Use over about one second: what is in this window, and what a whole one held before it. */
  #windowStartMs: number;
  #windowTokens = 0;
  #windowPushes = 0;
  #lastTokens = 0;
  #lastPushes = 0;
  #usedMs: number;
  /** Below this it is time to ask, but not before `#prefetchMs`. */
  #lowWater = 0;
  #prefetchMs = 0;
  /** Until then the store is known to be drained: what it does not have is not asked for. */
  #drainedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(shape: BucketShape, nowMs: number) {
    this.#shape = shape;
    this.#windowStartMs = nowMs;
    this.#usedMs = nowMs;
  }

  get shape(): BucketShape {
    return this.#shape;
  }

  /** The store has not heard of this replica's newest shape. */
  get shapeIsNews(): boolean {
    return this.#shapeIsNews;
  }

  take(n: number, nowMs: number): boolean {
    this.#usedMs = nowMs;
    this.#windowPushes++;
    return this.spend(n);
  }

  /** As `take`, for a push that was counted before. */
  spend(n: number): boolean {
    if (n > this.held) return false;
    this.held -= n;
    this.#windowTokens += n;
    return true;
  }

  /** Time to ask ahead of need. */
  runsLow(nowMs: number): boolean {
    return this.held < this.#lowWater && nowMs >= this.#prefetchMs;
  }

  /** The answer to a push that need not be asked for: it can never pass, or the store was drained a moment ago. */
  refusal(n: number, nowMs: number): Answer | undefined {
    const never = n > this.#shape.capacity;
    const drained = nowMs < this.#drainedUntilMs && n - this.held > this.#available;
    return never || drained ? this.refuse(n) : undefined;
  }

  refuse(n: number): Answer {
    const available = this.held + this.#available;
    const { rate, capacity } = this.#shape;
    const waitSeconds =
      n > capacity || rate === 0 ? Number.POSITIVE_INFINITY : Math.max(0, n - available) / rate;
    return { granted: false, available: Math.max(0, available), waitSeconds };
  }

  giveBack(n: number): void {
    this.held = Math.min(this.#shape.capacity, this.held + n);
  }

  /** What is held above the new capacity is gone, as it would be in one bucket. */
  reshape(shape: BucketShape): void {
    if (shape.rate === this.#shape.rate && shape.capacity === this.#shape.capacity) return;
    this.#shape = shape;
    this.#shapeIsNews = true;
    this.held = Math.min(this.held, shape.capacity);
  }

  /** For pushes that wait: `smallest` must be met, `others` are met as far as the bucket reaches. */
  callForPushes(smallest: number, others: number, debit: number, nowMs: number): LeaseCall {
    // Once the bucket is drained no replica may sit on a part of a push: all goes back and is asked for again.
    const give = nowMs < this.#drainedUntilMs ? this.held : 0;
    this.held -= give;
    const { least, most } = this.#reserve(nowMs);
    return this.#call(give, debit, Math.max(0, smallest - this.held), least + others, most + others, nowMs);
  }

  /** Fills the lease up, ahead of need. */
  callForReserve(debit: number, nowMs: number): LeaseCall {
    const { least, most } = this.#reserve(nowMs);
    return this.#call(0, debit, 0, Math.max(0, least - this.held), Math.max(0, most - this.held), nowMs);
  }

  /** Brings back `give` and takes nothing. */
  callToReturn(give: number, debit: number, nowMs: number): LeaseCall {
    this.held -= give;
    this.#lowWater = 0;
    return this.#call(give, debit, 0, 0, 0, nowMs);
  }

  /** Tokens that should go back: all of an idle lease, and what has outgrown the use. */
  surplus(nowMs: number): number {
    if (this.held === 0) return 0;
    if (nowMs - this.#usedMs >= IDLE_MS) return this.held;
    const { most } = this.#reserve(nowMs);
    return this.held > 2 * most ? this.held - most : 0;
  }

  /** `waiting`: how much of what is held now goes to pushes that wait. */
  settle(call: LeaseCall, reply: LeaseReply, waiting: number, nowMs: number): void {
    this.held += reply.granted;
    this.#available = reply.available;
    this.#seenMs = nowMs;
    this.#generation = reply.generation;
    if (call.reshape && call.shape === this.#shape) this.#shapeIsNews = false;
    if (!this.#shapeIsNews) this.#shape = reply.shape;
    this.#lowWater = Math.max(0, this.held - waiting) * LOW_WATER;
    if (reply.granted < call.need + Math.floor(call.least)) {
      this.#drainedUntilMs = nowMs + this.#spacingSeconds(nowMs) * 1000;
      this.#prefetchMs = this.#drainedUntilMs;
    }
  }

  /** What the store can hold at most now, by what was last seen of it. */
  bound(nowMs: number): number {
    const { rate, capacity } = this.#shape;
    if (this.#generation === '') return capacity;
    return Math.min(capacity, this.#available + ((nowMs - this.#seenMs) * rate) / 1000);
  }

  #call(give: number, debit: number, need: number, least: number, most: number, nowMs: number): LeaseCall {
    return {
      shape: this.#shape,
      reshape: this.#shapeIsNews,
      give,
      debit,
      need,
      least,
      most,
      generation: this.#generation,
      bound: this.bound(nowMs),
    };
  }

  #reserve(nowMs: number): { least: number; most: number } {
    const weight = this.#rollWindow(nowMs);
    const tokensPerSecond = this.#lastTokens * weight + this.#windowTokens;
    const pushesPerSecond = this.#lastPushes * weight + this.#windowPushes;
    const { rate, capacity } = this.#shape;
    const seconds =
      rate === 0
        ? MAX_RESERVE_SECONDS
        : Math.min(MAX_RESERVE_SECONDS, (capacity / rate) * RESERVE_PART_OF_REFILL);
    const most = tokensPerSecond * seconds;
    // A reserve of less than two pushes saves no call and only lies about.
    if (most * pushesPerSecond < 2 * tokensPerSecond) return NO_RESERVE;
    return { least: Math.min(most, tokensPerSecond * this.#spacingSeconds(nowMs)), most };
  }

  #spacingSeconds(nowMs: number): number {
    const pushesPerSecond = this.#lastPushes * this.#rollWindow(nowMs) + this.#windowPushes;
    return Math.min(MAX_SPACING_SECONDS, Math.max(MIN_SPACING_SECONDS, PUSHES_PER_CALL / pushesPerSecond));
  }

  /** A sliding window of one second: how much of the last whole window still counts, 0 to 1. */
  #rollWindow(nowMs: number): number {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < 1000) return 1 - Math.max(0, elapsedMs) / 1000;
    this.#lastTokens = (this.#windowTokens * 1000) / elapsedMs;
    this.#lastPushes = (this.#windowPushes * 1000) / elapsedMs;
    this.#windowTokens = 0;
    this.#windowPushes = 0;
    this.#windowStartMs = nowMs;
    return 1;
  }
}

const NO_RESERVE = { least: 0, most: 0 };
