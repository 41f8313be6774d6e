/**
 * Which tenants have usage of their own, where there are more than can be kept. Names are made up easily, so those that an overrides
 * document names have a place whoever else sends, of the others those that had one in the hour before, and then whoever comes first.
 */

/** Those that documents name. */
export interface TenantNames {
  readonly size: number;
  has(tenant: string): boolean;
}

export const NO_NAMES: TenantNames = { size: 0, has: () => false };

/** Of all places, for tenants that no document names, however many these name. */
const LEAST_FOR_UNNAMED = 1 / 4;

export class Places {
  readonly #most: number;
  readonly #names: () => TenantNames;
  #taken = 0;
  /** Those that no document names. */
  #unnamed = new Set<string>();
  /** Of the hour before, those that have not come yet. */
  #expected = new Set<string>();

  constructor(most: number, names: () => TenantNames) {
    this.#most = most;
    this.#names = names;
  }

  /** For a tenant that has none. False: there is none for it. */
  take(tenant: string): boolean {
    if (this.#taken >= this.#most) return false;
    const names = this.#names();
    if (!names.has(tenant)) {
      const isExpected = this.#expected.delete(tenant);
      const most = Math.max(this.#most - names.size, Math.ceil(this.#most * LEAST_FOR_UNNAMED));
      if (!isExpected && this.#unnamed.size + this.#expected.size >= most) return false;
      this.#unnamed.add(tenant);
    }
    this.#taken++;
    return true;
  }

  leave(tenant: string): void {
    this.#unnamed.delete(tenant);
    this.#taken--;
  }

  /** All leave; those that had a place may come back. */
  beginHour(): void {
    this.#expected = this.#unnamed;
    this.#unnamed = new Set();
    this.#taken = 0;
  }
}
