/** How many requests of the last ten seconds went well, and how many did not. To count one costs an increment. */

export const WINDOW_SECONDS = 10;

export class RecentCounts {
  /** Two numbers a second, well and failed, second after second around. */
  readonly #window = new Uint32Array(2 * WINDOW_SECONDS);
  #second: number;
  /** Where the current second begins in the window. */
  #at = 0;

  constructor(nowMs: number) {
    this.#second = Math.floor(nowMs / 1000);
  }

  well(): void {
    this.#window[this.#at] = (this.#window[this.#at] ?? 0) + 1;
  }

  failed(): void {
    this.#window[this.#at + 1] = (this.#window[this.#at + 1] ?? 0) + 1;
  }

  /** To be called now and then, so that seconds pass. False: none has. */
  tick(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    const passed = second - this.#second;
    if (passed <= 0) return false;
    this.#second = second;
    for (let i = 0; i < Math.min(passed, WINDOW_SECONDS); i++) {
      this.#at = (this.#at + 2) % this.#window.length;
      this.#window[this.#at] = 0;
      this.#window[this.#at + 1] = 0;
    }
    return true;
  }

  sums(): { readonly answered: number; readonly failed: number } {
    let answered = 0;
    let failed = 0;
    for (let i = 0; i < this.#window.length; i += 2) {
      answered += this.#window[i] ?? 0;
      failed += this.#window[i + 1] ?? 0;
    }
    return { answered, failed };
  }

  forget(): void {
    this.#window.fill(0);
  }
}
