/** Limits, snapshots and pushes for tests: Mimir's defaults, and whatever a test says otherwise. */
import { Enforcer, type EnforcerOptions } from '#src/enforce/enforcer.js';
import type { Tenant } from '#src/enforce/tenant.js';
import type { Admitted, Verdict } from '#src/enforce/verdict.js';
import { DEFAULT_LIMITS } from '#src/limits/limit-table.js';
import type { EdgeLimits, MimirLimits, Snapshot, TenantLimits } from '#src/limits/limits.js';
import {
  FAULT,
  type Push,
  RECORD_DATA_FAULT,
  RECORD_EXEMPLARS,
  RECORD_FAULT,
  RECORD_FLAG_INFO,
  RECORD_FLAG_NAMED,
  RECORD_FLAGS,
  RECORD_HISTOGRAMS,
  RECORD_LABELS,
  RECORD_LONGEST_NAME,
  RECORD_LONGEST_VALUE,
  RECORD_SAMPLES,
  RECORD_UNCHARGED,
  RECORD_WORDS,
} from '#src/payload/push.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';

const MIMIR: MimirLimits = {
  ...DEFAULT_LIMITS,
  request_rate: 0,
  request_burst_size: 0,
  ingestion_rate: 10_000,
  ingestion_burst_size: 200_000,
  ingestion_burst_factor: 0,
  max_label_names_per_series: 30,
  max_label_names_per_info_series: 80,
  max_label_name_length: 1024,
  max_label_value_length: 2048,
  label_value_length_over_limit_strategy: 'error',
  drop_labels: '',
  metric_relabel_configs: '',
  metric_relabeling_enabled: true,
  name_validation_scheme: 'legacy',
  creation_grace_period: 600_000,
  past_grace_period: 0,
  out_of_order_time_window: 0,
  enforce_out_of_order_window_on_distributor: false,
  max_native_histogram_buckets: 0,
  reduce_native_histogram_over_max_buckets: true,
  max_metadata_length: 1024,
  enforce_metadata_metric_name: true,
  max_exemplars_per_series_per_request: 0,
  max_global_exemplars_per_user: 0,
  max_global_series_per_user: 150_000,
  max_global_series_per_metric: 0,
  max_active_series_per_user: 0,
  active_series_limit_response_code: 429,
  accept_ha_samples: false,
  ha_cluster_label: 'cluster',
  ha_replica_label: '__replica__',
  ha_max_clusters: 100,
  ha_tracker_update_timeout: 15_000,
  ha_tracker_update_timeout_jitter_max: 5000,
  ha_tracker_failover_timeout: 30_000,
  ha_tracker_sample_failover_timeout: 0,
  ha_tracker_per_sample_dedupe: false,
  service_overload_status_code_on_rate_limit_enabled: false,
};

const EDGE: EdgeLimits = {
  mode: undefined,
  over_limit: undefined,
  bytes_per_second: 0,
  bytes_burst_size: 0,
  max_series_per_request: 0,
  weight: 0,
  priority: 'normal',
};

export function limits(mimir: Partial<MimirLimits> = {}, edge: Partial<EdgeLimits> = {}): TenantLimits {
  return { ...MIMIR, ...mimir, edge: { ...EDGE, ...edge } };
}

export function snapshot(tenants: Record<string, TenantLimits> = {}, defaults = limits()): Snapshot {
  const hash = JSON.stringify([defaults, tenants]);
  return { defaults, tenants: new Map(Object.entries(tenants)), hash, documents: hash };
}

/** Time that only a test moves. */
export class FakeClock {
  nowMs = 0;
  readonly now = (): number => this.nowMs;
}

export function enforcer(options: Partial<EnforcerOptions> = {}): Enforcer {
  return new Enforcer(
    {
      snapshot: snapshot(),
      ledger: new MemoryLedger(),
      mode: 'enforce',
      unknownTenants: 'defaults',
      maxTenants: 1000,
      maxUnknownTenants: Number.POSITIVE_INFINITY,
      distributors: 1,
      series: undefined,
      overLimit: 'filter',
      dropDuplicates: true,
      usageTracker: false,
      random: () => 0,
      now: () => 0,
      wallNow: () => 0,
      ...options,
    },
    (_push, rows) => rows.map((row) => `series ${row}`),
  );
}

