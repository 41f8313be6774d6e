/**
 * Who may send when Mimir has as much as it takes: those who send share it in proportion to their weights (start-time fair queueing),
 * so that one below its share goes next, and who is above waits a little: for room for one more than itself, so that there is some for
 * the next who is below, and for its time after the last one, so that the answers, and with them the room, come one after another.
 * What does not fit in the queue, or has waited for too long, is turned away, and it is the one furthest above its share who is.
 * Within a tenant the oldest goes first.
 *
 * Tenants share by places: each has one of its own, but for those that no document names, who take turns in one. What one push costs
 * here grows with the logarithm of the places at most, whoever waits.
 */
import { Heap } from '../base/heap.js';
import { roomKept } from './capacity.js';
import { TurnedAway } from './turned-away.js';

/** Critical goes before normal, and normal before low, whatever their weights. */
export type Priority = 'critical' | 'normal' | 'low';

const RANK: Record<Priority, number> = { critical: 0, normal: 1, low: 2 };

export interface Sender {
  readonly tenant: string;
  /** As whom it shares. */
  readonly place: string;
  /** Above 0. */
  readonly weight: number;
  readonly priority: Priority;
}

export interface FairQueueOptions {
  /** Room that there is, as it is now: the sum of what may be under way. */
  readonly limit: () => number;
  /** What an answer takes when all is well; 0: not known. */
  readonly usualMs: () => number;
  /** Body bytes that may wait. */
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  /** False: all go, and those that would have waited are counted. */
  readonly holds: boolean;
  readonly now: () => number;
  /** A timer that keeps no process; Node's where it is left out. */
  readonly later?: (run: () => void, ms: number) => NodeJS.Timeout | undefined;
}

/** `go`: it may send, and says when it has. `gone`: it waits no longer. Otherwise, in how many seconds it should come again. */
export type Entry = 'go' | 'gone' | { readonly againInSeconds: number };

/** A push that waits for its turn. */
export interface Turn {
  readonly entry: Promise<Entry>;
  /** Nobody waits for its answer any more. */
  giveUp(): void;
}

interface Waiting {
  readonly tenant: Tenant;
  readonly items: number;
  readonly room: number;
  readonly bytes: number;
  readonly untilMs: number;
  readonly settle: (entry: Entry) => void;
  /** Those of its tenant that came before and after it. */
  older: Waiting | undefined;
  newer: Waiting | undefined;
}

/** That has something waiting. */
interface Tenant {
  readonly id: string;
  readonly place: Place;
  oldest: Waiting | undefined;
  newest: Waiting | undefined;
  items: number;
}

interface Place {
  readonly id: string;
  weight: number;
  rank: number;
  /** Virtual time at which all that it sent is done, and at which the next that waits begins. */
  finish: number;
  start: number;
  /** When it began to wait: who came first goes first where both are as far. */
  since: number;
  /** Whose turn is next is first. */
  readonly tenants: Map<string, Tenant>;
  /** Who has most waiting is first. */
  readonly largest: Heap<Tenant>;
  waitingItems: number;
}

/** Virtual time of one class: what those of another have does not change the shares within it. */
interface Clock {
  /** When the last one that went began. */
  nowAt: number;
  /** When all that went is done. */
  doneAt: number;
}

/** Then virtual time begins anew: where one weighs little it passes quickly, and what is added to large numbers is lost. */
const LATEST = 1e9;
/** Of so many places it is kept in mind what they sent, besides those that have something waiting. */
const MOST_KNOWN = 10_000;
/** Timers are late by so much: what is late by less does not make those after it later. */
const LATE_MS = 1;

