/**
 * The last refusals of several data planes as one list, ordered by time, with one entry for all refusals of a tenant for
 * the same reason within a second.
 */
import {
  firstMatching,
  ONE_ENTRY_MS,
  type RecentRefusal,
  type RefusalFilter,
  type RefusalList,
} from '../doors/recent-refusals.js';

export class MergedRefusals implements RefusalList {
  readonly #most: number;
  /** Oldest first. */
  readonly #entries: RecentRefusal[] = [];
  /** The same entries by tenant, reason and mode. */
  readonly #alike = new Map<string, RecentRefusal[]>();
  #version = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get version(): number {
    return this.#version;
  }

  newest(limit: number, filter: RefusalFilter = {}): RecentRefusal[] {
    return firstMatching(backwards(this.#entries), limit, filter);
  }

  add(refusals: readonly RecentRefusal[]): void {
    if (refusals.length > 0) this.#version++;
    for (const refusal of refusals) this.#add(refusal);
    for (const oldest of this.#entries.splice(0, this.#entries.length - this.#most)) this.#drop(oldest);
  }

  #add(refusal: RecentRefusal): void {
    const key = keyOf(refusal);
    const alike = this.#alike.get(key) ?? [];
    const same = alike.findLast(({ atMs }) => Math.abs(refusal.atMs - atMs) < ONE_ENTRY_MS);
    if (same !== undefined) {
      same.count += refusal.count;
      return;
    }
    const entry = { ...refusal };
    insert(this.#entries, entry);
    insert(alike, entry);
    this.#alike.set(key, alike);
  }

  #drop(oldest: RecentRefusal): void {
    const key = keyOf(oldest);
    const alike = this.#alike.get(key);
    alike?.shift();
    if (alike?.length === 0) this.#alike.delete(key);
  }
}

function keyOf({ tenant, reason, shadow }: RecentRefusal): string {
  return `${tenant ?? ''} ${reason} ${shadow}`;
}

/** Entries of a data plane that is late belong further back. */
function insert(entries: RecentRefusal[], entry: RecentRefusal): void {
  let at = entries.length;
  while (at > 0 && (entries[at - 1]?.atMs ?? 0) > entry.atMs) at--;
  entries.splice(at, 0, entry);
}

function* backwards(entries: readonly RecentRefusal[]): Generator<RecentRefusal> {
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i];
    if (entry !== undefined) yield entry;
  }
}
