/**
 * The data planes of several workers as one. Their counts arrive as reports when somebody looks; those of workers that
 * ended remain. A hanging worker is waited for once, and then not until it answers.
 */
import type { TenantState, TopMetrics, WorkersStatus } from '../admin/edge.js';
import { mergedSenders, type SenderList } from '../doors/senders.js';
import type { Tally } from '../enforce/tally.js';
import type { LimitsInForce } from '../limits/effective.js';
import { TOP } from '../series/top-metrics.js';
import { summedTimes } from '../telemetry/recent-times.js';
import { mergedAddresses } from '../upstream/address-health.js';
import { mergedAdmission } from '../upstream/admission.js';
import { mergedBreaker } from '../upstream/breaker.js';
import { LinkedPlane } from './linked-plane.js';
import { MergedRefusals } from './merged-refusals.js';
import {
  countedIn,
  mergedLedger,
  mergedMeasures,
  mergedSeries,
  NOTHING_COUNTED,
  sumOf,
  sumOfCounts,
} from './merged-status.js';
import { MergedTenants, mergedTopMetrics } from './merged-tenants.js';
import {
  type DataPlaneLink,
  type DataPlanes,
  MOST_SENDERS,
  type Orders,
  type PlaneStatus,
  RECENT_REFUSALS,
  type Report,
} from './planes.js';

/** Timers may fire slightly early. */
const TIMER_EARLY_MS = 5;

interface MergedPlanesOptions {
  readonly workers: number;
  readonly maxTenants: number;
  readonly unknownTenants: LimitsInForce['unknownTenants'];
  /** Workers share their state with other machines, not only with each other. */
  readonly beyondMachine: boolean;
  /** In force from the start. */
  readonly orders: Orders;
  /** Less than the second that Kubernetes gives probes by default. */
  readonly deadlineMs: number;
}

export class MergedPlanes implements DataPlanes {
  readonly refusals = new MergedRefusals(RECENT_REFUSALS);
  /** All of them are about to stop. */
  draining = false;
  /** Workers that ended and were replaced. */
  restarts = 0;
  readonly #options: MergedPlanesOptions;
  readonly #planes = new Set<LinkedPlane>();
  readonly #tenants: MergedTenants;
  #orders: Orders;
  #inForce: LimitsInForce;
  #ended = NOTHING_COUNTED;

  constructor(options: MergedPlanesOptions) {
    const { maxTenants, beyondMachine, unknownTenants, orders } = options;
    this.#options = options;
    this.#orders = orders;
    this.#inForce = { ...orders, unknownTenants };
    this.#tenants = new MergedTenants({ maxTenants, beyondMachine, inForce: () => this.#inForce });
  }

  /** The orders in force, with which a data plane starts. */
  get orders(): Orders {
    return this.#orders;
  }

  /** It starts with the orders in force. */
  add(link: DataPlaneLink): LinkedPlane {
    const plane = new LinkedPlane(link, (report) => this.absorb(plane, report));
    this.#planes.add(plane);
    return plane;
  }

