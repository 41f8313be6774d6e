/** What applies to one tenant of a snapshot: its limits, and whether they are enforced. */
import type { Mode, Snapshot, TenantLimits } from './limits.js';
import { limitsByMetadata } from './metadata-limits.js';
import { METADATA } from './tenant-id.js';

export interface LimitsInForce {
  readonly snapshot: Snapshot;
  /** The mode of tenants without one of their own; `off` switches enforcement off for everybody. */
  readonly mode: Mode;
  /** How tenants are treated that no overrides document names. */
  readonly unknownTenants: 'defaults' | 'refuse' | 'pass';
}

/** `id`: a tenant, with or without metadata. */
export function effectiveLimits(snapshot: Snapshot, id: string): TenantLimits {
  if (id.includes(METADATA)) return limitsByMetadata(snapshot, id);
  return snapshot.tenants.get(id) ?? snapshot.defaults;
}

/** The limits of an entry. One for metadata of all tenants is only merged into others. */
export function entryLimits(snapshot: Snapshot, entry: string): TenantLimits {
  if (entry.startsWith(METADATA)) return snapshot.tenants.get(entry) ?? snapshot.defaults;
  return effectiveLimits(snapshot, entry);
}

/** The id without metadata. */
export function wholeTenant(id: string): string {
  const start = id.indexOf(METADATA);
  return start < 0 ? id : id.slice(0, start);
}

/** The global `off` beats everything: it is the kill switch. Otherwise a tenant's own mode wins. */
export function effectiveMode({ snapshot, mode, unknownTenants }: LimitsInForce, id: string): Mode {
  if (mode === 'off') return 'off';
  const tenant = wholeTenant(id);
  if (unknownTenants === 'pass' && !snapshot.tenants.has(tenant)) return 'off';
  return effectiveLimits(snapshot, tenant).edge.mode ?? mode;
}
