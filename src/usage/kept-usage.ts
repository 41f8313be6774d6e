/** What is kept of a tenant, read from where the book is: hours and days that are filed, and those under way. */
import { messageOf } from '../base/message-of.js';
import { NO_TENANT, OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { UsageStore } from '../shared/usage-store.js';
import { readPage } from './book-page.js';
import { type BookState, emptyState } from './book-state.js';
import { STEP_MS } from './frame.js';
import { unpackRecords } from './record-codec.js';
import { DAY_MS, dayFromHours, dayOf, HOUR_MS, withRecord, withSilence } from './records.js';
import type { UsageHistory, UsageRecord } from './usage-record.js';

/** Pages of a large fleet are a megabyte: whoever asks again within this time sees the same. */
const FRESH_MS = 2000;

interface Look {
  readonly atMs: number;
  readonly state: BookState;
  /** By tenant: hours that are not filed. */
  readonly open: ReadonlyMap<string, readonly UsageRecord[]>;
}

export interface BookAge {
  /** When the last step that is in it ended; undefined: nothing is in it yet. */
  readonly untilMs: number | undefined;
  /** Why it can not be read now; undefined: it can. */
  readonly error: string | undefined;
}

export class KeptUsage {
  readonly #store: UsageStore;
  readonly #now: () => number;
  #last: Look | undefined;
  #looking: Promise<Look> | undefined;
  #error: string | undefined;

  constructor(store: UsageStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** All but the tenants, as of some seconds ago. Rejects when it can not be read. */
  async state(): Promise<BookState> {
    return (await this.#look()).state;
  }

  age(): BookAge {
    const step = this.#last?.state.step ?? 0;
    return { untilMs: step === 0 ? undefined : (step + 1) * STEP_MS, error: this.#error };
  }

  /** Tenants that something is known of; what stands for several of them is none. */
  async tenants(): Promise<string[]> {
    const { open } = await this.#look();
    const filed = await this.#store.tenants('days');
    const known = new Set([...open.keys(), ...filed]);
    for (const id of [OTHER_TENANTS, NO_TENANT]) known.delete(id);
    return [...known].sort();
  }

  /** Hours and days in which it sent nothing, though it was watched, are there, too, from its first one on. */
  async history(tenant: string): Promise<UsageHistory> {
    const { open, state } = await this.#look();
    const [[hourBytes], [dayBytes]] = await Promise.all([
      this.#store.records('hours', [tenant]),
      this.#store.records('days', [tenant]),
    ]);
    let hours = unpackRecords(hourBytes);
    let days = unpackRecords(dayBytes);
    for (const record of open.get(tenant) ?? []) {
      hours = withRecord(hours, record, 0);
      days = withRecord(days, dayFromHours(dayOf(record.startMs), hours), 0);
    }
    return {
      tenant,
      hours: withSilence(hours, state.coveredHours, HOUR_MS),
      days: withSilence(days, state.coveredDays, DAY_MS),
    };
  }

  async #look(): Promise<Look> {
    if (this.#last !== undefined && this.#now() - this.#last.atMs < FRESH_MS) return this.#last;
    this.#looking ??= this.#read().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #read(): Promise<Look> {
    try {
      const [text, pages] = await Promise.all([this.#store.state(), this.#store.pages()]);
      const state = text === undefined ? emptyState() : (JSON.parse(text) as { book: BookState }).book;
      const open = new Map<string, UsageRecord[]>();
      for (const page of pages.values()) {
        for (const { tenant, record } of readPage(page).records) {
          const others = open.get(tenant);
          if (others === undefined) open.set(tenant, [record]);
          else others.push(record);
        }
      }
      this.#last = { atMs: this.#now(), state, open };
      this.#error = undefined;
      return this.#last;
    } catch (error) {
      this.#error = messageOf(error);
      throw error;
    }
  }
}
