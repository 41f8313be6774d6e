/**
 * State for each tenant, in LRU order. Tenants that no document names are evicted first and never evict one that a document
 * names: made-up names cost tenants with limits nothing.
 */
export class TenantsInUse<T> {
  readonly #most: number;
  readonly #isKnown: (tenant: string) => boolean;
  readonly #known = new Map<string, T>();
  readonly #unknown = new Map<string, T>();

  constructor(most: number, isKnown: (tenant: string) => boolean) {
    this.#most = most;
    this.#isKnown = isKnown;
  }

  /** Counts as a use. */
  use(tenant: string): T | undefined {
    const kept = this.#known.get(tenant) ?? this.#unknown.get(tenant);
    if (kept === undefined) return undefined;
    this.delete(tenant);
    this.#mapOf(tenant).set(tenant, kept);
    return kept;
  }

  /** The tenant to evict before this one can be added. `none`: there is no room for it. */
  leavesFor(tenant: string): readonly [tenant: string, kept: T] | 'nobody' | 'none' {
    if (this.#known.size + this.#unknown.size < this.#most) return 'nobody';
    const [unknown] = this.#unknown;
    if (unknown !== undefined) return unknown;
    const [known] = this.#known;
    return known !== undefined && this.#isKnown(tenant) ? known : 'none';
  }

  add(tenant: string, kept: T): void {
    this.#mapOf(tenant).set(tenant, kept);
  }

  delete(tenant: string): void {
    this.#known.delete(tenant);
    this.#unknown.delete(tenant);
  }

  *entries(): Generator<readonly [tenant: string, kept: T]> {
    yield* this.#known;
    yield* this.#unknown;
  }

  /** A document may name it now, or no longer do so. */
  #mapOf(tenant: string): Map<string, T> {
    return this.#isKnown(tenant) ? this.#known : this.#unknown;
  }
}
