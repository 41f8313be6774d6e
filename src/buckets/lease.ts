/**
 * What one replica holds of a shared bucket, and the arithmetic of its calls to the store: how much to ask for,
 * when to ask ahead of need, when to refuse without asking, what to return. No I/O and no clock of its own.
 *
 * The store counts tokens as spent when it leases them, so a lease can be late, lost or stale without ever letting
 * more through than the bucket gave. Each answer puts the lease into one of two states:
 *
 *   supplied  the bucket had what was asked for: the next call is due when a quarter of it is left
 *   drained   it had not: until the next call is due, what it is known not to have is refused without asking, and
 *             whatever is held goes back with that call
 */
import type { Answer, BucketKind, BucketShape } from '../enforce/ledger.js';
import type { LeaseCall, LeaseReply, LimitsStanding } from './lease-protocol.js';
import { UseWindow } from './use-window.js';

/** While the bucket is drained a replica asks once for about this many pushes. */
const PUSHES_PER_CALL = 64;
/** It asks no more often than this. */
const MIN_CALL_INTERVAL_SECONDS = 0.05;
/** A push is refused on knowledge no older than this. */
const MAX_CALL_INTERVAL_SECONDS = 0.25;
/** A reserve covers at most the use of the last second. */
const MAX_RESERVE_SECONDS = 1;
/** It also lasts no longer than a sixth of the bucket's refill time. */
const RESERVE_PART_OF_REFILL = 1 / 6;
/** When this part of a lease is left, the next call is due. */
const LOW_WATER = 1 / 4;
/** A lease that was not used for this long goes back. */
const IDLE_MS = 2000;

interface Reserve {
  readonly least: number;
  readonly most: number;
}

const NO_RESERVE: Reserve = { least: 0, most: 0 };

const NOTHING = { returned: 0, debit: 0, need: 0, leastReserve: 0, mostReserve: 0 };

