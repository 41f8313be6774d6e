/** What holds for one tenant of a snapshot: its limits, and whether they are enforced. */
import type { Mode, Snapshot, TenantLimits } from './limits.js';
import { limitsByMetadata } from './metadata-limits.js';
import { METADATA } from './tenant-id.js';

export interface LimitsInForce {
  readonly snapshot: Snapshot;
  /** The mode of tenants that name none; `off` switches enforcement off for everybody. */
  readonly mode: Mode;
  /** What becomes of tenants that no overrides document names. */
  readonly unknownTenants: 'defaults' | 'refuse' | 'pass';
}

/** `id`: of a tenant, with its metadata or without. */
export function effectiveLimits(snapshot: Snapshot, id: string): TenantLimits {
  if (id.includes(METADATA)) return limitsByMetadata(snapshot, id);
  return snapshot.tenants.get(id) ?? snapshot.defaults;
}

/** What an entry of the documents comes to: one for a pair of metadata of all tenants is only laid over others. */
export function entryLimits(snapshot: Snapshot, entry: string): TenantLimits {
  if (entry.startsWith(METADATA)) return snapshot.tenants.get(entry) ?? snapshot.defaults;
  return effectiveLimits(snapshot, entry);
}

/** An id without its metadata. */
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
