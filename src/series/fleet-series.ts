/**
 * A tenant's series where replicas share a store. What is unknown here is admitted by the store, one by one, or, while
 * there is plenty of headroom, at once and announced later. What it refused lately is refused without asking. Without the
 * store the replica continues with its part of the last known headroom.
 */
import type { SeriesAnswer, SeriesLimits } from '../enforce/series.js';
import { whenAnswered } from '../enforce/when-answered.js';
import type { RefusedOfTenant } from './refused-series.js';
import {
  ALL_KNOWN,
  answerOf,
  BUSY,
  countOutcome,
  joinAnswers,
  LOST,
  passesWhole,
  tableLimits,
} from './series-answer.js';
import type { Admitted, SeriesClient } from './series-client.js';
import type { AnnounceCall, FleetState, ReserveReply } from './series-protocol.js';
import {
  indexesOf,
  joinRows,
  KNOWN,
  NEW,
  NO_LIMIT,
  PENDING,
  REFUSED_TENANT,
  ROW_WORDS,
  type RowList,
  SKIPPED,
  UNTRACKED,
} from './series-rows.js';
import { OFFLINE, StoreView } from './store-view.js';
import type { Found, TenantTable } from './tenant-table.js';

/** For fewer series, looking at each is as fast. */
const FEWEST_RESERVED = 100;
/**
 * Part of the limit. Close to it every series is looked at, so that little headroom is wasted when two replicas reserve it
 * for the same series.
 */
const PART_RESERVED = 0.9;
/** All-or-nothing takes a single script, which blocks all others. More series than this are handled in parts. */
const MOST_AT_ONCE = 512;

/** What a push asks for. */
interface Asked {
  readonly unknown: RowList;
  readonly unannounced: RowList | undefined;
  readonly limits: SeriesLimits;
  readonly allOrNothing: boolean;
}

export class FleetSeries {
  readonly #tenant: string;
  readonly #client: SeriesClient;
  readonly #table: TenantTable;
  readonly #refused: RefusedOfTenant;
  readonly #generationMs: number;
  readonly #now: () => number;
  readonly #view: StoreView;
  /** Admitted with reserved headroom and still to be announced. */
  #unannounced = 0;

  constructor(
    tenant: string,
    client: SeriesClient,
    table: TenantTable,
    refused: RefusedOfTenant,
    generationMs: number,
    now: () => number,
  ) {
    this.#tenant = tenant;
    this.#client = client;
    this.#table = table;
    this.#refused = refused;
    this.#generationMs = generationMs;
    this.#now = now;
    this.#view = new StoreView(generationMs);
  }

  /** Series over all replicas, as last reported by the store. */
  get total(): number | undefined {
    return this.#view.total;
  }

  /** The generation mark of series that the store knows. */
  mark(nowMs: number): number {
    return this.#view.mark(nowMs);
  }

  /** For rows of a push that are unknown here, or not announced in this generation. */
  check(
    { unknown, unannounced }: Found,
    limits: SeriesLimits,
    allOrNothing: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    if (unknown === undefined) {
      this.#announceKnown(unannounced, limits);
      return ALL_KNOWN;
    }
    const asked = { unknown, unannounced, limits, allOrNothing };
    this.#refused.under({ ...tableLimits(limits), mark: this.#view.mark(nowMs) });
    const remembered = this.#refused.find(unknown, nowMs);
    return remembered === undefined ? this.#ask(asked, nowMs) : this.#refuse(asked, remembered, nowMs);
  }

  /** Some rows were refused a moment ago. Unless the push is refused whole, the store is asked for the others. */
  #refuse(asked: Asked, remembered: Uint8Array, nowMs: number): SeriesAnswer | Promise<SeriesAnswer> {
    const { unknown, unannounced, limits, allOrNothing } = asked;
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    const ofTenant = remembered.includes(REFUSED_TENANT);
    const observed = ofTenant ? Math.max(mostOfTenant, this.#view.total ?? 0) : mostOfMetric;
    const refusal = answerOf(unknown, remembered, observed, allOrNothing);
    if (allOrNothing) return refusal;
    const others = indexesOf(remembered, SKIPPED);
    if (others.length === 0) {
      this.#announceKnown(unannounced, limits);
      return refusal;
    }
    const rest = this.#ask({ ...asked, unknown: unknown.pick(others) }, nowMs);
    return whenAnswered(rest, (answer) => joinAnswers(refusal, answer));
  }

