/**
 * Which limits each tenant had over the last day. Snapshots are compared when one replaces another, by their objects: what
 * differs is found out for whoever asks. A tenant whose limits stay costs nothing.
 */
import { diffLimits, type LimitChange, tenantsThatDiffer } from '../limits/diff.js';
import { entryLimits } from '../limits/effective.js';
import type { Snapshot, TenantLimits } from '../limits/limits.js';

export interface DatedChange extends LimitChange {
  readonly atMs: number;
}

interface Replaced {
  readonly atMs: number;
  readonly before: TenantLimits;
  readonly after: TenantLimits;
}

const DAY_MS = 24 * 3600 * 1000;
/** Of one tenant, and of all: those that changed first go first. */
const MOST_OF_ONE = 100;
const MOST = 50_000;

export class LimitHistory {
  /** The oldest first. Tenants in the order of their last change. */
  readonly #byTenant = new Map<string, Replaced[]>();
  #size = 0;

  note(before: Snapshot, after: Snapshot, atMs: number): void {
    for (const id of tenantsThatDiffer(before, after)) {
      this.#add(id, {
        atMs,
        before: entryLimits(before, id),
        after: entryLimits(after, id),
      });
    }
    this.#drop(atMs - DAY_MS);
  }

  /** Since then, the oldest first. */
  changes(id: string, sinceMs: number): DatedChange[] {
    return (this.#byTenant.get(id) ?? [])
      .filter(({ atMs }) => atMs >= sinceMs)
      .flatMap(({ atMs, before, after }) => diffLimits(before, after).map((change) => ({ ...change, atMs })));
  }

  #add(id: string, replaced: Replaced): void {
    const known = this.#byTenant.get(id) ?? [];
    this.#byTenant.delete(id);
    this.#byTenant.set(id, known);
    known.push(replaced);
    if (known.length > MOST_OF_ONE) known.shift();
    else this.#size++;
  }

  #drop(beforeMs: number): void {
    for (const [id, changes] of this.#byTenant) {
      const last = changes.at(-1)?.atMs ?? 0;
      if (last >= beforeMs && this.#size <= MOST) return;
      this.#byTenant.delete(id);
      this.#size -= changes.length;
    }
  }
}
