/**
 * Per-tenant counters for Prometheus, read from the tallies when somebody scrapes: the hot path never looks up a
 * label. Label values are bounded because tenants in memory are; those that left are under OTHER.
 */

import type { Snapshot, TenantLimits } from '../limits/limits.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Enforcer } from './enforcer.js';
import { REASON_NAMES } from './reasons.js';
import {
  DISCARDED_EXEMPLARS,
  DISCARDED_METADATA,
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  discarded,
  type Tally,
} from './tally.js';

/** Not a valid tenant id, so it can not be taken for one. */
export const OTHER_TENANTS = '(other)';
/** Pushes that named no tenant, or none that may send. */
export const NO_TENANT = '(none)';

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

/** The limits that use is held against. Zero is off, or nothing at all: no share of it can be used. */
const LIMITS = ['request_rate', 'ingestion_rate', 'max_global_series_per_user'] as const;

const DISCARDED: readonly (readonly [number, string, string])[] = [
  [DISCARDED_REQUESTS, 'requests', 'Pushes'],
  [DISCARDED_SAMPLES, 'samples', 'Samples and native histograms in pushes'],
  [DISCARDED_EXEMPLARS, 'exemplars', 'Exemplars in pushes'],
  [DISCARDED_METADATA, 'metadata', 'Metadata entries in pushes'],
];

export function exportTenants(metrics: Metrics, enforcer: Enforcer): void {
  exportHeld(metrics, enforcer);
  const tallies = (): [string, Tally][] => [
    ...[...enforcer.tenants.values()].map((tenant): [string, Tally] => [tenant.id, tenant.tally]),
    [OTHER_TENANTS, enforcer.tenants.departed],
    [NO_TENANT, enforcer.unattributed],
  ];
  for (const [field, name, help] of RECEIVED) {
    metrics.counters({
      name,
      help,
      labelNames: ['user'],
      *read() {
        for (const [user, tally] of tallies()) if (tally.requests > 0) yield [{ user }, tally[field]];
      },
    });
  }
  for (const [field, noun, what] of DISCARDED) {
    metrics.counters({
      name: `mimir_edge_discarded_${noun}_total`,
      help: `${what} refused.`,
      labelNames: ['user', 'reason'],
      read: () => discardedBy(tallies(), 'refused', field),
    });
    metrics.counters({
      name: `mimir_edge_shadow_discarded_${noun}_total`,
      help: `${what} let through in shadow mode that would have been refused.`,
      labelNames: ['user', 'reason'],
      read: () => discardedBy(tallies(), 'shadowed', field),
    });
  }
}

function exportHeld(metrics: Metrics, enforcer: Enforcer): void {
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

/** All limits in force, and of whom they are to be told one by one. */
export interface LimitsSource {
  snapshot(): Snapshot;
  tenants(): Iterable<{ readonly id: string; readonly limits: TenantLimits }>;
}

export function exportLimits(metrics: Metrics, source: LimitsSource): void {
  metrics.gauge({
    name: 'mimir_edge_limits_tenants',
    help: 'Tenants that the overrides name.',
    read: () => source.snapshot().tenants.size,
  });
  metrics.gauges({
    name: 'mimir_edge_limits_effective',
    help: 'Limits of the tenants in memory, defaults included; none that are 0.',
    labelNames: ['user', 'limit_name'],
    *read() {
      for (const { id, limits } of source.tenants()) {
        for (const name of LIMITS) {
          if (limits[name] > 0) yield [{ user: id, limit_name: name }, limits[name]];
        }
      }
    },
  });
}

function* discardedBy(
  tallies: readonly [string, Tally][],
  kind: 'refused' | 'shadowed',
  field: number,
): Generator<[{ user: string; reason: string }, number]> {
  for (const [user, tally] of tallies) {
    const counts = tally[kind];
    if (counts === undefined) continue;
    for (const reason of REASON_NAMES) {
      // A reason that only ever left out single series has discarded no push.
      if (DISCARDED.some(([any]) => discarded(counts, reason, any) > 0)) {
        yield [{ user, reason }, discarded(counts, reason, field)];
      }
    }
  }
}
