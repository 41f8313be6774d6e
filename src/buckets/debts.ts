/**
 * What is missing from buckets that have left memory, so that a tenant that is evicted and comes back does not find them
 * full. A debt is forgotten when the bucket would have refilled. Before evicting, ask `hasRoom`; otherwise remembering one
 * debt may push out another.
 *
 * A debt takes 24 bytes of a table with open addressing: instead of the owner's name, 62 bits of a hash under a random key,
 * and the kind of bucket. If two owners had the same hash, one would inherit the other's debt.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { BucketKind } from '../enforce/ledger.js';

/** For more than a hundred thousand tenants, in a table of 25 MB. */
const MOST_DEBTS = 500_000;
/** An owner has one of each kind. */
const KINDS: Readonly<Record<BucketKind, number>> = { requests: 1, items: 2, bytes: 3 };
const KINDS_OF_ONE = 3;
const FIRST_SLOTS = 1024;
/** How many slots are checked for paid debts each time a debt is remembered or room is needed. */
const LOOKS = 32;
/** When there is no room, the smallest of this many debts is dropped. */
const CANDIDATES = 8;

/** The columns of a table. */
interface Table {
  /** 0: the slot is free. The last two bits are the kind, which is never 0. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  /** In single precision, rounded so that the debt never shrinks. */
  readonly tokens: Float32Array;
  readonly perSecond: Float32Array;
  readonly sinceMs: Float64Array;
}

export class Debts {
  readonly #most: number;
  readonly #key = randomBytes(32);
  #mask = FIRST_SLOTS - 1;
  #table = tableOf(FIRST_SLOTS);
  #size = 0;
  /** Where the next check for paid debts begins. */
  #round = 0;
  /** The owner that was looked up last: all its debts come and go together. */
  #owner = '';
  #ownerLow = 0;
  #ownerHigh = 0;

  constructor(mostDebts = MOST_DEBTS) {
    this.#most = mostDebts;
    this.#hash('');
  }

  get size(): number {
    return this.#size;
  }

