/**
 * How many requests may go out a second time: a part of those that went out, and a few a second besides, so that an edge with
 * little to do may retry, too. It bounds what retries add to an upstream that fails for all.
 *
 * Of several senders each may use no more than what is left for the others. So one whose pushes all fail gets what nobody else
 * needs, several such get the same each, and there is always something left for one that seldom needs it. A sender that is
 * alone has all of it. What was used is forgotten as the budget is filled anew.
 */

/** Of a request that went out. */
const PART = 0.1;
const PER_SECOND = 10;
/** What is not used up in this time is gone. */
const KEPT_SECONDS = 10;
const MOST = PER_SECOND * KEPT_SECONDS;
/** More than these are one. */
const MOST_SENDERS = 100;
/** No id of a tenant has parentheses around it. */
const OTHERS = '(others)';
/** One that was not heard of for so long sends no more. */
const LATELY_MS = 120_000;

/** What a sender used, as of when so much had been filled in. */
interface Used {
  tokens: number;
  filled: number;
}

export class RetryBudget {
  #tokens = PER_SECOND;
  /** All that was ever filled in, what found no room included. */
  #filled = 0;
  #refilledMs: number;
  readonly #used = new Map<string, Used>();
  /** Who sent last, and when another did. */
  #last = '';
  #otherMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number) {
    this.#refilledMs = nowMs;
  }

  /** Of whom it is known what they used. */
  get senders(): number {
    return this.#used.size;
  }

  /** A request goes out for the first time. */
  sent(sender: string, nowMs: number): void {
    this.#filled += PART;
    if (this.#tokens < MOST) this.#tokens += PART;
    if (sender === this.#last) return;
    if (this.#last !== '') this.#otherMs = nowMs;
    this.#last = sender;
  }

  /** False: it may not go out again. */
  take(sender: string, nowMs: number): boolean {
    const refill = ((nowMs - this.#refilledMs) / 1000) * PER_SECOND;
    this.#refilledMs = nowMs;
    this.#filled += refill;
    this.#tokens = Math.min(MOST, this.#tokens + refill);
    if (this.#tokens < 1) return false;
    const used = this.#usedBy(sender);
    const isAlone = nowMs - this.#otherMs > LATELY_MS;
    if (!isAlone && used.tokens + 1 > this.#tokens) return false;
    used.tokens++;
    this.#tokens--;
    return true;
  }

  #usedBy(sender: string): Used {
    const known = this.#used.get(sender) ?? this.#place(sender);
    known.tokens = this.#left(known);
    known.filled = this.#filled;
    return known;
  }

  #place(sender: string): Used {
    if (this.#used.size >= MOST_SENDERS) this.#forget();
    const key = this.#used.size < MOST_SENDERS ? sender : OTHERS;
    const used = this.#used.get(key) ?? { tokens: 0, filled: this.#filled };
    this.#used.set(key, used);
    return used;
  }

  #forget(): void {
    for (const [sender, used] of this.#used) if (this.#left(used) < 1) this.#used.delete(sender);
  }

  #left({ tokens, filled }: Used): number {
    return tokens * Math.exp((filled - this.#filled) / MOST);
  }
}
