/**
 * The difference between two snapshots as plain values that can be sent to another process: the tenants whose limits
 * changed, and those that no document names any more. The receiver keeps all other objects, so that unchanged tenants need
 * no work.
 */
import type { Snapshot, TenantLimits } from './limits.js';

export interface SnapshotChange {
  /** Of the whole snapshot after the change. */
  readonly hash: string;
  readonly documents: string;
  /** Each set once, however many tenants have it. */
  readonly sets: readonly TenantLimits[];
  readonly tenants: readonly string[];
  /** For each tenant, the index of its set. */
  readonly setOf: Uint32Array;
  readonly removed: readonly string[];
}

/** Without `from`: the whole snapshot. Equal values are no change. */
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
 * Applies changes from another process. The map is updated in place, as copying fifty thousand tenants to change one would
 * take longer than many pushes; so a snapshot must not be used after the next one.
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

/** Objects from another process are not frozen. */
function frozen(limits: TenantLimits): TenantLimits {
  return Object.freeze({ ...limits, edge: Object.freeze({ ...limits.edge }) });
}
