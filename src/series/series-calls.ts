/**
 * Calls about series to the shared store. They are larger than lease calls, and many come at once when a replica starts or
 * a generation ends; so they go in parts and take turns, and leases do not wait for them. A part that is not answered in
 * time is retried while the store is up: overload is not an outage.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { OnLoss } from '../enforce/ledger.js';
import { type AnnouncementClient, Announcements } from './announcements.js';
import type { Admitted, Announced, SeriesClient, Unheard } from './series-client.js';
import type { AdmitCall, AdmitReply, AnnounceCall, ReserveCall, ReserveReply } from './series-protocol.js';
import {
  countRows,
  NEW,
  PENDING,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROW_WORDS,
  SKIPPED,
} from './series-rows.js';
import { MOST_IN_FLIGHT, Turns } from './turns.js';

/** The calls themselves, each with a deadline. `moving`: a cluster is moving the tenant, and nothing was done. */
export interface SeriesStoreCalls extends AnnouncementClient {
  readonly admit: (tenant: string, call: AdmitCall) => Promise<AdmitReply | 'lost' | 'moving'>;
  readonly reserve: (tenant: string, call: ReserveCall) => Promise<ReserveReply | 'lost'>;
}

interface SeriesCallsOptions {
  readonly onLoss: OnLoss;
  readonly replicas: () => number;
  /** Series may be admitted first and announced later. */
  readonly reservesHeadroom: boolean;
  /** How long a call may take. */
  readonly timeoutMs: number;
  readonly now: () => number;
}

/** A script blocks all others; for this many series it takes about two milliseconds. */
const SERIES_A_PART = 512;
/** All-or-nothing is decided in one script of up to sixteen milliseconds. */
const SERIES_A_WHOLE_PART = 4096;
/** The longest time that a push waits for its series, as a multiple of the call timeout. */
const MOST_WAIT = 20;
const RETRY_LOST_MS = 5;
const RETRY_MOVING_MS = 20;
/** Series with reserved headroom that may be in flight; for others it is MOST_IN_FLIGHT. */
const MOST_TO_ANNOUNCE = 16_384;
/** Headroom that others have reserved is announced within milliseconds, or lapses after seconds if they have died. */
const RETRY_PENDING_MS: readonly number[] = [25, 50, 100, 200, 400];

export class SeriesCalls implements SeriesClient {
  readonly onLoss: OnLoss;
  readonly reservesHeadroom: boolean;
  readonly #store: SeriesStoreCalls;
  readonly #options: SeriesCallsOptions;
  readonly #announcements: Announcements;
  readonly #turns: Turns;
  #reserving = 0;

  constructor(store: SeriesStoreCalls, options: SeriesCallsOptions) {
    this.onLoss = options.onLoss;
    this.reservesHeadroom = options.reservesHeadroom;
    this.#store = store;
    this.#options = options;
    this.#announcements = new Announcements(store, options.now);
    this.#turns = new Turns(options.timeoutMs);
  }

  replicas(): number {
    return this.#options.replicas();
  }

  /** Series still to be announced. */
  get unannounced(): number {
    return this.#announcements.series;
  }

  admit(tenant: string, call: AdmitCall): Promise<Admitted | Unheard> | undefined {
    if (!this.#store.isUp(tenant)) return undefined;
    return call.noFinalRefusals ? this.#retryPending(tenant, call) : this.#admitAll(tenant, call);
  }

  reserve(tenant: string, call: ReserveCall, alone = false): Promise<ReserveReply | 'lost'> | undefined {
    const toAnnounce = this.unannounced + this.#reserving;
    const fits = toAnnounce + call.series <= MOST_TO_ANNOUNCE || (alone && toAnnounce === 0);
    if (!this.reservesHeadroom || !fits || !this.#store.isUp(tenant)) return undefined;
    this.#reserving += call.series;
    return this.#store.reserve(tenant, call).finally(() => {
      this.#reserving -= call.series;
    });
  }

  async announce(tenant: string, call: AnnounceCall, announced: Announced): Promise<number> {
    if (call.reservation === '' && this.unannounced >= MOST_IN_FLIGHT) return countRows(call.rows);
    return this.#announcements.add(tenant, call, announced);
  }

