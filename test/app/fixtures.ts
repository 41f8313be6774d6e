/** Data planes that a test plays itself: what they report, and whether and when they answer. */

import type { TopMetrics } from '#src/admin/edge.js';
import type {
  DataPlaneLink,
  DiscardedChange,
  Orders,
  PlaneStatus,
  Report,
  TenantChanges,
} from '#src/app/planes.js';
import type { RecentRefusal } from '#src/doors/recent-refusals.js';
import { NO_SENDERS, type SenderList } from '#src/doors/senders.js';
import { ALL_ADMITTED } from '#src/enforce/panic.js';
import { TALLY_NUMBERS } from '#src/enforce/tally.js';
import { snapshot } from '../enforce/fixtures.js';

export function orders(given: Partial<Orders> = {}): Orders {
  return {
    snapshot: snapshot(),
    mode: 'enforce',
    admitted: ALL_ADMITTED,
    limitsLoaded: true,
    logLevel: 'info',
    reloads: 0,
    ...given,
  };
}

export function planeStatus(given: Partial<PlaneStatus> = {}): PlaneStatus {
  return {
    ready: true,
    draining: false,
    limitsHash: 'h',
    ledger: undefined,
    series: undefined,
    upstream: {
      responses: {},
      failures: 0,
      recentTimes: [],
      addresses: [],
      unresolved: [],
      breaker: undefined,
      admission: undefined,
    },
    measured: { pushes: { requests: 0, failed: 0 }, answers: [] },
    pushTimes: [],
    bytesInFlight: { used: 0, capacity: 100 },
    requestsInFlight: 0,
    evictions: 0,
    ...given,
  };
}

export interface Change {
  readonly id: string;
  readonly requests?: number;
  readonly active?: number;
  readonly fleet?: number;
}

export function changes(
  each: readonly Change[],
  rest: { readonly left?: readonly string[]; readonly discarded?: readonly DiscardedChange[] } = {},
): TenantChanges {
  return {
    ids: each.map(({ id }) => id),
    added: Float64Array.from(
      each.flatMap(({ requests = 0 }) => TALLY_NUMBERS.map((name) => (name === 'requests' ? requests : 0))),
    ),
    discarded: rest.discarded ?? [],
    active: Float64Array.from(each.map(({ active = Number.NaN }) => active)),
    fleet: Float64Array.from(each.map(({ fleet = Number.NaN }) => fleet)),
    left: rest.left ?? [],
  };
}

export function report(given: Partial<Report> = {}): Report {
  return { tenants: changes([]), refusals: [], status: planeStatus(), tookMs: 0, ...given };
}

export function refusal(given: Partial<RecentRefusal> = {}): RecentRefusal {
  return {
    atMs: 1000,
    tenant: 'a',
    reason: 'rate_limited',
    status: 429,
    shadow: false,
    count: 1,
    message: 'm',
    requestId: 'r',
    observed: undefined,
    allowed: undefined,
    retryAfterSeconds: undefined,
    ...given,
  };
}

/** Answers when the test says so; it hangs until then. */
export class FakeLink implements DataPlaneLink {
  readonly worker: number;
  readonly pid: number | undefined;
  /** Reports that were asked for, in order. */
  asked = 0;
  readonly applied: Orders[] = [];
  /** So often for its status alone. */
  askedStatus = 0;
  readonly #reports: ((report: Report | undefined) => void)[] = [];
  readonly #statuses: ((status: PlaneStatus | undefined) => void)[] = [];
  readonly #orders: (() => void)[] = [];
  readonly #tops: ((top: TopMetrics | undefined) => void)[] = [];

  constructor(worker: number) {
    this.worker = worker;
    this.pid = 1000 + worker;
  }

  apply(orders: Orders): Promise<void> {
    this.applied.push(orders);
    return new Promise((resolve) => this.#orders.push(resolve));
  }

  report(): Promise<Report | undefined> {
    this.asked++;
    return new Promise((resolve) => this.#reports.push(resolve));
  }

  status(): Promise<PlaneStatus | undefined> {
    this.askedStatus++;
    return new Promise((resolve) => this.#statuses.push(resolve));
  }

  /** Empty: none have sent. */
  knownSenders: SenderList = NO_SENDERS;

  async senders(): Promise<SenderList | undefined> {
    return this.knownSenders;
  }

  topMetrics(): Promise<TopMetrics | undefined> {
    return new Promise((resolve) => this.#tops.push(resolve));
  }

  tell(report: Report | undefined): void {
    this.#reports.shift()?.(report);
  }

  tellStatus(status: PlaneStatus | undefined): void {
    this.#statuses.shift()?.(status);
  }

  tellTop(top: TopMetrics | undefined): void {
    this.#tops.shift()?.(top);
  }

  obey(): void {
    for (const resolve of this.#orders.splice(0)) resolve();
  }

  /** As a link does when its process ends: whatever was asked is answered with nothing. */
  end(): void {
    for (const resolve of this.#reports.splice(0)) resolve(undefined);
    for (const resolve of this.#statuses.splice(0)) resolve(undefined);
    for (const resolve of this.#tops.splice(0)) resolve(undefined);
    this.obey();
  }
}
