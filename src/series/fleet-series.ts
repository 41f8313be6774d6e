/**
 * The series of a tenant that replicas share a store for: what is not known here is admitted by the store, one by one, or,
 * where there is plenty of headroom, at once and announced later. Without the store the replica goes on with its part of
 * the headroom that there was, and announces what it admitted when the store is back.
 */
import type { SeriesAnswer, SeriesLimits } from '../enforce/series.js';
import { ALL_KNOWN, answerOf, countOutcome, LOST, tableLimits } from './series-answer.js';
import type { SeriesClient } from './series-client.js';
import type { AnnounceCall, FleetState, ReserveReply } from './series-protocol.js';
import { joinRows, KNOWN, NEW, NO_LIMIT, ROW_WORDS, type RowList, UNTRACKED } from './series-rows.js';
import { StoreView, UNANNOUNCED } from './store-view.js';
import type { Found, TenantTable } from './tenant-table.js';

/** Fewer are looked at one by one as fast. */
const FEWEST_RESERVED = 100;
/** Of the limit. Near it every series is looked at, so that what two replicas reserve for one series is seldom missing. */
const PART_RESERVED = 0.9;

export class FleetSeries {
  readonly #tenant: string;
  readonly #client: SeriesClient;
  readonly #table: TenantTable;
  readonly #generationMs: number;
  readonly #now: () => number;
  readonly #view: StoreView;
  /** Admitted since the store said anything. */
  #admittedOffline = 0;
  /** Admitted with headroom that is reserved, and still to be announced. */
  #unannounced = 0;

  constructor(
    tenant: string,
    client: SeriesClient,
    table: TenantTable,
    generationMs: number,
    now: () => number,
  ) {
    this.#tenant = tenant;
    this.#client = client;
    this.#table = table;
    this.#generationMs = generationMs;
    this.#now = now;
    this.#view = new StoreView(generationMs);
  }

  /** Series over all replicas, as the store last said. */
  get total(): number | undefined {
    return this.#view.total;
  }

  get admittedOffline(): number {
    return this.#admittedOffline;
  }

  /** The generation mark of series that the store knows. */
  mark(nowMs: number): number {
    return this.#view.mark(nowMs);
  }

  /** For rows of a push that are not known here, or not announced in this generation. */
  check(
    found: Found,
    limits: SeriesLimits,
    allOrNothing: boolean,
    nowMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    const { unknown, unannounced } = found;
    if (unknown === undefined) {
      this.#announceKnown(unannounced, limits);
      return ALL_KNOWN;
    }
    const reserved = this.#reserve(unknown.length, limits);
    if (reserved === undefined) return this.#askForEach(unknown, unannounced, limits, allOrNothing, nowMs);
    return reserved.then((reply) => {
      if (reply === 'lost') return this.#admitOffline(unknown, limits, allOrNothing);
      this.#hear(reply, nowMs);
      if (reply.reservation === '') {
        return this.#askForEach(unknown, unannounced, limits, allOrNothing, this.#now());
      }
      this.#announceKnown(unannounced, limits);
      return this.#admitReserved(unknown, limits, reply);
    });
  }

  /** Headroom for all that is new, where there is plenty: then nobody waits for the store to look at each. */
  #reserve(series: number, limits: SeriesLimits): Promise<ReserveReply | 'lost'> | undefined {
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    if (series < FEWEST_RESERVED || mostOfTenant === NO_LIMIT || mostOfMetric !== NO_LIMIT) return;
    const most = Math.floor(mostOfTenant * PART_RESERVED);
    if ((this.#view.total ?? 0) + series > most) return;
    const call = { series, mostOfTenant: most, generationMs: this.#generationMs };
    return this.#client.reserve(this.#tenant, call);
  }

  /** Headroom is reserved: all pass, and count as announced, which they are in a moment. */
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
      this.#table.remember(rows.subarray(rows.length - ROW_WORDS * left), KNOWN, UNANNOUNCED);
      this.#unannounced -= left;
      this.#admittedOffline += left;
      return newToStore + left;
    });
    return { newAdmitted: 0, newLater, overLimit: undefined };
  }

  /** Nobody waits for it: what is not announced now is announced with the next push. */
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

  #askForEach(
    unknown: RowList,
    unannounced: RowList | undefined,
    limits: SeriesLimits,
    allOrNothing: boolean,
    askedMs: number,
  ): SeriesAnswer | Promise<SeriesAnswer> {
    const announced = unannounced?.length ?? 0;
    const rows = joinRows(unannounced, unknown);
    const asked = this.#client.admit(this.#tenant, {
      rows,
      announced,
      ...tableLimits(limits),
      allOrNothing,
      noFinalRefusals: true,
      generationMs: this.#generationMs,
    });
    if (asked === undefined) return this.#admitOffline(unknown, limits, allOrNothing);
    return asked.then((reply) => {
      if (reply === 'lost') return this.#admitOffline(unknown, limits, allOrNothing);
      const outcomes = knownHere(reply.outcomes, announced);
      this.#learn(rows, outcomes, reply, askedMs);
      const decided = outcomes.subarray(announced);
      this.#table.countUntracked(countOutcome(decided, UNTRACKED));
      return answerOf(unknown, decided, reply.observed, allOrNothing);
    });
  }

  #learn(rows: Uint32Array, outcomes: Uint8Array, reply: FleetState, askedMs: number): void {
    this.#hear(reply, askedMs);
    this.#table.remember(rows, outcomes, this.#view.markOf(reply));
  }

  #hear(reply: FleetState, askedMs: number): void {
    this.#view.update(reply, askedMs);
    this.#admittedOffline = 0;
  }

  /** The store does not answer. */
  #admitOffline(unknown: RowList, limits: SeriesLimits, allOrNothing: boolean): SeriesAnswer {
    const { onLoss } = this.#client;
    if (onLoss === 'refuse') return LOST;
    const { mostOfTenant, mostOfMetric } = tableLimits(limits);
    const most = onLoss === 'allow' ? NO_LIMIT : this.#shareOf(mostOfTenant);
    const here = { mostOfTenant: most, mostOfMetric };
    const { outcomes, observed } = this.#table.admit(unknown, here, allOrNothing, this.#now());
    const answer = answerOf(unknown, outcomes, observed, allOrNothing);
    this.#admittedOffline += answer.newAdmitted;
    return answer;
  }

  /** This replica's part of the headroom that there was, above its own series; all of it where nothing is known. */
  #shareOf(limit: number): number {
    if (limit === NO_LIMIT || this.#view.total === undefined) return limit;
    const share = Math.floor(Math.max(0, limit - this.#view.total) / this.#client.replicas());
    return this.#table.series + Math.max(0, share - this.#admittedOffline - this.#unannounced);
  }
}

/** The first of them were known here before the store was told: they are not new, though they were to the store. */
function knownHere(outcomes: Uint8Array, announced: number): Uint8Array {
  for (let row = 0; row < announced; row++) if (outcomes[row] === NEW) outcomes[row] = KNOWN;
  return outcomes;
}
