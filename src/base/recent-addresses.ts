/**
 * Whether an address is the only one that has sent lately. A share of something is kept so that there is room for others; where
 * there are no others, as behind a proxy, it would only be idle.
 */

/** More than the pause between two pushes of any sender. */
const LATELY_MS = 120_000;

export class RecentAddresses {
  readonly #now: () => number;
  /** The one that was seen last. */
  #last = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  /** When any other one was. */
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