  #ask(asked: Asked, nowMs: number): SeriesAnswer | Promise<SeriesAnswer> {
    const { unknown, unannounced, limits } = asked;
    const reserved = this.#reserve(asked);
    if (reserved === undefined) return this.#askForAll(asked, nowMs);
    return reserved.then((reply) => {
      if (reply !== 'lost') this.#hear(reply, nowMs);
      if (reply === 'lost' || reply.reservation === '') return this.#askForAll(asked, this.#now());
      this.#announceKnown(unannounced, limits);
      return this.#admitReserved(unknown, limits, reply);
    });
  }

  /**
   * Reserves headroom for everything new while there is plenty, so that nobody waits for the store to look at each series.
   */
  #reserve({ unknown, limits, allOrNothing }: Asked): Promise<ReserveReply | 'lost'> | undefined {
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    if (unknown.length < FEWEST_RESERVED || mostOfMetric !== NO_LIMIT) return;
    const most = Math.floor((mostOfTenant - this.#table.offline) * PART_RESERVED);
    if ((this.#view.total ?? 0) + unknown.length > most) return;
    return this.#reserveFor(unknown.length, most, allOrNothing);
  }

  #reserveFor(
    series: number,
    mostOfTenant: number,
    alone: boolean,
  ): Promise<ReserveReply | 'lost'> | undefined {
    const call = { series, mostOfTenant, generationMs: this.#generationMs };
    return this.#client.reserve(this.#tenant, call, alone);
  }

  /** Headroom is reserved: all pass, and count as announced, as they will be in a moment. */
  #admitReserved(unknown: RowList, limits: SeriesLimits, reserved: ReserveReply): SeriesAnswer {
    const rows = unknown.rows();
    this.#table.remember(rows, KNOWN, this.#view.markOf(reserved));
    this.#unannounced += unknown.length;
    let newToStore = 0;
    const call = this.#announcement(rows, reserved.reservation, limits);
    const announcing = this.#client.announce(this.#tenant, call, (some, reply, askedMs) => {
      newToStore += countOutcome(reply.outcomes, NEW);
      this.#unannounced -= reply.outcomes.length;
      this.#learn(some, reply.outcomes, reply, askedMs);
    });
    const newLater = announcing.then((left) => {
      this.#table.remember(rows.subarray(rows.length - ROW_WORDS * left), KNOWN, OFFLINE);
      this.#unannounced -= left;
      return newToStore + left;
    });
    return { newAdmitted: 0, newLater, overLimit: undefined };
  }

  /** Nothing waits for it: what is not announced now is announced with the next push. */
  #announceKnown(unannounced: RowList | undefined, limits: SeriesLimits): void {
    if (unannounced === undefined) return;
    const call = this.#announcement(unannounced.rows(), '', limits);
    void this.#client.announce(this.#tenant, call, (some, reply, askedMs) => {
      this.#learn(some, knownHere(reply.outcomes, reply.outcomes.length), reply, askedMs);
    });
  }

  #announcement(rows: Uint32Array, reservation: string, limits: SeriesLimits): AnnounceCall {
    const countMetrics = limits.max_global_series_per_metric > 0;
    return { rows, reservation, countMetrics, generationMs: this.#generationMs };
  }

  #askForAll(asked: Asked, askedMs: number): SeriesAnswer | Promise<SeriesAnswer> {
    const { unknown, limits, allOrNothing } = asked;
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    const isLarge = allOrNothing && unknown.length > MOST_AT_ONCE && this.#client.reservesHeadroom;
    return isLarge && mostOfMetric === NO_LIMIT
      ? this.#askWhole(asked, mostOfTenant, askedMs)
      : this.#askForEach(asked, askedMs);
  }

  /** Known series are announced with the same call, unless the push may be refused whole. */
  #askForEach(asked: Asked, askedMs: number): SeriesAnswer | Promise<SeriesAnswer> {
    const { unknown, limits, allOrNothing } = asked;
    const along = allOrNothing ? undefined : asked.unannounced;
    const announced = along?.length ?? 0;
    const rows = joinRows(along, unknown);
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    const offline = Math.max(0, this.#table.offline - announced);
    const reply = this.#client.admit(this.#tenant, {
      rows,
      announced,
      mostOfTenant: without(mostOfTenant, offline),
      mostOfMetric,
      allOrNothing,
      noFinalRefusals: true,
      generationMs: this.#generationMs,
    });
    if (reply === undefined) return this.#admitOffline(unknown, limits, allOrNothing);
    return reply.then((heard) => {
      if (heard === 'lost') return this.#admitOffline(unknown, limits, allOrNothing);
      if (heard === 'busy') return BUSY;
      const outcomes = knownHere(heard.outcomes, announced);
      this.#learn(rows, outcomes, heard, askedMs);
      return this.#answer(asked, outcomes.subarray(announced), heard, offline);
    });
  }

  #answer(asked: Asked, outcomes: Uint8Array, heard: Admitted, offline: number): SeriesAnswer {
    const { unknown, unannounced, limits, allOrNothing } = asked;
    const nowMs = this.#now();
    this.#table.countUntracked(countOutcome(outcomes, UNTRACKED));
    this.#refused.under({ ...tableLimits(limits), mark: this.#view.mark(nowMs) });
    this.#refused.remember(unknown, outcomes, heard.total, allOrNothing, nowMs);
    const observed = heard.observed + (tableLimits(limits).mostOfMetric === NO_LIMIT ? offline : 0);
    const answer = answerOf(unknown, outcomes, observed, allOrNothing);
    if (allOrNothing && answer.overLimit === undefined) this.#announceKnown(unannounced, limits);
    if (heard.unheard === undefined) return answer;
    const { newAdmitted } = answer;
    if (heard.unheard === 'busy') return { ...BUSY, newAdmitted };
    const rest = unknown.pick(indexesOf(outcomes, PENDING));
    return joinAnswers(answer, this.#admitOffline(rest, limits, allOrNothing));
  }

  /**
   * All-or-nothing for many series: the store is asked in parts which of them it knows, and then for headroom for the rest,
   * which is the only atomic step.
   */
  async #askWhole(asked: Asked, mostOfTenant: number, askedMs: number): Promise<SeriesAnswer> {
    const { unknown, unannounced, limits } = asked;
    const most = without(mostOfTenant, this.#table.offline);
    const heard = await this.#client.admit(this.#tenant, {
      rows: unknown.rows(),
      announced: 0,
      mostOfTenant: 0,
      mostOfMetric: NO_LIMIT,
      allOrNothing: false,
      noFinalRefusals: false,
      lookOnly: true,
      generationMs: this.#generationMs,
    });
    if (heard === undefined || heard === 'lost') return this.#admitOffline(unknown, limits, true);
    if (heard === 'busy' || heard.unheard !== undefined) return BUSY;
    this.#hear(heard, askedMs);
    const found = unknown.pick(indexesOf(heard.outcomes, KNOWN));
    const others = unknown.pick(indexesOf(heard.outcomes, REFUSED_TENANT));
    const answer = others.length === 0 ? ALL_KNOWN : await this.#admitAllOf(others, limits, most);
    if (!passesWhole(answer)) return answer;
    this.#announceKnown(unannounced, limits);
    this.#announceKnown(found, limits);
    this.#table.remember(found.rows(), KNOWN, this.#view.markOf(heard));
    return answer;
  }

  /**
   * Admits series that the store does not know, all or none. Headroom that others have reserved may come back, so this
   * retries.
   */
  async #admitAllOf(others: RowList, limits: SeriesLimits, most: number): Promise<SeriesAnswer> {
    const askedMs = this.#now();
    const reserved = await this.#reserveFor(others.length, most, true);
    if (reserved === undefined || reserved === 'lost') return BUSY;
    this.#hear(reserved, askedMs);
    if (reserved.reservation !== '') return this.#admitReserved(others, limits, reserved);
    const left = Math.max(0, most - reserved.total);
    if (others.length <= left) return BUSY;
    const outcomes = new Uint8Array(others.length).fill(REFUSED_TENANT, left);
    return answerOf(others, outcomes, Math.max(most, reserved.total), true);
  }

  #learn(rows: Uint32Array, outcomes: Uint8Array, reply: FleetState, askedMs: number): void {
    this.#hear(reply, askedMs);
    this.#table.remember(rows, outcomes, this.#view.markOf(reply));
  }

  #hear(reply: FleetState, askedMs: number): void {
    this.#view.update(reply, askedMs);
    this.#refused.hear(reply.total);
  }

  /** The store does not answer. */
  #admitOffline(unknown: RowList, limits: SeriesLimits, allOrNothing: boolean): SeriesAnswer {
    const { onLoss } = this.#client;
    if (onLoss === 'refuse') return LOST;
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    if (onLoss === 'local-share' && this.#table.isReleased) return BUSY;
    const most = onLoss === 'allow' ? NO_LIMIT : this.#shareOf(mostOfTenant);
    const here = { mostOfTenant: most, mostOfMetric, mayFill: true };
    const { outcomes, observed } = this.#table.admit(unknown, here, OFFLINE, allOrNothing, this.#now());
    return answerOf(unknown, outcomes, observed, allOrNothing);
  }

  /** This replica's part of the last known headroom, above its own series; the whole limit if nothing is known. */
  #shareOf(limit: number): number {
    if (limit === NO_LIMIT || this.#view.total === undefined) return limit;
    const share = Math.floor(Math.max(0, limit - this.#view.total) / this.#client.replicas());
    return this.#table.series + Math.max(0, share - this.#table.offline - this.#unannounced);
  }
}

/** A limit minus the series that the store does not know of. */
function without(limit: number, series: number): number {
  return limit === NO_LIMIT ? limit : Math.max(0, limit - series);
}

/** The first rows were known here before the store was told: they are not new, though they were to the store. */
function knownHere(outcomes: Uint8Array, announced: number): Uint8Array {
  for (let row = 0; row < announced; row++) if (outcomes[row] === NEW) outcomes[row] = KNOWN;
  return outcomes;
}
