/**
 * The byte budget as senders share it: no tenant has more than its part, nor an address while others send, so that whoever sends a
 * lot, or slowly, leaves room for others.
 */
import { RecentAddresses } from '../base/recent-addresses.js';
import type { ByteBudget } from './body.js';

/** Who has too much: all together, the tenant, or the address that it sends from. */
export type Overrun = 'all' | 'tenant' | 'address';

/** One sender's side of the budget. */
export interface Holder {
  /** Undefined: it is not known yet. */
  readonly tenant: string | undefined;
  readonly address: string;
}

export class SharedBudget {
  readonly all: ByteBudget;
  readonly tenantCapacity: number;
  readonly addressCapacity: number;
  readonly #tenants = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  readonly #recent: RecentAddresses;

  /** Shares are parts of the budget, from 0 to 1. */
  constructor(all: ByteBudget, tenantShare: number, addressShare: number, now: () => number) {
    this.all = all;
    this.#recent = new RecentAddresses(now);
    this.tenantCapacity = Math.floor(all.capacity * tenantShare);
    this.addressCapacity = Math.floor(all.capacity * addressShare);
  }

  ofTenant(tenant: string): number {
    return this.#tenants.get(tenant) ?? 0;
  }

  ofAddress(address: string): number {
    return this.#addresses.get(address) ?? 0;
  }

  /** Whose part so many bytes more would be too much for; undefined: nobody's. */
  overrun({ tenant, address }: Holder, bytes: number): Overrun | undefined {
    this.#recent.seen(address);
    if (this.all.used + bytes > this.all.capacity) return 'all';
    if (tenant !== undefined && this.ofTenant(tenant) + bytes > this.tenantCapacity) return 'tenant';
    const isOver = this.ofAddress(address) + bytes > this.addressCapacity;
    return isOver && this.#recent.hasOthersThan(address) ? 'address' : undefined;
  }

  reserve(holder: Holder, bytes: number): Overrun | undefined {
    const overrun = this.overrun(holder, bytes);
    if (overrun !== undefined) return overrun;
    this.all.reserve(bytes);
    if (holder.tenant !== undefined) add(this.#tenants, holder.tenant, bytes);
    add(this.#addresses, holder.address, bytes);
    return undefined;
  }

  release({ tenant, address }: Holder, bytes: number): void {
    if (bytes === 0) return;
    this.all.release(bytes);
    if (tenant !== undefined) add(this.#tenants, tenant, -bytes);
    add(this.#addresses, address, -bytes);
  }
}

/** Who holds nothing is not kept. */
function add(held: Map<string, number>, key: string, bytes: number): void {
  const after = (held.get(key) ?? 0) + bytes;
  if (after === 0) held.delete(key);
  else held.set(key, after);
}
