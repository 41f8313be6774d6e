/**
 * Series that pass here already and that the store is to be told of: those that it has reserved room for, and known ones
 * once in a generation. They go in small calls, one at a time, so that other calls get in between.
 */
import type { Learn, SeriesCall, SeriesReply } from './series-store.js';
import { ROW_WORDS } from './series-table.js';

/** What announcing needs from the ledger that it shares a store with. */
export interface AnnouncementHost {
  mayAskFor(tenant: string): boolean;
  /** Lost when there is no answer in time. Never rejects. */
  askForSeries(tenant: string, call: SeriesCall, nowMs: number): Promise<SeriesReply | 'lost'>;
}

interface Announcement {
  readonly tenant: string;
  /** With what the store does not know yet. */
  call: SeriesCall;
  readonly learn: Learn;
  readonly done: (untold: number) => void;
}

/** A script holds up all others: for so many series it takes less than half a millisecond. */
const SERIES_A_CALL = 100;

export class Announcements {
  readonly #host: AnnouncementHost;
  readonly #now: () => number;
  readonly #queue: Announcement[] = [];
  #series = 0;
  #running = false;

  constructor(host: AnnouncementHost, now: () => number) {
    this.#host = host;
    this.#now = now;
  }

  /** That are still to be announced. */
  get series(): number {
    return this.#series;
  }

  /** Answers how many the store could not be told of. Never rejects. */
  add(tenant: string, call: SeriesCall, learn: Learn): Promise<number> {
    this.#series += seriesOf(call);
    return new Promise((done) => {
      this.#queue.push({ tenant, call, learn, done });
      void this.run();
    });
  }

  /** Until all are announced, or a call is lost: called now and then, it goes on. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (!this.#host.mayAskFor(first.tenant)) this.#end(first);
      else if (!(await this.#tell(first))) break;
      else if (first.call.words.length === 0) this.#end(first);
    }
    this.#running = false;
  }

  /** The next few of them. False when nobody knows whether it was done. */
  async #tell(first: Announcement): Promise<boolean> {
    const { tenant, call } = first;
    const words = call.words.subarray(0, SERIES_A_CALL * ROW_WORDS);
    const part = { ...call, words, announced: words.length / ROW_WORDS };
    const askedMs = this.#now();
    const reply = await this.#host.askForSeries(tenant, part, askedMs);
    if (reply === 'lost') {
      // Room that is given back twice would be somebody else's. This comes back when its time is over.
      first.call = { ...call, slot: '' };
      return false;
    }
    first.call = { ...call, words: call.words.subarray(words.length) };
    this.#series -= seriesOf(part);
    first.learn(words, reply, askedMs);
    return true;
  }

  #end(first: Announcement): void {
    this.#queue.shift();
    const untold = seriesOf(first.call);
    this.#series -= untold;
    first.done(untold);
  }
}

function seriesOf({ words }: SeriesCall): number {
  return words.length / ROW_WORDS;
}
