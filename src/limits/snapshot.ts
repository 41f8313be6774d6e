/**
 * From defaults and documents to one immutable snapshot. A tenant's entry starts from the defaults and replaces only
 * what it names; later documents win, key by key, as when Mimir merges its runtime configuration files.
 */
import { createHash } from 'node:crypto';
import { EDGE_LIMITS, MIMIR_LIMITS } from './limit-table.js';
import type { Snapshot, TenantLimits } from './limits.js';
import type { NamedLimits, OverridesDocument } from './overrides-document.js';

export interface SnapshotSources {
  readonly defaults: TenantLimits;
  readonly mimir: readonly OverridesDocument[];
  readonly edge: readonly OverridesDocument[];
  /** Tenants whose limits are as before keep their object, so that whoever holds it need not look again. */
  readonly previous?: Snapshot | undefined;
}

export function buildSnapshot({ defaults, mimir, edge, previous }: SnapshotSources): Snapshot {
  const tenants = new Map<string, TenantLimits>();
  const digest = createHash('sha256');
  const defaultsText = canonical(defaults);
  digest.update(defaultsText);

  for (const id of [...allTenants([...mimir, ...edge])].sort()) {
    const limits = tenantLimits(defaults, merged(mimir, id), merged(edge, id));
    const text = canonical(limits);
    digest.update(`\n${id} ${text}`);
    const before = previous?.tenants.get(id);
    tenants.set(id, before !== undefined && canonical(before) === text ? before : limits);
  }
  const sameDefaults = previous !== undefined && canonical(previous.defaults) === defaultsText;
  return Object.freeze({
    defaults: sameDefaults ? previous.defaults : defaults,
    tenants,
    hash: digest.digest('hex').slice(0, 16),
  });
}

/** Defaults with named limits laid over them. */
export function tenantLimits(defaults: TenantLimits, mimir: NamedLimits, edge: NamedLimits): TenantLimits {
  return Object.freeze({
    ...defaults,
    ...Object.fromEntries(mimir),
    edge: edge.size === 0 ? defaults.edge : Object.freeze({ ...defaults.edge, ...Object.fromEntries(edge) }),
  });
}

/** For each limit that a document names for a tenant, the name of the last that does. */
export function originsOf(
  documents: readonly { readonly name: string; readonly document: OverridesDocument }[],
  id: string,
): Map<string, string> {
  const origins = new Map<string, string>();
  for (const { name, document } of documents) {
    for (const [limit, value] of document.tenants.get(id) ?? []) {
      if (value === undefined) origins.delete(limit);
      else origins.set(limit, name);
    }
  }
  return origins;
}

function* allTenants(documents: readonly OverridesDocument[]): Generator<string> {
  const seen = new Set<string>();
  for (const { tenants } of documents) {
    for (const id of tenants.keys()) {
      if (!seen.has(id)) yield id;
      seen.add(id);
    }
  }
}

function merged(documents: readonly OverridesDocument[], id: string): NamedLimits {
  const named = new Map<string, unknown>();
  for (const { tenants } of documents) {
    for (const [name, value] of tenants.get(id) ?? []) {
      if (value === undefined) named.delete(name);
      else named.set(name, value);
    }
  }
  return named;
}

/** The same text for the same limits, whatever the order of their keys. */
function canonical(limits: TenantLimits): string {
  const mimir = Object.keys(MIMIR_LIMITS).map((name) => limits[name as keyof TenantLimits]);
  const edge = Object.keys(EDGE_LIMITS).map((name) => limits.edge[name as keyof typeof limits.edge] ?? null);
  return JSON.stringify([mimir, edge]);
}
