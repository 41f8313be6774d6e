/**
 * Whether pushes are sent on at all. When at least half of at least twenty fail within seconds, with every address and not for one
 * sender alone, sending more makes nothing better: they are answered at once, and Mimir gets time. States and what leads from one to the next:
 *
 *   closed     ─ half of the pushes fail, with every address ─▶ open
 *   open       ─ its time is over ─▶ half-open
 *   half-open  ─ three pushes in a row went well, one at a time ─▶ closed
 *   half-open  ─ one failed ─▶ open, for twice as long
 *
 * What was on its way before, and is heard while it is half-open, moves it nowhere. Those who ask take turns in being tried: one
 * whose pushes fail by what is in them must not keep it open for all. In mode `observe` the states are the same, and all pushes pass.
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
/** A push that is tried and is not answered in this time does not keep another one from being tried. */
const TRIAL_MS = 5000;
/** Who failed when it was tried last waits so long for one who did not, or did earlier. */
const OTHERS_FIRST_MS = 1000;
/** Of more than these it is not kept in mind. */
const MOST_SENDERS = 100;

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #recent: RecentCounts;
  readonly #blame: Blame;
  #state: BreakerState = 'closed';
  #sinceMs: number;
  #untilMs = 0;
  #waitMs = FIRST_WAIT_MS;
  #cause: string | undefined;
  /** The pushes that find out now, and when each began. Each has a number of its own. */
  readonly #underWay = new Map<number, number>();
  #trials = 0;
  /** When the last one was heard of. */
  #freeMs = 0;
  /** Since it opened last: who asked. And of whom a trial failed, in that order. */
  readonly #asked = new Set<string>();
  readonly #failedTrials = new Set<string>();
  #probesLeft = 0;
  #refused = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
    this.#recent = new RecentCounts(this.#sinceMs);
    this.#blame = new Blame(this.#sinceMs);
  }

  /** Whether a push may be sent, and what is found out by it; or in how many milliseconds it should come again. */
  enter(place: string, nowMs: number): Pass | { readonly waitMs: number } {
    if (this.#state === 'closed') return GO;
    if (this.#asked.size < MOST_SENDERS) this.#asked.add(place);
    if (this.#state === 'open' && nowMs >= this.#untilMs) this.#move('half-open', nowMs);
    if (this.#state === 'half-open' && this.#isFree(nowMs) && this.#isTurnOf(place, nowMs)) {
      this.#underWay.set(++this.#trials, nowMs);
      return { trial: this.#trials };
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
    if (!this.#heard(push.attempt.trial)) return;
    this.#failedTrials.delete(push.request.place);
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
    } else if (this.#heard(push.attempt.trial)) {
      this.#trialFailed(push.request.place);
      this.#open(message, nowMs);
    }
  }

  /** A push ended, and nothing is known of Mimir by it. */
  aborted({ attempt }: Called): void {
    this.gone(attempt.trial);
  }

  /** It went nowhere. */
  gone(trial: number): void {
    this.#heard(trial);
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

  #isFree(nowMs: number): boolean {
    for (const sinceMs of this.#underWay.values()) if (nowMs - sinceMs < TRIAL_MS) return false;
    return true;
  }

  /** Whose trial never failed goes first, and then whose did longest ago. */
  #isTurnOf(place: string, nowMs: number): boolean {
    if (!this.#failedTrials.has(place) || nowMs - this.#freeMs >= OTHERS_FIRST_MS) return true;
    for (const failed of this.#failedTrials) {
      if (failed === place) break;
      if (this.#asked.has(failed)) return false;
    }
    for (const asked of this.#asked) if (!this.#failedTrials.has(asked)) return false;
    return true;
  }

  #trialFailed(place: string): void {
    this.#failedTrials.delete(place);
    if (this.#failedTrials.size < MOST_SENDERS) this.#failedTrials.add(place);
  }

  /** False: it is none of those that find out now. */
  #heard(trial: number): boolean {
    if (!this.#underWay.delete(trial)) return false;
    this.#freeMs = this.#options.now();
    return true;
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
    this.#freeMs = nowMs;
    this.#underWay.clear();
    this.#probesLeft = PROBES;
    if (state === 'open') this.#asked.clear();
    if (state === 'closed') {
      this.#failedTrials.clear();
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
