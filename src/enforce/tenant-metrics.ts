/**
 * Per-tenant counters for Prometheus, read from the tallies at each scrape, so that the hot path looks up no labels. The
 * number of label values is bounded by the tenants in memory; all others are counted under OTHER_TENANTS.
 */

import type { Snapshot, TenantLimits } from '../limits/limits.js';
import { type LargeFamily, labelText } from '../telemetry/exposition.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Enforcer } from './enforcer.js';
import { REASON_NAMES } from './reasons.js';
import { tenantSeriesLimit } from './series-limit.js';
import type { CountedTenant, ShownTenants } from './shown-tenants.js';
import {
  DISCARDED_EXEMPLARS,
  DISCARDED_METADATA,
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  DISCARDED_SERIES,
  discarded,
  type Tally,
} from './tally.js';

/** Not a valid tenant id, so it can not be confused with one. */
export const OTHER_TENANTS = '(other)';
/** Pushes without a tenant, or with one that may not send. */
export const NO_TENANT = '(none)';

type Line = readonly [labels: string, value: number];

type NumberField = {
  [K in keyof Tally]: Tally[K] extends number ? K : never;
}[keyof Tally];

const RECEIVED: readonly (readonly [NumberField, string, string])[] = [
  ['requests', 'mimir_edge_received_requests_total', 'Pushes received, before any decision.'],
  ['accepted', 'mimir_edge_accepted_requests_total', 'Pushes let through to Mimir.'],
  ['filtered', 'mimir_edge_filtered_requests_total', 'Pushes let through without some of their series.'],
  [
    'deduplicated',
    'mimir_edge_deduplicated_samples_total',
    'Samples and native histograms from replicas of HA pairs that are not elected.',
  ],
  ['series', 'mimir_edge_received_series_total', 'Series in decoded pushes.'],
  ['samples', 'mimir_edge_received_samples_total', 'Float samples in decoded pushes.'],
  ['histograms', 'mimir_edge_received_histograms_total', 'Native histogram samples in decoded pushes.'],
  ['exemplars', 'mimir_edge_received_exemplars_total', 'Exemplars in decoded pushes.'],
  ['metadata', 'mimir_edge_received_metadata_total', 'Metadata entries in decoded pushes.'],
  ['bodyBytes', 'mimir_edge_received_body_bytes_total', 'Body bytes of decoded pushes, as on the wire.'],
  [
    'uncompressedBytes',
    'mimir_edge_received_uncompressed_bytes_total',
    'Body bytes of decoded pushes, uncompressed.',
  ],
  ['newSeries', 'mimir_edge_new_series_total', 'Series that were not known before.'],
  ['seriesOverLimit', 'mimir_edge_series_over_limit_total', 'New series that there was no room for.'],
];

/** The limits that usage is compared with. 0 is left out: it means unlimited, or nothing at all. */
function limitsUsed(limits: TenantLimits) {
  return ['request_rate', 'ingestion_rate', tenantSeriesLimit(limits)] as const;
}

const DISCARDED: readonly (readonly [number, string, string])[] = [
  [DISCARDED_REQUESTS, 'requests', 'Pushes'],
  [DISCARDED_SERIES, 'series', 'Series in pushes'],
  [DISCARDED_SAMPLES, 'samples', 'Samples and native histograms in pushes'],
  [DISCARDED_EXEMPLARS, 'exemplars', 'Exemplars in pushes'],
  [DISCARDED_METADATA, 'metadata', 'Metadata entries in pushes'],
];

/** A tenant as its lines tell it. */
export interface TenantRow extends CountedTenant {
  readonly limits: TenantLimits;
  readonly series: { readonly active: number; readonly fleet: number | undefined } | undefined;
}

interface TenantSource {
  /** The tenants in memory. */
  tenants(): Iterable<TenantRow>;
  /** The counts of tenants that left memory. */
  departed(): Tally;
  /** Pushes without a tenant, or with one that may not send. */
  unattributed(): { readonly tally: Tally };
}

