/** Calls that wait for a connection: tenants take turns, and each one's calls go in the order in which they came. */
import type { Call } from './call.js';

export class TenantQueue {
  /** Whose turn is next is first. */
  readonly #tenants = new Map<string, Set<Call>>();
  size = 0;

  add(call: Call): void {
    const { tenant } = call.request;
    const calls = this.#tenants.get(tenant);
    if (calls === undefined) this.#tenants.set(tenant, new Set([call]));
    else calls.add(call);
    this.size++;
  }

  remove(call: Call): void {
    const { tenant } = call.request;
    const calls = this.#tenants.get(tenant);
    if (calls?.delete(call) !== true) return;
    this.size--;
    if (calls.size === 0) this.#tenants.delete(tenant);
  }

  /** Takes the next call of a tenant that may have one more. */
  next(mayStart: (tenant: string) => boolean): Call | undefined {
    for (const [tenant, calls] of this.#tenants) {
      if (!mayStart(tenant)) continue;
      const [call] = calls;
      if (call === undefined) continue;
      this.remove(call);
      // Whoever still has some comes again after the others.
      if (calls.size > 0) {
        this.#tenants.delete(tenant);
        this.#tenants.set(tenant, calls);
      }
      return call;
    }
    return undefined;
  }

  /** Those that have waited too long, as it is now. */
  expired(nowMs: number): Call[] {
    return [...this.all()].filter(({ queueUntilMs }) => queueUntilMs <= nowMs);
  }

  *all(): Generator<Call> {
    for (const calls of this.#tenants.values()) yield* calls;
  }
}
