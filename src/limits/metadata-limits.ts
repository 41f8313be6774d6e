/**
 * Limits selected by a tenant id's metadata. An overrides entry may be for a pair of metadata of all tenants
 * (`:key=value`), for one pair of a tenant (`tenant:key=value`), or for all metadata of an id; each replaces what came
 * before it, in this order. Like any entry it starts from the defaults: one without an ingestion rate has the default rate.
 */
import type { Snapshot, TenantLimits } from './limits.js';
import { METADATA, metadataPairs } from './tenant-id.js';

/** Replace the tenant's own when they are above 0. */
const ABOVE_ZERO = [
  'max_active_series_per_user',
  'active_series_limit_response_code',
  'ingestion_rate',
  'ingestion_burst_size',
  'ingestion_burst_factor',
] as const;
/** Replace the tenant's own when they are set. */
const NOT_EMPTY = ['otel_translation_strategy'] as const;
/** Replace the tenant's own when the entry itself names them. */
export const WHERE_NAMED = ['name_validation_scheme', 'otel_metric_suffixes_enabled'] as const;

/** Mimir takes all other limits from the tenant. */
export function isSelectedByMetadata(limit: string): boolean {
  return ([...ABOVE_ZERO, ...NOT_EMPTY, ...WHERE_NAMED] as readonly string[]).includes(limit);
}

/** `id`: a tenant with metadata. Without a matching entry, the limits of the tenant. */
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
