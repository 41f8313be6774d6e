/**
 * Series that pass here already and that the store is to be told of: those with reserved headroom, and known ones once in a
 * generation. They go in small calls, one at a time, so that other calls get in between.
 *
 *     queued ──▶ in flight ──▶ answered: the rest is queued, or all is announced
 *        │           └───────▶ lost: queued again behind all others, without its reservation
 *        └──▶ given up: the store is down
 */
import type { Announced } from './series-client.js';
import type { AnnounceCall, AnnounceReply } from './series-protocol.js';
import { countRows, ROW_WORDS } from './series-rows.js';

/**
 * The connection to the store. `lost`: no answer in time, and it is unknown whether the call was executed. Never rejects.
 */
export interface AnnouncementClient {
  readonly isUp: (tenant: string) => boolean;
  readonly announce: (tenant: string, call: AnnounceCall) => Promise<AnnounceReply | 'lost'>;
}

interface Announcement {
  readonly tenant: string;
  /** Contains what the store does not know yet. */
  call: AnnounceCall;
  readonly announced: Announced;
  /** Called with the number of series that the store was not told of. */
  readonly ended: (unannounced: number) => void;
}

/** A script blocks all others; for this many series it takes less than half a millisecond. */
const SERIES_A_CALL = 100;

export class Announcements {
  readonly #client: AnnouncementClient;
  readonly #now: () => number;
  readonly #queue: Announcement[] = [];
  #series = 0;
  #running = false;

  constructor(client: AnnouncementClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** Series still to be announced. */
  get series(): number {
    return this.#series;
  }

  /** Resolves to the number of series that the store could not be told of. Never rejects. */
  add(tenant: string, call: AnnounceCall, announced: Announced): Promise<number> {
    this.#series += countRows(call.rows);
    return new Promise((ended) => {
      this.#queue.push({ tenant, call, announced, ended });
      void this.run();
    });
  }

  /**
   * Continues until all are announced, or each was lost once in a row. Called periodically. The store may be unreachable
   * for a single tenant while a cluster moves it.
   */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    let lost = 0;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const isDone = countRows(first.call.rows) === 0;
      if (isDone || !this.#client.isUp(first.tenant)) this.#end(first);
      else if ((await this.#announceSome(first)) === 'answered') lost = 0;
      else {
        this.#queue.push(...this.#queue.splice(0, 1));
        if (++lost >= this.#queue.length) break;
      }
    }
    this.#running = false;
  }

  async #announceSome(first: Announcement): Promise<'answered' | 'lost'> {
    const { tenant, call } = first;
    const rows = call.rows.subarray(0, SERIES_A_CALL * ROW_WORDS);
    const askedMs = this.#now();
    const reply = await this.#client.announce(tenant, { ...call, rows });
    if (reply === 'lost') {
      // Returning reserved headroom twice would take somebody else's. This reservation lapses by itself.
      first.call = { ...call, reservation: '' };
      return 'lost';
    }
    first.call = { ...call, rows: call.rows.subarray(rows.length) };
    this.#series -= countRows(rows);
    first.announced(rows, reply, askedMs);
    return 'answered';
  }

  #end(first: Announcement): void {
    this.#queue.shift();
    const unannounced = countRows(first.call.rows);
    this.#series -= unannounced;
    first.ended(unannounced);
  }
}
