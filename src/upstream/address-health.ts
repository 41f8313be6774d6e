/**
 * What becomes of the requests to one address of the upstream: counts since the start, how the last ten seconds went, and
 * word of it when that turns. An answer costs an increment; the clock is read for failures and by who asks.
 */

import { RecentCounts } from './recent-counts.js';
import type { StandingState } from './standing.js';

/** `idle`: nothing came back in the last ten seconds, so nobody knows. */
export const ADDRESS_STATES = ['idle', 'well', 'failing', 'down'] as const;
export type AddressState = (typeof ADDRESS_STATES)[number];

export type AddressOutcome = (typeof OUTCOMES)[number];

/** Of the last ten seconds, but for `sinceSeconds`. */
export interface HealthStatus {
  readonly address: string;
  readonly state: AddressState;
  readonly sinceSeconds: number;
  /** Requests that were answered, with anything but a 5xx. */
  readonly answered: number;
  readonly failed: number;
  readonly lastFailure: { readonly message: string; readonly secondsAgo: number } | undefined;
}

export interface AddressStatus extends HealthStatus {
  /** Of the entry of `upstream.url` that it belongs to. */
  readonly name: string;
  /** Empty: nobody said. */
  readonly zone: string;
  /** Whether requests go to it: all its share, none, or one at a time to find out. */
  readonly sentTo: StandingState;
  /** Of `out`. */
  readonly backInSeconds: number | undefined;
  /** Requests that it has, or that wait for it. */
  readonly underWay: number;
  /** What it may have under way, in items of pushes of 1,000, and how soon it answers beside what is usual; undefined: that is not known. */
  readonly limit: number | undefined;
  readonly gradient: number | undefined;
}

/** A time without requests between two states is not told: nobody knows what the address was then. */
export interface AddressChange {
  /** `idle`: it is the first that is known. */
  readonly before: AddressState;
  readonly beforeSeconds: number;
  readonly now: HealthStatus;
}

/** `busy`: no connection became free in time. */
const OUTCOMES = ['answered', '5xx', 'unreachable', 'busy', 'timeout', 'broken'] as const;

/** Of ten requests one that fails makes an address failing. */
const FAILING_PART = 0.1;

export class AddressHealth {
  readonly address: string;
  readonly #now: () => number;
  readonly #changed: (change: AddressChange) => void;
  /** Since the start, as OUTCOMES. */
  readonly #counts = new Float64Array(OUTCOMES.length);
  readonly #recent: RecentCounts;
  #state: AddressState = 'idle';
  #sinceMs: number;
  /** The last state that was not idle. */
  #known: AddressState = 'idle';
  #knownSinceMs: number;
  #failureMs = 0;
  #failure: string | undefined;

  constructor(address: string, now: () => number, changed: (change: AddressChange) => void = () => {}) {
    this.address = address;
    this.#now = now;
    this.#changed = changed;
    this.#sinceMs = now();
    this.#knownSinceMs = this.#sinceMs;
    this.#recent = new RecentCounts(this.#sinceMs);
  }

