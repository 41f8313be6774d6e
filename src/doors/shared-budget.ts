/**
 * The byte budget with a share for each tenant, and for each address while others send, so that those who send a lot, or
 * slowly, leave room for others.
 */
import { RecentAddresses } from '../base/recent-addresses.js';
import type { ByteBudget } from './body.js';

/** Whose limit is exceeded: that of all together, of the tenant, or of its address. */
export type Overrun = 'all' | 'tenant' | 'address';

/** One sender's part of the budget. */
export interface Holder {
  /** Undefined: not known yet. */
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

  /** Shares are fractions of the budget. */
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

  /** Whose limit this many more bytes would exceed; undefined: nobody's. */
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

/** Entries with no bytes are removed. */
function add(held: Map<string, number>, key: string, bytes: number): void {
  const after = (held.get(key) ?? 0) + bytes;
  if (after === 0) held.delete(key);
  else held.set(key, after);
}