export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #places = new Map<string, Place>();
  /** Those that have something waiting: who goes next is first, and who is turned away first. */
  readonly #next = new Heap<Place>(goesBefore);
  readonly #worst = new Heap<Place>(isFurtherAbove);
  /** In the order in which they came. */
  readonly #all = new Set<Waiting>();
  readonly #turnedAway = new TurnedAway();
  readonly #clocks = Object.values(RANK).map((): Clock => ({ nowAt: 0, doneAt: 0 }));
  #arrivals = 0;
  #forgetAt = MOST_KNOWN;
  #timer: NodeJS.Timeout | undefined;
  #expires = false;
  /** When one above its share may go. */
  #nextMs = 0;
  #paceTimer: NodeJS.Timeout | undefined;
  /** When the timer for that runs. */
  #pacedMs = Number.POSITIVE_INFINITY;
  #closed = false;
  inFlight = 0;
  waitingBytes = 0;
  /** Since the start. */
  readonly counts = { waited: 0, turnedAway: 0 };

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#all.size;
  }

  /** Places that are kept in mind, whether they have something waiting or not. */
  get known(): number {
    return this.#places.size;
  }

  /** Answers at once while there is room and nobody waits. `items` count in the sender's share; `room` is what it needs of the limit. */
  enter(sender: Sender, items: number, bytes: number, room = items): Entry | Turn {
    if (this.#all.size > 0 || !this.#fits(room)) {
      if (this.#options.holds && !this.#closed) return this.#queue(sender, items, bytes, room);
      this.counts.waited++;
    }
    return this.#go(sender.tenant, this.#place(sender), items, room);
  }

  /** To be called once for each that went. */
  leave(room: number): void {
    this.inFlight -= room;
    this.#serve();
  }

  /** All that wait may send: nothing is held back any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#paceTimer);
    for (const waiting of this.#all) {
      this.#remove(waiting);
      const { tenant, items, room } = waiting;
      waiting.settle(this.#go(tenant.id, tenant.place, items, room));
    }
  }

  #queue(sender: Sender, items: number, bytes: number, room: number): Entry | Turn {
    const { now, maxWaitMs, maxBytes } = this.#options;
    if (bytes > maxBytes) {
      this.counts.waited++;
      return this.#turnAway(sender.tenant);
    }
    let settle: Waiting['settle'] = () => {};
    const entry = new Promise<Entry>((resolve) => {
      settle = resolve;
    });
    const waiting = {
      tenant: this.#tenant(this.#place(sender), sender.tenant),
      items,
      room,
      bytes,
      untilMs: now() + maxWaitMs,
      settle,
      older: undefined,
      newer: undefined,
    };
    this.#add(waiting);
    this.#serve();
    if (this.#all.has(waiting)) this.counts.waited++;
    if (this.waitingBytes > maxBytes) {
      while (this.waitingBytes > maxBytes) this.#turnAwayOne();
      this.#serve();
    }
    this.#expireLater(maxWaitMs);
    return { entry, giveUp: () => this.#giveUp(waiting) };
  }

  #giveUp(waiting: Waiting): void {
    if (!this.#all.has(waiting)) return;
    this.#remove(waiting);
    waiting.settle('gone');
    // What waited behind it may be small enough.
    this.#serve();
  }

  #fits(room: number): boolean {
    // One larger than all that there is goes alone.
    return this.inFlight === 0 || this.inFlight + room <= this.#options.limit();
  }

  #go(tenant: string, place: Place, items: number, room: number): 'go' {
    this.#turnedAway.went(tenant);
    const clock = this.#clockOf(place);
    clock.nowAt = Math.max(clock.nowAt, place.finish);
    place.finish = clock.nowAt + items / place.weight;
    clock.doneAt = Math.max(clock.doneAt, place.finish);
    this.#settleBefore(place.rank);
    if (clock.nowAt > LATEST) this.#beginAnew(clock, place.rank);
    this.inFlight += room;
    return 'go';
  }

  #clockOf({ rank }: Place): Clock {
    return this.#clocks[rank] as Clock;
  }

  /** Who goes before this class has nothing waiting: all had what they wanted, and nobody had more than the others left. */
  #settleBefore(rank: number): void {
    for (let before = 0; before < rank; before++) {
      const clock = this.#clocks[before] as Clock;
      clock.nowAt = clock.doneAt;
    }
  }

  #beginAnew(clock: Clock, rank: number): void {
    const { nowAt } = clock;
    for (const place of this.#places.values()) {
      if (place.rank !== rank) continue;
      place.finish -= nowAt;
      place.start -= nowAt;
    }
    clock.doneAt -= nowAt;
    clock.nowAt = 0;
  }

  #serve(): void {
    for (let place = this.#next.first; place !== undefined; place = this.#next.first) {
      const [tenant] = place.tenants.values();
      const first = tenant?.oldest;
      if (tenant === undefined || first === undefined || !this.#mayGo(place, first.room)) return;
      const went = this.#go(tenant.id, place, first.items, first.room);
      this.#pace(first.room);
      place.start = place.finish;
      this.#remove(first);
      // Whoever still has some comes again after the others of its place.
      if (tenant.oldest !== undefined && place.tenants.size > 1) {
        place.tenants.delete(tenant.id);
        place.tenants.set(tenant.id, tenant);
      }
      first.settle(went);
    }
  }

  #mayGo(place: Place, room: number): boolean {
    const isAbove = place.start > this.#clockOf(place).nowAt;
    if (!isAbove) return this.#fits(room);
    return this.#fits(room + roomKept(room, this.#options.limit())) && this.#isTime();
  }

  #isTime(): boolean {
    const waitMs = this.#nextMs - this.#options.now();
    if (waitMs <= LATE_MS) return true;
    // Sooner than it was, where answers take less by now.
    if (this.#nextMs < this.#pacedMs) {
      clearTimeout(this.#paceTimer);
      this.#pacedMs = this.#nextMs;
      this.#paceTimer = this.#later(() => {
        this.#pacedMs = Number.POSITIVE_INFINITY;
        this.#serve();
      }, waitMs);
    }
    return false;
  }

  /**
   * As many as may be under way go in the time that an answer takes: no fewer than there is room for. Nobody waits for longer than
   * that, however much went.
   */
  #pace(room: number): void {
    const nowMs = this.#options.now();
    const usualMs = this.#options.usualMs();
    // One larger than all that may be under way goes alone, and takes its time.
    const itsMs = usualMs * Math.min(1, room / this.#options.limit());
    this.#nextMs = Math.min(Math.max(this.#nextMs, nowMs - LATE_MS) + itsMs, nowMs + usualMs);
  }

  /** The newest of who has most waiting for its weight, in the last class. */
  #turnAwayOne(): void {
    const newest = this.#worst.first?.largest.first?.newest;
    if (newest === undefined) return;
    this.#remove(newest);
    newest.settle(this.#turnAway(newest.tenant.id));
  }

  #turnAway(tenant: string): Entry {
    this.counts.turnedAway++;
    return { againInSeconds: this.#turnedAway.secondsFor(tenant, this.#options.now()) };
  }

  #add(waiting: Waiting): void {
    const { tenant, items, bytes } = waiting;
    const { place } = tenant;
    if (place.tenants.size === 0) {
      place.start = Math.max(this.#clockOf(place).nowAt, place.finish);
      place.since = this.#arrivals++;
    }
    if (tenant.newest === undefined) {
      place.tenants.set(tenant.id, tenant);
      tenant.oldest = waiting;
    } else {
      tenant.newest.newer = waiting;
      waiting.older = tenant.newest;
    }
    tenant.newest = waiting;
    this.#all.add(waiting);
    this.#count(tenant, items, bytes);
  }

  #remove(waiting: Waiting): void {
    const { tenant, items, bytes } = waiting;
    const { place } = tenant;
    const { older, newer } = waiting;
    if (older === undefined) tenant.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) tenant.newest = older;
    else newer.older = older;
    this.#all.delete(waiting);
    this.#count(tenant, -items, -bytes);
    if (tenant.oldest !== undefined) return;
    place.tenants.delete(tenant.id);
    place.largest.remove(tenant);
    if (place.tenants.size > 0) return;
    this.#next.remove(place);
    this.#worst.remove(place);
  }

  #count(tenant: Tenant, items: number, bytes: number): void {
    const { place } = tenant;
    tenant.items += items;
    place.waitingItems += items;
    this.waitingBytes += bytes;
    place.largest.put(tenant);
    this.#next.put(place);
    this.#worst.put(place);
  }

  #expireLater(ms: number): void {
    if (this.#expires) return;
    this.#expires = true;
    this.#timer = this.#later(() => this.#expire(), ms);
  }

  #later(run: () => void, ms: number): NodeJS.Timeout | undefined {
    const { later = laterUnref } = this.#options;
    return later(run, ms);
  }

  #expire(): void {
    this.#expires = false;
    const nowMs = this.#options.now();
    for (const waiting of this.#all) {
      if (waiting.untilMs > nowMs) {
        this.#expireLater(waiting.untilMs - nowMs);
        break;
      }
      this.#remove(waiting);
      waiting.settle(this.#turnAway(waiting.tenant.id));
    }
    this.#serve();
  }

  #place({ place: id, weight, priority }: Sender): Place {
    let place = this.#places.get(id);
    if (place === undefined) {
      if (this.#places.size >= this.#forgetAt) this.#forgetPlaces();
      place = {
        id,
        weight,
        rank: RANK[priority],
        finish: 0,
        start: 0,
        since: 0,
        tenants: new Map(),
        largest: new Heap(hasMore),
        waitingItems: 0,
      };
      this.#places.set(id, place);
    }
    place.weight = weight;
    if (place.rank !== RANK[priority]) moveTo(place, RANK[priority], this.#clocks);
    return place;
  }

  /** What those sent who have nothing waiting: each would begin as one that is new. */
  #forgetPlaces(): void {
    for (const [id, { tenants }] of this.#places) if (tenants.size === 0) this.#places.delete(id);
    this.#forgetAt = Math.max(MOST_KNOWN, 2 * this.#places.size);
  }

  #tenant(place: Place, id: string): Tenant {
    return place.tenants.get(id) ?? { id, place, oldest: undefined, newest: undefined, items: 0 };
  }
}

/** There it begins as one that is new. */
function moveTo(place: Place, rank: number, clocks: readonly Clock[]): void {
  place.rank = rank;
  place.finish = 0;
  place.start = clocks[rank]?.nowAt ?? 0;
}

function laterUnref(run: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(run, ms).unref();
}

function goesBefore(a: Place, b: Place): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.start === b.start ? a.since < b.since : a.start < b.start;
}

function hasMore(a: Tenant, b: Tenant): boolean {
  return a.items > b.items;
}

function isFurtherAbove(a: Place, b: Place): boolean {
  if (a.rank !== b.rank) return a.rank > b.rank;
  return a.waitingItems / a.weight > b.waitingItems / b.weight;
}
