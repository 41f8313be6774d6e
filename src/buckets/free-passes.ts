/**
 * What passed without tokens while the store was away (`state.on_loss: allow`). If Mimir did not take such a push, giving
 * it back must not create tokens. Remembered for longer than a push can be under way.
 */
const REMEMBERED_MS = 300_000;

export class FreePasses {
  /** Since `#sinceMs`; the period before it still counts. */
  #recent = 0;
  #before = 0;
  #sinceMs = 0;

  add(n: number, nowMs: number): void {
    this.#forgetOld(nowMs);
    this.#recent += n;
  }

  /** How much of n, which is given back, was paid with tokens. */
  tokensIn(n: number, nowMs: number): number {
    this.#forgetOld(nowMs);
    const before = Math.min(n, this.#before);
    const recent = Math.min(n - before, this.#recent);
    this.#before -= before;
    this.#recent -= recent;
    return n - before - recent;
  }

  #forgetOld(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < REMEMBERED_MS) return;
    this.#before = elapsedMs < 2 * REMEMBERED_MS ? this.#recent : 0;
    this.#recent = 0;
    this.#sinceMs = nowMs;
  }
}