export interface GivenSeries {
  labels?: number;
  longestName?: number;
  longestValue?: number;
  samples?: number;
  histograms?: number;
  exemplars?: number;
  flags?: number;
  /** Where it is not given: what the kernel says of such a series under Mimir's default limits. */
  fault?: number;
  dataFault?: number;
  uncharged?: number;
}

function usualFault({ labels, flags }: { labels: number; flags: number }): number {
  if ((flags & RECORD_FLAG_NAMED) === 0) return FAULT.noMetricName;
  if (labels <= 30) return FAULT.none;
  if ((flags & RECORD_FLAG_INFO) === 0) return FAULT.tooManyLabels;
  return labels > 80 ? FAULT.tooManyInfoLabels : FAULT.none;
}

/** A decoded push with these series; its totals and maxima are worked out from them. */
export function push(series: GivenSeries[], metadata = 0, compressedBytes = 100): Push {
  const records = new Uint32Array(series.length * RECORD_WORDS);
  const rows = series.map((one) => {
    const row = {
      labels: 2,
      longestName: 8,
      longestValue: 10,
      samples: 1,
      histograms: 0,
      exemplars: 0,
      flags: RECORD_FLAG_NAMED,
      dataFault: 0,
      uncharged: 0,
      ...one,
    };
    return { ...row, fault: one.fault ?? usualFault(row) };
  });
  rows.forEach((row, index) => {
    const at = index * RECORD_WORDS;
    records[at + RECORD_LABELS] = row.labels;
    records[at + RECORD_LONGEST_NAME] = row.longestName;
    records[at + RECORD_LONGEST_VALUE] = row.longestValue;
    records[at + RECORD_SAMPLES] = row.samples;
    records[at + RECORD_HISTOGRAMS] = row.histograms;
    records[at + RECORD_EXEMPLARS] = row.exemplars;
    records[at + RECORD_FLAGS] = row.flags;
    records[at + RECORD_FAULT] = row.fault;
    records[at + RECORD_DATA_FAULT] = row.dataFault;
    records[at + RECORD_UNCHARGED] = row.uncharged;
  });
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  const most = (of: (row: (typeof rows)[number]) => number) => Math.max(0, ...rows.map(of));
  return {
    kind: 'push',
    protocol: 'rw1',
    compressedBytes,
    uncompressedBytes: compressedBytes * 7,
    series: rows.length,
    samples: sum((row) => row.samples),
    histograms: sum((row) => row.histograms),
    exemplars: sum((row) => row.exemplars),
    metadata,
    uncharged: sum((row) => row.uncharged),
    invalidMetadata: 0,
    metadataFault: 0,
    faultySeries: rows.filter((row) => row.fault !== 0 || row.dataFault !== 0).length,
    leastTimestampMs: 0,
    greatestTimestampMs: 0,
    mostLabels: most((row) => row.labels),
    mostPlainLabels: most((row) => ((row.flags & RECORD_FLAG_INFO) === 0 ? row.labels : 0)),
    longestLabelName: most((row) => row.longestName),
    longestLabelValue: most((row) => row.longestValue),
    unnamedSeries: rows.filter((row) => (row.flags & RECORD_FLAG_NAMED) === 0).length,
    records,
    ha: undefined,
    body: new Uint8Array(),
  };
}

/** n series with one sample each; quick, for tables are tested with millions. */
export function samples(n: number): Push {
  if (n === 0) return push([]);
  const one = push([{}]);
  const records = new Uint32Array(n * RECORD_WORDS);
  for (let row = 0; row < n; row++) records.set(one.records, row * RECORD_WORDS);
  return { ...one, series: n, samples: n, records };
}

/** A request that is let in at once. */
export function admit(edge: Enforcer, id: string): Admitted {
  const admission = edge.admit(id);
  if (admission instanceof Promise || admission.kind !== 'admitted')
    throw new Error(`${id} was not admitted`);
  return admission;
}

/** Judges a push where nothing has to be waited for. */
export function judge(edge: Enforcer, tenant: Tenant, one: Push): Verdict {
  const verdict = edge.judge(tenant, one);
  if (verdict instanceof Promise) throw new Error('a memory ledger answers at once');
  return verdict;
}
