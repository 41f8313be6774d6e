/**
 * What is missing from buckets that have left memory, so that a tenant that is pushed out and comes back does not find them
 * full. A debt is forgotten when the bucket would be full again. Whoever evicts asks first whether another debt can be
 * remembered; who does not ask makes the oldest one go.
 */
import type { BucketKind } from '../enforce/ledger.js';

interface Debt {
  readonly tokens: number;
  /** Tokens that come in a millisecond, and since when. */
  readonly perMs: number;
  readonly sinceMs: number;
}

type DebtsOfOne = Map<BucketKind, Debt>;

/** Owners of debts. Each takes 350 bytes, or 700 with three debts and the longest id: 35 MB at the very most. */
const MOST_OWNERS = 50_000;
/** So many are looked at, whether they are paid, each time that something is remembered or asked for. */
const LOOKS = 8;

export class Debts {
  readonly #byOwner = new Map<string, DebtsOfOne>();
  readonly #most: number;
  /** The round under way over all owners: it goes on where it stopped. */
  #round = this.#byOwner.entries();

  constructor(mostOwners = MOST_OWNERS) {
    this.#most = mostOwners;
  }

  get owners(): number {
    return this.#byOwner.size;
  }

  /** One more owner's debts can be remembered, when `next` comes and takes its own. */
  hasRoom(next: string, nowMs: number): boolean {
    if (this.#byOwner.size < this.#most || this.#byOwner.has(next)) return true;
    this.#forgetPaid(nowMs);
    return this.#byOwner.size < this.#most;
  }

  remember(owner: string, kind: BucketKind, tokens: number, ratePerSecond: number, nowMs: number): void {
    if (tokens <= 0) return;
    this.#forgetPaid(nowMs);
    const debts: DebtsOfOne = this.#byOwner.get(owner) ?? new Map();
    debts.set(kind, { tokens, perMs: ratePerSecond / 1000, sinceMs: nowMs });
    this.#byOwner.set(owner, debts);
    // One over the most is the one that leaves while the next one is about to take what it owes.
    const oldest = this.#byOwner.keys().next();
    if (this.#byOwner.size > this.#most + 1 && !oldest.done) this.#byOwner.delete(oldest.value);
  }

  /** What is still missing. It is the bucket's own again. */
  take(owner: string, kind: BucketKind, nowMs: number): number {
    const debts = this.#byOwner.get(owner);
    const debt = debts?.get(kind);
    if (debts === undefined || debt === undefined) return 0;
    debts.delete(kind);
    if (debts.size === 0) this.#byOwner.delete(owner);
    return left(debt, nowMs);
  }

  #forgetPaid(nowMs: number): void {
    for (let i = 0; i < LOOKS; i++) {
      const next = this.#round.next();
      if (next.done) {
        this.#round = this.#byOwner.entries();
        return;
      }
      const [owner, debts] = next.value;
      if (isPaid(debts, nowMs)) this.#byOwner.delete(owner);
    }
  }
}

function isPaid(debts: DebtsOfOne, nowMs: number): boolean {
  for (const debt of debts.values()) if (left(debt, nowMs) > 0) return false;
  return true;
}

function left({ tokens, perMs, sinceMs }: Debt, nowMs: number): number {
  return Math.max(0, tokens - Math.max(0, nowMs - sinceMs) * perMs);
}
