/**
 * Takes hours and days of before the book began out of a Prometheus, once for the whole fleet: by whoever keeps the book, in
 * the background. What fails is said and tried again later.
 */
import { messageOf } from '../base/message-of.js';
import type { Bookkeeper } from './bookkeeper.js';
import { DAY_MS, dayOf, HOUR_MS, KEPT_DAYS, KEPT_HOURS } from './records.js';
import type { UsageHistory } from './usage-record.js';

export interface ReadRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepSeconds: number;
  readonly progress: (done: number) => void;
  readonly signal: AbortSignal;
}

export interface PrometheusImportOptions {
  readonly bookkeeper: Bookkeeper;
  readonly read: (range: ReadRange) => Promise<readonly UsageHistory[]>;
  readonly now: () => number;
  readonly log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
}

export interface ImportStatus {
  /** `elsewhere`: another replica keeps the book, and does it. */
  readonly state: 'elsewhere' | 'reading' | 'done' | 'failed';
  /** 0 to 1. */
  readonly done: number;
  readonly error: string | undefined;
}

const LOOK_MS = 5000;
const RETRY_MS = 10 * 60_000;
const HOURS_STEP_SECONDS = 60;
const DAYS_STEP_SECONDS = 300;
/** The two readings, as parts of the whole. */
const HOURS_PART = 0.2;

export class PrometheusImport {
  readonly #options: PrometheusImportOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #done = 0;
  #failed: { readonly error: string; readonly atMs: number } | undefined;

  constructor(options: PrometheusImportOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#running;
  }

  status(): ImportStatus {
    const { state } = this.#options.bookkeeper;
    const error = this.#failed?.error;
    if (state === undefined) return { state: 'elsewhere', done: 0, error };
    if (state.importedMs !== undefined) return { state: 'done', done: 1, error: undefined };
    return { state: this.#failed === undefined ? 'reading' : 'failed', done: this.#done, error };
  }

  /** Reads if it is this replica's to read, and nobody has. Resolves when it is over; never rejects. */
  look(): Promise<void> {
    const { bookkeeper, now } = this.#options;
    const isWaiting = this.#failed !== undefined && now() - this.#failed.atMs < RETRY_MS;
    const isDone = bookkeeper.state === undefined || bookkeeper.state.importedMs !== undefined;
    if (isDone || isWaiting || this.#running !== undefined) return this.#running ?? Promise.resolve();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const { bookkeeper, log, now } = this.#options;
    this.#failed = undefined;
    try {
      const [hours, days] = await this.#read();
      const tenants = new Set([...hours, ...days].map(({ tenant }) => tenant));
      const [hoursOf, daysOf] = [hours, days].map((list) => new Map(list.map((one) => [one.tenant, one])));
      const histories = [...tenants].map((tenant) => ({
        tenant,
        hours: hoursOf?.get(tenant)?.hours ?? [],
        days: daysOf?.get(tenant)?.days ?? [],
      }));
      if (!(await bookkeeper.takeIn(histories))) return;
      log.info({ tenants: tenants.size }, 'usage of before the edge was read from the Prometheus');
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#failed = { error: messageOf(error), atMs: now() };
      log.warn(
        { error: messageOf(error) },
        'usage of before the edge can not be read: it is tried again in ten minutes',
      );
    }
  }

  /** Hours at a fine step, days at a coarse one, both until the book began. */
  async #read(): Promise<readonly [hours: readonly UsageHistory[], days: readonly UsageHistory[]]> {
    const { bookkeeper, read, now } = this.#options;
    const { signal } = this.#stopping;
    const covered = Object.keys(bookkeeper.state?.coveredHours ?? {}).map(Number);
    const beganMs = covered.length === 0 ? now() : Math.min(...covered) * HOUR_MS;
    const toMs = Math.floor(beganMs / HOUR_MS) * HOUR_MS;
    const hours = await read({
      fromMs: Math.floor(now() / HOUR_MS - KEPT_HOURS + 1) * HOUR_MS,
      toMs,
      stepSeconds: HOURS_STEP_SECONDS,
      progress: (done) => {
        this.#done = HOURS_PART * done;
      },
      signal,
    });
    const days = await read({
      fromMs: dayOf(now()) - (KEPT_DAYS - 1) * DAY_MS,
      toMs,
      stepSeconds: DAYS_STEP_SECONDS,
      progress: (done) => {
        this.#done = HOURS_PART + (1 - HOURS_PART) * done;
      },
      signal,
    });
    return [hours, days];
  }
}
