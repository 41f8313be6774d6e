/**
 * The tenants held in memory, at most `max`. Those that a document names stay as long as there are no more than that of
 * them; all others share the room that is left, and one more of these only takes the place of another. What a tenant
 * had counted when it left stays in `departed`, so that totals never fall.
 *
 * The order of use is kept to the second: moving a tenant to the end of a Map costs more than judging its push.
 */
import { firstToLeave } from '../base/eviction.js';
import { Tally } from './tally.js';
import type { Tenant } from './tenant.js';

export interface Room {
  /** Tenants held at most. */
  readonly maxTenants: number;
  /** Of them, those that no document names. */
  readonly maxUnknownTenants: number;
}

export class Tenants {
  readonly departed = new Tally();
  evictions = 0;
  readonly #room: Room;
  /** In order of last use: a Map keeps the order of insertion, and a use inserts again. */
  readonly #byId = new Map<string, Tenant>();
  /** Those of them that no document names, in the same order. */
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

  /** Room for a tenant that a document names: there always is. */
  makeRoom(nowMs: number): void {
    if (this.#byId.size < this.#room.maxTenants) return;
    const leaves = this.#unknownToEvict(nowMs) ?? this.#byId.values().next().value;
    if (leaves !== undefined) this.#evict(leaves, nowMs);
  }

  /**
   * Room for one that no document names. False: there is none. One whose buckets are full leaves first; one that would
   * be remembered as it was (`remembered`) is the next to leave; no other does.
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

  /** A document names it now, or none does any more. */
  regard(tenant: Tenant, isKnown: boolean): void {
    if (isKnown) this.#unknown.delete(tenant);
    else this.#unknown.add(tenant);
  }

  /** Without counting as a use. */
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

  /** The first of the least recently used whose buckets are full, or the very least recently used one. */
  #unknownToEvict(nowMs: number): Tenant | undefined {
    return firstToLeave(this.#unknown, (tenant) => tenant.owesNothing(nowMs));
  }

  #evict(tenant: Tenant, nowMs: number): void {
    this.remove(tenant, nowMs);
    this.evictions++;
  }
}
