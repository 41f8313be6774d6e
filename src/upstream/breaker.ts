/**
 * Whether pushes are sent on at all. When at least half of at least twenty fail within ten seconds, with every address, sending more
 * makes nothing better: they are answered at once, and Mimir gets time. States and what leads from one to the next:
 *
 *   closed     ─ half of the pushes fail, with every address ─▶ open
 *   open       ─ its time is over ─▶ half-open
 *   half-open  ─ three pushes in a row went well, one at a time ─▶ closed
 *   half-open  ─ one failed ─▶ open, for twice as long
 *
 * In mode `observe` the states are the same, and all pushes pass.
 */
import { RecentCounts, WINDOW_SECONDS } from './recent-counts.js';

export type BreakerMode = 'off' | 'observe' | 'act';
export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerStatus {
  readonly mode: BreakerMode;
  readonly state: BreakerState;
  readonly sinceSeconds: number;
  /** Why it is not closed. */
  readonly cause: string | undefined;
  /** Pushes that were answered in Mimir's place, since the start. */
  readonly refused: number;
}

export interface BreakerOptions {
  readonly mode: BreakerMode;
  /** No address is well: at least half of what each was asked failed. */
  readonly allFail: () => boolean;
  readonly now: () => number;
  readonly changed: (status: BreakerStatus) => void;
}

const ENOUGH_PUSHES = 20;
const FAILING_PART = 0.5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const PROBES = 3;

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #recent: RecentCounts;
  #state: BreakerState = 'closed';
  #sinceMs: number;
  #untilMs = 0;
  #waitMs = FIRST_WAIT_MS;
  #cause: string | undefined;
  #probing = false;
  #probesLeft = 0;
  #refused = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
    this.#recent = new RecentCounts(this.#sinceMs);
  }

  /** Undefined: a push may be sent. Otherwise, in how many milliseconds it should come again. */
  stopped(nowMs: number): number | undefined {
    if (this.#state === 'closed') return undefined;
    if (this.#state === 'open' && nowMs >= this.#untilMs) this.#move('half-open', nowMs);
    if (this.#options.mode !== 'act') return undefined;
    if (this.#state === 'half-open' && !this.#probing) {
      this.#probing = true;
      return undefined;
    }
    this.#refused++;
    return Math.max(this.#untilMs - nowMs, FIRST_WAIT_MS);
  }

  get cause(): string | undefined {
    return this.#cause;
  }

  answered(status: number): void {
    if (status === 502 || status === 503 || status === 504) {
      this.failed(`Mimir answers ${status}`);
      return;
    }
    this.#recent.well();
    if (this.#state !== 'half-open') return;
    this.#probing = false;
    if (--this.#probesLeft === 0) this.#move('closed', this.#options.now());
  }

  failed(message: string): void {
    const nowMs = this.#options.now();
    this.#recent.tick(nowMs);
    this.#recent.failed();
    if (this.#options.mode === 'off' || this.#state === 'open') return;
    if (this.#state === 'half-open') this.#open(message, nowMs);
    else if (this.#halfFail() && this.#options.allFail()) this.#open(message, nowMs);
  }

  /** A push ended, and nothing is known of Mimir by it. */
  aborted(): void {
    this.#probing = false;
  }

  tick(nowMs: number): void {
    this.#recent.tick(nowMs);
  }

  status(): BreakerStatus {
    return {
      mode: this.#options.mode,
      state: this.#state,
      sinceSeconds: (this.#options.now() - this.#sinceMs) / 1000,
      cause: this.#cause,
      refused: this.#refused,
    };
  }

  #halfFail(): boolean {
    const { answered, failed } = this.#recent.sums();
    const all = answered + failed;
    return all >= ENOUGH_PUSHES && failed >= all * FAILING_PART;
  }

  #open(message: string, nowMs: number): void {
    if (this.#state === 'closed') {
      const { answered, failed } = this.#recent.sums();
      this.#cause = `${failed} of ${answered + failed} pushes failed within ${WINDOW_SECONDS} s, the last one so: ${message}`;
    } else {
      this.#cause = `the last push that was tried failed: ${message}`;
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    }
    this.#untilMs = nowMs + this.#waitMs;
    this.#move('open', nowMs);
  }

  #move(state: BreakerState, nowMs: number): void {
    this.#state = state;
    this.#sinceMs = nowMs;
    this.#probing = false;
    this.#probesLeft = PROBES;
    if (state === 'closed') {
      this.#cause = undefined;
      this.#waitMs = FIRST_WAIT_MS;
      this.#recent.forget();
    }
    this.#options.changed(this.status());
  }
}

const RANK: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** Of several processes, each of which judges for itself: the worst, and what all of them answered. */
export function mergedBreaker(each: readonly BreakerStatus[]): BreakerStatus | undefined {
  const worst = [...each].sort((a, b) => RANK.indexOf(b.state) - RANK.indexOf(a.state))[0];
  if (worst === undefined) return undefined;
  return { ...worst, refused: each.reduce((sum, { refused }) => sum + refused, 0) };
}
