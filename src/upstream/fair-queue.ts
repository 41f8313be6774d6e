/**
 * Who may send when Mimir has as much as it takes: tenants share what it takes in proportion to their weights (start-time fair
 * queueing), so that one below its share goes next, and who is above waits a little. What does not fit in the queue, or has waited
 * for too long, is turned away, and it is the one furthest above its share who is. Within a tenant the oldest goes first.
 */

/** Critical goes before normal, and normal before low, whatever their weights. */
export type Priority = 'critical' | 'normal' | 'low';

const RANK: Record<Priority, number> = { critical: 0, normal: 1, low: 2 };

export interface Sender {
  readonly tenant: string;
  /** Above 0. */
  readonly weight: number;
  readonly priority: Priority;
}

export interface FairQueueOptions {
  /** Items that may be under way, as it is now. */
  readonly limit: () => number;
  /** Body bytes that may wait. */
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  /** False: all go, and those that would have waited are counted. */
  readonly holds: boolean;
  readonly now: () => number;
}

/** `go`: it may send, and says when it has. Otherwise, in how many seconds it should come again. */
export type Entry = 'go' | { readonly againInSeconds: number };

interface Waiting {
  readonly items: number;
  readonly bytes: number;
  readonly untilMs: number;
  settle(entry: Entry): void;
}

interface Tenant {
  readonly id: string;
  weight: number;
  priority: Priority;
  /** Virtual time at which all that it sent is done. */
  finish: number;
  readonly waiting: Waiting[];
  waitingItems: number;
  /** Grows when it is turned away, and fades when it goes. */
  pressure: number;
}

/** Seconds are two to the power of it. */
const MOST_PRESSURE = 6;
const FADES = 0.9;

export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #tenants = new Map<string, Tenant>();
  /** Those of them that have something waiting. */
  readonly #waiting = new Set<Tenant>();
  /** When the last one that went began. */
  #virtual = 0;
  #timer: NodeJS.Timeout | undefined;
  inFlight = 0;
  waiting = 0;
  waitingBytes = 0;
  /** Since the start. */
  readonly counts = { waited: 0, turnedAway: 0 };

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** Answers at once while there is room and nobody waits. */
  enter(sender: Sender, items: number, bytes: number): Entry | Promise<Entry> {
    const tenant = this.#tenant(sender);
    if (this.waiting === 0 && this.#fits(items)) return this.#go(tenant, items);
    this.counts.waited++;
    if (!this.#options.holds) return this.#go(tenant, items);
    const entered = new Promise<Entry>((settle) => {
      const untilMs = this.#options.now() + this.#options.maxWaitMs;
      tenant.waiting.push({ items, bytes, untilMs, settle });
    });
    this.#waiting.add(tenant);
    tenant.waitingItems += items;
    this.waiting++;
    this.waitingBytes += bytes;
    while (this.waitingBytes > this.#options.maxBytes) this.#turnAwayOne();
    this.#timer ??= setTimeout(() => this.#expire(), this.#options.maxWaitMs).unref();
    return entered;
  }

  /** To be called once for each that went. */
  leave(items: number): void {
    this.inFlight -= items;
    this.#serve();
  }

  /** All that wait may send: nothing is held back any more. */
  close(): void {
    clearTimeout(this.#timer);
    for (const tenant of this.#waiting) {
      while (tenant.waiting.length > 0) this.#take(tenant)?.settle('go');
    }
  }

  #fits(items: number): boolean {
    // One larger than all that there is goes alone.
    return this.inFlight === 0 || this.inFlight + items <= this.#options.limit();
  }

  #go(tenant: Tenant, items: number): 'go' {
    const start = Math.max(this.#virtual, tenant.finish);
    tenant.finish = start + items / tenant.weight;
    tenant.pressure *= FADES;
    this.#virtual = start;
    this.inFlight += items;
    return 'go';
  }

  #serve(): void {
    while (this.waiting > 0) {
      const tenant = this.#next();
      const first = tenant?.waiting[0];
      if (tenant === undefined || first === undefined || !this.#fits(first.items)) return;
      this.#take(tenant);
      first.settle(this.#go(tenant, first.items));
    }
  }

  /** Of the first class with anybody who waits, the one that began first. */
  #next(): Tenant | undefined {
    let next: Tenant | undefined;
    for (const tenant of this.#waiting) {
      if (next === undefined || this.#isBefore(tenant, next)) next = tenant;
    }
    return next;
  }

  #isBefore(a: Tenant, b: Tenant): boolean {
    if (a.priority !== b.priority) return RANK[a.priority] < RANK[b.priority];
    return Math.max(this.#virtual, a.finish) < Math.max(this.#virtual, b.finish);
  }

  /** The newest of who has most waiting for its weight, in the last class. */
  #turnAwayOne(): void {
    let worst: Tenant | undefined;
    for (const tenant of this.#waiting) {
      if (worst === undefined || isFurtherAbove(tenant, worst)) worst = tenant;
    }
    const last = worst?.waiting.pop();
    if (worst === undefined || last === undefined) return;
    this.#forget(worst, last);
    this.#turnAway(worst, last);
  }

  #turnAway(tenant: Tenant, waiting: Waiting): void {
    this.counts.turnedAway++;
    tenant.pressure = Math.min(MOST_PRESSURE, tenant.pressure + 1);
    waiting.settle({ againInSeconds: 2 ** Math.floor(tenant.pressure) });
  }

  #take(tenant: Tenant): Waiting | undefined {
    const first = tenant.waiting.shift();
    if (first !== undefined) this.#forget(tenant, first);
    return first;
  }

  #forget(tenant: Tenant, { items, bytes }: Waiting): void {
    if (tenant.waiting.length === 0) this.#waiting.delete(tenant);
    tenant.waitingItems -= items;
    this.waiting--;
    this.waitingBytes -= bytes;
  }

  #expire(): void {
    const nowMs = this.#options.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const tenant of this.#tenants.values()) {
      while ((tenant.waiting[0]?.untilMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
        const late = this.#take(tenant);
        if (late !== undefined) this.#turnAway(tenant, late);
      }
      nextMs = Math.min(nextMs, tenant.waiting[0]?.untilMs ?? Number.POSITIVE_INFINITY);
      if (tenant.waiting.length === 0) tenant.pressure *= FADES;
      if (isForgettable(tenant, this.#virtual)) this.#tenants.delete(tenant.id);
    }
    this.#timer =
      this.#tenants.size === 0 && nextMs === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(
            () => this.#expire(),
            Math.min(Math.max(1, nextMs - nowMs), this.#options.maxWaitMs),
          ).unref();
  }

  #tenant({ tenant: id, weight, priority }: Sender): Tenant {
    const known = this.#tenants.get(id);
    if (known !== undefined) {
      known.weight = weight;
      known.priority = priority;
      return known;
    }
    const tenant = { id, weight, priority, finish: 0, waiting: [], waitingItems: 0, pressure: 0 };
    this.#tenants.set(id, tenant);
    this.#timer ??= setTimeout(() => this.#expire(), this.#options.maxWaitMs).unref();
    return tenant;
  }
}

function isFurtherAbove(a: Tenant, b: Tenant): boolean {
  if (a.priority !== b.priority) return RANK[a.priority] > RANK[b.priority];
  return a.waitingItems / a.weight > b.waitingItems / b.weight;
}

/** It has nothing here, and would begin as one that is new. */
function isForgettable({ waiting, finish, pressure }: Tenant, virtual: number): boolean {
  return waiting.length === 0 && finish <= virtual && pressure < 1;
}