  /** The memory that the table takes. */
  get bytes(): number {
    return 24 * (this.#mask + 1);
  }

  /** Whether one more owner's debts can be remembered once `next` has taken its own back. */
  hasRoom(next: string, nowMs: number): boolean {
    if (this.#size < this.#most || this.#hasSome(next)) return true;
    this.#forgetPaid(nowMs);
    return this.#size < this.#most;
  }

  remember(owner: string, kind: BucketKind, tokens: number, ratePerSecond: number, nowMs: number): void {
    if (tokens <= 0) return;
    this.#forgetPaid(nowMs);
    // Allows for all debts of one owner, and those of the owner that is about to take its own back.
    if (this.#size >= this.#most + 2 * KINDS_OF_ONE) this.#forgetLeast(nowMs);
    if (4 * this.#size >= 3 * (this.#mask + 1)) this.#grow();
    const slot = this.#find(owner, kind);
    if (this.#table.low[slot] === 0) this.#size++;
    this.#table.low[slot] = this.#ownerLow | KINDS[kind];
    this.#table.high[slot] = this.#ownerHigh;
    this.#table.tokens[slot] = roundUp(tokens);
    this.#table.perSecond[slot] = roundDown(ratePerSecond);
    this.#table.sinceMs[slot] = nowMs;
  }

  /** Removes the debt and returns what is still missing: it belongs to the bucket again. */
  take(owner: string, kind: BucketKind, nowMs: number): number {
    const slot = this.#find(owner, kind);
    if (this.#table.low[slot] === 0) return 0;
    const left = this.#left(slot, nowMs);
    this.#free(slot);
    return left;
  }

  #hasSome(owner: string): boolean {
    for (const kind of Object.keys(KINDS) as BucketKind[]) {
      if (this.#table.low[this.#find(owner, kind)] !== 0) return true;
    }
    return false;
  }

  #forgetPaid(nowMs: number): void {
    for (let i = 0; i < LOOKS; i++) {
      const slot = this.#round & this.#mask;
      // Freeing a slot moves another debt into it, so the same slot is checked again.
      if (this.#table.low[slot] !== 0 && this.#left(slot, nowMs) === 0) this.#free(slot);
      else this.#round = slot + 1;
    }
  }

  #forgetLeast(nowMs: number): void {
    let least = -1;
    for (let slot = this.#round, seen = 0; seen < CANDIDATES; slot++) {
      const at = slot & this.#mask;
      if (this.#table.low[at] === 0) continue;
      seen++;
      if (least < 0 || this.#left(at, nowMs) < this.#left(least, nowMs)) least = at;
    }
    this.#free(least);
  }

  #left(slot: number, nowMs: number): number {
    const { tokens, perSecond, sinceMs } = this.#table;
    const earned = (Math.max(0, nowMs - (sinceMs[slot] ?? 0)) * (perSecond[slot] ?? 0)) / 1000;
    return Math.max(0, (tokens[slot] ?? 0) - earned);
  }

  /** The slot that the debt has, or would get. */
  #find(owner: string, kind: BucketKind): number {
    this.#hash(owner);
    const low = (this.#ownerLow | KINDS[kind]) >>> 0;
    for (let slot = this.#home(low, this.#ownerHigh); ; slot = (slot + 1) & this.#mask) {
      const found = this.#table.low[slot];
      if (found === 0 || (found === low && this.#table.high[slot] === this.#ownerHigh)) return slot;
    }
  }

  #home(low: number, high: number): number {
    return (low + high) & this.#mask;
  }

  /** Moves later entries back, so that no probe ends too early. */
  #free(freed: number): void {
    this.#size--;
    let hole = freed;
    for (let slot = (hole + 1) & this.#mask; this.#table.low[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const home = this.#home(this.#table.low[slot] ?? 0, this.#table.high[slot] ?? 0);
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      copy(this.#table, slot, this.#table, hole);
      hole = slot;
    }
    this.#table.low[hole] = 0;
  }

  #grow(): void {
    const slots = 2 * (this.#mask + 1);
    const before = this.#table;
    this.#mask = slots - 1;
    this.#table = tableOf(slots);
    for (const [from, low] of before.low.entries()) {
      if (low === 0) continue;
      let to = this.#home(low, before.high[from] ?? 0);
      while (this.#table.low[to] !== 0) to = (to + 1) & this.#mask;
      copy(before, from, this.#table, to);
    }
  }

  #hash(owner: string): void {
    if (owner === this.#owner && this.#ownerHigh !== 0) return;
    const digest = createHmac('sha256', this.#key).update(owner).digest();
    this.#owner = owner;
    this.#ownerLow = (digest.readUInt32LE(0) & ~3) >>> 0;
    this.#ownerHigh = digest.readUInt32LE(4);
  }
}

function tableOf(slots: number): Table {
  return {
    low: new Uint32Array(slots),
    high: new Uint32Array(slots),
    tokens: new Float32Array(slots),
    perSecond: new Float32Array(slots),
    sinceMs: new Float64Array(slots),
  };
}

function copy(source: Table, from: number, target: Table, to: number): void {
  target.low[to] = source.low[from] ?? 0;
  target.high[to] = source.high[from] ?? 0;
  target.tokens[to] = source.tokens[from] ?? 0;
  target.perSecond[to] = source.perSecond[from] ?? 0;
  target.sinceMs[to] = source.sinceMs[from] ?? 0;
}

const SINGLE = new Float32Array(1);
/** The largest relative error of single precision. */
const ROUNDING = 2 ** -23;

function roundUp(value: number): number {
  SINGLE[0] = value;
  return (SINGLE[0] ?? 0) >= value ? value : value * (1 + ROUNDING);
}

function roundDown(value: number): number {
  SINGLE[0] = value;
  return (SINGLE[0] ?? 0) <= value ? value : value * (1 - ROUNDING);
}
