/**
 * Reports of a data plane to the control plane in another process: everything that changed since the last one. Pushes are
 * not involved; on request, tallies are compared with what was reported of them.
 */
import type { TenantState } from '../admin/edge.js';
import { ONE_ENTRY_MS, type RecentRefusal, type RecentRefusals } from '../doors/recent-refusals.js';
import { TALLY_NUMBERS, Tally } from '../enforce/tally.js';
import { OTHER_TENANTS } from '../enforce/tenant-metrics.js';
import type { DataPlanes, DiscardedChange, Report, TenantChanges } from './planes.js';

interface ReportSource extends Pick<DataPlanes, 'tenants' | 'departed' | 'unattributed' | 'status'> {
  readonly refusals: RecentRefusals;
}

/** A tenant, and what was reported of it. */
interface Told {
  readonly tally: Tally;
  readonly before: Tally;
  active: number;
  fleet: number;
  /** The last report that found it in memory; 0: none. */
  seen: number;
}

const KINDS = ['refused', 'shadowed'] as const;

export class Reporter {
  readonly #source: ReportSource;
  readonly #now: () => number;
  readonly #told = new Map<string, Told>();
  /**
   * Counts of tenants that came and left between two reports: all departed counts, minus those of tenants that were
   * reported.
   */
  readonly #others = new Tally();
  #departed = new Tally();
  #reports = 0;
  #refusalsTold = 0;
  /** Entries that may still grow, and the count that was last reported for each. */
  #open = new Map<RecentRefusal, number>();

  /** `now` is Date.now(), as for refusals. */
  constructor(source: ReportSource, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  report(): Report {
    const startMs = performance.now();
    const told = { tenants: this.#tenants(), refusals: this.#refusals(), status: this.#source.status() };
    return { ...told, tookMs: performance.now() - startMs };
  }

  #tenants(): TenantChanges {
    this.#reports++;
    const changes = new Changes();
    for (const tenant of this.#source.tenants()) this.#look(tenant, changes);
    this.#look(this.#source.unattributed(), changes);
    for (const [id, told] of this.#told) {
      if (told.seen === this.#reports || id === OTHER_TENANTS) continue;
      // It counted more after the last report, and then left.
      changes.note(id, told, undefined);
      changes.left.push(id);
      this.#told.delete(id);
      this.#others.absorb(told.tally, -1);
    }
    this.#others.absorb(this.#source.departed());
    this.#others.absorb(this.#departed, -1);
    this.#departed = copyOf(this.#source.departed());
    if (this.#others.requests > 0)
      this.#look({ id: OTHER_TENANTS, tally: this.#others, series: undefined }, changes);
    return changes.plain();
  }

  #look({ id, tally, series }: Pick<TenantState, 'id' | 'tally' | 'series'>, changes: Changes): void {
    let told = this.#told.get(id);
    if (told?.tally !== tally) {
      // It left memory and came back with a new tally.
      if (told !== undefined) {
        changes.note(id, told, undefined);
        this.#others.absorb(told.tally, -1);
      }
      told = { tally, before: new Tally(), active: Number.NaN, fleet: Number.NaN, seen: 0 };
      this.#told.set(id, told);
    }
    changes.note(id, told, series);
    told.seen = this.#reports;
  }

  #refusals(): RecentRefusal[] {
    const { refusals } = this.#source;
    const changed: RecentRefusal[] = [];
    for (const [entry, count] of this.#open) {
      if (entry.count > count) changed.push({ ...entry, count: entry.count - count });
    }
    const added = refusals.after(this.#refusalsTold);
    this.#refusalsTold = refusals.recorded;
    const closedMs = this.#now() - ONE_ENTRY_MS;
    const open = [...this.#open.keys(), ...added].filter(({ atMs }) => atMs > closedMs);
    this.#open = new Map(open.map((entry) => [entry, entry.count]));
    return [...changed, ...added.map((entry) => ({ ...entry }))];
  }
}

function copyOf(tally: Tally): Tally {
  const copy = new Tally();
  copy.absorb(tally);
  return copy;
}

class Changes {
  readonly left: string[] = [];
  readonly #ids: string[] = [];
  readonly #added: number[] = [];
  readonly #discarded: DiscardedChange[] = [];
  readonly #active: number[] = [];
  readonly #fleet: number[] = [];

  /** Adds nothing if it is known and nothing changed. */
  note(id: string, told: Told, series: TenantState['series']): void {
    const active = series?.active ?? Number.NaN;
    const fleet = series?.fleet ?? Number.NaN;
    const { tally, before } = told;
    const isSame =
      told.seen > 0 &&
      Object.is(active, told.active) &&
      Object.is(fleet, told.fleet) &&
      TALLY_NUMBERS.every((name) => tally[name] === before[name]) &&
      KINDS.every((kind) => tally[kind]?.every((count, i) => count === (before[kind]?.[i] ?? 0)) ?? true);
    if (isSame) return;
    told.active = active;
    told.fleet = fleet;
    for (const kind of KINDS) this.#noteDiscarded(kind, tally, before);
    this.#ids.push(id);
    this.#active.push(active);
    this.#fleet.push(fleet);
    for (const name of TALLY_NUMBERS) {
      const added = Math.max(0, tally[name] - before[name]);
      this.#added.push(added);
      before[name] += added;
    }
  }

  plain(): TenantChanges {
    return {
      ids: this.#ids,
      added: Float64Array.from(this.#added),
      discarded: this.#discarded,
      active: Float64Array.from(this.#active),
      fleet: Float64Array.from(this.#fleet),
      left: this.left,
    };
  }

  #noteDiscarded(kind: DiscardedChange['kind'], tally: Tally, before: Tally): void {
    const added = tally[kind]?.map((count, i) => Math.max(0, count - (before[kind]?.[i] ?? 0)));
    if (added === undefined || added.every((count) => count === 0)) return;
    this.#discarded.push({ tenant: this.#ids.length, kind, added });
    before.absorbDiscarded(kind, added);
  }
}