  answered(status: number): void {
    if (status >= 500) {
      this.#fail(1, `it answers ${status}`);
      return;
    }
    addOne(this.#counts, 0);
    this.#recent.well();
  }

  failed(failure: Exclude<AddressOutcome, 'answered' | '5xx'>, error: Error): void {
    this.#fail(OUTCOMES.indexOf(failure), `${failure}: ${error.message}`);
  }

  /** Since the start. */
  counts(): readonly (readonly [AddressOutcome, number])[] {
    return OUTCOMES.map((outcome, index) => [outcome, this.#counts[index] ?? 0]);
  }

  get everAnswered(): boolean {
    return (this.#counts[0] ?? 0) + (this.#counts[1] ?? 0) > 0;
  }

  /** Of the last ten seconds. */
  recent(): { readonly requests: number; readonly failed: number } {
    const { answered, failed } = this.#recent.sums();
    return { requests: answered + failed, failed };
  }

  /** To be called now and then, so that seconds pass while all goes well. */
  tick(nowMs: number): void {
    if (this.#recent.tick(nowMs)) this.#judge(nowMs);
  }

  status(): HealthStatus {
    const nowMs = this.#now();
    this.tick(nowMs);
    this.#judge(nowMs);
    return this.#status(nowMs);
  }

  #fail(outcome: number, message: string): void {
    const nowMs = this.#now();
    this.tick(nowMs);
    addOne(this.#counts, outcome);
    this.#recent.failed();
    this.#failure = message;
    this.#failureMs = nowMs;
    this.#judge(nowMs);
  }

  #judge(nowMs: number): void {
    const { answered, failed } = this.#recent.sums();
    const state = addressState(answered, failed);
    if (state === this.#state) return;
    this.#state = state;
    this.#sinceMs = nowMs;
    if (state === 'idle' || state === this.#known) return;
    const before = this.#known;
    const beforeSeconds = (nowMs - this.#knownSinceMs) / 1000;
    this.#known = state;
    this.#knownSinceMs = nowMs;
    this.#changed({ before, beforeSeconds, now: this.#status(nowMs) });
  }

  #status(nowMs: number): HealthStatus {
    return {
      address: this.address,
      state: this.#state,
      sinceSeconds: (nowMs - this.#sinceMs) / 1000,
      ...this.#recent.sums(),
      lastFailure:
        this.#failure === undefined
          ? undefined
          : { message: this.#failure, secondsAgo: (nowMs - this.#failureMs) / 1000 },
    };
  }
}

function addOne(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

export function addressState(answered: number, failed: number): AddressState {
  if (answered + failed === 0) return 'idle';
  if (answered === 0) return 'down';
  return failed >= (answered + failed) * FAILING_PART ? 'failing' : 'well';
}

/** The same addresses as several processes see them, as one sees them. */
export function mergedAddresses(each: readonly (readonly AddressStatus[])[]): AddressStatus[] {
  const byAddress = new Map<string, AddressStatus[]>();
  for (const status of each.flat()) {
    byAddress.set(status.address, [...(byAddress.get(status.address) ?? []), status]);
  }
  return [...byAddress.values()].map(mergedAddress);
}

function mergedAddress(each: readonly AddressStatus[]): AddressStatus {
  const answered = each.reduce((sum, one) => sum + one.answered, 0);
  const failed = each.reduce((sum, one) => sum + one.failed, 0);
  const state = addressState(answered, failed);
  // Who sees what all see together knows since when.
  const same = each.filter((one) => one.state === state);
  const failures = each.flatMap(({ lastFailure }) => lastFailure ?? []);
  return {
    address: each[0]?.address ?? '',
    state,
    sinceSeconds: Math.max(...(same.length > 0 ? same : each).map(({ sinceSeconds }) => sinceSeconds)),
    answered,
    failed,
    lastFailure: failures.sort((a, b) => a.secondsAgo - b.secondsAgo)[0],
    name: each[0]?.name ?? '',
    zone: each[0]?.zone ?? '',
    ...mergedStanding(each),
    underWay: each.reduce((sum, one) => sum + one.underWay, 0),
    limit: sumOrUnknown(each.map(({ limit }) => limit)),
    gradient: leastKnown(each.map(({ gradient }) => gradient)),
  };
}

function sumOrUnknown(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce(
    (sum, value) => (sum === undefined || value === undefined ? undefined : sum + value),
    0,
  );
}

function leastKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** The least that any process sends to it. */
function mergedStanding(each: readonly AddressStatus[]): Pick<AddressStatus, 'sentTo' | 'backInSeconds'> {
  const out = each.filter(({ sentTo }) => sentTo === 'out');
  if (out.length > 0) {
    return { sentTo: 'out', backInSeconds: Math.max(...out.map(({ backInSeconds }) => backInSeconds ?? 0)) };
  }
  const sentTo = each.some((one) => one.sentTo === 'probing') ? 'probing' : 'in';
  return { sentTo, backInSeconds: undefined };
}

/** Of Mimir as a whole: down when nothing that was asked answers. */
export function upstreamState(addresses: readonly Pick<AddressStatus, 'state'>[]): AddressState {
  const asked = addresses.filter(({ state }) => state !== 'idle');
  if (asked.length === 0) return 'idle';
  if (asked.every(({ state }) => state === 'down')) return 'down';
  return asked.every(({ state }) => state === 'well') ? 'well' : 'failing';
}
