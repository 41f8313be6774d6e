/**
 * How many requests may go out a second time: a part of those that went out, and a few a second besides, so that an edge with
 * little to do may retry, too. It bounds what retries add to an upstream that fails for all.
 */

/** Of a request that went out. */
const PART = 0.1;
const PER_SECOND = 10;
/** What is not used up in this time is gone. */
const KEPT_SECONDS = 10;

export class RetryBudget {
  readonly #most: number;
  #tokens: number;
  #refilledMs: number;

  constructor(nowMs: number) {
    this.#most = PER_SECOND * KEPT_SECONDS;
    this.#tokens = PER_SECOND;
    this.#refilledMs = nowMs;
  }

  /** A request goes out for the first time. */
  sent(): void {
    if (this.#tokens < this.#most) this.#tokens += PART;
  }

  /** False: it may not go out again. */
  take(nowMs: number): boolean {
    const refill = ((nowMs - this.#refilledMs) / 1000) * PER_SECOND;
    this.#refilledMs = nowMs;
    this.#tokens = Math.min(this.#most, this.#tokens + refill);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
