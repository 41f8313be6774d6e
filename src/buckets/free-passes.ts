/**
 * What was let through without tokens while the store was away (`state.on_loss: allow`). Where it is given back, because
 * Mimir did not take the push, no tokens come of it. It is remembered for longer than a push can be under way.
 */
const REMEMBERED_MS = 300_000;

export class FreePasses {
  /** Begun `#sinceMs`; what is in the one before it still counts. */
  #recent = 0;
  #before = 0;
  #sinceMs = 0;

  add(n: number, nowMs: number): void {
    this.#forgetOld(nowMs);
    this.#recent += n;
  }

  /** Of n that is given back, what was tokens. */
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
