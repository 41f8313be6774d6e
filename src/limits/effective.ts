/** What holds for one tenant of a snapshot: its limits, and whether they are enforced. */
import type { Mode, Snapshot, TenantLimits } from './limits.js';

export interface LimitsInForce {
  readonly snapshot: Snapshot;
  /** The mode of tenants that name none; `off` switches enforcement off for everybody. */
  readonly mode: Mode;
  /** What becomes of tenants that no overrides document names. */
  readonly unknownTenants: 'defaults' | 'refuse' | 'pass';
}

export function effectiveLimits({ tenants, defaults }: Snapshot, id: string): TenantLimits {
  return tenants.get(id) ?? defaults;
}

/** The global `off` beats everything: it is the kill switch. Otherwise a tenant's own mode wins. */
export function effectiveMode({ snapshot, mode, unknownTenants }: LimitsInForce, id: string): Mode {
  if (mode === 'off') return 'off';
  if (unknownTenants === 'pass' && !snapshot.tenants.has(id)) return 'off';
  return effectiveLimits(snapshot, id).edge.mode ?? mode;
}
