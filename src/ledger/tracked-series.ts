/**
 * The active series of one tenant, as one replica sees them. Known ones pass without a word to anybody; new ones are
 * admitted by the table's own count, or, where replicas share a store, by the store's. Without the store the replica
 * goes on with its part of the room that there was, and announces what it admitted when the store is back.
 */
import type {
  LimitReason,
  OverLimit,
  SeriesAnswer,
  SeriesLimits,
  TenantSeries,
  TopMetric,
} from '../enforce/series.js';
import type { Push } from '../remotewrite/push.js';
import type { Rows } from '../remotewrite/rows.js';
import type { SeriesReply, SeriesStore } from './series-store.js';
import {
  CHUNK_ROWS,
  chunksOf,
  KNOWN,
  type Moment,
  momentOf,
  NEW,
  NO_LIMIT,
  NO_ROUND,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROUNDS,
  RowList,
  type SeriesTable,
  UNANNOUNCED,
  UNTRACKED,
} from './series-table.js';

/** What a tenant's series need from the book that they are in. */
export interface SeriesHost {
  readonly table: SeriesTable;
  readonly store: SeriesStore | undefined;
  /** A series that was seen longer ago is not known any more. */
  readonly idleMinutes: number;
  /** How long the store remembers what is announced, at least. */
  readonly generationMs: number;
  now(): number;
  /** Series that pass without being remembered. */
  untracked(series: number): void;
  /** Looks for names of metrics that are wanted. */
  seen(tenant: TrackedSeries, push: Push, nowMs: number): void;
  topMetrics(tenant: TrackedSeries, by: 'active' | 'new'): readonly TopMetric[];
  forget(tenant: TrackedSeries): void;
}

const ALL_KNOWN: SeriesAnswer = { newAdmitted: 0, overLimit: undefined };
const LOST: SeriesAnswer = { newAdmitted: 0, overLimit: undefined, lost: true };

export class TrackedSeries implements TenantSeries {
  readonly id: string;
  /** In the table; undefined when it has no place for another tenant. */
  readonly place: number | undefined;
  readonly #host: SeriesHost;
  /** What the store said last. */
  #epoch = '';
  #generation: number | undefined;
  #generationEndsMs = 0;
  #fleet: number | undefined;
  /** How often it has lost what it knew. */
  #losses = 0;
  /** Admitted since without asking it. */
  #alone = 0;
  #released = false;

  constructor(host: SeriesHost, id: string) {
    this.#host = host;
    this.id = id;
    this.place = host.table.addTenant();
  }

  get active(): number {
    return this.place === undefined || this.#released ? 0 : this.#host.table.seriesOf(this.place);
  }

  get fleet(): number | undefined {
    return this.#fleet;
  }

  /** Series that were admitted here while the store did not answer. */
  get alone(): number {
    return this.#alone;
  }

  check(
    push: Push,
    excluded: Rows | undefined,
    limits: SeriesLimits,
    whole: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    const { table, store, idleMinutes } = this.#host;
    if (this.place === undefined || this.#released) {
      this.#host.untracked(push.series);
      return ALL_KNOWN;
    }
    this.#host.seen(this, push, nowMs);
    const moment = momentOf(nowMs);
    const shared = store !== undefined && isLimited(limits);
    const round = shared ? this.#round(nowMs) : UNANNOUNCED;
    let unknown: RowList | undefined;
    let unannounced: RowList | undefined;
    for (let from = 0; from < push.series; from += CHUNK_ROWS) {
      const count = table.lookup(push, from, excluded, this.place, moment, idleMinutes, round);
      if (count > 0) {
        unknown ??= new RowList();
        table.takeUnknown(push, from, count, unknown);
      }
      if (shared && table.unannounced > 0) {
        unannounced ??= new RowList();
        table.takeUnannounced(push, from, unannounced);
      }
    }
    if (shared && (unknown !== undefined || unannounced !== undefined)) {
      return this.#ask(store, unknown, unannounced, limits, whole, nowMs);
    }
    if (unknown === undefined) return ALL_KNOWN;
    return this.#admitHere(unknown, limits, limitOf(limits.max_global_series_per_user), whole, moment);
  }

  topMetrics(by: 'active' | 'new'): readonly TopMetric[] {
    return this.#host.topMetrics(this, by);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.place !== undefined) this.#host.table.removeTenant(this.place);
    this.#host.forget(this);
  }

  #ask(
    store: SeriesStore,
    unknown: RowList | undefined,
    unannounced: RowList | undefined,
    limits: SeriesLimits,
    whole: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    const announced = unannounced?.length ?? 0;
    const words = joined(unannounced, unknown);
    const asked = store.admit(
      this.id,
      {
        words,
        announced,
        mostOfTenant: limitOf(limits.max_global_series_per_user),
        mostOfMetric: limitOf(limits.max_global_series_per_metric),
        whole,
        generationMs: this.#host.generationMs,
      },
      nowMs,
    );
    if (unknown === undefined) {
      // Nobody waits for it: what is not announced now is announced with the next push.
      void asked?.then((reply) => reply !== 'lost' && this.#learn(words, announced, reply, nowMs));
      return ALL_KNOWN;
    }
    if (asked === undefined) return this.#admitAlone(store, unknown, limits, whole, nowMs);
    return asked.then((reply) => {
      if (reply === 'lost') return this.#admitAlone(store, unknown, limits, whole, this.#host.now());
      this.#learn(words, announced, reply, nowMs);
      return this.#answer(unknown, reply.became.subarray(announced), reply.observed, whole);
    });
  }

