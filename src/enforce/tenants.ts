/**
 * The tenants held in memory. Those that a document names stay unless there are more than `maxTenants` of them; all others
 * share the remaining room and evict only one another. The counts of evicted tenants are added to `departed`, so that
 * totals never fall.
 *
 * The LRU order has a resolution of a second: moving a tenant to the end of a Map costs more than judging its push.
 */
import { firstToLeave } from '../base/eviction.js';
import { Tally } from './tally.js';
import type { Tenant } from './tenant.js';

export interface Room {
  /** How many tenants are held at most. */
  readonly maxTenants: number;
  /** How many of them may be tenants that no document names. */
  readonly maxUnknownTenants: number;
}

export class Tenants {
  readonly departed = new Tally();
  evictions = 0;
  readonly #room: Room;
  /** In LRU order: a Map keeps insertion order, and use inserts again. */
  readonly #byId = new Map<string, Tenant>();
  /** Those that no document names, in the same order. */
  readonly #unknown = new Set<Tenant>();

  constructor(room: Room) {
    this.#room = room;
  }

  get size(): number {
    return this.#byId.size;
  }

  use(id: string, nowMs: number): Tenant | undefined {
    const tenant = this.#byId.get(id);
    if (tenant === undefined) return undefined;
    if (nowMs - tenant.lastMovedMs >= 1000) {
      tenant.lastMovedMs = nowMs;
      this.#byId.delete(id);
      this.#byId.set(id, tenant);
      if (this.#unknown.delete(tenant)) this.#unknown.add(tenant);
    }
    return tenant;
  }

  /** Makes room for a tenant that a document names, which always succeeds. */
  makeRoom(nowMs: number): void {
    if (this.#byId.size < this.#room.maxTenants) return;
    const leaves = this.#unknownToEvict(nowMs) ?? this.#byId.values().next().value;
    if (leaves !== undefined) this.#evict(leaves, nowMs);
  }

  /**
   * Makes room for a tenant that no document names. Evicts the least recently used one with full buckets, else the least
   * recently used one if its buckets will be `remembered`. False: there is no room.
   */
  makeRoomForUnknown(remembered: () => boolean, nowMs: number): boolean {
    const { maxTenants, maxUnknownTenants } = this.#room;
    if (this.#byId.size < maxTenants && this.#unknown.size < maxUnknownTenants) return true;
    const leaves = this.#unknownToEvict(nowMs);
    if (leaves === undefined || !(leaves.owesNothing(nowMs) || remembered())) return false;
    this.#evict(leaves, nowMs);
    return true;
  }

  add(tenant: Tenant, isKnown: boolean): void {
    this.#byId.set(tenant.id, tenant);
    this.regard(tenant, isKnown);
  }

  /** A document names it now, or no longer does. */
  regard(tenant: Tenant, isKnown: boolean): void {
    if (isKnown) this.#unknown.delete(tenant);
    else this.#unknown.add(tenant);
  }

  /** Does not count as a use. */
  get(id: string): Tenant | undefined {
    return this.#byId.get(id);
  }

  values(): IterableIterator<Tenant> {
    return this.#byId.values();
  }

  remove(tenant: Tenant, nowMs: number): void {
    this.#byId.delete(tenant.id);
    this.#unknown.delete(tenant);
    this.departed.absorb(tenant.tally);
    tenant.release(nowMs);
  }

  /** The least recently used tenant whose buckets are full, or else the least recently used one. */
  #unknownToEvict(nowMs: number): Tenant | undefined {
    return firstToLeave(this.#unknown, (tenant) => tenant.owesNothing(nowMs));
  }

  #evict(tenant: Tenant, nowMs: number): void {
    this.remove(tenant, nowMs);
    this.evictions++;
  }
}
