/**
 * What this replica alone has counted since it started: a second book, of the frames of its own data planes, beside the fleet's.
 * It is in memory, and smaller: hours of the last day, windows kept less closely, fewer bytes. Reads ask it for what came through
 * this replica; nothing else is made of it.
 */
import { setImmediate } from 'node:timers/promises';
import { COMPACT } from './arrival-curve.js';
import { Book } from './book.js';
import { hasRoom } from './filed-records.js';
import { STEP_MS } from './frame.js';
import { unpackFrame } from './frame-codec.js';
import type { TenantNames } from './places.js';
import { packRecords, unpackRecords } from './record-codec.js';
import { dayFromHours, dayOf, HOUR_MS, withLate, withRecord, withSilence } from './records.js';
import type { UsageHistory, UsageRecord } from './usage-record.js';

export interface ReplicaUsageOptions {
  readonly tenantsMax: number;
  readonly names: () => TenantNames;
  /** Of hours that are over. */
  readonly maxBytes: number;
  /** Date.now(). */
  readonly now: () => number;
  /** What failed is left out, and the rest goes on. */
  readonly failed: (error: unknown) => void;
}

export interface ReplicaUsageStatus {
  /** It has counted since then. */
  readonly sinceMs: number;
  /** When the last step ended that is in it; undefined: none is. */
  readonly untilMs: number | undefined;
  /** Tenants that sent in the hour under way. */
  readonly tenants: number;
  /** Of the last step, that are counted together for want of a place. */
  readonly tenantsOver: number;
  readonly bytes: number;
  /** Hours of tenants that are not kept for want of room, since it started. */
  readonly withoutRoom: number;
}

/** With the one under way. */
export const KEPT_REPLICA_HOURS = 24;
const CLOSE_MS = 1000;
/** As the bookkeeper waits for data planes (bookkeeper.ts), though none is farther than a worker. */
const LEAST_WAIT_MS = 2000;
const MOST_WAIT_MS = 5000;
const ALIVE_MS = 60_000;
const TENANTS_A_TURN = 100;

interface Hours {
  /** Packed. */
  readonly bytes: Buffer;
  readonly lastMs: number;
}

export class ReplicaUsage {
  readonly #options: ReplicaUsageOptions;
  readonly #book: Book;
  readonly #sinceMs: number;
  /** By tenant: hours that are over. */
  readonly #hours = new Map<string, Hours>();
  #bytes = 0;
  #withoutRoom = 0;
  /** One after the other. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReplicaUsageOptions) {
    this.#options = options;
    this.#book = new Book({ ...options, curves: COMPACT });
    this.#sinceMs = options.now();
  }

  start(): void {
    this.#timer = setInterval(() => void this.close(), CLOSE_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#work;
  }

  /** A frame of a data plane of this machine. */
  heard(frame: Buffer): void {
    void this.#after(() => this.#take(frame));
  }

  /** Steps that no data plane is waited for any more. Resolves when they are in the sums. */
  close(): Promise<void> {
    return this.#after(() => this.#close());
  }

  status(): ReplicaUsageStatus {
    const { step, tenantsOver } = this.#book.state;
    return {
      sinceMs: this.#sinceMs,
      untilMs: step === 0 ? undefined : (step + 1) * STEP_MS,
      tenants: this.#book.tenants,
      tenantsOver,
      bytes: this.#bytes,
      withoutRoom: this.#withoutRoom,
    };
  }

  /** Days are made of the hours that are kept: the first of them may be a part of one. */
  async history(tenant: string): Promise<UsageHistory> {
    await this.#work;
    const filed = unpackRecords(this.#hours.get(tenant)?.bytes);
    const open = this.#book.record(tenant);
    const known = open === undefined ? filed : withRecord(filed, open, 0);
    const keptSinceMs = this.#keptSinceMs();
    const hours = withSilence(known, this.#book.state.coveredHours, HOUR_MS).filter(
      ({ startMs }) => startMs >= keptSinceMs,
    );
    const days = [...new Set(hours.map(({ startMs }) => dayOf(startMs)))];
    return { tenant, hours, days: days.map((day) => dayFromHours(day, hours)) };
  }

  #after(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch(this.#options.failed);
    return this.#work;
  }

  async #take(frame: Buffer): Promise<void> {
    this.#book.take(await unpackFrame(frame), this.#options.now());
  }

  async #close(): Promise<void> {
    const nowMs = this.#options.now();
    const until = this.#closable(nowMs);
    const isDue = (this.#book.oldestPending ?? Number.POSITIVE_INFINITY) <= until;
    if (!isDue && !this.#book.hasLate) return;
    await this.#book.close(Math.max(until, this.#book.state.step), nowMs);
    for (const { tenant, record } of this.#book.takeAmendments()) {
      this.#put(tenant, record.startMs, (hours) => {
        const before = hours.find(({ startMs }) => startMs === record.startMs);
        return before === undefined ? record : withLate(before, record);
      });
    }
    await this.#file();
  }

  /** An hour that is over, some tenants at a time. */
  async #file(): Promise<void> {
    if (this.#book.finished(1).length === 0) return;
    for (let batch = this.#book.finished(TENANTS_A_TURN); batch.length > 0; ) {
      for (const { tenant, record } of batch) this.#put(tenant, record.startMs, () => record);
      this.#book.filed(batch.length);
      await setImmediate();
      batch = this.#book.finished(TENANTS_A_TURN);
    }
    const keptSinceMs = this.#keptSinceMs();
    for (const [tenant, { bytes, lastMs }] of this.#hours) {
      if (lastMs >= keptSinceMs) continue;
      this.#hours.delete(tenant);
      this.#bytes -= bytes.length;
    }
  }

  #put(tenant: string, startMs: number, recordOf: (hours: readonly UsageRecord[]) => UsageRecord): void {
    const before = this.#hours.get(tenant);
    if (before === undefined && !hasRoom(this.#options, this.#bytes, tenant)) {
      this.#withoutRoom++;
      return;
    }
    const hours = unpackRecords(before?.bytes);
    const bytes = packRecords(withRecord(hours, recordOf(hours), this.#keptSinceMs()));
    this.#bytes += bytes.length - (before?.bytes.length ?? 0);
    this.#hours.set(tenant, { bytes, lastMs: Math.max(startMs, before?.lastMs ?? 0) });
  }

  #keptSinceMs(): number {
    return (Math.floor(this.#options.now() / HOUR_MS) - KEPT_REPLICA_HOURS + 1) * HOUR_MS;
  }

  #closable(nowMs: number): number {
    const ended = Math.floor((nowMs - LEAST_WAIT_MS) / STEP_MS) - 1;
    if (this.#book.awaited(ended, nowMs - ALIVE_MS).length === 0) return ended;
    return Math.floor((nowMs - MOST_WAIT_MS) / STEP_MS) - 1;
  }
}