  #learn(words: Uint32Array, announced: number, reply: SeriesReply, askedMs: number): void {
    // What was announced to a store that lost it has to be announced anew: the round changes.
    if (this.#epoch !== '' && this.#epoch !== reply.epoch) this.#losses++;
    this.#epoch = reply.epoch;
    this.#generation = reply.generation;
    // From when it was asked: what is announced a little early is announced again, what is late would be forgotten.
    this.#generationEndsMs = askedMs + reply.leftMs;
    this.#fleet = reply.total;
    this.#alone = 0;
    if (this.place === undefined || this.#released) return;
    const { became } = reply;
    for (let row = 0; row < announced; row++) if (became[row] === NEW) became[row] = KNOWN;
    const moment = momentOf(this.#host.now());
    const round = (reply.generation + this.#losses) % ROUNDS;
    for (const [from, to] of chunksOf(0, became.length)) {
      const untracked = this.#host.table.remember(
        words.subarray(4 * from, 4 * to),
        this.place,
        moment,
        round,
        became.subarray(from, to),
      );
      if (untracked > 0) this.#host.untracked(untracked);
    }
  }

  /** The store does not answer: this replica's part of the room that there was; all of it where nothing is known. */
  #admitAlone(
    store: SeriesStore,
    unknown: RowList,
    limits: SeriesLimits,
    whole: boolean,
    nowMs: number,
  ): SeriesAnswer {
    if (store.onLoss === 'refuse') return LOST;
    const limit = limitOf(limits.max_global_series_per_user);
    let most = limit;
    if (store.onLoss === 'allow') most = NO_LIMIT;
    else if (limit !== NO_LIMIT && this.#fleet !== undefined) {
      const share = Math.floor(Math.max(0, limit - this.#fleet) / store.replicas());
      most = this.active + Math.max(0, share - this.#alone);
    }
    const answer = this.#admitHere(unknown, limits, most, whole, momentOf(nowMs));
    this.#alone += answer.newAdmitted;
    return answer;
  }

  #admitHere(
    unknown: RowList,
    limits: SeriesLimits,
    mostOfTenant: number,
    whole: boolean,
    moment: Moment,
  ): SeriesAnswer {
    if (this.place === undefined || this.#released) return ALL_KNOWN;
    const { table } = this.#host;
    const mostOfMetric = limitOf(limits.max_global_series_per_metric);
    const became = new Uint8Array(unknown.length);
    let refused = 0;
    let observed = 0;
    forEachChunk(unknown, became, (words, part) => {
      table.admit(words, this.place ?? 0, moment, UNANNOUNCED, mostOfTenant, mostOfMetric, part);
      if (refused === 0) observed = table.observed;
      refused += table.refused;
    });
    if (whole && refused > 0) {
      forEachChunk(unknown, became, (words, part) => table.takeBack(words, this.place ?? 0, moment, part));
    }
    return this.#answer(unknown, became, observed, whole);
  }

  #answer(unknown: RowList, became: Uint8Array, observed: number, whole: boolean): SeriesAnswer {
    let newAdmitted = 0;
    let untracked = 0;
    let refused = 0;
    for (const one of became) {
      if (one === NEW) newAdmitted++;
      else if (one === UNTRACKED) untracked++;
      else if (one === REFUSED_TENANT || one === REFUSED_METRIC) refused++;
    }
    if (untracked > 0) this.#host.untracked(untracked);
    if (refused === 0) return { newAdmitted, overLimit: undefined };
    return {
      newAdmitted: whole ? 0 : newAdmitted,
      overLimit: overLimitOf(unknown, became, observed),
    };
  }

  /** In which a series must have been announced for the store to know it. */
  #round(nowMs: number): number {
    if (this.#generation === undefined) return NO_ROUND;
    const { generationMs } = this.#host;
    const lateMs = nowMs - this.#generationEndsMs;
    const passed = lateMs < 0 ? 0 : 1 + Math.floor(lateMs / generationMs);
    return (this.#generation + passed + this.#losses) % ROUNDS;
  }
}

function isLimited(limits: SeriesLimits): boolean {
  return limits.max_global_series_per_user > 0 || limits.max_global_series_per_metric > 0;
}

/** In Mimir 0 is no limit. */
function limitOf(limit: number): number {
  return limit > 0 ? Math.min(limit, NO_LIMIT) : NO_LIMIT;
}

function joined(first: RowList | undefined, second: RowList | undefined): Uint32Array {
  const [a, b] = [first?.words() ?? NO_WORDS, second?.words() ?? NO_WORDS];
  const words = new Uint32Array(a.length + b.length);
  words.set(a);
  words.set(b, a.length);
  return words;
}

const NO_WORDS = new Uint32Array();

function forEachChunk(
  rows: RowList,
  became: Uint8Array,
  run: (words: Uint32Array, became: Uint8Array) => void,
): void {
  for (const [from, to] of chunksOf(0, rows.length)) run(rows.words(from, to), became.subarray(from, to));
}

function overLimitOf(unknown: RowList, became: Uint8Array, observed: number): OverLimit {
  const rows: number[] = [];
  const reasons: LimitReason[] = [];
  for (const [index, one] of became.entries()) {
    if (one !== REFUSED_TENANT && one !== REFUSED_METRIC) continue;
    rows.push(unknown.number(index));
    reasons.push(one === REFUSED_TENANT ? 'per_user_series_limit' : 'per_metric_series_limit');
  }
  return { rows, reasons, observed };
}
