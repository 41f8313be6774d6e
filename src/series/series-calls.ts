/**
 * Calls about series to the shared store. They are larger than lease calls, and many come at once when a replica starts
 * or a generation ends: only so many series are under way at one time, so that leases do not wait for them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { OnLoss } from '../buckets/leased-bucket.js';
import { type AnnouncementHost, Announcements } from './announcements.js';
import type { Learn, SeriesCall, SeriesReply, SeriesStore } from './series-store.js';
import { NEW, ROW_WORDS, UNSETTLED } from './series-table.js';

/** What the calls need from the ledger that they share a store with. */
export interface SeriesCallHost extends AnnouncementHost {
  readonly onLoss: OnLoss;
  readonly reservesRoom: boolean;
  replicas(): number;
}

interface Waiting {
  readonly tenant: string;
  readonly call: SeriesCall;
  readonly sinceMs: number;
  readonly answer: (reply: SeriesReply | 'lost') => void;
}

/** About twenty milliseconds of Redis. */
const MOST_UNDER_WAY = 4096;
/** Of series that room is reserved for; of others MOST_UNDER_WAY. */
const MOST_TO_ANNOUNCE = 16_384;
/** What others have reserved is announced within some milliseconds, or lapses after seconds, if they are dead. */
const SETTLING_MS: readonly number[] = [25, 50, 100, 200, 400];

export class SeriesCalls implements SeriesStore {
  readonly #host: SeriesCallHost;
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  readonly #announcements: Announcements;
  #underWay = 0;
  #reserving = 0;

  constructor(host: SeriesCallHost, timeoutMs: number, now: () => number) {
    this.#host = host;
    this.#announcements = new Announcements(host, now);
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  get onLoss(): OnLoss {
    return this.#host.onLoss;
  }

  replicas(): number {
    return this.#host.replicas();
  }

  /** That are still to be announced. */
  get unannounced(): number {
    return this.#announcements.series;
  }

  admit(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> | undefined {
    const asked = this.#admit(tenant, call, nowMs);
    return asked && (call.patient ? this.#settle(tenant, call, asked) : asked);
  }

  reserve(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> | undefined {
    const soon = this.unannounced + this.#reserving + call.reserve;
    const { reservesRoom } = this.#host;
    if (!reservesRoom || soon > MOST_TO_ANNOUNCE || !this.#host.mayAskFor(tenant)) return undefined;
    this.#reserving += call.reserve;
    return this.#host.askForSeries(tenant, call, nowMs).finally(() => {
      this.#reserving -= call.reserve;
    });
  }

  async announce(tenant: string, call: SeriesCall, learn: Learn): Promise<number> {
    if (call.slot === '' && this.unannounced >= MOST_UNDER_WAY) return call.announced;
    return this.#announcements.add(tenant, call, learn);
  }

  /** Called now and then: nobody waits much longer than for one answer. */
  tick(nowMs: number): void {
    void this.#announcements.run();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (nowMs - first.sinceMs < this.#timeoutMs) return;
      this.#waiting.shift();
      first.answer('lost');
    }
  }

  #admit(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> | undefined {
    if (!this.#host.mayAskFor(tenant)) return undefined;
    const series = call.words.length / ROW_WORDS;
    const isFree = this.#waiting.length === 0 && this.#hasRoom(series);
    if (isFree) return this.#ask(tenant, call, series, nowMs);
    return new Promise((answer) => this.#waiting.push({ tenant, call, sinceMs: nowMs, answer }));
  }

  /** Asks again while room is reserved that may come back; what is known by then or fits in is not refused. */
  async #settle(
    tenant: string,
    call: SeriesCall,
    asked: Promise<SeriesReply | 'lost'>,
  ): Promise<SeriesReply | 'lost'> {
    let reply = await asked;
    for (const ms of SETTLING_MS) {
      if (reply === 'lost' || !reply.became.includes(UNSETTLED)) return reply;
      await delay(ms);
      const patient = ms !== SETTLING_MS.at(-1);
      const again = (await this.#admit(tenant, { ...call, patient }, this.#now())) ?? 'lost';
      reply = again === 'lost' ? again : withNew(again, reply.became);
    }
    return reply;
  }

  /** One call may be larger than all that may be under way: then it goes alone. */
  #hasRoom(series: number): boolean {
    return this.#underWay === 0 || this.#underWay + series <= MOST_UNDER_WAY;
  }

  async #ask(tenant: string, call: SeriesCall, series: number, nowMs: number): Promise<SeriesReply | 'lost'> {
    this.#underWay += series;
    const reply = await this.#host.askForSeries(tenant, call, nowMs);
    this.#underWay -= series;
    this.#next();
    return reply;
  }

  #next(): void {
    const nowMs = this.#now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const series = first.call.words.length / ROW_WORDS;
      if (!this.#hasRoom(series)) return;
      this.#waiting.shift();
      if (this.#host.mayAskFor(first.tenant)) {
        this.#ask(first.tenant, first.call, series, nowMs).then(first.answer);
      } else {
        first.answer('lost');
      }
    }
  }
}

/** What was new when it was asked first is known the next time. */
function withNew(reply: SeriesReply, before: Uint8Array): SeriesReply {
  for (const [row, one] of before.entries()) if (one === NEW) reply.became[row] = NEW;
  return reply;
}
