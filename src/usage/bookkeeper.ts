/**
 * Keeps the fleet's book while it is elected: reads frames, closes steps when all data planes have told of them or had their
 * time, and writes what is new together with how far it has read, so that the next bookkeeper goes on where this one ended
 * and counts nothing twice. Hours that are over are filed some tenants at a time.
 */
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../base/message-of.js';
import { FIRST_ID, type UsageCommit, type UsageStore } from '../shared/usage-store.js';
import { HOUR_STEPS } from './arrival-curve.js';
import { Book, type ClosedStep } from './book.js';
import type { BookState } from './book-state.js';
import { Damaged } from './bytes.js';
import { FiledRecords } from './filed-records.js';
import { type FrameEntry, STEP_MS } from './frame.js';
import { packFrame, unpackFrame } from './frame-codec.js';
import type { TenantNames } from './places.js';
import { packRecords } from './record-codec.js';
import { DAY_MS, HOUR_MS, KEPT_DAYS, KEPT_HOURS } from './records.js';
import type { UsageHistory } from './usage-record.js';

export interface BookkeeperOptions {
  readonly store: UsageStore;
  /** Among all that could keep the book. */
  readonly id: string;
  /** Nobody else has anything to say: at the end the step under way is closed, too. */
  readonly isAlone?: boolean;
  readonly tenantsMax: number;
  /** Undefined: documents name nobody. */
  readonly names?: () => TenantNames;
  /** Of records of hours and days. */
  readonly maxBytes: number;
  /** Date.now(): the clock that replicas share. */
  readonly now: () => number;
  readonly log: BookkeeperLog;
}

export interface BookkeeperLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface BookkeeperStatus {
  readonly keeping: boolean;
  /** Undefined: the store answers. */
  readonly lastError: string | undefined;
  /** What could not be read, and was left out. */
  readonly damaged: number;
}

const TICK_MS = 1000;
/** Another takes over so long after this one was heard of last. */
export const LEASE_MS = 6000;
const RENEW_MS = 2000;
/** Frames come within a second of the end of their step. One that starts may be unknown, and is waited for, too. */
const LEAST_WAIT_MS = 2000;
/** Nobody waits longer for a data plane that is alive and has not told. */
const MOST_WAIT_MS = 8000;
/** A data plane that was not heard of for so long is not waited for. */
const ALIVE_MS = 60_000;
const FRAMES_A_READ = 50;
const STEPS_A_READ = 20;
const TENANTS_A_COMMIT = 50;
const COMMITS_A_TICK = 40;
/** In place of a data plane: all of them. */
const FLEET = 'fleet';
const SECONDS_STEPS = 32;

interface Keeping {
  readonly fence: number;
  readonly book: Book;
  /** Frames that were read and are not in what is written, the oldest first. */
  readonly unapplied: { readonly id: string; readonly step: number }[];
  appliedId: string;
  readId: string;
  /** Not known to be written yet. */
  commit: UsageCommit | undefined;
}

export class Bookkeeper {
  readonly #options: BookkeeperOptions;
  readonly #records: FiledRecords;
  #keeping: Keeping | undefined;
  #electedMs = Number.NEGATIVE_INFINITY;
  #fence: number | undefined;
  /** The store has answered since then. */
  #answersSinceMs: number | undefined;
  #lastError: string | undefined;
  #damaged = 0;
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  /** Of before the book, on its way into it. */
  #incoming: { readonly histories: UsageHistory[]; readonly ended: (taken: boolean) => void } | undefined;

