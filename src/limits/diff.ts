/** Whose limits change from one snapshot to another, and how. */
import { EDGE_LIMITS, MIMIR_LIMITS } from './limit-table.js';
import type { Snapshot, TenantLimits } from './limits.js';

export interface TenantChange {
  readonly tenant: string;
  /** Whether the documents name the tenant: one that they no longer name has the defaults. */
  readonly change: 'added' | 'removed' | 'changed';
  /** Empty: the tenant was added or removed without any effect. */
  readonly limits: readonly LimitChange[];
}

export interface LimitChange {
  readonly limit: string;
  /** Durations in milliseconds. */
  readonly before: unknown;
  readonly after: unknown;
}

/** In the order of tenants. */
export function diffSnapshots(before: Snapshot, after: Snapshot): TenantChange[] {
  return tenantsThatDiffer(before, after).flatMap((tenant): TenantChange[] => {
    const old = before.tenants.get(tenant);
    const now = after.tenants.get(tenant);
    const limits = diffLimits(old ?? before.defaults, now ?? after.defaults);
    if (old === undefined) return [{ tenant, change: 'added', limits }];
    if (now === undefined) return [{ tenant, change: 'removed', limits }];
    return limits.length === 0 ? [] : [{ tenant, change: 'changed', limits }];
  });
}

/** Sorted. If the defaults are the same, tenants with the same limits object are not compared. */
export function tenantsThatDiffer(before: Snapshot, after: Snapshot): string[] {
  const sameDefaults = before.defaults === after.defaults;
  const ids: string[] = [];
  for (const [id, limits] of after.tenants) {
    if (!sameDefaults || before.tenants.get(id) !== limits) ids.push(id);
  }
  for (const id of before.tenants.keys()) if (!after.tenants.has(id)) ids.push(id);
  return ids.sort();
}

/** In the order of the tables. */
export function diffLimits(before: TenantLimits, after: TenantLimits): LimitChange[] {
  return [
    ...differing(Object.keys(MIMIR_LIMITS), { ...before }, { ...after }),
    ...differing(Object.keys(EDGE_LIMITS), { ...before.edge }, { ...after.edge }),
  ];
}

type Values = Readonly<Record<string, unknown>>;

function differing(names: readonly string[], before: Values, after: Values): LimitChange[] {
  return names
    .filter((name) => before[name] !== after[name])
    .map((limit) => ({ limit, before: before[limit], after: after[limit] }));
}
