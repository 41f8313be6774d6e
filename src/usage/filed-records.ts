/**
 * Hours and days of tenants as they are kept in a store: what is to be written where something is added to them, within a bound
 * on the bytes of all. It reads, and leaves writing to who keeps the book.
 */
import type { RecordKind, UsageCommit, UsageStore } from '../shared/usage-store.js';
import type { TenantRecord } from './book-page.js';
import type { BookState } from './book-state.js';
import { Damaged } from './bytes.js';
import { NO_NAMES, type TenantNames } from './places.js';
import { packRecords, unpackRecords } from './record-codec.js';
import {
  DAY_MS,
  dayFromHours,
  dayOf,
  HOUR_MS,
  KEPT_DAYS,
  KEPT_HOURS,
  withLate,
  withRecord,
} from './records.js';
import type { UsageHistory, UsageRecord } from './usage-record.js';

export interface FiledRecordsOptions {
  readonly store: UsageStore;
  readonly maxBytes: number;
  /** Undefined: documents name nobody. */
  readonly names?: () => TenantNames;
  readonly now: () => number;
  /** What can not be read begins anew. */
  readonly damaged: (error: Damaged) => void;
}

/** Of the bytes of records, for tenants that no document names where others are named. */
const PART_FOR_UNNAMED = 3 / 4;

type Counted = Pick<BookState, 'bytes' | 'withoutRoom'>;

/** For records of a tenant that has none yet, where all have so many bytes. Some of it is kept for those that documents name. */
export function hasRoom(
  { maxBytes, names = () => NO_NAMES }: Pick<FiledRecordsOptions, 'maxBytes' | 'names'>,
  bytes: number,
  tenant: string,
): boolean {
  const named = names();
  const isFor = named.size === 0 || named.has(tenant) ? maxBytes : maxBytes * PART_FOR_UNNAMED;
  return bytes < isFor;
}

export class FiledRecords {
  readonly #options: FiledRecordsOptions;

  constructor(options: FiledRecordsOptions) {
    this.#options = options;
  }

  /** Of an hour that is over. */
  filed(state: Counted, batch: readonly TenantRecord[]): Promise<UsageCommit['records']> {
    return this.#with(state, batch, (hours, record) =>
      withRecord(hours, record, this.keptSince(HOUR_MS, KEPT_HOURS)),
    );
  }

  /** Hours and days of before the book; what there is already stays. */
  async imported(state: Counted, histories: readonly UsageHistory[]): Promise<UsageCommit['records']> {
    const tenants = histories.map(({ tenant }) => tenant);
    const written: { kind: RecordKind; tenant: string; bytes: Buffer | undefined }[] = [];
    for (const [kind, lengthMs, count] of [
      ['hours', HOUR_MS, KEPT_HOURS],
      ['days', DAY_MS, KEPT_DAYS],
    ] as const) {
      const found = await this.#options.store.records(kind, tenants);
      for (const [i, history] of histories.entries()) {
        const before = found[i]?.length ?? 0;
        if (before === 0 && !hasRoom(this.#options, state.bytes, history.tenant)) {
          state.withoutRoom++;
          continue;
        }
        const own = this.readable(found[i]);
        const keptSinceMs = this.keptSince(lengthMs, count);
        const all = history[kind].reduce(
          (records, record) =>
            own.some(({ startMs }) => startMs === record.startMs)
              ? records
              : withRecord(records, record, keptSinceMs),
          own,
        );
        const bytes = packRecords(all);
        state.bytes += bytes.length - before;
        written.push({ kind, tenant: history.tenant, bytes });
      }
    }
    return written;
  }

  /** What came late, into records that were filed. */
  amended(state: Counted, amendments: readonly TenantRecord[]): Promise<UsageCommit['records']> {
    const keptSinceMs = this.keptSince(HOUR_MS, KEPT_HOURS);
    return this.#with(
      state,
      amendments.filter(({ record }) => record.startMs >= keptSinceMs),
      (hours, record) => {
        const before = hours.find(({ startMs }) => startMs === record.startMs);
        return withRecord(hours, before === undefined ? record : withLate(before, record), keptSinceMs);
      },
    );
  }

  /** `put` lays a record over a tenant's hours; its day is made of them anew. */
  async #with(
    state: Counted,
    batch: readonly TenantRecord[],
    put: (hours: readonly UsageRecord[], record: UsageRecord) => UsageRecord[],
  ): Promise<UsageCommit['records']> {
    const tenants = [...new Set(batch.map(({ tenant }) => tenant))];
    const [hours, days] = [
      await this.#options.store.records('hours', tenants),
      await this.#options.store.records('days', tenants),
    ];
    const written: { kind: RecordKind; tenant: string; bytes: Buffer | undefined }[] = [];
    for (const [i, tenant] of tenants.entries()) {
      const before = (hours[i]?.length ?? 0) + (days[i]?.length ?? 0);
      if (before === 0 && !hasRoom(this.#options, state.bytes, tenant)) {
        state.withoutRoom++;
        continue;
      }
      let ofHours = this.readable(hours[i]);
      let ofDays = this.readable(days[i]);
      for (const { tenant: whose, record } of batch) {
        if (whose !== tenant) continue;
        ofHours = put(ofHours, record);
        const day = dayFromHours(dayOf(record.startMs), ofHours);
        ofDays = withRecord(ofDays, day, this.keptSince(DAY_MS, KEPT_DAYS));
      }
      const [hourBytes, dayBytes] = [packRecords(ofHours), packRecords(ofDays)];
      state.bytes += hourBytes.length + dayBytes.length - before;
      written.push({ kind: 'hours', tenant, bytes: hourBytes }, { kind: 'days', tenant, bytes: dayBytes });
    }
    return written;
  }

  /** What began before it goes. */
  keptSince(lengthMs: number, count: number): number {
    return (Math.floor(this.#options.now() / lengthMs) - count + 1) * lengthMs;
  }

  readable(bytes: Buffer | undefined): UsageRecord[] {
    try {
      return unpackRecords(bytes);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      this.#options.damaged(error);
      return [];
    }
  }
}
