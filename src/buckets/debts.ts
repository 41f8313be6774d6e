/**
 * What is missing from buckets that have left memory, so that a tenant that is pushed out and comes back does not find them
 * full. A debt is forgotten when the bucket would be full again; of too many the oldest go first.
 */
interface Debt {
  readonly tokens: number;
  /** Tokens that come in a millisecond, and since when. */
  readonly perMs: number;
  readonly sinceMs: number;
}

/** About 100 bytes each. */
const MOST_DEBTS = 50_000;

export class Debts {
  readonly #byKey = new Map<string, Debt>();

  remember(key: string, tokens: number, ratePerSecond: number, nowMs: number): void {
    if (tokens <= 0) return;
    this.#byKey.delete(key);
    if (this.#byKey.size >= MOST_DEBTS) this.#makeRoom(nowMs);
    this.#byKey.set(key, { tokens, perMs: ratePerSecond / 1000, sinceMs: nowMs });
  }

  /** What is still missing. It is the bucket's own again. */
  take(key: string, nowMs: number): number {
    const debt = this.#byKey.get(key);
    if (debt === undefined) return 0;
    this.#byKey.delete(key);
    return left(debt, nowMs);
  }

  #makeRoom(nowMs: number): void {
    for (const [key, debt] of this.#byKey) if (left(debt, nowMs) === 0) this.#byKey.delete(key);
    for (const key of this.#byKey.keys()) {
      if (this.#byKey.size <= MOST_DEBTS * 0.9) return;
      this.#byKey.delete(key);
    }
  }
}

function left({ tokens, perMs, sinceMs }: Debt, nowMs: number): number {
  return Math.max(0, tokens - Math.max(0, nowMs - sinceMs) * perMs);
}
