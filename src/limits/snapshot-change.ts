/**
 * What became of a snapshot, in plain values that can be sent to another process: the tenants whose limits are others,
 * and those that no document names any more. Whoever follows keeps the objects of all others, so that nothing is looked
 * at again that did not change.
 */
import type { Snapshot, TenantLimits } from './limits.js';

export interface SnapshotChange {
  /** Of the whole, once the change is made. */
  readonly hash: string;
  readonly documents: string;
  /** Each once, however many tenants have them. */
  readonly sets: readonly TenantLimits[];
  readonly tenants: readonly string[];
  /** For each of the tenants: which of the sets it has. */
  readonly setOf: Uint32Array;
  readonly removed: readonly string[];
}

/** Without `from`: the whole. Limits that have the same values are no change. */
export function snapshotChange(from: Snapshot | undefined, to: Snapshot): SnapshotChange {
  const indexes = new Map<TenantLimits, number>();
  const tenants: string[] = [];
  const setOf: number[] = [];
  for (const [id, limits] of to.tenants) {
    if (isSame(from?.tenants.get(id), limits)) continue;
    const index = indexes.get(limits) ?? indexes.size;
    indexes.set(limits, index);
    tenants.push(id);
    setOf.push(index);
  }
  const removed = from === undefined ? [] : [...from.tenants.keys()].filter((id) => !to.tenants.has(id));
  const { hash, documents } = to;
  return { hash, documents, sets: [...indexes.keys()], tenants, setOf: Uint32Array.from(setOf), removed };
}

/**
 * Follows a snapshot of another process. To copy fifty thousand tenants for a change of one would take longer than many
 * pushes: a snapshot that is followed by another one is not to be read any more.
 */
export class SnapshotFollower {
  readonly #defaults: TenantLimits;
  readonly #tenants = new Map<string, TenantLimits>();

  constructor(defaults: TenantLimits) {
    this.#defaults = defaults;
  }

  follow({ hash, documents, sets, tenants, setOf, removed }: SnapshotChange): Snapshot {
    const own = sets.map(frozen);
    for (const [index, id] of tenants.entries()) {
      this.#tenants.set(id, own[setOf[index] ?? 0] ?? this.#defaults);
    }
    for (const id of removed) this.#tenants.delete(id);
    return Object.freeze({ defaults: this.#defaults, tenants: this.#tenants, hash, documents });
  }
}

function isSame(before: TenantLimits | undefined, now: TenantLimits): boolean {
  if (before === undefined || before === now) return before === now;
  return haveSameValues(before, now, ['edge']) && haveSameValues(before.edge, now.edge, []);
}

function haveSameValues<T extends object>(one: T, other: T, but: readonly (keyof T)[]): boolean {
  const names = Object.keys(one) as (keyof T)[];
  return names.every((name) => but.includes(name) || one[name] === other[name]);
}

/** What crosses to another process arrives as other objects, which anybody could edit. */
function frozen(limits: TenantLimits): TenantLimits {
  return Object.freeze({ ...limits, edge: Object.freeze({ ...limits.edge }) });
}
