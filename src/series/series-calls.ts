/**
 * Calls about series to the shared store. They are larger than lease calls, and many come at once when a replica starts
 * or a generation ends: only so many series are in flight at one time, so that leases do not wait for them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { OnLoss } from '../enforce/ledger.js';
import { type AnnouncementClient, Announcements } from './announcements.js';
import type { Announced, SeriesClient } from './series-client.js';
import type { AdmitCall, AdmitReply, AnnounceCall, ReserveCall, ReserveReply } from './series-protocol.js';
import { countRows, NEW, PENDING } from './series-rows.js';

/** The calls themselves, each under its deadline. */
export interface SeriesStoreCalls extends AnnouncementClient {
  readonly admit: (tenant: string, call: AdmitCall) => Promise<AdmitReply | 'lost'>;
  readonly reserve: (tenant: string, call: ReserveCall) => Promise<ReserveReply | 'lost'>;
}

export interface SeriesCallsOptions {
  readonly onLoss: OnLoss;
  readonly replicas: () => number;
  /** Series may be admitted first and announced later. */
  readonly reservesHeadroom: boolean;
  /** How long a call waits for its turn at most. */
  readonly timeoutMs: number;
  readonly now: () => number;
}

interface Waiting {
  readonly tenant: string;
  readonly call: AdmitCall;
  readonly sinceMs: number;
  readonly answer: (reply: AdmitReply | 'lost') => void;
}

/** About twenty milliseconds of Redis. */
const MOST_IN_FLIGHT = 4096;
/** Of series that headroom is reserved for; of others MOST_IN_FLIGHT. */
const MOST_TO_ANNOUNCE = 16_384;
/** What others have reserved is announced within some milliseconds, or lapses after seconds, if they are dead. */
const RETRY_PENDING_MS: readonly number[] = [25, 50, 100, 200, 400];

export class SeriesCalls implements SeriesClient {
  readonly onLoss: OnLoss;
  readonly #store: SeriesStoreCalls;
  readonly #options: SeriesCallsOptions;
  readonly #announcements: Announcements;
  /** In the order in which they came. */
  readonly #waiting: Waiting[] = [];
  #inFlight = 0;
  #reserving = 0;

  constructor(store: SeriesStoreCalls, options: SeriesCallsOptions) {
    this.onLoss = options.onLoss;
    this.#store = store;
    this.#options = options;
    this.#announcements = new Announcements(store, options.now);
  }

  replicas(): number {
    return this.#options.replicas();
  }

  /** Series that are still to be announced. */
  get unannounced(): number {
    return this.#announcements.series;
  }

  admit(tenant: string, call: AdmitCall): Promise<AdmitReply | 'lost'> | undefined {
    const asked = this.#admit(tenant, call);
    return asked && (call.noFinalRefusals ? this.#retryPending(tenant, call, asked) : asked);
  }

  reserve(tenant: string, call: ReserveCall): Promise<ReserveReply | 'lost'> | undefined {
    const toAnnounce = this.unannounced + this.#reserving + call.series;
    if (!this.#options.reservesHeadroom || toAnnounce > MOST_TO_ANNOUNCE) return undefined;
    if (!this.#store.isUp(tenant)) return undefined;
    this.#reserving += call.series;
    return this.#store.reserve(tenant, call).finally(() => {
      this.#reserving -= call.series;
    });
  }

  async announce(tenant: string, call: AnnounceCall, announced: Announced): Promise<number> {
    if (call.reservation === '' && this.unannounced >= MOST_IN_FLIGHT) return countRows(call.rows);
    return this.#announcements.add(tenant, call, announced);
  }

  /** Called now and then: nobody waits much longer than for one answer. */
  tick(): void {
    void this.#announcements.run();
    const { now, timeoutMs } = this.#options;
    const nowMs = now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (nowMs - first.sinceMs < timeoutMs) return;
      this.#waiting.shift();
      first.answer('lost');
    }
  }

  #admit(tenant: string, call: AdmitCall): Promise<AdmitReply | 'lost'> | undefined {
    if (!this.#store.isUp(tenant)) return undefined;
    const mayGoNow = this.#waiting.length === 0 && this.#fits(call);
    if (mayGoNow) return this.#send(tenant, call);
    const sinceMs = this.#options.now();
    return new Promise((answer) => this.#waiting.push({ tenant, call, sinceMs, answer }));
  }

  /** Asks again while headroom is reserved that may come back; what is known by then or fits in is not refused. */
  async #retryPending(
    tenant: string,
    call: AdmitCall,
    asked: Promise<AdmitReply | 'lost'>,
  ): Promise<AdmitReply | 'lost'> {
    let reply = await asked;
    for (const ms of RETRY_PENDING_MS) {
      if (reply === 'lost' || !reply.outcomes.includes(PENDING)) return reply;
      await delay(ms);
      const noFinalRefusals = ms !== RETRY_PENDING_MS.at(-1);
      const again = (await this.#admit(tenant, { ...call, noFinalRefusals })) ?? 'lost';
      reply = again === 'lost' ? again : withNew(again, reply.outcomes);
    }
    return reply;
  }

  /** One call may be larger than all that may be in flight: then it goes alone. */
  #fits({ rows }: AdmitCall): boolean {
    return this.#inFlight === 0 || this.#inFlight + countRows(rows) <= MOST_IN_FLIGHT;
  }

  async #send(tenant: string, call: AdmitCall): Promise<AdmitReply | 'lost'> {
    const series = countRows(call.rows);
    this.#inFlight += series;
    const reply = await this.#store.admit(tenant, call);
    this.#inFlight -= series;
    this.#sendWaiting();
    return reply;
  }

  #sendWaiting(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!this.#fits(first.call)) return;
      this.#waiting.shift();
      if (this.#store.isUp(first.tenant)) this.#send(first.tenant, first.call).then(first.answer);
      else first.answer('lost');
    }
  }
}

/** What was new when it was asked first is known the next time. */
function withNew(reply: AdmitReply, before: Uint8Array): AdmitReply {
  for (const [row, outcome] of before.entries()) if (outcome === NEW) reply.outcomes[row] = NEW;
  return reply;
}
