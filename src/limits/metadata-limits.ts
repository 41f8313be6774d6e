/**
 * Limits that metadata of a tenant id selects. An entry of the overrides may be for a pair of metadata of all tenants
 * (`:key=value`), for one of a tenant (`tenant:key=value`), or for all that a header says of one, and each replaces what came
 * before it, in this order. Like any entry it starts from the defaults: one that names no ingestion rate has the default.
 */
import type { Snapshot, TenantLimits } from './limits.js';
import { METADATA, metadataPairs } from './tenant-id.js';

/** They replace the tenant's own where they are above 0. */
const ABOVE_ZERO = [
  'max_active_series_per_user',
  'active_series_limit_response_code',
  'ingestion_rate',
  'ingestion_burst_size',
  'ingestion_burst_factor',
] as const;
/** They do where they are set. */
const NOT_EMPTY = ['otel_translation_strategy'] as const;
/** They do where the entry itself names them. */
export const WHERE_NAMED = ['name_validation_scheme', 'otel_metric_suffixes_enabled'] as const;

/** Mimir takes all others from the tenant. */
export function isSelectedByMetadata(limit: string): boolean {
  return ([...ABOVE_ZERO, ...NOT_EMPTY, ...WHERE_NAMED] as readonly string[]).includes(limit);
}

/** `id`: a tenant and its metadata. Without an entry for the metadata: the limits of the tenant. */
export function limitsByMetadata({ tenants, defaults }: Snapshot, id: string): TenantLimits {
  const tenant = id.slice(0, id.indexOf(METADATA));
  const entries = metadataPairs(id).flatMap((pair) => [pair, tenant + pair]);
  const replaced = [...entries, id].map((entry) => replacedBy(tenants.get(entry)));
  const own = tenants.get(tenant) ?? defaults;
  if (replaced.every((values) => values === undefined)) return own;
  return Object.freeze(Object.assign({}, own, ...replaced));
}

function replacedBy(entry: TenantLimits | undefined): Partial<TenantLimits> | undefined {
  if (entry === undefined) return undefined;
  const values = entry as unknown as Readonly<Record<string, unknown>>;
  const named = entry.named?.split(',') ?? [];
  const names = [
    ...ABOVE_ZERO.filter((name) => entry[name] > 0),
    ...NOT_EMPTY.filter((name) => entry[name] !== ''),
    ...WHERE_NAMED.filter((name) => named.includes(name)),
  ];
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}
