/**
 * All leased buckets, elections and series of one replica: sends their calls, holds each to its deadline, keeps the
 * circuits, counts replicas, and goes round the buckets with one timer for whatever has to be said without a push.
 *
 * No push waits longer than two deadlines, and none at all while the store is down.
 */
import type { LeaseCall } from '../buckets/lease.js';
import { LeasedBucket, type LeaseHost, type OnLoss } from '../buckets/leased-bucket.js';
import {
  type ElectionCall,
  type ElectionHost,
  type ElectionReply,
  SharedElections,
} from '../elections/shared-elections.js';
import type { Bucket, BucketKind, BucketShape, Elections, Ledger } from '../enforce/ledger.js';
import { type SeriesCallHost, SeriesCalls } from '../series/series-calls.js';
import type { SeriesCall, SeriesReply } from '../series/series-store.js';
import { Circuit } from './circuit.js';
import {
  type LeaseTransport,
  STORE_ERROR_KINDS,
  StoreError,
  type StoreErrorKind,
} from './lease-transport.js';

export interface LeasedLedgerOptions {
  /** Replicas that share the buckets; 0: those that are counted in the store. */
  readonly replicas: number;
  readonly onLoss: OnLoss;
  /** What a call may take before pushes stop waiting for it. */
  readonly callTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Calls that are sent and not answered, late ones included. */
  readonly maxInFlight: number;
  /** Time to return leases on close. */
  readonly closeTimeoutMs: number;
  /** A clock that never steps back, in milliseconds: the one that callers of buckets use. */
  readonly now: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: LedgerLog;
}

export interface LedgerLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface LedgerStatus {
  readonly state: 'up' | 'degraded';
  /** In this state for so long. */
  readonly sinceSeconds: number;
  /** Parts of the store that are down, of all. */
  readonly partsDown: number;
  readonly parts: number;
  /** That a local share is made for. */
  readonly replicas: number;
  readonly buckets: number;
  /** Buckets that serve their local share. */
  readonly bucketsAlone: number;
  readonly tokensLeased: number;
  readonly callsInFlight: number;
  readonly calls: number;
  readonly errors: Readonly<Record<StoreErrorKind, number>>;
  readonly lastError:
    | { readonly kind: StoreErrorKind; readonly message: string; readonly secondsAgo: number }
    | undefined;
}

const TICK_MS = 100;
/** Each bucket is looked at once in ten ticks, so that a new shape is in the store within about a second. */
const SWEEP_TICKS = 10;
/** Calls without a push a tick at most: forty replicas that come back together ask 25,000 times a second. */
const SWEEP_CALLS = 64;
const HEARTBEAT_MS = 2000;

interface CallInFlight {
  readonly part: number;
  readonly sentMs: number;
  /** The deadline is over. */
  readonly callLate: (nowMs: number) => void;
  late: boolean;
}

export class LeasedLedger implements Ledger, LeaseHost, ElectionHost, SeriesCallHost {
  readonly onLoss: OnLoss;
  readonly reservesRoom: boolean;
  /** The store that replicas share their series through: the same, with the same circuits and deadlines. */
  readonly series: SeriesCalls;
  readonly #transport: LeaseTransport;
  readonly #options: LeasedLedgerOptions;
  readonly #circuits: Circuit[];
  /** Parts with a heartbeat or a probe under way. */
  readonly #beating: boolean[];
  readonly #buckets: LeasedBucket[] = [];
  /** In the order of their deadlines. */
  readonly #inTime = new Set<CallInFlight>();
  #lateCalls = 0;
  #deadline: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #cursor = 0;
  #heartbeatAtMs = 0;
  #replicasSeen = 1;
  #degraded = false;
  #sinceMs: number;
  #calls = 0;
  readonly #errors: Record<StoreErrorKind, number>;
  #lastError: { kind: StoreErrorKind; message: string; atMs: number } | undefined;

  constructor(transport: LeaseTransport, options: LeasedLedgerOptions) {
    this.#transport = transport;
    this.#options = options;
    this.onLoss = options.onLoss;
    this.reservesRoom = transport.reservesRoom;
    this.series = new SeriesCalls(this, options.callTimeoutMs, options.now);
    const nowMs = options.now();
    this.#sinceMs = nowMs;
    this.#circuits = Array.from({ length: transport.parts }, () => new Circuit(nowMs, options.random));
    this.#beating = this.#circuits.map(() => false);
    this.#errors = Object.fromEntries(STORE_ERROR_KINDS.map((kind) => [kind, 0])) as Record<
      StoreErrorKind,
      number
    >;
  }