/** All counters and gauges that have a line for each tenant. */
export function exportTenants(
  metrics: Metrics,
  source: TenantSource,
  shown: ShownTenants,
  now: () => number,
): void {
  metrics.large(() => {
    const { tenants, others } = shown.show(
      { tenants: [...source.tenants()], departed: source.departed() },
      now(),
    );
    const held = tenants.map(({ tenant, tally }) => ({ ...lineOf(tenant.id, tally), tenant }));
    const rest = [lineOf(OTHER_TENANTS, others), lineOf(NO_TENANT, source.unattributed().tally)];
    return [...countedFamilies([...held, ...rest]), ...heldFamilies(held)];
  });
}

interface Counted {
  readonly id: string;
  /** The label of the tenant. */
  readonly user: string;
  readonly tally: Tally;
}

interface Held extends Counted {
  readonly tenant: TenantRow;
}

function lineOf(id: string, tally: Tally): Counted {
  return { id, user: labelText({ user: id }), tally };
}

function* countedFamilies(counted: readonly Counted[]): Generator<LargeFamily> {
  for (const [field, name, help] of RECEIVED)
    yield { name, help, type: 'counter', lines: received(counted, field) };
  for (const [field, noun, what] of DISCARDED) {
    yield {
      name: `mimir_edge_discarded_${noun}_total`,
      help: `${what} refused.`,
      type: 'counter',
      lines: discardedBy(counted, 'refused', field),
    };
    yield {
      name: `mimir_edge_shadow_discarded_${noun}_total`,
      help: `${what} let through in shadow mode that would have been refused.`,
      type: 'counter',
      lines: discardedBy(counted, 'shadowed', field),
    };
  }
}

function* heldFamilies(held: readonly Held[]): Generator<LargeFamily> {
  yield {
    name: 'mimir_edge_active_series',
    help: 'Series that this replica has seen within series.idle_timeout.',
    type: 'gauge',
    lines: gauges(held, ({ series }) => series?.active),
  };
  yield {
    name: 'mimir_edge_fleet_series',
    help: 'Active series over all replicas, as this one last heard.',
    type: 'gauge',
    lines: gauges(held, ({ series }) => series?.fleet),
  };
  yield {
    name: 'mimir_edge_limits_effective',
    help: 'Limits of the tenants in memory, defaults included; none that are 0.',
    type: 'gauge',
    lines: effective(held),
  };
}

function* received(counted: readonly Counted[], field: NumberField): Generator<Line> {
  for (const { user, tally } of counted) if (tally.requests > 0) yield [user, tally[field]];
}

function* discardedBy(
  counted: readonly Counted[],
  kind: 'refused' | 'shadowed',
  field: number,
): Generator<Line> {
  for (const { id, tally } of counted) {
    const counts = tally[kind];
    if (counts === undefined) continue;
    for (const reason of REASON_NAMES) {
      // A reason that only ever left out single series has discarded no push.
      if (DISCARDED.some(([any]) => discarded(counts, reason, any) > 0)) {
        yield [labelText({ user: id, reason }), discarded(counts, reason, field)];
      }
    }
  }
}

function* gauges(held: readonly Held[], read: (tenant: TenantRow) => number | undefined): Generator<Line> {
  for (const { user, tenant } of held) {
    const value = read(tenant);
    if (value !== undefined) yield [user, value];
  }
}

function* effective(held: readonly Held[]): Generator<Line> {
  for (const {
    id,
    tenant: { limits },
  } of held) {
    for (const name of limitsUsed(limits)) {
      if (limits[name] > 0) yield [labelText({ user: id, limit_name: name }), limits[name]];
    }
  }
}

/** The number of tenants in memory. */
export function exportTenantCounts(metrics: Metrics, enforcer: Enforcer): void {
  metrics.gauge({
    name: 'mimir_edge_tenants',
    help: 'Tenants held in memory.',
    read: () => enforcer.tenants.size,
  });
  metrics.counter({
    name: 'mimir_edge_tenant_evictions_total',
    help: 'Tenants that left memory because there were too many.',
    read: () => enforcer.tenants.evictions,
  });
}

export function exportLimits(metrics: Metrics, snapshot: () => Snapshot): void {
  metrics.gauge({
    name: 'mimir_edge_limits_tenants',
    help: 'Tenants that the overrides name.',
    read: () => snapshot().tenants.size,
  });
}
