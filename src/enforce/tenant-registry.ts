/**
 * From what a header says to a tenant in memory, with the limits and the mode that it has now. A tenant is held from its
 * first push on; all of them have new limits at once.
 */
import { effectiveLimits, effectiveMode, type LimitsInForce } from '../limits/effective.js';
import type { Mode, Snapshot, TenantLimits } from '../limits/limits.js';
import { resolveTenantId } from '../limits/tenant-id.js';
import type { Ledger } from './ledger.js';
import type { Reason } from './reasons.js';
import { TENANT_ID_FAULTS, unknownTenant } from './sentences.js';
import type { ActiveSeries } from './series.js';
import { Tenant } from './tenant.js';
import { Tenants } from './tenants.js';

export interface RegistryOptions extends LimitsInForce {
  readonly ledger: Ledger;
  /** Tenants held in memory at most. */
  readonly maxTenants: number;
  /** Mimir's distributors: each has a whole burst of its own. */
  readonly distributors: number;
  /** Undefined: series are not tracked. */
  readonly series: ActiveSeries | undefined;
}

/** Why no tenant of a name may send; the sentence goes on after "the push was refused:". */
export interface NoTenant {
  readonly reason: Reason;
  readonly why: string;
}

export class TenantRegistry {
  readonly held: Tenants;
  readonly #options: RegistryOptions;
  #snapshot: Snapshot;
  #mode: Mode;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
    this.#mode = options.mode;
    this.held = new Tenants(options.maxTenants);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** All limits change here, for tenants in memory and for those to come. */
  apply(snapshot: Snapshot, nowMs: number): void {
    this.#snapshot = snapshot;
    this.#relimit(nowMs);
  }

  setMode(mode: Mode, nowMs: number): void {
    this.#mode = mode;
    this.#relimit(nowMs);
  }

  /** A tenant's limits and mode, in memory or not. */
  effective(id: string): { readonly limits: TenantLimits; readonly mode: Mode } {
    const snapshot = this.#snapshot;
    const { unknownTenants } = this.#options;
    return {
      limits: effectiveLimits(snapshot, id),
      mode: effectiveMode({ snapshot, mode: this.#mode, unknownTenants }, id),
    };
  }

  /** The tenant that Mimir takes a header for, by a name that is no id of a tenant in memory. */
  resolve(name: string, nowMs: number): Tenant | NoTenant {
    const resolved = resolveTenantId(name);
    if ('fault' in resolved) {
      const { fault } = resolved;
      const reason = fault === 'empty' ? 'edge_missing_tenant' : 'edge_invalid_tenant';
      return { reason, why: TENANT_ID_FAULTS[fault] };
    }
    const { id } = resolved;
    if (!this.#mayBeHeld(id)) return { reason: 'edge_unknown_tenant', why: unknownTenant(id) };
    return this.held.use(id, nowMs) ?? this.#add(id, nowMs);
  }

  #add(id: string, nowMs: number): Tenant {
    const { ledger, distributors, series } = this.#options;
    const { limits, mode } = this.effective(id);
    const tenant = new Tenant(id, limits, mode, ledger, distributors, series?.tenant(id), nowMs);
    this.held.add(tenant, nowMs);
    return tenant;
  }

  #mayBeHeld(id: string): boolean {
    return this.#options.unknownTenants !== 'refuse' || this.#snapshot.tenants.has(id);
  }

  #relimit(nowMs: number): void {
    for (const tenant of this.held.values()) {
      if (!this.#mayBeHeld(tenant.id)) {
        this.held.remove(tenant, nowMs);
        continue;
      }
      const { limits, mode } = this.effective(tenant.id);
      tenant.relimit(limits, mode, nowMs);
    }
  }
}
