/**
 * What each tenant has sent, and what was refused of it, over the last minute to the last day. The hot path knows
 * nothing of it: every ten seconds the tallies are read, and whoever asks in between reads them once more.
 */
import { setImmediate } from 'node:timers/promises';
import { REASON_INDEX, REASON_NAMES, type Reason } from '../enforce/reasons.js';
import {
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  DISCARDED_SERIES,
  discardedAt,
  type Tally,
} from '../enforce/tally.js';
import type { TenantLimits } from '../limits/limits.js';
import { KnownSteps } from './known-steps.js';
import { COARSE_SECONDS, FINE_SECONDS, type Range, Tracks } from './tracks.js';

export const SAMPLE_MS = FINE_SECONDS * 1000;

/** A tenant as far as its history goes. */
export interface Counted {
  readonly id: string;
  readonly limits: TenantLimits;
  readonly tally: Tally;
  readonly series: { readonly active: number } | undefined;
}

/** What was refused, or left out of pushes that went on. Series count as often as they were in a push. */
export interface Loss {
  pushes: number;
  samples: number;
  series: number;
}

export interface LossTotals extends Loss {
  /** A push that was refused unread has samples that nobody counted: each push counts as one sample at least. */
  samplesAtLeast: number;
}

/** Counts over a range. `items` are what `ingestion_rate` counts; samples include native histograms. */
export interface Totals {
  pushes: number;
  samples: number;
  items: number;
  bytes: number;
  /** Pushes that went on without some of their series. */
  filtered: number;
  refused: LossTotals;
  shadowed: LossTotals;
}

export interface Series {
  readonly stepSeconds: number;
  /** When the last step ended, on the clock that `sample` is given. */
  readonly endMs: number;
  /** Counts for each step since the beginning, the oldest first. */
  readonly counts: Readonly<Record<'pushes' | 'samples' | 'items' | 'bytes', Points>>;
  /** Active series at the end of each step. */
  readonly activeSeries: Points;
  readonly refused: LossOverTime;
  readonly shadowed: LossOverTime;
}

/** Null: not known. */
export type Points = readonly (number | null)[];

/** For each reason that there was. */
type LossOverTime = Readonly<Record<'pushes' | 'samples', Readonly<Partial<Record<Reason, Points>>>>>;

/** An hour: what is older than that is not worth the time. */
const MOST_STEPS_MISSED = 360;
const TENANTS_A_TURN = 500;

const PUSHES = 0;
const SAMPLES = 1;
const ITEMS = 2;
const BYTES = 3;
const FILTERED = 4;
/** No counter: it is taken as it is. */
const ACTIVE_SERIES = 5;
/** From here on three for each reason, side by side. */
const REFUSED = 6;
const LOST = [DISCARDED_REQUESTS, DISCARDED_SAMPLES, DISCARDED_SERIES] as const;
const LOST_PUSHES = 0;
const LOST_SAMPLES = 1;
const LOST_SERIES = 2;
const SHADOWED = REFUSED + REASON_NAMES.length * LOST.length;
const COUNTERS = SHADOWED + REASON_NAMES.length * LOST.length;
/** The counter has not counted yet, or not since the last sample. */
const NO_TRACK = -1;
/** It has, and there was no room: nothing is known of its past. */
const NO_ROOM = -2;

interface Entry {
  /** By counter; most tenants have four of them, and no place for those of refusals. */
  tracks: Int32Array;
  /** The sample that saw the tenant last. */
  seen: number;
}

export class History {
  readonly #tracks: Tracks;
  readonly #known = new KnownSteps();
  readonly #entries = new Map<string, Entry>();
  /** Of all tenants, those included that have left memory since: their sums only grow, as each tenant's counters do. */
  readonly #all: Entry = { tracks: new Int32Array(COUNTERS).fill(NO_TRACK), seen: 0 };
  readonly #sums = new Float64Array(COUNTERS);
  #samples = 0;
  readonly #startMs: number;
  #sampledMs: number;
  #withoutRoom = 0;

  constructor(maxBytes: number, nowMs: number) {
    this.#tracks = new Tracks(maxBytes);
    this.#startMs = nowMs;
    this.#sampledMs = nowMs;
  }

  get bytes(): number {
    return this.#tracks.bytes;
  }

  /** Counters that have no history because there was no room for one. */
  get withoutRoom(): number {
    return this.#withoutRoom;
  }

