/**
 * Whether pushes are sent on at all. When at least half of at least twenty fail within seconds, with every address and not for one
 * sender alone, sending more makes nothing better: they are answered at once, and Mimir gets time. States and what leads from one to the next:
 *
 *   closed     ─ half of the pushes fail, with every address ─▶ open
 *   open       ─ its time is over ─▶ half-open
 *   half-open  ─ three pushes in a row went well, one at a time ─▶ closed
 *   half-open  ─ one failed ─▶ open, for twice as long
 *
 * What was on its way before, and is heard while it is half-open, moves it nowhere. In mode `observe` the states are the same, and all pushes pass.
 */
import { Blame } from './blame.js';
import type { Called } from './call.js';
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

/** A push may be sent. `trial`: whether Mimir answers again is found out by it; 0: nothing is. */
export interface Pass {
  readonly trial: number;
}

const GO: Pass = { trial: 0 };
const ENOUGH_PUSHES = 20;
const FAILING_PART = 0.5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const PROBES = 3;

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #recent: RecentCounts;
  readonly #blame: Blame;
  #state: BreakerState = 'closed';
  #sinceMs: number;
  #untilMs = 0;
  #waitMs = FIRST_WAIT_MS;
  #cause: string | undefined;
  /** The push that finds out now; 0: none does. Each has a number of its own. */
  #trial = 0;
  #trials = 0;
  #probesLeft = 0;
  #refused = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
    this.#recent = new RecentCounts(this.#sinceMs);
    this.#blame = new Blame(this.#sinceMs);
  }

  /** Whether a push may be sent, and what is found out by it; or in how many milliseconds it should come again. */
  enter(nowMs: number): Pass | { readonly waitMs: number } {
    if (this.#state === 'closed') return GO;
    if (this.#state === 'open' && nowMs >= this.#untilMs) this.#move('half-open', nowMs);
    if (this.#state === 'half-open' && this.#trial === 0) {
      this.#trial = ++this.#trials;
      return { trial: this.#trial };
    }
    if (this.#options.mode !== 'act') return GO;
    this.#refused++;
    return { waitMs: Math.max(this.#untilMs - nowMs, FIRST_WAIT_MS) };
  }

  get cause(): string | undefined {
    return this.#cause;
  }

  answered(status: number, push: Called): void {
    if (status === 502 || status === 503 || status === 504) {
      this.failed(`Mimir answers ${status}`, push);
      return;
    }
    this.#recent.well();
    this.#blame.well(push.request.place);
    if (!this.#isTrial(push)) return;
    this.#trial = 0;
    if (--this.#probesLeft === 0) this.#move('closed', this.#options.now());
  }

  failed(message: string, push: Called): void {
    const nowMs = this.#options.now();
    this.tick(nowMs);
    this.#recent.failed();
    this.#blame.failed(push.request.place);
    if (this.#options.mode === 'off') return;
    if (this.#state === 'closed') {
      if (this.#halfFail() && this.#options.allFail()) this.#open(message, nowMs);
    } else if (this.#isTrial(push)) this.#open(message, nowMs);
  }

  /** A push ended, and nothing is known of Mimir by it. */
  aborted({ attempt }: Called): void {
    this.gone(attempt.trial);
  }

  /** It went nowhere. */
  gone(trial: number): void {
    if (trial === this.#trial) this.#trial = 0;
  }

  tick(nowMs: number): void {
    this.#recent.tick(nowMs);
    this.#blame.tick(nowMs);
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

  #isTrial({ attempt }: Called): boolean {
    return this.#trial !== 0 && attempt.trial === this.#trial;
  }

  #halfFail(): boolean {
    const { requests, failed } = this.#blame.withoutCause();
    return requests >= ENOUGH_PUSHES && failed >= requests * FAILING_PART;
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
    this.#trial = 0;
    this.#probesLeft = PROBES;
    if (state === 'closed') {
      this.#cause = undefined;
      this.#waitMs = FIRST_WAIT_MS;
      this.#recent.forget();
      this.#blame.forget();
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
