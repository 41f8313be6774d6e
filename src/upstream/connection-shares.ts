/** How many connections each tenant has, and each address, and whether it may have one more. */
import { RecentAddresses } from '../base/recent-addresses.js';

export interface Shares {
  readonly perTenant: number;
  /** While others send, too. */
  readonly perAddress: number;
}

/** For whom a connection is. */
export interface Sharer {
  readonly tenant: string;
  readonly address: string;
}

export class ConnectionShares {
  readonly #shares: Shares;
  readonly #tenants = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  readonly #recent: RecentAddresses;

  constructor(shares: Shares, now: () => number) {
    this.#shares = shares;
    this.#recent = new RecentAddresses(now);
  }

  /** It wants one. */
  came({ address }: Sharer): void {
    this.#recent.seen(address);
  }

  mayHaveOneMore({ tenant, address }: Sharer): boolean {
    if ((this.#tenants.get(tenant) ?? 0) >= this.#shares.perTenant) return false;
    const hasAll = (this.#addresses.get(address) ?? 0) >= this.#shares.perAddress;
    return !hasAll || !this.#recent.hasOthersThan(address);
  }

  count({ tenant, address }: Sharer, by: 1 | -1): void {
    add(this.#tenants, tenant, by);
    add(this.#addresses, address, by);
  }
}

/** Who has none is not kept. */
function add(held: Map<string, number>, key: string, by: number): void {
  const after = (held.get(key) ?? 0) + by;
  if (after === 0) held.delete(key);
  else held.set(key, after);
}