  /** Waits for the store, though not long: without it the ledger starts degraded. */
  async start(): Promise<void> {
    const { connectTimeoutMs, now } = this.#options;
    await this.#transport.connect(connectTimeoutMs);
    await this.#beat(0, now());
    // The first failure is enough here: nothing is known yet of the buckets, and a full one is nobody's to give.
    if (this.#calls === 0) for (const circuit of this.#circuits) circuit.trip(now());
    this.#noteState(now());
    this.#ticker = setInterval(() => this.#tick(now()), TICK_MS);
    this.#ticker.unref();
  }

  bucket(tenant: string, kind: BucketKind, shape: BucketShape, nowMs: number): Bucket {
    const bucket = new LeasedBucket(this, tenant, kind, this.#transport.partOf(tenant), shape, nowMs);
    bucket.position = this.#buckets.push(bucket) - 1;
    return bucket;
  }

  elections(tenant: string): Elections {
    return new SharedElections(this, tenant, 2 * this.#options.random() - 1);
  }

  elect(tenant: string, call: ElectionCall, nowMs: number): Promise<ElectionReply | 'lost'> | undefined {
    if (!this.mayAskFor(tenant)) return undefined;
    return this.#fly(tenant, () => this.#transport.elect(tenant, call), nowMs);
  }

  askForSeries(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> {
    return this.#fly(tenant, () => this.#transport.series(tenant, call), nowMs);
  }

  mayAskFor(tenant: string): boolean {
    return this.mayAsk(this.#transport.partOf(tenant));
  }

  replicas(): number {
    return this.#options.replicas || this.#replicasSeen;
  }

  mayAsk(part: number): boolean {
    return !this.#circuit(part).open;
  }

  send(bucket: LeasedBucket, call: LeaseCall, nowMs: number): boolean {
    const flight = this.#takeOff(bucket.part, nowMs, (lateMs) => bucket.late(lateMs));
    if (flight === undefined) return false;
    this.#transport.lease(bucket.tenant, bucket.kind, call).then(
      (reply) => {
        this.#succeeded(flight);
        bucket.replied(call, reply, !flight.late, this.#options.now());
      },
      (error: unknown) => {
        this.#failed(flight, error);
        bucket.failed(call, this.#options.now());
      },
    );
    return true;
  }

  forget(bucket: LeasedBucket): void {
    const last = this.#buckets.pop();
    if (last !== undefined && last !== bucket) {
      last.position = bucket.position;
      this.#buckets[bucket.position] = last;
    }
    bucket.position = -1;
  }

  status(): LedgerStatus {
    const nowMs = this.#options.now();
    let bucketsAlone = 0;
    let tokensLeased = 0;
    for (const bucket of this.#buckets) {
      if (bucket.alone) bucketsAlone++;
      tokensLeased += bucket.held;
    }
    const last = this.#lastError;
    return {
      state: this.#degraded ? 'degraded' : 'up',
      sinceSeconds: (nowMs - this.#sinceMs) / 1000,
      partsDown: this.#partsDown(),
      parts: this.#circuits.length,
      replicas: this.replicas(),
      buckets: this.#buckets.length,
      bucketsAlone,
      tokensLeased,
      callsInFlight: this.#inTime.size + this.#lateCalls,
      calls: this.#calls,
      errors: { ...this.#errors },
      lastError: last && {
        kind: last.kind,
        message: last.message,
        secondsAgo: (nowMs - last.atMs) / 1000,
      },
    };
  }

  /** Returns what is leased and announces what is not, as far as the store answers in time. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const { now, closeTimeoutMs } = this.#options;
    const endMs = now() + closeTimeoutMs;
    for (let open = true; open && now() < endMs; ) {
      this.series.tick(now());
      open = this.series.unannounced > 0;
      for (const bucket of this.#buckets) {
        if (this.#inTime.size >= this.#options.maxInFlight) open = true;
        else bucket.returnAll(now());
        open ||= bucket.calling;
      }
      if (open) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (!this.#degraded) await Promise.race([this.#transport.farewell(), pause(this.#options.callTimeoutMs)]);
    clearTimeout(this.#deadline);
    await this.#transport.close();
  }

  #circuit(part: number): Circuit {
    const circuit = this.#circuits[part];
    if (circuit === undefined) throw new RangeError(`the store has no part ${part}`);
    return circuit;
  }

  /** A call that is waited for until its deadline, at the longest. */
  #fly<R>(tenant: string, call: () => Promise<R>, nowMs: number): Promise<R | 'lost'> {
    return new Promise((answer) => {
      const flight = this.#takeOff(this.#transport.partOf(tenant), nowMs, () => answer('lost'));
      if (flight === undefined) {
        answer('lost');
        return;
      }
      call().then(
        (reply) => {
          this.#succeeded(flight);
          answer(reply);
        },
        (error: unknown) => {
          this.#failed(flight, error);
          answer('lost');
        },
      );
    });
  }

  /** Undefined when too many calls are in flight. */
  #takeOff(part: number, nowMs: number, callLate: (nowMs: number) => void): CallInFlight | undefined {
    if (this.#inTime.size + this.#lateCalls >= this.#options.maxInFlight) {
      this.#noteError('busy', 'too many calls in flight', nowMs);
      return undefined;
    }
    const flight: CallInFlight = { part, sentMs: nowMs, callLate, late: false };
    this.#inTime.add(flight);
    this.#calls++;
    this.#watchDeadline(this.#options.callTimeoutMs);
    return flight;
  }

  #succeeded(flight: CallInFlight): void {
    this.#landed(flight);
    if (!flight.late) this.#circuit(flight.part).succeeded();
  }

  #failed(flight: CallInFlight, error: unknown): void {
    this.#landed(flight);
    if (!flight.late) this.#partFailed(flight.part, error, this.#options.now());
  }

  #landed(flight: CallInFlight): void {
    if (flight.late) this.#lateCalls--;
    else this.#inTime.delete(flight);
  }

  /** One timer for all calls: they have the same deadline, so the oldest is first. */
  #watchDeadline(inMs: number): void {
    // Replies that have arrived while the loop was busy are read before anybody is called late.
    this.#deadline ??= setTimeout(() => setImmediate(() => this.#callLate(this.#options.now())), inMs);
  }

  #callLate(nowMs: number): void {
    this.#deadline = undefined;
    const { callTimeoutMs } = this.#options;
    for (const flight of this.#inTime) {
      const leftMs = flight.sentMs + callTimeoutMs - nowMs;
      if (leftMs > 0) {
        this.#watchDeadline(Math.ceil(leftMs));
        return;
      }
      this.#inTime.delete(flight);
      this.#lateCalls++;
      flight.late = true;
      this.#partFailed(flight.part, timeoutError(callTimeoutMs), nowMs);
      flight.callLate(nowMs);
    }
  }

  #tick(nowMs: number): void {
    for (const [part, circuit] of this.#circuits.entries()) {
      if (circuit.probeDue(nowMs)) void this.#beat(part, nowMs);
    }
    if (nowMs >= this.#heartbeatAtMs && this.mayAsk(0)) void this.#beat(0, nowMs);
    this.#sweep(nowMs);
    this.series.tick(nowMs);
  }

  #sweep(nowMs: number): void {
    const looks = Math.min(this.#buckets.length, Math.max(64, Math.ceil(this.#buckets.length / SWEEP_TICKS)));
    let calls = 0;
    for (let i = 0; i < looks && calls < SWEEP_CALLS; i++) {
      this.#cursor = (this.#cursor + 1) % this.#buckets.length;
      if (this.#buckets[this.#cursor]?.sweep(nowMs)) calls++;
    }
  }

  /** A heartbeat, which is also the probe of a part that is down. */
  async #beat(part: number, nowMs: number): Promise<void> {
    if (this.#beating[part]) return;
    this.#beating[part] = true;
    if (part === 0) this.#heartbeatAtMs = nowMs + HEARTBEAT_MS * (0.75 + this.#options.random() / 2);
    try {
      const replicas = await this.#transport.heartbeat(part);
      const { now, callTimeoutMs } = this.#options;
      if (now() - nowMs > callTimeoutMs) throw timeoutError(callTimeoutMs);
      this.#calls++;
      if (part === 0) this.#replicasSeen = Math.max(1, replicas);
      const circuit = this.#circuit(part);
      if (circuit.open) circuit.close(now());
      else circuit.succeeded();
      this.#noteState(now());
    } catch (error) {
      this.#partFailed(part, error, this.#options.now());
    } finally {
      this.#beating[part] = false;
    }
  }

  #partFailed(part: number, error: unknown, nowMs: number): void {
    const kind = error instanceof StoreError ? error.kind : 'other';
    this.#noteError(kind, error instanceof Error ? error.message : String(error), nowMs);
    if (this.#circuit(part).failed(nowMs)) this.#noteState(nowMs);
  }

  #noteError(kind: StoreErrorKind, message: string, atMs: number): void {
    this.#errors[kind]++;
    this.#lastError = { kind, message, atMs };
  }

  #partsDown(): number {
    let down = 0;
    for (const { open } of this.#circuits) if (open) down++;
    return down;
  }

  /** Each change is logged once, however many pushes, buckets and parts it is about. */
  #noteState(nowMs: number): void {
    const down = this.#partsDown();
    if (down > 0 === this.#degraded) return;
    const seconds = Math.round((nowMs - this.#sinceMs) / 1000);
    this.#degraded = down > 0;
    this.#sinceMs = nowMs;
    const { log } = this.#options;
    if (this.#degraded) {
      const { kind, message } = this.#lastError ?? { kind: 'connection', message: 'not connected yet' };
      log.warn(
        { error: kind, message, partsDown: down, parts: this.#circuits.length, replicas: this.replicas() },
        `the shared ledger does not answer: ${LOSS_SENTENCES[this.onLoss]}`,
      );
    } else {
      log.info({ seconds, replicas: this.replicas() }, 'the shared ledger answers again');
    }
  }
}

const LOSS_SENTENCES: Record<OnLoss, string> = {
  'local-share': 'each replica serves its share of the limits',
  allow: 'pushes that no lease covers pass',
  refuse: 'pushes that no lease covers are refused',
};

function timeoutError(timeoutMs: number): StoreError {
  return new StoreError('timeout', `no answer within ${timeoutMs} ms`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