  /** Called periodically; ends waits that have lasted too long. */
  tick(): void {
    void this.#announcements.run();
    this.#turns.tick(this.#options.now());
  }

  /** Asks again while reserved headroom may come back; what is known or fits by then is not refused. */
  async #retryPending(tenant: string, call: AdmitCall): Promise<Admitted | Unheard> {
    let reply = await this.#admitAll(tenant, call);
    for (const ms of RETRY_PENDING_MS) {
      if (typeof reply === 'string' || reply.unheard || !reply.outcomes.includes(PENDING)) return reply;
      await delay(ms);
      const noFinalRefusals = ms !== RETRY_PENDING_MS.at(-1);
      const again = await this.#admitAll(tenant, { ...call, noFinalRefusals });
      if (typeof again !== 'string') reply = withNew(again, reply.outcomes);
      // The earlier answer for the others still holds. With all-or-nothing, nothing was done.
      else reply = call.allOrNothing ? again : { ...reply, unheard: again };
    }
    return reply;
  }

  /** In parts, one after the other. Rows without an answer after the first part are PENDING. */
  async #admitAll(tenant: string, call: AdmitCall): Promise<Admitted | Unheard> {
    const { now, timeoutMs } = this.#options;
    const untilMs = now() + MOST_WAIT * timeoutMs;
    const rows = countRows(call.rows);
    const outcomes = new Uint8Array(rows).fill(PENDING);
    let heard: AdmitReply | undefined;
    let observed = 0;
    for (let from = 0; from < rows || heard === undefined; ) {
      const to = Math.min(rows, from + this.#partOf(call));
      const reply = await this.#admitPart(tenant, partOf(call, from, to), untilMs);
      if (typeof reply === 'string') {
        return heard === undefined || call.allOrNothing
          ? reply
          : { ...heard, outcomes, observed, unheard: reply };
      }
      outcomes.set(reply.outcomes, from);
      if (observed === 0) observed = reply.observed;
      heard = reply;
      from = to;
      // The push is refused whole, so the others need not be looked at.
      if (call.allOrNothing && refuses(reply)) outcomes.fill(SKIPPED, to);
      if (call.allOrNothing && refuses(reply)) break;
    }
    return { ...heard, outcomes, observed };
  }

  #partOf({ allOrNothing }: AdmitCall): number {
    if (allOrNothing) return this.reservesHeadroom ? SERIES_A_WHOLE_PART : Number.POSITIVE_INFINITY;
    return Math.min(SERIES_A_PART, this.#turns.window);
  }

  /** A store that is down is not waited for. */
  async #admitPart(tenant: string, call: AdmitCall, untilMs: number): Promise<AdmitReply | Unheard> {
    const { now } = this.#options;
    const series = countRows(call.rows);
    for (;;) {
      if (!this.#store.isUp(tenant)) return 'lost';
      const turn = this.#turns.take({ tenant, series, untilMs });
      if (!(turn === true || (await turn))) return this.#store.isUp(tenant) ? 'busy' : 'lost';
      const sentMs = now();
      const reply = this.#store.isUp(tenant) ? await this.#store.admit(tenant, call) : 'lost';
      this.#turns.done(series, reply === 'lost' ? undefined : now() - sentMs);
      if (typeof reply !== 'string') return reply;
      if (!this.#store.isUp(tenant)) return 'lost';
      if (now() >= untilMs) return reply === 'moving' ? 'lost' : 'busy';
      await delay(reply === 'moving' ? RETRY_MOVING_MS : RETRY_LOST_MS);
    }
  }
}

function partOf(call: AdmitCall, from: number, to: number): AdmitCall {
  const rows = call.rows.subarray(from * ROW_WORDS, to * ROW_WORDS);
  return { ...call, rows, announced: Math.max(0, Math.min(to, call.announced) - from) };
}

function refuses({ outcomes }: AdmitReply): boolean {
  return outcomes.some((one) => one === REFUSED_TENANT || one === REFUSED_METRIC || one === PENDING);
}

/** What was new in the first call is known in the next one. */
function withNew(reply: Admitted, before: Uint8Array): Admitted {
  for (const [row, outcome] of before.entries()) if (outcome === NEW) reply.outcomes[row] = NEW;
  return reply;
}
