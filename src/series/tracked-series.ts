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
import type { Push } from '../payload/push.js';
import type { Rows } from '../payload/rows.js';
import type { SeriesCall, SeriesReply, SeriesStore } from './series-store.js';
import {
  CHUNK_ROWS,
  chunksOf,
  KNOWN,
  type Moment,
  momentOf,
  NEW,
  NO_LIMIT,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROW_WORDS,
  RowList,
  type SeriesTable,
  UNANNOUNCED,
  UNTRACKED,
} from './series-table.js';
import { StoreView } from './store-view.js';

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
/** Fewer are looked at one by one as fast. */
const FEWEST_RESERVED = 100;
/** Of the limit. Near it every series is looked at, so that what two replicas reserve for one series is seldom missing. */
const PART_RESERVED = 0.9;

export class TrackedSeries implements TenantSeries {
  readonly id: string;
  /** In the table; undefined when it has no place for another tenant. */
  readonly place: number | undefined;
  readonly #host: SeriesHost;
  readonly #view: StoreView;
  /** Admitted since the store said anything. */
  #alone = 0;
  /** Admitted with room that is reserved, and still to be announced. */
  #untold = 0;
  #released = false;

  constructor(host: SeriesHost, id: string) {
    this.#host = host;
    this.id = id;
    this.place = host.table.addTenant();
    this.#view = new StoreView(host.generationMs);
  }

  get active(): number {
    return this.place === undefined || this.#released ? 0 : this.#host.table.seriesOf(this.place);
  }

  get fleet(): number | undefined {
    return this.#view.total;
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
    const round = shared ? this.#view.round(nowMs) : UNANNOUNCED;
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
    if (unknown === undefined) {
      this.#announce(store, unannounced, limits);
      return ALL_KNOWN;
    }
    const reserved = this.#reserve(store, unknown.length, limits, nowMs);
    if (reserved === undefined) return this.#askForEach(store, unknown, unannounced, limits, whole, nowMs);
    return reserved.then((reply) => {
      if (reply === 'lost') return this.#admitAlone(store, unknown, limits, whole, this.#host.now());
      this.#hear(reply, nowMs);
      if (reply.slot === '') {
        return this.#askForEach(store, unknown, unannounced, limits, whole, this.#host.now());
      }
      this.#announce(store, unannounced, limits);
      return this.#admitAtOnce(store, unknown, limits, reply);
    });
  }

  /** Room for all that is new, where there is plenty: then nobody waits for the store to look at each. */
  #reserve(
    store: SeriesStore,
    series: number,
    limits: SeriesLimits,
    nowMs: number,
  ): Promise<SeriesReply | 'lost'> | undefined {
    const limit = limitOf(limits.max_global_series_per_user);
    if (series < FEWEST_RESERVED || limit === NO_LIMIT || limits.max_global_series_per_metric > 0) return;
    const most = Math.floor(limit * PART_RESERVED);
    if ((this.#view.total ?? 0) + series > most) return;
    const call = { ...this.#call(NO_WORDS, 0, limits), mostOfTenant: most, reserve: series };
    return store.reserve(this.id, call, nowMs);
  }

  /** Room is reserved: all pass, and count as announced, which they are in a moment. */
  #admitAtOnce(
    store: SeriesStore,
    unknown: RowList,
    limits: SeriesLimits,
    reserved: SeriesReply,
  ): SeriesAnswer {
    const words = unknown.words();
    this.#remember(words, KNOWN, this.#view.roundOf(reserved));
    this.#untold += unknown.length;
    let found = 0;
    const call = { ...this.#call(words, unknown.length, limits), slot: reserved.slot };
    const told = store.announce(this.id, call, (part, reply, askedMs) => {
      for (const one of reply.became) if (one === NEW) found++;
      this.#untold -= reply.became.length;
      this.#learn(part, reply, askedMs);
    });
    const newLater = told.then((untold) => {
      this.#remember(words.subarray(words.length - ROW_WORDS * untold), KNOWN, UNANNOUNCED);
      this.#untold -= untold;
      this.#alone += untold;
      return found + untold;
    });
    return { newAdmitted: 0, newLater, overLimit: undefined };
  }

  /** Nobody waits for it: what is not announced now is announced with the next push. */
  #announce(store: SeriesStore, unannounced: RowList | undefined, limits: SeriesLimits): void {
    if (unannounced === undefined) return;
    const call = this.#call(unannounced.words(), unannounced.length, limits);
    void store.announce(this.id, call, (part, reply, askedMs) => {
      this.#learn(part, knownHere(reply, reply.became.length), askedMs);
    });
  }

  #askForEach(
    store: SeriesStore,
    unknown: RowList,
    unannounced: RowList | undefined,
    limits: SeriesLimits,
    whole: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    const announced = unannounced?.length ?? 0;
    const words = joined(unannounced, unknown);
    const asked = store.admit(this.id, { ...this.#call(words, announced, limits), whole }, nowMs);
    if (asked === undefined) return this.#admitAlone(store, unknown, limits, whole, nowMs);
    return asked.then((reply) => {
      if (reply === 'lost') return this.#admitAlone(store, unknown, limits, whole, this.#host.now());
      this.#learn(words, knownHere(reply, announced), nowMs);
      return this.#answer(unknown, reply.became.subarray(announced), reply.observed, whole);
    });
  }

  #call(words: Uint32Array, announced: number, limits: SeriesLimits): SeriesCall {
    return {
      words,
      announced,
      mostOfTenant: limitOf(limits.max_global_series_per_user),
      mostOfMetric: limitOf(limits.max_global_series_per_metric),
      whole: false,
      patient: true,
      reserve: 0,
      slot: '',
      generationMs: this.#host.generationMs,
    };
  }

  #hear(reply: SeriesReply, askedMs: number): void {
    this.#view.hear(reply, askedMs);
    this.#alone = 0;
  }

  #learn(words: Uint32Array, reply: SeriesReply, askedMs: number): void {
    this.#hear(reply, askedMs);
    this.#remember(words, reply.became, this.#view.roundOf(reply));
  }

  /** What became of each, or of all. */
  #remember(words: Uint32Array, became: Uint8Array | number, round: number): void {
    if (this.place === undefined || this.#released) return;
    const moment = momentOf(this.#host.now());
    for (const [from, to] of chunksOf(0, words.length / ROW_WORDS)) {
      const untracked = this.#host.table.remember(
        words.subarray(ROW_WORDS * from, ROW_WORDS * to),
        this.place,
        moment,
        round,
        typeof became === 'number' ? new Uint8Array(to - from).fill(became) : became.subarray(from, to),
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
    else if (limit !== NO_LIMIT && this.#view.total !== undefined) {
      const share = Math.floor(Math.max(0, limit - this.#view.total) / store.replicas());
      most = this.active + Math.max(0, share - this.#alone - this.#untold);
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
}

function isLimited(limits: SeriesLimits): boolean {
  return limits.max_global_series_per_user > 0 || limits.max_global_series_per_metric > 0;
}

/** In Mimir 0 is no limit. */
function limitOf(limit: number): number {
  return limit > 0 ? Math.min(limit, NO_LIMIT) : NO_LIMIT;
}

/** The first of them were known here before the store was told. */
function knownHere(reply: SeriesReply, announced: number): SeriesReply {
  const { became } = reply;
  for (let row = 0; row < announced; row++) if (became[row] === NEW) became[row] = KNOWN;
  return reply;
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
