/**
 * Whether an address is sent to. States and what leads from one to the next:
 *
 *   in       ─ refuses a connection ─▶ out, however many others are
 *   in       ─ fails, for several senders, and the others do not ─▶ out
 *   out      ─ its time is over ─▶ probing
 *   probing  ─ three requests in a row went well, one at a time ─▶ in, with a small share that grows
 *   probing  ─ one failed ─▶ out, for twice as long
 *
 * Time is handed in. Who may be put out is decided by who knows all addresses. What was on its way before, and is heard while it
 * is tried, says nothing of how it fares now.
 */

export type StandingState = 'in' | 'out' | 'probing';

/** The first time out, when it refuses connections, or fails; each further one is twice as long, up to the last. */
const REFUSED_MS = 1000;
const FAILED_MS = 10_000;
const LONGEST_MS = 300_000;
/** Who refuses connections costs little to ask, and is often back at once. */
const LONGEST_REFUSED_MS = 15_000;
/** An address that has been in for so long begins anew. */
const FORGOTTEN_MS = 300_000;
const PROBES = 3;
/** Of its share, at first. */
const LEAST_WEIGHT = 0.1;

export class Standing {
  state: StandingState = 'in';
  /** Of `out`: until then. */
  untilMs = 0;
  readonly #slowStartMs: number;
  /** Times out, of late. */
  #times = 0;
  #refused = false;
  #inSinceMs: number;
  #startsSlowly: boolean;
  #probing = false;
  #probesLeft = 0;

  /** `slowStartMs`: how long the share of an address that comes back grows. */
  constructor(slowStartMs: number, nowMs: number, isNew: boolean) {
    this.#slowStartMs = slowStartMs;
    this.#inSinceMs = nowMs;
    this.#startsSlowly = isNew && slowStartMs > 0;
  }

  /** A request that was to find out went well. True: it is in again. */
  succeeded(now: () => number): boolean {
    if (this.state !== 'probing') return false;
    this.#probing = false;
    if (--this.#probesLeft > 0) return false;
    this.state = 'in';
    this.#inSinceMs = now();
    this.#startsSlowly = this.#slowStartMs > 0;
    return true;
  }

  /** One failed. True: it is out now. */
  failed(nowMs: number): boolean {
    if (this.state !== 'probing') return false;
    this.leave(this.#refused, nowMs);
    return true;
  }

  /** `refused`: it takes no connection. */
  leave(refused: boolean, nowMs: number): void {
    if (this.state === 'in' && nowMs - this.#inSinceMs > FORGOTTEN_MS) this.#times = 0;
    this.state = 'out';
    this.#refused = refused;
    this.#probing = false;
    const [first, longest] = refused ? [REFUSED_MS, LONGEST_REFUSED_MS] : [FAILED_MS, LONGEST_MS];
    this.untilMs = nowMs + Math.min(first * 2 ** this.#times, longest);
    this.#times++;
  }

  /** To be called before it is picked: time may have passed. */
  tick(nowMs: number): void {
    if (this.state !== 'out' || nowMs < this.untilMs) return;
    this.state = 'probing';
    this.#probesLeft = PROBES;
  }

  /** Takes the one place of a request that finds out how it fares: a push, unless it only has to take a connection. */
  takeProbe(isPush: boolean): boolean {
    if (this.state !== 'probing' || this.#probing || !(isPush || this.#refused)) return false;
    this.#probing = true;
    return true;
  }

  /** The request that was to find out ended, and nothing is known. */
  giveBackProbe(): void {
    this.#probing = false;
  }

  /** Of its share, from 0 to 1. */
  weight(nowMs: number): number {
    if (!this.#startsSlowly) return 1;
    const weight = (nowMs - this.#inSinceMs) / this.#slowStartMs;
    if (weight < 1) return Math.max(LEAST_WEIGHT, weight);
    this.#startsSlowly = false;
    return 1;
  }
}
