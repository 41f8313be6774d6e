/**
 * Calls about series to the shared store. They are larger than lease calls, and many come at once when a replica starts
 * or a generation ends: only so many series are under way at one time, so that leases do not wait for them.
 */
import type { OnLoss } from './leased-bucket.js';
import type { SeriesCall, SeriesReply, SeriesStore } from './series-store.js';
import { ROW_WORDS } from './series-table.js';

/** What the calls need from the ledger that they share a store with. */
export interface SeriesCallHost {
  readonly onLoss: OnLoss;
  replicas(): number;
  mayAskFor(tenant: string): boolean;
  /** Lost when there is no answer in time. Never rejects. */
  askForSeries(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'>;
}

interface Waiting {
  readonly tenant: string;
  readonly call: SeriesCall;
  readonly sinceMs: number;
  readonly answer: (reply: SeriesReply | 'lost') => void;
}

/** About four milliseconds of Redis. */
const MOST_UNDER_WAY = 4096;

export class SeriesCalls implements SeriesStore {
  readonly #host: SeriesCallHost;
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(host: SeriesCallHost, timeoutMs: number, now: () => number) {
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  get onLoss(): OnLoss {
    return this.#host.onLoss;
  }

  replicas(): number {
    return this.#host.replicas();
  }

  admit(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'> | undefined {
    if (!this.#host.mayAskFor(tenant)) return undefined;
    const series = call.words.length / ROW_WORDS;
    const isFree = this.#waiting.length === 0 && this.#hasRoom(series);
    if (isFree) return this.#ask(tenant, call, series, nowMs);
    // What is only announced has time until the next push.
    if (call.announced === series) return undefined;
    return new Promise((answer) => this.#waiting.push({ tenant, call, sinceMs: nowMs, answer }));
  }

  /** Called now and then: nobody waits much longer than for one answer. */
  tick(nowMs: number): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (nowMs - first.sinceMs < this.#timeoutMs) return;
      this.#waiting.shift();
      first.answer('lost');
    }
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
