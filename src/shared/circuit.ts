/**
 * Says whether a shard of the store may be asked. While it is open a push costs the store nothing, and only probes are
 * sent, spaced with jitter and one at a time.
 *
 *     closed ──three failures in a row──▶ open ──a probe is due──▶ half-open
 *        ▲                                 ▲                          │  │
 *        │                                 └─────the probe fails──────┘  │
 *        └────────────────────the probe succeeds─────────────────────────┘
 */
const FAILURES_TO_OPEN = 3;
const FIRST_PROBE_MS = 250;
const MAX_PROBE_MS = 1000;

export class Circuit {
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  readonly #random: () => number;
  /** In a row while closed. */
  #failures = 0;
  #failedMs = Number.NEGATIVE_INFINITY;
  /** Since it opened. */
  #probes = 0;
  #probeAtMs = 0;

  /** `random`: 0 to 1, for jitter. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Ordinary calls are allowed. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** An ordinary call failed. If it was sent before the last failure, it adds no information. */
  failed(nowMs: number, sentMs = nowMs): void {
    if (this.#state !== 'closed' || sentMs < this.#failedMs) return;
    this.#failedMs = nowMs;
    this.#failures++;
    if (this.#failures >= FAILURES_TO_OPEN) this.open(nowMs);
  }

  /** An ordinary call succeeded. A call from before the circuit opened does not close it: only a probe does. */
  succeeded(): void {
    this.#failures = 0;
  }

  open(nowMs: number): void {
    if (this.#state !== 'closed') return;
    this.#state = 'open';
    this.#probes = 0;
    this.#scheduleProbe(nowMs);
  }

  /** True: it is half-open now, and the caller sends a probe. */
  mayProbe(nowMs: number): boolean {
    if (this.#state !== 'open' || nowMs < this.#probeAtMs) return false;
    this.#state = 'half-open';
    this.#probes++;
    this.#scheduleProbe(nowMs);
    return true;
  }

  /** Also called for a heartbeat that was sent before it opened: the store answers. */
  probeSucceeded(): void {
    this.#state = 'closed';
    this.#failures = 0;
  }

  probeFailed(nowMs: number): void {
    if (this.#state === 'half-open') this.#state = 'open';
    else this.failed(nowMs);
  }

  /** Counted from when the last probe was sent, so that one that is slow to fail does not delay the next. */
  #scheduleProbe(nowMs: number): void {
    const delayMs = Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** this.#probes);
    this.#probeAtMs = nowMs + delayMs * (0.5 + this.#random());
  }
}
