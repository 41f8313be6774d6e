/**
 * What of the pushes goes to Mimir now: as much as its addresses take (capacity.ts), shared by tenants (fair-queue.ts). In mode
 * `observe` all go, and what would have waited is counted.
 */
import { Capacity, type CapacityOptions, type Load } from './capacity.js';
import { type Entry, FairQueue, type FairQueueOptions, type Sender, type Turn } from './fair-queue.js';

export type FairnessMode = 'observe' | 'act';

export interface AdmissionOptions extends Omit<FairQueueOptions, 'limit' | 'usualMs' | 'holds'> {
  readonly mode: FairnessMode;
  readonly capacity: CapacityOptions;
}

export interface AdmissionStatus {
  readonly mode: FairnessMode;
  /** What may be under way, in items of pushes of USUAL_ITEMS; undefined while it learns. */
  readonly limit: number | undefined;
  readonly inFlight: number;
  /** Pushes and their bytes. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Pushes since the start; in mode `observe` those that would have waited. */
  readonly waited: number;
  readonly turnedAway: number;
}

/** An address, as far as this goes. */
export interface HasCapacity {
  readonly capacity: Capacity | undefined;
}

/**
 * In what time all of them answer, when all is well, as much as they may have under way; 0: not known. One that is quick answers many
 * times while one that is slow answers once.
 */
export function usualMsOf(addresses: readonly HasCapacity[]): number {
  let limits = 0;
  let perMs = 0;
  for (const { capacity } of addresses) {
    if (capacity === undefined || capacity.usualMs === 0 || capacity.limit === Number.POSITIVE_INFINITY)
      continue;
    limits += capacity.limit;
    perMs += capacity.limit / capacity.usualMs;
  }
  return perMs === 0 ? 0 : limits / perMs;
}

/** What is small costs Mimir something, too: a push counts as so many items at least, and as one for each so many bytes. */
const LEAST_ITEMS = 100;
const BYTES_OF_ITEM = 1000;

/** As how many items a push counts here. */
export function weightOf(items: number, bytes: number): number {
  return Math.max(LEAST_ITEMS, items, bytes / BYTES_OF_ITEM);
}

/** A push of so many items needs as much room. */
const USUAL_ITEMS = 1000;

/**
 * What a push needs of what Mimir may have under way: it grows with the root of its items. One of fifty times the size takes much
 * longer, and still is one push, that one of Mimir's workers has. A whole number, so that nothing is left when all have ended.
 */
export function roomOf(items: number): number {
  return Math.round(Math.sqrt(items * USUAL_ITEMS));
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #limit: () => number;
  readonly #queue: FairQueue;

  /** `limit`, `usualMs`: of all addresses that are sent to. */
  constructor(options: AdmissionOptions, limit: () => number, usualMs: () => number) {
    this.#options = options;
    this.#limit = limit;
    this.#queue = new FairQueue({ ...options, limit, usualMs, holds: this.holds });
  }

  /** Whether what is more than addresses take waits. */
  get holds(): boolean {
    return this.#options.mode === 'act';
  }

  /** Of an address. */
  capacity(): Capacity {
    return new Capacity(this.#options.capacity, this.#options.now());
  }

  enter(sender: Sender, items: number, bytes: number): Entry | Turn {
    return this.#queue.enter(sender, items, bytes, roomOf(items));
  }

  /** For a push that may go. `nowMs`: the time, where the caller has just read it. */
  begin(items: number, place: string, nowMs = this.#options.now()): PushUnderWay {
    const load = { items, room: roomOf(items), place };
    return new PushUnderWay(this.#queue, load, this.#options.now, nowMs);
  }

  status(): AdmissionStatus {
    const { inFlight, waiting, waitingBytes, counts } = this.#queue;
    const limit = this.#limit();
    return {
      mode: this.#options.mode,
      limit: Number.isFinite(limit) ? limit : undefined,
      inFlight,
      waiting,
      waitingBytes,
      ...counts,
    };
  }

  close(): void {
    this.#queue.close();
  }
}

/** A push that went, until it is known what became of it. */
export class PushUnderWay {
  readonly #queue: FairQueue;
  readonly #load: Load;
  readonly #now: () => number;
  readonly #startMs: number;
  #capacity: Capacity | undefined;
  #over = false;

  constructor(queue: FairQueue, load: Load, now: () => number, startMs: number) {
    this.#queue = queue;
    this.#load = load;
    this.#now = now;
    this.#startMs = startMs;
  }

  /** Where it went, if anywhere. */
  at(address: HasCapacity | undefined): void {
    if (this.#over) return;
    this.#capacity = address?.capacity;
    this.#capacity?.begin(this.#load);
  }

  /** 0: there was no answer. What is said after the first time is not heard. */
  answered(status: number, nowMs = this.#now()): void {
    if (this.#over) return;
    this.#over = true;
    const overloaded = status === 0 || (status >= 502 && status <= 504);
    this.#capacity?.answered(this.#load, nowMs - this.#startMs, overloaded, nowMs);
    this.#queue.leave(this.#load.room);
  }

  /** It ended, and nothing is known by it; or it is over already. */
  ended(): void {
    if (this.#over) return;
    this.#over = true;
    const nowMs = this.#now();
    this.#capacity?.end(this.#load, nowMs - this.#startMs, nowMs);
    this.#queue.leave(this.#load.room);
  }
}

/** As several processes see it, each with a part of what Mimir takes. */
export function mergedAdmission(each: readonly AdmissionStatus[]): AdmissionStatus | undefined {
  const [first] = each;
  if (first === undefined) return undefined;
  const sum = (of: (status: AdmissionStatus) => number): number =>
    each.reduce((total, status) => total + of(status), 0);
  return {
    mode: first.mode,
    limit: each.some(({ limit }) => limit === undefined) ? undefined : sum(({ limit }) => limit ?? 0),
    inFlight: sum(({ inFlight }) => inFlight),
    waiting: sum(({ waiting }) => waiting),
    waitingBytes: sum(({ waitingBytes }) => waitingBytes),
    waited: sum(({ waited }) => waited),
    turnedAway: sum(({ turnedAway }) => turnedAway),
  };
}
