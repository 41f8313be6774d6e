/**
 * The fleet's book: frames of all data planes, added up by steps of ten seconds on the clock that they share, and from them
 * each tenant's hour under way. Arithmetic alone: whoever keeps the book says when a step is closed, and writes down what
 * has changed since.
 *
 * Each frame counts once, however often and in whatever order it comes. One that comes after its step was closed is added to
 * the sums of its hour exactly, and to the curves as if its most had come together with theirs: never too little.
 */
import { setImmediate } from 'node:timers/promises';
import { TALLY_NUMBERS } from '../enforce/tally.js';
import { OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import {
  ARRIVAL_KINDS,
  Arrivals,
  type CurveShape,
  EXACT,
  HOUR_STEPS,
  STEP_COUNTS,
  STEP_SECONDS,
} from './arrival-curve.js';
import { readPage, type TenantRecord, writePage } from './book-page.js';
import { BOOK_VERSION, type BookState, emptyState } from './book-state.js';
import { Damaged } from './bytes.js';
import {
  addEntry,
  emptyEntry,
  type Frame,
  type FrameEntry,
  type PlaneInfo,
  STEP_MS,
  zeros,
} from './frame.js';
import { OpenHour } from './open-hour.js';
import { NO_NAMES, Places, type TenantNames } from './places.js';
import { DAY_MS, HOUR_MS, KEPT_DAYS, KEPT_HOURS } from './records.js';
import type { UsageRecord } from './usage-record.js';

const DAY_STEPS = 24 * HOUR_STEPS;
/** Tenants that are written down together. */
const PAGE_TENANTS = 64;
const TENANTS_A_TURN = 200;
/** A clock that is ahead by more is not believed. */
const MOST_STEPS_AHEAD = 2;
/** A data plane that was not heard of for so long is gone. */
const FORGET_PLANE_MS = HOUR_MS;
const REQUESTS = TALLY_NUMBERS.indexOf('requests');
const BODY_BYTES = TALLY_NUMBERS.indexOf('bodyBytes');

export interface BookOptions {
  readonly tenantsMax: number;
  /** Undefined: documents name nobody. */
  readonly names?: () => TenantNames;
  /** Undefined: exact. */
  readonly curves?: CurveShape;
}

/** What a step had, over the fleet. */
export interface ClosedStep {
  readonly step: number;
  readonly entries: readonly FrameEntry[];
  /** Counted in this step for want of a better place: their own are closed. Without seconds. */
  readonly late: readonly FrameEntry[];
}

interface WaitingFrame {
  readonly plane: string;
  readonly seq: number;
  readonly step: number;
  readonly info: PlaneInfo;
  readonly tenants: number;
  readonly totals: number[];
  readonly refused: readonly [number, number];
  readonly clockAhead: number;
}

type Entries = Map<string, FrameEntry>;

export class Book {
  readonly #places: Places;
  readonly #shape: CurveShape;
  #state: BookState = emptyState();
  /** By data plane: the last frame that came, be it in the sums or not. */
  readonly #received = new Map<string, { seq: number; step: number }>();
  /** By step: what is not closed yet. */
  readonly #pending = new Map<number, Entries>();
  /** By step: what came after it was closed, and is not in the sums yet. */
  readonly #late = new Map<number, Entries>();
  /** What of it no step has told yet. */
  readonly #lateSums: FrameEntry[] = [];
  #waiting: WaitingFrame[] = [];
  readonly #arrivals = new Map<string, Arrivals>();
  readonly #open = new Map<string, OpenHour>();
  readonly #changedPages = new Set<number>();
  /** Hours that are over, to be filed; and the pages that they are on meanwhile. */
  #finished: TenantRecord[] = [];
  #finishedPages: string[] = [];
  readonly #amendments: TenantRecord[] = [];

  constructor({ tenantsMax, names = () => NO_NAMES, curves = EXACT }: BookOptions) {
    this.#places = new Places(tenantsMax, names);
    this.#shape = curves;
  }

  get state(): BookState {
    return this.#state;
  }

  /** Tenants that sent in the hour under way. */
  get tenants(): number {
    return this.#open.size;
  }

  /** The oldest step that something is known of, and that is not closed; undefined: there is none. */
  get oldestPending(): number | undefined {
    return this.#pending.size === 0 ? undefined : Math.min(...this.#pending.keys());
  }

  /** Something came after its step was closed, and is not in the sums yet. */
  get hasLate(): boolean {
    return this.#late.size > 0;
  }

  /** Data planes that are alive, and may still have something to say of this step. */
  awaited(step: number, heardSinceMs: number): string[] {
    return Object.entries(this.#state.planes)
      .filter(([, { heardMs }]) => heardMs >= heardSinceMs)
      .map(([plane]) => plane)
      .filter((plane) => (this.#received.get(plane)?.step ?? 0) < step);
  }

  /**
   * Its entries are the book's from then on. Answers the step that it waits for to be in the sums: one that is closed if it is
   * in the sums when steps are closed next. `nowMs` is of the clock of whoever keeps the book.
   */
  take(frame: Frame, nowMs: number): number {
    const { plane, seq, info, entries } = frame;
    const before = this.#received.get(plane);
    if (before !== undefined && seq <= before.seq) {
      this.#state.twice++;
      return 0;
    }
    if (before !== undefined) this.#state.missing += seq - before.seq - 1;
    const nowStep = Math.floor(nowMs / STEP_MS);
    // Frames of one data plane are in order, whatever becomes of its clock.
    const step = Math.max(before?.step ?? 0, Math.min(frame.step, nowStep + MOST_STEPS_AHEAD));
    this.#received.set(plane, { seq, step });
    const isLate = step <= this.#state.step;
    if (isLate) this.#state.late++;
    const waiting = { plane, seq, step, info, tenants: entries.length, ...sumsOf(entries) };
    this.#waiting.push({ ...waiting, clockAhead: frame.step - nowStep });
    const known = this.#state.planes[plane];
    if (known !== undefined) known.heardMs = nowMs;
    this.#put(isLate ? this.#late : this.#pending, step, entries);
    return step;
  }

  /** All steps up to this one, each in order, are closed: what they had is in the sums. */
  async close(until: number, nowMs: number): Promise<ClosedStep[]> {
    const closed: ClosedStep[] = [];
    const steps = [...this.#pending.keys()].filter((step) => step <= until).sort((a, b) => a - b);
    this.#lateSums.push(...(await this.#addLate()));
    for (const step of steps) {
      await this.#beginHourOf(step);
      const entries = this.#pending.get(step) ?? new Map<string, FrameEntry>();
      this.#pending.delete(step);
      await this.#addStep(step, entries);
      this.#state.step = step;
      this.#cover(step);
      closed.push({ step, entries: [...entries.values()], late: this.#lateSums.splice(0) });
    }
    if (until > this.#state.step) {
      await this.#beginHourOf(until);
      this.#state.step = until;
    }
    this.#apply(nowMs);
    return closed;
  }

  /** Since it was asked last: each page by its name. */
  takeChangedPages(): [name: string, bytes: Buffer][] {
    const hour = this.#hour;
    const pages = [...this.#changedPages];
    this.#changedPages.clear();
    if (pages.length === 0) return [];
    const byPage = new Map<number, OpenHour[]>(pages.map((page) => [page, []]));
    for (const open of this.#open.values()) byPage.get(open.page)?.push(open);
    return pages.map((page) => [`${hour}/${page}`, this.#page(hour, byPage.get(page) ?? [])]);
  }

  /** Records of hours that are over, some at a time; they are told again until `filed`. */
  finished(most: number): readonly TenantRecord[] {
    return this.#finished.slice(0, most);
  }

  /** The first so many are where they belong. Answers the pages that are not needed any more. */
  filed(count: number): readonly string[] {
    this.#finished = this.#finished.slice(count);
    if (this.#finished.length > 0) return [];
    const pages = this.#finishedPages;
    this.#finishedPages = [];
    return pages;
  }

  /** As it is now, of the hour under way. */
  record(tenant: string): UsageRecord | undefined {
    const open = this.#open.get(tenant);
    return open?.record(this.#hour, this.#covered(this.#hour), this.#arrivals.get(tenant));
  }

  /**
   * What was written down: the state, pages, and of the last hour the steps, with seconds where they are known. Throws
   * Damaged.
   */
  async restore(
    state: BookState,
    pages: readonly Buffer[],
    steps: readonly { readonly step: number; readonly entries: readonly FrameEntry[] }[],
  ): Promise<void> {
    if (state.version !== BOOK_VERSION) throw new Damaged(`the book has version ${state.version}`);
    this.#state = state;
    for (const [plane, { applied, step }] of Object.entries(state.planes)) {
      this.#received.set(plane, { seq: applied, step });
    }
    for (const { step, entries } of [...steps].sort((a, b) => a.step - b.step)) {
      for (const entry of entries) this.#feed(step, entry);
      await setImmediate();
    }
    for (const arrivals of this.#arrivals.values()) arrivals.forgetMost();
    for (const page of pages) this.#restorePage(page);
  }

  get #hour(): number {
    return Math.floor(this.#state.step / HOUR_STEPS);
  }

  #put(where: Map<number, Entries>, step: number, entries: readonly FrameEntry[]): void {
    const there = where.get(step) ?? new Map<string, FrameEntry>();
    where.set(step, there);
    for (const entry of entries) {
      const same = there.get(entry.id);
      if (same === undefined) there.set(entry.id, entry);
      else addEntry(same, entry);
    }
  }

  async #addStep(step: number, entries: Entries): Promise<void> {
    let taken = 0;
    let over = 0;
    for (const entry of entries.values()) {
      const open = this.#openOf(entry.id);
      if (open.id !== entry.id) over++;
      open.add(entry);
      this.#changedPages.add(open.page);
      this.#feed(step, entry, open.id);
      if (++taken % TENANTS_A_TURN === 0) await setImmediate();
    }
    this.#state.tenantsOver = over;
  }

  #feed(step: number, { id, seconds, added, items }: FrameEntry, as = id): void {
    let arrivals = this.#arrivals.get(as);
    if (arrivals === undefined) {
      arrivals = new Arrivals(this.#shape);
      this.#arrivals.set(as, arrivals);
    }
    // Where no seconds are known all of it came with the last one: the end of a step is in each window that begins in it.
    arrivals.add(step, seconds ?? atLast([items, added[REQUESTS] ?? 0, added[BODY_BYTES] ?? 0]));
  }

  /** Those for whom there is no room share one. */
  #openOf(id: string): OpenHour {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    if (id !== OTHER_TENANTS && !this.#places.take(id)) return this.#openOf(OTHER_TENANTS);
    const open = new OpenHour(id);
    open.page = Math.floor(this.#open.size / PAGE_TENANTS);
    this.#open.set(id, open);
    return open;
  }

  async #beginHourOf(step: number): Promise<void> {
    const hour = Math.floor(step / HOUR_STEPS);
    if (hour === this.#hour) return;
    const before = this.#hour;
    const covered = this.#covered(before);
    const pages = new Set<string>();
    for (const [id, open] of this.#open) {
      this.#finished.push({ tenant: id, record: open.record(before, covered, this.#arrivals.get(id)) });
      pages.add(`${before}/${open.page}`);
    }
    this.#finishedPages.push(...pages);
    this.#open.clear();
    this.#places.beginHour();
    this.#changedPages.clear();
    let looked = 0;
    for (const [id, arrivals] of [...this.#arrivals]) {
      if (arrivals.isSilentAt(hour * HOUR_STEPS)) this.#arrivals.delete(id);
      else arrivals.beginHour(hour * HOUR_STEPS);
      if (++looked % TENANTS_A_TURN === 0) await setImmediate();
    }
    this.#forget(hour);
  }

  /** In the order of their steps, so that what one data plane sends at once makes one curve. */
  async #addLate(): Promise<FrameEntry[]> {
    if (this.#late.size === 0) return [];
    const byHour = new Map<number, Map<string, { hour: OpenHour; arrivals: Arrivals }>>();
    const sums = new Map<string, FrameEntry>();
    for (const [step, entries] of [...this.#late].sort(([a], [b]) => a - b)) {
      const hour = Math.floor(step / HOUR_STEPS);
      const tenants = byHour.get(hour) ?? new Map<string, { hour: OpenHour; arrivals: Arrivals }>();
      byHour.set(hour, tenants);
      for (const entry of entries.values()) {
        const late = tenants.get(entry.id) ?? {
          hour: new OpenHour(entry.id),
          arrivals: new Arrivals(this.#shape),
        };
        tenants.set(entry.id, late);
        late.hour.add(entry);
        if (entry.seconds !== undefined) late.arrivals.add(step, entry.seconds);
        const sum = sums.get(entry.id) ?? emptyEntry(entry.id, false);
        sums.set(entry.id, sum);
        addEntry(sum, entry);
        if (hour !== this.#hour) continue;
        const open = this.#openOf(entry.id);
        open.add(entry);
        this.#changedPages.add(open.page);
      }
      await setImmediate();
    }
    this.#late.clear();
    for (const [hour, tenants] of byHour) this.#addLateCurves(hour, tenants);
    return [...sums.values()];
  }

  #addLateCurves(hour: number, tenants: Map<string, { hour: OpenHour; arrivals: Arrivals }>): void {
    for (const [id, late] of tenants) {
      if (hour !== this.#hour) {
        this.#amendments.push({ tenant: id, record: late.hour.record(hour, 0, late.arrivals) });
        continue;
      }
      const open = this.#openOf(id);
      const arrivals = this.#arrivals.get(open.id) ?? new Arrivals(this.#shape);
      this.#arrivals.set(open.id, arrivals);
      arrivals.addLate(late.arrivals);
    }
  }

  /** Of hours that are over: what is to be added to their records. */
  takeAmendments(): TenantRecord[] {
    return this.#amendments.splice(0);
  }

  #cover(step: number): void {
    const hour = String(Math.floor(step / HOUR_STEPS));
    const day = String(Math.floor(step / DAY_STEPS));
    const { coveredHours, coveredDays } = this.#state;
    coveredHours[hour] = (coveredHours[hour] ?? 0) + 1;
    coveredDays[day] = (coveredDays[day] ?? 0) + 1;
  }

  #covered(hour: number): number {
    return (this.#state.coveredHours[hour] ?? 0) * STEP_SECONDS;
  }

  #forget(hour: number): void {
    const { coveredHours, coveredDays } = this.#state;
    for (const name of Object.keys(coveredHours)) {
      if (Number(name) <= hour - KEPT_HOURS) delete coveredHours[name];
    }
    const day = Math.floor((hour * HOUR_MS) / DAY_MS);
    for (const name of Object.keys(coveredDays)) {
      if (Number(name) <= day - KEPT_DAYS) delete coveredDays[name];
    }
  }

  /** Frames of closed steps are in the sums: their data planes have counted so much. */
  #apply(nowMs: number): void {
    const { planes, step: closed } = this.#state;
    const still: WaitingFrame[] = [];
    for (const frame of this.#waiting) {
      if (frame.step > closed) {
        still.push(frame);
        continue;
      }
      const before = planes[frame.plane];
      const totals = before?.totals ?? zeros(TALLY_NUMBERS.length);
      const refused: [number, number] = before?.refused ?? [0, 0];
      frame.totals.forEach((count, i) => {
        totals[i] = (totals[i] ?? 0) + count;
      });
      refused[0] += frame.refused[0];
      refused[1] += frame.refused[1];
      const { info, seq: applied, step, tenants, clockAhead } = frame;
      planes[frame.plane] = { info, applied, step, heardMs: nowMs, clockAhead, tenants, totals, refused };
    }
    this.#waiting = still;
    for (const [plane, { heardMs }] of Object.entries(planes)) {
      if (nowMs - heardMs < FORGET_PLANE_MS) continue;
      delete planes[plane];
      this.#received.delete(plane);
    }
  }

  #page(hour: number, tenants: readonly OpenHour[]): Buffer {
    const records = tenants.map((open) => ({
      tenant: open.id,
      record: open.record(hour, this.#covered(hour), this.#arrivals.get(open.id)),
    }));
    return writePage(hour, records);
  }

  #restorePage(page: Buffer): void {
    const { hour, records } = readPage(page);
    for (const { tenant, record } of records) {
      if (hour !== this.#hour) {
        this.#finished.push({ tenant, record });
        continue;
      }
      const open = OpenHour.from(tenant, record);
      if (tenant !== OTHER_TENANTS) this.#places.take(tenant);
      open.page = Math.floor(this.#open.size / PAGE_TENANTS);
      this.#open.set(tenant, open);
      this.#changedPages.add(open.page);
      const arrivals = this.#arrivals.get(tenant) ?? new Arrivals(this.#shape);
      this.#arrivals.set(tenant, arrivals);
      ARRIVAL_KINDS.forEach((kind, i) => {
        arrivals.restore(i, record.curves[kind] ?? []);
      });
    }
  }

  /** Pages of hours that are over, as they were found. */
  restoreFinishedPages(names: readonly string[]): void {
    this.#finishedPages.push(...names.filter((name) => name.split('/')[0] !== String(this.#hour)));
  }
}

function atLast(counts: readonly number[]): number[] {
  const seconds = zeros(STEP_COUNTS);
  counts.forEach((count, kind) => {
    seconds[STEP_COUNTS - counts.length + kind] = count;
  });
  return seconds;
}

function sumsOf(entries: readonly FrameEntry[]): { totals: number[]; refused: [number, number] } {
  const totals = zeros(TALLY_NUMBERS.length);
  const refused: [number, number] = [0, 0];
  for (const { added, discards } of entries) {
    for (let i = 0; i < totals.length; i++) totals[i] = (totals[i] ?? 0) + (added[i] ?? 0);
    for (const { kind, counts } of discards) {
      if (kind !== 'refused') continue;
      refused[0] += counts[0] ?? 0;
      refused[1] += counts[1] ?? 0;
    }
  }
  return { totals, refused };
}
