/**
 * Reads the tallies of one data plane once a second, and makes an entry of a frame of each tenant that sent since the last
 * one. Pushes know nothing of it. Nothing that was counted is left out: of a tenant that left memory what it had counted
 * by then, and of those that came and left between two readings the sum, under OTHER_TENANTS.
 */
import { setImmediate } from 'node:timers/promises';
import { REASON_NAMES } from '../enforce/reasons.js';
import { TALLY_NUMBERS, Tally } from '../enforce/tally.js';
import { OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { TenantLimits } from '../limits/limits.js';
import { KINDS, STEP_COUNTS, STEP_SECONDS } from './arrival-curve.js';
import { addDiscards, addEntry, DISCARD_FIELDS, emptyEntry, type FrameEntry, zeros } from './frame.js';

export interface ReadTenant {
  readonly id: string;
  readonly limits: TenantLimits;
  readonly tally: Tally;
  readonly series:
    | {
        readonly active: number;
        readonly fleet: number | undefined;
        topMetrics?(by: 'active'): readonly { readonly series: number }[];
      }
    | undefined;
}

export interface TallySource {
  tenants(): Iterable<ReadTenant>;
  unattributed(): ReadTenant;
  /** Of tenants that have left memory. */
  departed(): Tally;
}

const TENANTS_A_TURN = 500;

/** A tenant, and what was read of it. */
class Read {
  readonly tally: Tally;
  readonly tenant: ReadTenant;
  /** As of the last frame. */
  readonly before = new Tally();
  /** As of the last second. */
  requests = 0;
  plainItems = 0;
  exemplars = 0;
  bytes = 0;
  /** Counted since the last frame. */
  itemsAdded = 0;
  seconds: number[] | undefined;
  /** The reading that found it in memory last. */
  seen = 0;

  constructor(tenant: ReadTenant) {
    this.tenant = tenant;
    this.tally = tenant.tally;
  }
}

export class TallyReader {
  readonly #source: TallySource;
  readonly #read = new Map<string, Read>();
  #readings = 0;
  /** What those that left had counted since the last frame, by tenant. */
  readonly #left = new Map<string, FrameEntry>();
  /** Counted by tenants that no reading saw: what has departed, but for those that were read. */
  readonly #unseen = new Tally();
  #departed = new Tally();
  readonly #others: Read;

  constructor(source: TallySource) {
    this.#source = source;
    const { limits } = source.unattributed();
    this.#others = new Read({ id: OTHER_TENANTS, limits, tally: this.#unseen, series: undefined });
  }

  /** Tenants that are looked at each second. */
  get size(): number {
    return this.#read.size;
  }

  /** What came since the last reading is counted to this second. */
  read(second: number): void {
    this.#readings++;
    const slot = (second % STEP_SECONDS) * KINDS;
    let seen = 1;
    for (const tenant of this.#source.tenants()) {
      seen++;
      this.#look(tenant, slot);
    }
    this.#look(this.#source.unattributed(), slot);
    if (seen < this.#read.size) this.#dropUnseen(slot);
    this.#lookAtOthers(slot);
  }

  /** Of all that sent since the last frame. Lets pushes pass in between: ten thousand tenants take some ten milliseconds. */
  async entries(): Promise<FrameEntry[]> {
    const entries: FrameEntry[] = [];
    let looked = 0;
    for (const read of [...this.#read.values()]) {
      this.#flush(read, entries);
      if (++looked % TENANTS_A_TURN === 0) await setImmediate();
    }
    return [...entries, ...this.#rest()];
  }

  /** The same at once, for a process that ends. */
  entriesNow(): FrameEntry[] {
    const entries: FrameEntry[] = [];
    for (const read of this.#read.values()) this.#flush(read, entries);
    return [...entries, ...this.#rest()];
  }

  /** Of those that are in memory no more. A frame may have two entries of one tenant. */
  #rest(): FrameEntry[] {
    const entries = [...this.#left.values()];
    this.#left.clear();
    this.#flush(this.#others, entries);
    return entries;
  }

  #look(tenant: ReadTenant, slot: number): void {
    let read = this.#read.get(tenant.id);
    if (read?.tally !== tenant.tally) {
      if (read !== undefined) this.#leave(read, slot);
      read = new Read(tenant);
      this.#read.set(tenant.id, read);
    }
    read.seen = this.#readings;
    count(read, slot);
  }

  #dropUnseen(slot: number): void {
    for (const [id, read] of this.#read) {
      if (read.seen === this.#readings) continue;
      this.#read.delete(id);
      this.#leave(read, slot);
    }
  }

  /** Its tally stays what it was when it left. */
  #leave(read: Read, slot: number): void {
    count(read, slot);
    const entries: FrameEntry[] = [];
    this.#flush(read, entries);
    this.#unseen.absorb(read.tally, -1);
    for (const entry of entries) {
      const before = this.#left.get(entry.id);
      if (before === undefined) this.#left.set(entry.id, entry);
      else addEntry(before, entry);
    }
  }

  #lookAtOthers(slot: number): void {
    const departed = this.#source.departed();
    if (departed.requests === this.#departed.requests) return;
    this.#unseen.absorb(departed);
    this.#unseen.absorb(this.#departed, -1);
    this.#departed = new Tally();
    this.#departed.absorb(departed);
    count(this.#others, slot);
  }

  #flush(read: Read, to: FrameEntry[]): void {
    const { tenant, tally, before } = read;
    const active = tenant.series?.active ?? Number.NaN;
    const isSame =
      read.seconds === undefined &&
      TALLY_NUMBERS.every((name) => tally[name] === before[name]) &&
      sameDiscards(tally.refused, before.refused) &&
      sameDiscards(tally.shadowed, before.shadowed);
    // Series that only get fewer are no reason to be in a frame: a silent tenant has no entry.
    if (isSame) return;
    const entry: FrameEntry = {
      ...emptyEntry(tenant.id, false),
      seconds: read.seconds ?? zeros(STEP_COUNTS),
      peaks: tally.takePeaks(),
    };
    TALLY_NUMBERS.forEach((name, i) => {
      const added = Math.max(0, tally[name] - before[name]);
      entry.added[i] = added;
      before[name] += added;
    });
    entry.items = read.itemsAdded;
    for (const kind of ['refused', 'shadowed'] as const) flushDiscards(entry, kind, tally, before);
    entry.active = active;
    entry.fleet = tenant.series?.fleet ?? Number.NaN;
    entry.perMetric = tenant.series?.topMetrics?.('active')[0]?.series ?? Number.NaN;
    read.itemsAdded = 0;
    read.seconds = undefined;
    to.push(entry);
  }
}

function count(read: Read, slot: number): void {
  const { tally, tenant } = read;
  const { requests, bodyBytes, exemplars } = tally;
  const plainItems = tally.samples + tally.histograms + tally.metadata;
  if (
    requests === read.requests &&
    plainItems === read.plainItems &&
    bodyBytes === read.bytes &&
    exemplars === read.exemplars
  )
    return;
  read.seconds ??= zeros(STEP_COUNTS);
  const { seconds } = read;
  // As the limits are now: what came before they changed was counted by those.
  const mayHaveExemplars = tenant.limits.max_global_exemplars_per_user > 0;
  const items = plainItems - read.plainItems + (mayHaveExemplars ? exemplars - read.exemplars : 0);
  seconds[slot] = (seconds[slot] ?? 0) + items;
  seconds[slot + 1] = (seconds[slot + 1] ?? 0) + requests - read.requests;
  seconds[slot + 2] = (seconds[slot + 2] ?? 0) + bodyBytes - read.bytes;
  read.itemsAdded += items;
  read.requests = requests;
  read.plainItems = plainItems;
  read.exemplars = exemplars;
  read.bytes = bodyBytes;
}

function sameDiscards(now: Float64Array | undefined, before: Float64Array | undefined): boolean {
  if (now === undefined) return true;
  for (let i = 0; i < now.length; i++) if (now[i] !== (before?.[i] ?? 0)) return false;
  return true;
}

function flushDiscards(
  entry: FrameEntry,
  kind: 'refused' | 'shadowed',
  { [kind]: now }: Tally,
  before: Tally,
): void {
  if (now === undefined || sameDiscards(now, before[kind])) return;
  const known = before[kind];
  const added = now.map((value, i) => Math.max(0, value - (known?.[i] ?? 0)));
  REASON_NAMES.forEach((reason, row) => {
    const counts = added.subarray(row * DISCARD_FIELDS, (row + 1) * DISCARD_FIELDS);
    if (counts.some((value) => value > 0)) addDiscards(entry, kind, reason, counts);
  });
  before.absorbDiscarded(kind, added);
}