export class Lease {
  /** Tokens leased and not spent. */
  held = 0;
  readonly #bucket: BucketKind;
  readonly #limits: LimitsStanding;
  readonly #use: UseWindow;
  /** The shape by this replica's limits, and the one in force: the bucket's own if its limits are newer. */
  #own: BucketShape;
  #shape: BucketShape;
  /** As the store last answered. */
  #stored: { readonly shape: BucketShape; readonly version: number } | undefined;
  /** What the store held when it last answered, and when that was. */
  #available = 0;
  #seenMs = 0;
  #incarnation = '';
  #usedMs: number;
  /** Below this the next call is due, but not before `#askAheadMs`. */
  #lowWater = 0;
  #askAheadMs = 0;
  /** The bucket had less than was last asked for. */
  #drained = false;
  /** Until then the store is known to be drained, and is not asked for what it does not have. */
  #drainedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(bucket: BucketKind, shape: BucketShape, limits: LimitsStanding, nowMs: number) {
    this.#bucket = bucket;
    this.#limits = limits;
    this.#own = shape;
    this.#shape = shape;
    this.#use = new UseWindow(nowMs);
    this.#usedMs = nowMs;
  }

  get shape(): BucketShape {
    return this.#shape;
  }

  /** The store does not know this bucket yet, or not its shape by newer limits. */
  get isNews(): boolean {
    const stored = this.#stored;
    if (stored === undefined) return true;
    const { version } = this.#limits;
    return version > 0 && version >= stored.version && !isSame(this.#own, stored.shape);
  }

  take(n: number, nowMs: number): boolean {
    this.#usedMs = nowMs;
    this.#use.countPush();
    return this.spend(n);
  }

  /** Like `take`, for a push that was counted before. */
  spend(n: number): boolean {
    if (n > this.held) return false;
    this.held -= n;
    this.#use.countTokens(n);
    return true;
  }

  /** It is time to ask ahead of need. */
  runsLow(nowMs: number): boolean {
    return this.held < this.#lowWater && nowMs >= this.#askAheadMs;
  }

  /**
   * The answer to a push for which the store need not be asked: it can never pass, or the store was drained a moment ago.
   */
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

  /** The same shape as before changes nothing: the bucket may have one of newer limits. */
  reshape(shape: BucketShape): void {
    if (isSame(shape, this.#own)) return;
    this.#own = shape;
    this.#take(shape);
  }

  /** For waiting pushes: `smallest` must be granted, `others` as far as the bucket reaches. */
  callForPushes(smallest: number, others: number, debit: number, nowMs: number): LeaseCall {
    // In a drained bucket no replica may keep part of a push: everything goes back and is asked for again, however long ago
    // the bucket was drained. If it does not refill, two replicas would otherwise keep half a push each for good.
    const returned = this.#drained ? this.held : 0;
    this.held -= returned;
    const need = Math.max(0, smallest - this.held);
    const { least, most } = this.#reserve(nowMs);
    const reserve = { leastReserve: least + others, mostReserve: most + others };
    return this.#call({ returned, debit, need, ...reserve }, nowMs);
  }

  /** Fills the lease up, ahead of need. */
  callForReserve(debit: number, nowMs: number): LeaseCall {
    const { least, most } = this.#reserve(nowMs);
    const leastReserve = Math.max(0, least - this.held);
    return this.#call({ debit, leastReserve, mostReserve: Math.max(0, most - this.held) }, nowMs);
  }

  /** Returns tokens and takes none. */
  callToReturn(returned: number, debit: number, nowMs: number): LeaseCall {
    this.held -= returned;
    this.#lowWater = 0;
    return this.#call({ returned, debit }, nowMs);
  }

  /**
   * Tokens that should go back: all of an idle lease, and what exceeds the current use. Only whole ones: in a bucket that
   * does not refill, fractions going back and forth would wear down the last push.
   */
  surplus(nowMs: number): number {
    if (this.held === 0) return 0;
    if (nowMs - this.#usedMs >= IDLE_MS) return this.held;
    const { most } = this.#reserve(nowMs);
    return this.held > 2 * most ? Math.floor(this.held - most) : 0;
  }

  /** Applies the store's reply. `waiting`: how many of the held tokens then go to waiting pushes. */
  receive(call: LeaseCall, reply: LeaseReply, waiting: number, nowMs: number): void {
    this.held += reply.granted;
    this.#available = reply.available;
    this.#seenMs = nowMs;
    this.#incarnation = reply.incarnation;
    this.#stored = reply;
    this.#limits.saw(reply.version);
    this.#take(this.#isOverruledBy(reply.version) ? reply.shape : this.#own);
    this.#lowWater = Math.max(0, this.held - waiting) * LOW_WATER;
    const asked = call.need + Math.floor(call.leastReserve);
    if (asked > 0) this.#drained = reply.granted < asked;
    if (reply.granted < asked) {
      this.#drainedUntilMs = nowMs + this.#callIntervalSeconds(nowMs) * 1000;
      this.#askAheadMs = this.#drainedUntilMs;
    }
  }

  /** The most that the store can hold now, as far as is known. */
  ceiling(nowMs: number): number {
    const { rate, capacity } = this.#shape;
    if (this.#incarnation === '') return capacity;
    return Math.min(capacity, this.#available + ((nowMs - this.#seenMs) * rate) / 1000);
  }

  /** A shape comes into force. Held tokens above its capacity are dropped, as they would be in a single bucket. */
  #take(shape: BucketShape): void {
    if (isSame(shape, this.#shape)) return;
    this.#shape = shape;
    this.held = Math.min(this.held, shape.capacity);
  }

  /** While the version of this replica's limits is unknown, they apply here and nowhere else. */
  #isOverruledBy(version: number): boolean {
    const own = this.#limits;
    return !own.isUnknown && (own.version === 0 || version > own.version);
  }

  #call(amounts: Partial<typeof NOTHING>, nowMs: number): LeaseCall {
    return {
      bucket: this.#bucket,
      shape: this.#own,
      version: this.#limits.version,
      ...NOTHING,
      ...amounts,
      incarnation: this.#incarnation,
      ceiling: this.ceiling(nowMs),
    };
  }

  #reserve(nowMs: number): Reserve {
    const tokensPerSecond = this.#use.tokensPerSecond(nowMs);
    const { rate, capacity } = this.#shape;
    const seconds =
      rate === 0
        ? MAX_RESERVE_SECONDS
        : Math.min(MAX_RESERVE_SECONDS, (capacity / rate) * RESERVE_PART_OF_REFILL);
    // A reserve of less than two pushes would save no call.
    if (seconds * this.#use.pushesPerSecond(nowMs) < 2) return NO_RESERVE;
    const most = tokensPerSecond * seconds;
    return { least: Math.min(most, tokensPerSecond * this.#callIntervalSeconds(nowMs)), most };
  }

  #callIntervalSeconds(nowMs: number): number {
    const seconds = PUSHES_PER_CALL / this.#use.pushesPerSecond(nowMs);
    return Math.min(MAX_CALL_INTERVAL_SECONDS, Math.max(MIN_CALL_INTERVAL_SECONDS, seconds));
  }
}

function isSame(one: BucketShape, other: BucketShape): boolean {
  return one.rate === other.rate && one.capacity === other.capacity;
}
