/**
 * The tenants held in memory, at most `max`: the least recently used goes first (to the second: moving a tenant to
 * the end of a Map costs more than judging its push). What it had counted stays in `departed`, so that totals
 * never fall.
 */
import { Tally } from './tally.js';
import type { Tenant } from './tenant.js';

export class Tenants {
  readonly departed = new Tally();
  evictions = 0;
  readonly #max: number;
  /** In order of last use: a Map keeps the order of insertion, and a use inserts again. */
  readonly #byId = new Map<string, Tenant>();

  constructor(max: number) {
    this.#max = max;
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
    }
    return tenant;
  }

  add(tenant: Tenant, nowMs: number): void {
    if (this.#byId.size >= this.#max) this.#evictOldest(nowMs);
    this.#byId.set(tenant.id, tenant);
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
    this.departed.absorb(tenant.tally);
    tenant.release(nowMs);
  }

  #evictOldest(nowMs: number): void {
    const oldest = this.#byId.values().next();
    if (oldest.done) return;
    this.remove(oldest.value, nowMs);
    this.evictions++;
  }
}
