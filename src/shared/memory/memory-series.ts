/**
 * The series of all workers, where the process that started them is their store: what shared/redis/series.lua does in
 * Redis, on the same table that each worker has of its own series.
 */
import type { SeriesCall, SeriesReply } from '../../series/series-store.js';
import {
  chunksOf,
  KNOWN,
  MINUTE_MS,
  type Moment,
  momentOf,
  NEW,
  NO_LIMIT,
  PLACES_A_TENANT,
  ROW_WORDS,
  SeriesTable,
  SKIPPED,
  UNANNOUNCED,
  UNTRACKED,
} from '../../series/series-table.js';

export interface MemorySeriesOptions {
  readonly maxSeries: number;
  readonly maxTenants: number;
  /** Changes with each life of the store. */
  readonly epoch: string;
}

/** The table counts minutes to 255, and a round over it takes one of them. */
const MOST_IDLE_MINUTES = 250;

export class MemorySeries {
  readonly #options: MemorySeriesOptions;
  readonly #table: SeriesTable;
  /** Their places, in the order of last use. */
  readonly #tenants = new Map<string, number>();
  #idleMinutes = MOST_IDLE_MINUTES;

  constructor(options: MemorySeriesOptions) {
    this.#options = options;
    this.#table = new SeriesTable(options.maxTenants * PLACES_A_TENANT, options.maxSeries);
  }

  get series(): number {
    return this.#table.series;
  }

  admit(id: string, call: SeriesCall, nowMs: number): SeriesReply {
    const rows = call.words.length / ROW_WORDS;
    const became = new Uint8Array(rows).fill(UNTRACKED);
    // What is announced in one generation is remembered until the end of the next, as in Redis.
    this.#idleMinutes = Math.min(MOST_IDLE_MINUTES, Math.ceil((2 * call.generationMs) / MINUTE_MS));
    const place = this.#placeOf(id);
    let observed = 0;
    if (place !== undefined) {
      const moment = momentOf(nowMs);
      this.#admitRows(place, call, 0, call.announced, moment, became);
      observed = this.#admitRows(place, call, call.announced, rows, moment, became);
    }
    const generation = Math.floor(nowMs / call.generationMs);
    return {
      became,
      total: place === undefined ? 0 : this.#table.seriesOf(place),
      observed,
      epoch: this.#options.epoch,
      generation,
      leftMs: (generation + 1) * call.generationMs - nowMs,
      slot: '',
    };
  }

  /** Called ten times a second. */
  tick(nowMs: number): void {
    this.#table.tick(momentOf(nowMs), this.#idleMinutes);
  }

  /** Rows from one to another, in the order of the call. Answers how many series there were at the first refusal. */
  #admitRows(
    place: number,
    call: SeriesCall,
    from: number,
    to: number,
    moment: Moment,
    became: Uint8Array,
  ): number {
    const isAnnounced = to <= call.announced;
    const mostOfTenant = isAnnounced ? NO_LIMIT : call.mostOfTenant;
    const mostOfMetric = isAnnounced ? NO_LIMIT : call.mostOfMetric;
    let observed = 0;
    let refused = 0;
    for (const [first, last] of chunksOf(from, to)) {
      const words = call.words.subarray(first * ROW_WORDS, last * ROW_WORDS);
      const part = became.subarray(first, last);
      this.#table.admit(words, place, moment, UNANNOUNCED, mostOfTenant, mostOfMetric, part);
      if (refused === 0) observed = this.#table.observed;
      refused += this.#table.refused;
    }
    if (call.whole && !isAnnounced && refused > 0) this.#takeBack(place, call, from, to, moment, became);
    return observed;
  }

  /** All or nothing: what was new is not, and nobody is to remember what was known either. */
  #takeBack(
    place: number,
    { words }: SeriesCall,
    from: number,
    to: number,
    moment: Moment,
    became: Uint8Array,
  ): void {
    for (const [first, last] of chunksOf(from, to)) {
      const part = became.subarray(first, last);
      this.#table.takeBack(words.subarray(first * ROW_WORDS, last * ROW_WORDS), place, moment, part);
    }
    for (let row = from; row < to; row++) {
      if (became[row] === NEW || became[row] === KNOWN) became[row] = SKIPPED;
    }
  }

  /** Undefined: the table has no place for another. */
  #placeOf(id: string): number | undefined {
    if (!this.#tenants.has(id) && this.#tenants.size >= this.#options.maxTenants) this.#forgetOldest();
    const place = this.#tenants.get(id) ?? this.#table.addTenant();
    if (place === undefined) return undefined;
    this.#tenants.delete(id);
    this.#tenants.set(id, place);
    return place;
  }

  #forgetOldest(): void {
    for (const [id, place] of this.#tenants) {
      this.#table.removeTenant(place);
      this.#tenants.delete(id);
      return;
    }
  }
}