  absorb(plane: LinkedPlane, { tenants, refusals, status }: Report): void {
    if (!this.#planes.has(plane)) return;
    plane.status = status;
    this.#tenants.change(plane.link.worker, tenants);
    this.refusals.add(refusals);
  }

  /** It has ended. */
  remove(plane: LinkedPlane): void {
    this.#planes.delete(plane);
    if (plane.status !== undefined) this.#ended = sumOfCounts([this.#ended, countedIn(plane.status)]);
    this.#tenants.end(plane.link.worker);
  }

  async apply(orders: Orders): Promise<readonly number[]> {
    this.#orders = orders;
    this.#inForce = { ...orders, unknownTenants: this.#options.unknownTenants };
    const behind = await this.#late([...this.#planes], ({ link }) => link.apply(orders));
    return behind.map(({ link }) => link.worker).sort((a, b) => a - b);
  }

  async refresh(): Promise<void> {
    for (const plane of await this.#late(this.#serving(), (plane) => plane.refresh())) {
      // It may have answered whoever asked before.
      plane.hangs = plane.owesAnswer(this.#options.deadlineMs - TIMER_EARLY_MS);
    }
  }

  async look(): Promise<void> {
    await this.#late(this.#serving(), (plane) => plane.look());
  }

  async healthy(): Promise<boolean> {
    await this.refresh();
    return this.#serving().every(({ hangs }) => !hangs);
  }

  status(): PlaneStatus {
    // One that has just begun to serve has not told anything yet.
    const known = this.#serving().filter(({ status, hangs }) => status !== undefined || hangs);
    const each = known.flatMap(({ status }) => status ?? []);
    const { responses, failures, evictions } = sumOfCounts([this.#ended, ...each.map(countedIn)]);
    const well = known.every(({ status, hangs }) => !hangs && (status?.ready || status?.draining));
    return {
      ready: !this.draining && well && each.some(({ ready }) => ready),
      draining: this.draining,
      limitsHash: this.#inForce.snapshot.hash,
      // What workers share with each other alone is within this machine.
      ledger: this.#options.beyondMachine
        ? mergedLedger(each.flatMap(({ ledger }) => ledger ?? []))
        : undefined,
      series: mergedSeries(each.flatMap(({ series }) => series ?? [])),
      upstream: {
        responses,
        failures,
        recentTimes: summedTimes(each.map(({ upstream }) => upstream.recentTimes)),
        addresses: mergedAddresses(each.map(({ upstream }) => upstream.addresses)),
        unresolved: [...new Set(each.flatMap(({ upstream }) => upstream.unresolved))],
        breaker: mergedBreaker(each.flatMap(({ upstream }) => upstream.breaker ?? [])),
        admission: mergedAdmission(each.flatMap(({ upstream }) => upstream.admission ?? [])),
      },
      measured: mergedMeasures(each.map(({ measured }) => measured)),
      pushTimes: summedTimes(each.map(({ pushTimes }) => pushTimes)),
      bytesInFlight: {
        used: sumOf(each, ({ bytesInFlight }) => bytesInFlight.used),
        capacity: sumOf(each, ({ bytesInFlight }) => bytesInFlight.capacity),
      },
      requestsInFlight: sumOf(each, ({ requestsInFlight }) => requestsInFlight),
      evictions,
    };
  }

  workers(): WorkersStatus {
    const serving = this.#serving();
    return {
      wanted: this.#options.workers,
      serving: serving.length,
      restarts: this.restarts,
      each: serving
        .map(({ link: { worker, pid }, hangs, status }) => ({
          worker,
          pid,
          ready: !hangs && status?.ready === true,
          draining: status?.draining === true,
          hangs,
          requestsInFlight: status?.requestsInFlight ?? 0,
          limitsHash: status?.limitsHash ?? '',
          ledger: status?.ledger,
          series: status?.series,
        }))
        .sort((a, b) => a.worker - b.worker),
    };
  }

  tenants(): Iterable<TenantState> {
    return this.#tenants.values();
  }

  tenant(id: string): TenantState | undefined {
    return this.#tenants.get(id);
  }

  departed(): Tally {
    return this.#tenants.departed;
  }

  unattributed(): TenantState {
    return this.#tenants.unattributed();
  }

  async topMetrics(id: string): Promise<TopMetrics> {
    const answers: TopMetrics[] = [];
    const planes = this.#serving().filter(({ hangs }) => !hangs);
    await this.#late(planes, async ({ link }) => {
      const answer = await link.topMetrics(id);
      if (answer !== undefined) answers.push(answer);
    });
    return mergedTopMetrics(answers, TOP);
  }

  async senders(tenant: string | undefined): Promise<SenderList> {
    const answers: SenderList[] = [];
    const planes = this.#serving().filter(({ hangs }) => !hangs);
    await this.#late(planes, async ({ link }) => {
      const answer = await link.senders(tenant);
      if (answer !== undefined) answers.push(answer);
    });
    return mergedSenders(answers, MOST_SENDERS);
  }

  #serving(): LinkedPlane[] {
    return [...this.#planes].filter(({ serving }) => serving);
  }

  /** Those that are not done in time. One that hangs is not waited for. */
  async #late(
    planes: readonly LinkedPlane[],
    ask: (plane: LinkedPlane) => Promise<void>,
  ): Promise<LinkedPlane[]> {
    const late = new Set(planes);
    const asked = planes.map(async (plane) => {
      const done = ask(plane).then(() => late.delete(plane));
      if (!plane.hangs) await done;
    });
    const patience = new AbortController();
    await Promise.race([Promise.all(asked), until(this.#options.deadlineMs, patience.signal)]);
    patience.abort();
    return [...late];
  }
}

function until(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}