  /**
   * To be called every SAMPLE_MS, never twice at a time; a call that comes late makes up for those that did not come. Lets
   * others run in between: ten thousand tenants are some twenty milliseconds of work. `isKnown`: whether anybody counted in the
   * last step, and nobody is known to have before it; undefined: tenants were counted all the time.
   */
  async sample(tenants: Iterable<Counted>, nowMs: number, isKnown?: boolean): Promise<void> {
    // Timers fire a little early, too.
    const due = Math.round((nowMs - this.#sampledMs) / SAMPLE_MS);
    if (due < 1) return;
    this.#sampledMs = nowMs;
    this.#samples++;
    this.#tracks.advance(Math.min(due, MOST_STEPS_MISSED));
    this.#known.advance(Math.min(due, MOST_STEPS_MISSED), isKnown);
    let withoutRoom = 0;
    let taken = 0;
    this.#sums[ACTIVE_SERIES] = 0;
    for (const tenant of tenants) {
      withoutRoom += this.#take(tenant);
      if (++taken % TENANTS_A_TURN === 0) await setImmediate();
    }
    this.#withoutRoom = withoutRoom;
    this.#takeSums();
    this.#dropUnseen();
  }

  /** Seconds that the counts of a range are over: less than its name says while the process is young, or where nobody counted. */
  seconds(range: Range, nowMs: number): number {
    const since = (nowMs - this.#sampledMs) / 1000;
    return Math.max(1, Math.min(this.#known.seconds(range) + since, (nowMs - this.#startMs) / 1000));
  }

  totals(tenant: Counted, range: Range): Totals {
    const { tally } = tenant;
    const tracks = this.#entries.get(tenant.id)?.tracks;
    return {
      pushes: this.#sum(tracks, PUSHES, tenant, range),
      samples: this.#sum(tracks, SAMPLES, tenant, range),
      items: this.#sum(tracks, ITEMS, tenant, range),
      bytes: this.#sum(tracks, BYTES, tenant, range),
      filtered: this.#sum(tracks, FILTERED, tenant, range),
      refused: tally.refused === undefined ? noLoss() : this.#loss(tracks, REFUSED, tenant, range),
      shadowed: tally.shadowed === undefined ? noLoss() : this.#loss(tracks, SHADOWED, tenant, range),
    };
  }

  /** What was lost, or let pass by shadow mode, for each reason that there was. */
  reasons(tenant: Counted, range: Range, kind: 'refused' | 'shadowed'): Partial<Record<Reason, Loss>> {
    const losses: Partial<Record<Reason, Loss>> = {};
    if (tenant.tally[kind] === undefined) return losses;
    const tracks = this.#entries.get(tenant.id)?.tracks;
    for (const reason of REASON_NAMES) {
      const first = firstOf(kind === 'refused' ? REFUSED : SHADOWED, REASON_INDEX[reason]);
      const loss = {
        pushes: this.#sum(tracks, first + LOST_PUSHES, tenant, range),
        samples: this.#sum(tracks, first + LOST_SAMPLES, tenant, range),
        series: this.#sum(tracks, first + LOST_SERIES, tenant, range),
      };
      if (loss.pushes + loss.samples + loss.series > 0) losses[reason] = loss;
    }
    return losses;
  }

  series(id: string, range: Range): Series {
    return this.#series(this.#entries.get(id)?.tracks, range);
  }

  /** Of all tenants together. */
  allSeries(range: Range): Series {
    return this.#series(this.#all.tracks, range);
  }

  /** Samples lost in each step, whatever the reason; nothing where none were. */
  lostSamples(id: string, range: Range): Points {
    const tracks = this.#entries.get(id)?.tracks;
    const lost = new Array<number>(this.#tracks.stepsIn(range)).fill(0);
    for (let row = 0; row < REASON_NAMES.length; row++) {
      const track = tracks?.[firstOf(REFUSED, row) + LOST_SAMPLES] ?? NO_TRACK;
      if (track === NO_ROOM) return lost.map(() => null);
      if (track < 0) continue;
      for (const [step, count] of this.#tracks.points(track, range).entries())
        lost[step] = (lost[step] ?? 0) + count;
    }
    return this.#known.masked(lost, range);
  }

  offeredSamples(id: string, range: Range): { points: Points; stepSeconds: number } {
    return {
      points: this.#points(this.#entries.get(id)?.tracks, SAMPLES, range),
      stepSeconds: range === '24h' ? COARSE_SECONDS : FINE_SECONDS,
    };
  }

  #points(tracks: Int32Array | undefined, counter: number, range: Range): Points {
    const track = tracks?.[counter] ?? NO_TRACK;
    const none = new Array<number>(this.#tracks.stepsIn(range)).fill(0);
    if (track === NO_ROOM) return none.map(() => null);
    return this.#known.masked(track < 0 ? none : this.#tracks.points(track, range), range);
  }

  #series(tracks: Int32Array | undefined, range: Range): Series {
    const points = (counter: number): Points => this.#points(tracks, counter, range);
    const byReason = (kind: number, what: number): Partial<Record<Reason, Points>> =>
      Object.fromEntries(
        REASON_NAMES.map((reason) => [reason, firstOf(kind, REASON_INDEX[reason]) + what] as const)
          .filter(([, counter]) => (tracks?.[counter] ?? NO_TRACK) !== NO_TRACK)
          .map(([reason, counter]) => [reason, points(counter)]),
      );
    const losses = (kind: number): LossOverTime => ({
      pushes: byReason(kind, LOST_PUSHES),
      samples: byReason(kind, LOST_SAMPLES),
    });
    return {
      stepSeconds: range === '24h' ? COARSE_SECONDS : FINE_SECONDS,
      endMs: this.#sampledMs - this.#tracks.secondsInto(range) * 1000,
      counts: {
        pushes: points(PUSHES),
        samples: points(SAMPLES),
        items: points(ITEMS),
        bytes: points(BYTES),
      },
      activeSeries: points(ACTIVE_SERIES),
      refused: losses(REFUSED),
      shadowed: losses(SHADOWED),
    };
  }

  /** Answers how many counters have no room. */
  #take(tenant: Counted): number {
    let withoutRoom = 0;
    let entry = this.#entries.get(tenant.id);
    if (entry === undefined) {
      entry = { tracks: new Int32Array(0), seen: 0 };
      this.#entries.set(tenant.id, entry);
    }
    entry.seen = this.#samples;
    const counters = countersOf(tenant.tally);
    if (entry.tracks.length < counters) entry.tracks = longer(entry.tracks, counters);
    for (let counter = 0; counter < counters; counter++) {
      if (counter === REFUSED && tenant.tally.refused === undefined) counter = SHADOWED;
      const value = valueNow(tenant, counter);
      let track = entry.tracks[counter] ?? NO_TRACK;
      if (track < 0) {
        if (value === 0) continue;
        track = this.#tracks.open(track === NO_ROOM ? value : 0) ?? NO_ROOM;
        entry.tracks[counter] = track;
      }
      if (track === NO_ROOM) {
        withoutRoom++;
        continue;
      }
      let added = value;
      if (counter === ACTIVE_SERIES) this.#tracks.takeLevel(track, value);
      else added = this.#tracks.take(track, value);
      this.#sums[counter] = (this.#sums[counter] ?? 0) + added;
    }
    return withoutRoom;
  }

  #takeSums(): void {
    const { tracks } = this.#all;
    for (let counter = 0; counter < COUNTERS; counter++) {
      const sum = this.#sums[counter] ?? 0;
      let track = tracks[counter] ?? NO_TRACK;
      if (track < 0 && sum > 0) {
        track = this.#tracks.open(track === NO_ROOM ? sum : 0) ?? NO_ROOM;
        tracks[counter] = track;
      }
      if (track < 0) continue;
      if (counter === ACTIVE_SERIES) this.#tracks.takeLevel(track, sum);
      else this.#tracks.take(track, sum);
    }
  }

  #dropUnseen(): void {
    for (const [id, { tracks, seen }] of this.#entries) {
      if (seen === this.#samples) continue;
      for (const track of tracks) if (track >= 0) this.#tracks.close(track);
      this.#entries.delete(id);
    }
  }

  #loss(tracks: Int32Array | undefined, kind: number, tenant: Counted, range: Range): LossTotals {
    const loss = noLoss();
    for (let row = 0; row < REASON_NAMES.length; row++) {
      const first = firstOf(kind, row);
      const pushes = this.#sum(tracks, first + LOST_PUSHES, tenant, range);
      const samples = this.#sum(tracks, first + LOST_SAMPLES, tenant, range);
      loss.pushes += pushes;
      loss.samples += samples;
      loss.series += this.#sum(tracks, first + LOST_SERIES, tenant, range);
      loss.samplesAtLeast += Math.max(pushes, samples);
    }
    return loss;
  }

  #sum(tracks: Int32Array | undefined, counter: number, tenant: Counted, range: Range): number {
    const track = tracks?.[counter] ?? NO_TRACK;
    if (track === NO_ROOM) return 0;
    const value = valueNow(tenant, counter);
    return track === NO_TRACK ? value : this.#tracks.sum(track, range, value);
  }
}

export function noLoss(): LossTotals {
  return { pushes: 0, samples: 0, series: 0, samplesAtLeast: 0 };
}

/** The first of a reason's counters; `kind` is REFUSED or SHADOWED. */
function firstOf(kind: number, row: number): number {
  return kind + row * LOST.length;
}

/** How many counters there are to look at. */
function countersOf({ refused, shadowed }: Tally): number {
  if (shadowed !== undefined) return COUNTERS;
  return refused !== undefined ? SHADOWED : REFUSED;
}

function longer(tracks: Int32Array, length: number): Int32Array {
  const all = new Int32Array(length).fill(NO_TRACK);
  all.set(tracks);
  return all;
}

function valueNow({ tally, limits, series }: Counted, counter: number): number {
  switch (counter) {
    case PUSHES:
      return tally.requests;
    case SAMPLES:
      return tally.samples + tally.histograms;
    case ITEMS: {
      const exemplars = limits.max_global_exemplars_per_user > 0 ? tally.exemplars : 0;
      return tally.samples + tally.histograms + tally.metadata + exemplars;
    }
    case BYTES:
      return tally.bodyBytes;
    case ACTIVE_SERIES:
      return series?.active ?? 0;
    case FILTERED:
      return tally.filtered;
    default: {
      const [counts, at] =
        counter < SHADOWED ? [tally.refused, counter - REFUSED] : [tally.shadowed, counter - SHADOWED];
      return discardedAt(counts, Math.floor(at / LOST.length), LOST[at % LOST.length] ?? DISCARDED_REQUESTS);
    }
  }
}
