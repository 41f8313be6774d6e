/** How fast a bucket is used: tokens and pushes per second over a sliding window of one second. Time is passed in. */

const WINDOW_MS = 1000;

export class UseWindow {
  #startMs: number;
  #tokens = 0;
  #pushes = 0;
  /** The rate of the last complete window, per second. */
  #lastTokens = 0;
  #lastPushes = 0;

  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  countPush(): void {
    this.#pushes++;
  }

  countTokens(n: number): void {
    this.#tokens += n;
  }

  tokensPerSecond(nowMs: number): number {
    const weight = this.#roll(nowMs);
    return this.#lastTokens * weight + this.#tokens;
  }

  pushesPerSecond(nowMs: number): number {
    const weight = this.#roll(nowMs);
    return this.#lastPushes * weight + this.#pushes;
  }

  /** Begins a new window when this one is over. Returns the weight of the last window, 0 to 1. */
  #roll(nowMs: number): number {
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs < WINDOW_MS) return 1 - Math.max(0, elapsedMs) / WINDOW_MS;
    this.#lastTokens = (this.#tokens * WINDOW_MS) / elapsedMs;
    this.#lastPushes = (this.#pushes * WINDOW_MS) / elapsedMs;
    this.#tokens = 0;
    this.#pushes = 0;
    this.#startMs = nowMs;
    return 1;
  }
}
