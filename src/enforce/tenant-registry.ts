/**
 * Finds the tenant in memory for a header's value, with its limits and mode. A tenant is held from its first push on. One
 * that no document names and for which there is no room exists for its push alone, with buckets shared by all such tenants;
 * its series are not tracked.
 */
import { effectiveLimits, effectiveMode, type LimitsInForce, wholeTenant } from '../limits/effective.js';
import type { Mode, Snapshot, TenantLimits } from '../limits/limits.js';
import { resolveTenantId } from '../limits/tenant-id.js';
import { CommonBuckets } from './common-buckets.js';
import type { Ledger } from './ledger.js';
import { type AdmittedParts, ALL_ADMITTED, priceOf } from './panic.js';
import type { Reason } from './reasons.js';
import { type Sentence, TENANT_ID_FAULTS, unknownTenant } from './sentences.js';
import type { ActiveSeries } from './series.js';
import { Tenant } from './tenant.js';
import { type Room, Tenants } from './tenants.js';

export interface RegistryOptions extends LimitsInForce, Room {
  readonly ledger: Ledger;
  /** How many distributors Mimir has: each has a whole burst of its own. */
  readonly distributors: number;
  /** Undefined: series are not tracked. */
  readonly series: ActiveSeries | undefined;
}

/** Why a name may not send; the sentence follows "the push was refused:". */
interface NoTenant {
  readonly reason: Reason;
  readonly why: Sentence;
}

/** The `place` of tenants that no document names; no tenant id is empty. */
const UNNAMED = '';

export class TenantRegistry {
  readonly held: Tenants;
  readonly #options: RegistryOptions;
  readonly #common: CommonBuckets;
  #snapshot: Snapshot;
  #namesAnybody: boolean;
  #mode: Mode;
  #admitted: AdmittedParts = ALL_ADMITTED;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
    this.#namesAnybody = namesAnybody(options.snapshot);
    this.#mode = options.mode;
    this.held = new Tenants(options);
    this.#common = new CommonBuckets(options.ledger);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Replaces all limits, of tenants in memory and of those to come. */
  apply(snapshot: Snapshot, nowMs: number): void {
    this.#snapshot = snapshot;
    this.#namesAnybody = namesAnybody(snapshot);
    this.#relimit(nowMs);
  }

  setMode(mode: Mode, nowMs: number): void {
    this.#mode = mode;
    this.#relimit(nowMs);
  }

  get admitted(): AdmittedParts {
    return this.#admitted;
  }

  setAdmitted(admitted: AdmittedParts): void {
    this.#admitted = admitted;
    for (const tenant of this.held.values()) this.#priced(tenant);
  }

  /** A tenant's limits and mode, whether or not it is in memory. */
  effective(id: string): { readonly limits: TenantLimits; readonly mode: Mode } {
    const snapshot = this.#snapshot;
    const { unknownTenants } = this.#options;
    return {
      limits: effectiveLimits(snapshot, id),
      mode: effectiveMode({ snapshot, mode: this.#mode, unknownTenants }, id),
    };
  }

  /** The tenant by Mimir's rules for the header, for a value that is not the id of a tenant in memory. */
  resolve(name: string, nowMs: number): Tenant | NoTenant {
    const resolved = resolveTenantId(name);
    if ('fault' in resolved) {
      const { fault } = resolved;
      const reason = fault === 'empty' ? 'edge_missing_tenant' : 'edge_invalid_tenant';
      return { reason, why: TENANT_ID_FAULTS[fault] };
    }
    const { id, metadata } = resolved;
    if (!this.#mayBeHeld(id)) return { reason: 'edge_unknown_tenant', why: unknownTenant(id) };
    return this.#use(id + metadata, nowMs);
  }

  /** Links a part to its whole tenant, which may have left memory and come back. */
  ready(tenant: Tenant, nowMs: number): Tenant {
    if (tenant.isPart) tenant.share(this.#use(tenant.whole, nowMs));
    return tenant;
  }

  #use(id: string, nowMs: number): Tenant {
    return this.held.use(id, nowMs) ?? this.#add(id, nowMs);
  }

  #add(id: string, nowMs: number): Tenant {
    const { ledger, distributors, series } = this.#options;
    const { limits, mode } = this.effective(id);
    const isKnown = this.#snapshot.tenants.has(id);
    if (isKnown) this.held.makeRoom(nowMs);
    else if (!this.held.makeRoomForUnknown(() => ledger.remembersEvicted(id, nowMs), nowMs)) {
      // Without room the metadata is ignored, so that it costs no memory.
      const whole = wholeTenant(id);
      if (whole !== id) return this.#use(whole, nowMs);
      const { departed } = this.held;
      const passing = new Tenant(id, limits, mode, this.#common, distributors, undefined, nowMs, departed);
      passing.place = this.#placeOf(passing);
      return this.#priced(passing);
    }
    const tenant = new Tenant(id, limits, mode, ledger, distributors, series?.tenant(id), nowMs);
    tenant.place = this.#placeOf(tenant);
    this.held.add(tenant, isKnown);
    return this.#priced(tenant);
  }

  #priced(tenant: Tenant): Tenant {
    tenant.price = priceOf(this.#admitted, tenant.limits);
    return tenant;
  }

  /** If documents name nobody, no name is better than another. */
  #placeOf({ whole }: Tenant): string {
    return !this.#namesAnybody || this.#snapshot.tenants.has(whole) ? whole : UNNAMED;
  }

  #mayBeHeld(id: string): boolean {
    return this.#options.unknownTenants !== 'refuse' || this.#snapshot.tenants.has(wholeTenant(id));
  }

  #relimit(nowMs: number): void {
    for (const tenant of this.held.values()) {
      if (!this.#mayBeHeld(tenant.id)) {
        this.held.remove(tenant, nowMs);
        continue;
      }
      this.held.regard(tenant, this.#snapshot.tenants.has(tenant.id));
      tenant.place = this.#placeOf(tenant);
      const { limits, mode } = this.effective(tenant.id);
      tenant.relimit(limits, mode, nowMs);
      this.#priced(tenant);
    }
  }
}

/** Entries for the metadata of all tenants name none. */
function namesAnybody({ tenants }: Snapshot): boolean {
  for (const entry of tenants.keys()) if (wholeTenant(entry) !== '') return true;
  return false;
}
