/**
 * When those who were turned away should come again: twice as late each time that they came and were turned away again, up to about a
 * minute. But only as long as more of a tenant's pushes are turned away than go: who came less often would not get the share that
 * it has. All that are turned away at once are told the same. Time is handed in.
 */

/** Seconds are two to the power of it. */
const MOST_LEVEL = 6;
/** So many are turned away for each that goes: it may come less often. */
const TOO_MANY = 2;
const FORGOTTEN_MS = 3 * 1000 * 2 ** MOST_LEVEL;
/** More than these are not kept in mind. */
const MOST_TENANTS = 10_000;

interface Tenant {
  level: number;
  /** Since it has been at this level: pushes that went, and that were turned away. */
  sinceMs: number;
  went: number;
  away: number;
}

export class TurnedAway {
  readonly #tenants = new Map<string, Tenant>();

  /** One of its pushes is turned away. Answers in how many seconds it should come again. */
  secondsFor(id: string, nowMs: number): number {
    let tenant = this.#tenants.get(id);
    if (tenant === undefined || nowMs - tenant.sinceMs > FORGOTTEN_MS) {
      tenant = { level: 1, sinceMs: nowMs, went: 0, away: 0 };
      this.#remember(id, tenant);
    } else if (nowMs - tenant.sinceMs >= 1000 * 2 ** tenant.level) {
      const { level, went, away } = tenant;
      if (away > TOO_MANY * went) tenant.level = Math.min(MOST_LEVEL, level + 1);
      else if (away < went) tenant.level = Math.max(1, level - 1);
      tenant.sinceMs = nowMs;
      tenant.went = 0;
      tenant.away = 0;
    }
    tenant.away++;
    return 2 ** tenant.level;
  }

  /** One of its pushes goes. */
  went(id: string): void {
    if (this.#tenants.size === 0) return;
    const tenant = this.#tenants.get(id);
    if (tenant !== undefined) tenant.went++;
  }

  #remember(id: string, tenant: Tenant): void {
    this.#tenants.delete(id);
    this.#tenants.set(id, tenant);
    if (this.#tenants.size <= MOST_TENANTS) return;
    const [longestAgo = ''] = this.#tenants.keys();
    this.#tenants.delete(longestAgo);
  }
}
