/**
 * Says whether a part of the store may be asked. After a few failures in a row it opens: then a push costs the
 * store nothing, and only probes, spaced with jitter, are sent until one succeeds.
 */
const FAILURES_TO_OPEN = 3;
const FIRST_PROBE_MS = 250;
const MAX_PROBE_MS = 1000;

export class Circuit {
  open = false;
  /** Of the clock that is handed in; when it last changed. */
  sinceMs: number;
  readonly #random: () => number;
  #failures = 0;
  #probes = 0;
  #probeAtMs = 0;

  constructor(nowMs: number, random: () => number) {
    this.sinceMs = nowMs;
    this.#random = random;
  }

  /** True when this failure opened it. */
  failed(nowMs: number): boolean {
    this.#failures++;
    if (this.open || this.#failures < FAILURES_TO_OPEN) return false;
    this.#openAt(nowMs);
    return true;
  }

  succeeded(): void {
    if (!this.open) this.#failures = 0;
  }

  trip(nowMs: number): void {
    if (!this.open) this.#openAt(nowMs);
  }

  /** Whether to probe now; the next one is due later, whatever becomes of this one. */
  probeDue(nowMs: number): boolean {
    if (!this.open || nowMs < this.#probeAtMs) return false;
    this.#probes++;
    this.#scheduleProbe(nowMs);
    return true;
  }

  /** A probe succeeded. */
  close(nowMs: number): void {
    this.open = false;
    this.sinceMs = nowMs;
    this.#failures = 0;
  }

  #openAt(nowMs: number): void {
    this.open = true;
    this.sinceMs = nowMs;
    this.#probes = 0;
    this.#scheduleProbe(nowMs);
  }

  #scheduleProbe(nowMs: number): void {
    const delayMs = Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** this.#probes);
    this.#probeAtMs = nowMs + delayMs * (0.5 + this.#random());
  }
}