  constructor(options: BookkeeperOptions) {
    this.#options = options;
    this.#records = new FiledRecords({
      ...options,
      damaged: ({ message }) => {
        this.#damaged++;
        options.log.warn({ error: message }, "a tenant's records can not be read, and begin anew");
      },
    });
  }

  start(): void {
    void this.tick();
    this.#timer = setInterval(() => void this.tick(), TICK_MS).unref();
  }

  /** What was told by now is written, if the store answers, and the next one may begin. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ticking;
    if (this.#keeping === undefined && this.#options.isAlone) await this.tick();
    if (this.#keeping === undefined) return;
    await this.#guarded(() => this.#last());
    await this.#options.store.resign(this.#options.id).catch(() => {});
    this.#keeping = undefined;
  }

  /** Undefined: another one keeps the book. */
  get state(): BookState | undefined {
    return this.#keeping?.book.state;
  }

  status(): BookkeeperStatus {
    return { keeping: this.#keeping !== undefined, lastError: this.#lastError, damaged: this.#damaged };
  }

  /** Hours and days of before the book; what it has of its own stays. False: another one keeps the book by now. */
  takeIn(histories: readonly UsageHistory[]): Promise<boolean> {
    return new Promise((ended) => {
      this.#incoming = { histories: [...histories], ended };
    });
  }

  /** One at a time. Never rejects. */
  tick(): Promise<void> {
    this.#ticking ??= this.#guarded(() => this.#work()).finally(() => {
      this.#ticking = undefined;
    });
    return this.#ticking;
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#lastError = undefined;
    } catch (error) {
      this.#lastError = messageOf(error);
      this.#answersSinceMs = undefined;
      this.#electedMs = Number.NEGATIVE_INFINITY;
    }
  }

  async #work(): Promise<void> {
    await this.#elect();
    if (this.#fence === undefined) {
      this.#endIncoming(false);
      return;
    }
    const keeping = this.#keeping ?? (await this.#takeOver(this.#fence));
    this.#keeping = keeping;
    if (!(await this.#write(keeping))) return;
    await this.#read(keeping);
    if (!(await this.#close(keeping, this.#closable(keeping.book)))) return;
    await this.#file(keeping);
    await this.#writeIncoming(keeping);
  }

  /** Some tenants at a time. */
  async #writeIncoming(keeping: Keeping): Promise<void> {
    const incoming = this.#incoming;
    if (incoming === undefined) return;
    for (let commits = 0; commits < COMMITS_A_TICK && incoming.histories.length > 0; commits++) {
      const records = await this.#records.imported(
        keeping.book.state,
        incoming.histories.slice(0, TENANTS_A_COMMIT),
      );
      keeping.commit = this.#commitOf(keeping, { records });
      if (!(await this.#write(keeping))) return this.#endIncoming(false);
      incoming.histories.splice(0, TENANTS_A_COMMIT);
    }
    if (incoming.histories.length > 0) return;
    keeping.book.state.importedMs = this.#options.now();
    keeping.commit = this.#commitOf(keeping, {});
    this.#endIncoming(await this.#write(keeping));
  }

  #endIncoming(taken: boolean): void {
    this.#incoming?.ended(taken);
    this.#incoming = undefined;
  }

  /** All that came, as far as it came. */
  async #last(): Promise<void> {
    const keeping = this.#keeping;
    if (keeping === undefined || !(await this.#write(keeping))) return;
    await this.#read(keeping);
    const { now, isAlone } = this.#options;
    await this.#close(keeping, Math.floor(now() / STEP_MS) - (isAlone ? 0 : 1));
  }

  async #elect(): Promise<void> {
    const { store, id, now, log } = this.#options;
    const nowMs = now();
    if (nowMs - this.#electedMs < RENEW_MS && nowMs >= this.#electedMs) return;
    const fence = await store.elect(id, LEASE_MS);
    this.#electedMs = nowMs;
    this.#answersSinceMs ??= nowMs;
    if (fence !== this.#fence) {
      this.#keeping = undefined;
      if (fence === undefined) log.warn({}, "another replica keeps the fleet's usage now");
    }
    this.#fence = fence;
  }

  async #takeOver(fence: number): Promise<Keeping> {
    const { store, log } = this.#options;
    const book = new Book(this.#options);
    let appliedId = FIRST_ID;
    const text = await store.state();
    if (text !== undefined) {
      const pages = await store.pages();
      try {
        const kept = JSON.parse(text) as { appliedId: string; book: BookState };
        const steps = await this.#keptSteps(kept.book.step);
        await book.restore(kept.book, [...pages.values()], steps);
        book.restoreFinishedPages([...pages.keys()]);
        appliedId = kept.appliedId;
      } catch (error) {
        if (!(error instanceof Damaged || error instanceof SyntaxError || error instanceof TypeError))
          throw error;
        this.#damaged++;
        log.warn(
          { error: messageOf(error) },
          "the fleet's usage of this hour can not be read: it begins anew",
        );
        return this.#begin(fence, new Book(this.#options), FIRST_ID);
      }
    }
    if (!this.#options.isAlone) {
      log.info({ fence, tenants: book.tenants }, "this replica keeps the fleet's usage");
    }
    return this.#begin(fence, book, appliedId);
  }

  #begin(fence: number, book: Book, appliedId: string): Keeping {
    const { id, now } = this.#options;
    book.state.keeper = { machine: id, sinceMs: now() };
    return { fence, book, unapplied: [], appliedId, readId: appliedId, commit: undefined };
  }

  /** Those that windows of an hour still reach: the last ones with their seconds. */
  async #keptSteps(last: number): Promise<{ step: number; entries: readonly FrameEntry[] }[]> {
    const kept: { step: number; entries: readonly FrameEntry[] }[] = [];
    for (let first = last - HOUR_STEPS; first <= last; first += STEPS_A_READ) {
      const numbers = Array.from({ length: Math.min(STEPS_A_READ, last - first + 1) }, (_, i) => first + i);
      const seconds = await this.#options.store.steps(
        'seconds',
        numbers.filter((step) => step > last - SECONDS_STEPS),
      );
      const sums = await this.#options.store.steps('sums', numbers);
      for (const [i, step] of numbers.entries()) {
        const fine = seconds[seconds.length - numbers.length + i];
        const bytes = fine ?? sums[i];
        if (bytes !== undefined) kept.push({ step, entries: (await unpackFrame(bytes)).entries });
      }
    }
    return kept;
  }

  async #read(keeping: Keeping): Promise<void> {
    const { store, now } = this.#options;
    for (;;) {
      const frames = await store.frames(keeping.readId, FRAMES_A_READ);
      for (const { id, bytes } of frames) {
        keeping.unapplied.push({ id, step: await this.#take(keeping.book, bytes, now()) });
        keeping.readId = id;
      }
      if (frames.length < FRAMES_A_READ) return;
    }
  }

  /** The step that it waits for. */
  async #take(book: Book, bytes: Buffer, nowMs: number): Promise<number> {
    try {
      return book.take(await unpackFrame(bytes), nowMs);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      this.#damaged++;
      this.#options.log.warn({ error: error.message }, 'a frame of usage can not be read, and is left out');
      return 0;
    }
  }

  /** The last step that nobody is waited for any more. */
  #closable(book: Book): number {
    const nowMs = this.#options.now();
    const ended = Math.floor((nowMs - LEAST_WAIT_MS) / STEP_MS) - 1;
    if (book.awaited(ended, nowMs - ALIVE_MS).length === 0) return ended;
    // After the store was away all that waited for it comes first.
    const heardForMs = nowMs - (this.#answersSinceMs ?? nowMs);
    if (heardForMs < MOST_WAIT_MS) return book.state.step;
    return Math.floor((nowMs - MOST_WAIT_MS) / STEP_MS) - 1;
  }

  /** False: another one keeps the book. */
  async #close(keeping: Keeping, until: number): Promise<boolean> {
    const { book, unapplied } = keeping;
    const isDue = (book.oldestPending ?? Number.POSITIVE_INFINITY) <= until;
    if (!isDue && !book.hasLate) return true;
    const closed = await book.close(Math.max(until, book.state.step), this.#options.now());
    while (unapplied[0] !== undefined && unapplied[0].step <= book.state.step) {
      keeping.appliedId = unapplied.shift()?.id ?? keeping.appliedId;
    }
    const steps = await Promise.all(closed.map(packStep));
    const amendments = book.takeAmendments();
    if (amendments.length > 0) while (book.finished(1).length > 0) await this.#fileSome(keeping);
    keeping.commit = this.#commitOf(keeping, {
      pages: book.takeChangedPages(),
      steps: steps.flat(),
      records: await this.#records.amended(book.state, amendments),
    });
    return this.#write(keeping);
  }

  #commitOf(keeping: Keeping, parts: Partial<UsageCommit>): UsageCommit {
    const { book, appliedId } = keeping;
    const state = JSON.stringify({ appliedId, book: book.state });
    return { state, appliedId, pages: [], gonePages: [], steps: [], records: [], ...parts };
  }

  async #write(keeping: Keeping): Promise<boolean> {
    if (keeping.commit === undefined) return true;
    const { store, id, log } = this.#options;
    if (await store.commit(id, keeping.fence, keeping.commit)) {
      keeping.commit = undefined;
      return true;
    }
    log.warn({ fence: keeping.fence }, "this replica does not keep the fleet's usage any more");
    this.#keeping = undefined;
    this.#fence = undefined;
    this.#electedMs = Number.NEGATIVE_INFINITY;
    return false;
  }

  async #file(keeping: Keeping): Promise<void> {
    for (let commits = 0; commits < COMMITS_A_TICK && keeping.book.finished(1).length > 0; commits++) {
      if (!(await this.#fileSome(keeping))) return;
      await setImmediate();
    }
    const today = Math.floor(this.#options.now() / DAY_MS);
    if (today === keeping.book.state.sweptDay || keeping.book.finished(1).length > 0) return;
    keeping.book.state.sweptDay = today;
    await this.#sweep(keeping);
  }

  async #fileSome(keeping: Keeping): Promise<boolean> {
    const { book } = keeping;
    const batch = book.finished(TENANTS_A_COMMIT);
    if (keeping.commit !== undefined && !(await this.#write(keeping))) return false;
    const records = await this.#records.filed(book.state, batch);
    const gonePages = book.filed(batch.length);
    keeping.commit = this.#commitOf(keeping, { records, gonePages });
    return this.#write(keeping);
  }

  /** Records that are too old go, of tenants that have sent nothing since, too. */
  async #sweep(keeping: Keeping): Promise<void> {
    const { store } = this.#options;
    const { book } = keeping;
    for (const [kind, length, count] of [
      ['hours', HOUR_MS, KEPT_HOURS],
      ['days', DAY_MS, KEPT_DAYS],
    ] as const) {
      const tenants = await store.tenants(kind);
      let bytes = 0;
      for (let first = 0; first < tenants.length; first += TENANTS_A_COMMIT) {
        const some = tenants.slice(first, first + TENANTS_A_COMMIT);
        const found = await store.records(kind, some);
        const records = some.flatMap((tenant, i) => {
          const all = this.#records.readable(found[i]);
          const kept = all.filter(({ startMs }) => startMs >= this.#records.keptSince(length, count));
          const packed = kept.length === all.length ? found[i] : packRecords(kept);
          bytes += kept.length === 0 ? 0 : (packed?.length ?? 0);
          if (kept.length === all.length && kept.length > 0) return [];
          return [{ kind, tenant, bytes: kept.length === 0 ? undefined : packed }];
        });
        if (records.length === 0) continue;
        keeping.commit = this.#commitOf(keeping, { records });
        if (!(await this.#write(keeping))) return;
        await setImmediate();
      }
      book.state.bytes = kind === 'hours' ? bytes : book.state.bytes + bytes;
    }
    book.state.withoutRoom = 0;
  }
}

async function packStep({ step, entries, late }: ClosedStep): Promise<UsageCommit['steps'][number][]> {
  const frame = { plane: FLEET, seq: step, step, info: FLEET_INFO };
  const sums = [...entries, ...late].map((entry) => ({ ...entry, seconds: undefined, peaks: NO_PEAKS }));
  const packed = { step, kind: 'sums' as const, bytes: await packFrame({ ...frame, entries: sums }) };
  if (entries.length === 0) return [packed];
  return [packed, { step, kind: 'seconds', bytes: await packFrame({ ...frame, entries }) }];
}

/** Curves and rates are made of steps: peaks are in the hour. */
const NO_PEAKS: number[] = [];
const FLEET_INFO = { name: FLEET, machine: FLEET, version: '', startedMs: 0 };
