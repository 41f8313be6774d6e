/**
 * What is kept of each tenant, in the order of last use. One that no document names leaves before any that a document names, and
 * makes none of these leave: names that somebody makes up cost those who have limits nothing.
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

  /** As a use. */
  use(tenant: string): T | undefined {
    const kept = this.#known.get(tenant) ?? this.#unknown.get(tenant);
    if (kept === undefined) return undefined;
    this.delete(tenant);
    this.#mapOf(tenant).set(tenant, kept);
    return kept;
  }

  /** The one that has to leave before this one can be added. 'none': there is no room for it. */
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

  /** A document may name it now, or none may any more. */
  #mapOf(tenant: string): Map<string, T> {
    return this.#isKnown(tenant) ? this.#known : this.#unknown;
  }
}
