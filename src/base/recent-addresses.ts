/**
 * Whether an address is the only one that has sent lately. A per-address share leaves room for others; if there are none,
 * as behind a proxy, that room would be wasted.
 */

/** More than the pause between two pushes of any sender. */
const LATELY_MS = 120_000;

export class RecentAddresses {
  readonly #now: () => number;
  /** The last one seen. */
  #last = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  /** When any other one was last seen. */
  #otherMs = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  seen(address: string): void {
    if (address !== this.#last) this.#otherMs = this.#lastMs;
    this.#last = address;
    this.#lastMs = this.#now();
  }

  hasOthersThan(address: string): boolean {
    const sinceMs = address === this.#last ? this.#otherMs : this.#lastMs;
    return this.#now() - sinceMs < LATELY_MS;
  }
}
