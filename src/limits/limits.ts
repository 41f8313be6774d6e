/**
 * The limits that the edge reads, with Mimir's names and meanings, and the edge's own. All objects are frozen: a change
 * makes a new snapshot.
 */

/** One tenant's Mimir limits: defaults with the tenant's overrides merged in. Durations are in milliseconds. */
export interface MimirLimits {
  readonly request_rate: number;
  readonly request_burst_size: number;
  readonly ingestion_rate: number;
  readonly ingestion_burst_size: number;
  readonly ingestion_burst_factor: number;
  readonly max_label_names_per_series: number;
  readonly max_label_names_per_info_series: number;
  readonly max_label_name_length: number;
  readonly max_label_value_length: number;
  readonly label_value_length_over_limit_strategy: 'error' | 'truncate' | 'drop';
  readonly name_validation_scheme: 'legacy' | 'utf8';
  readonly creation_grace_period: number;
  readonly past_grace_period: number;
  readonly out_of_order_time_window: number;
  readonly enforce_out_of_order_window_on_distributor: boolean;
  readonly max_native_histogram_buckets: number;
  readonly reduce_native_histogram_over_max_buckets: boolean;
  readonly max_metadata_length: number;
  readonly enforce_metadata_metric_name: boolean;
  /** Canonical texts: relabel/rule.ts reads them. */
  readonly drop_labels: string;
  readonly metric_relabel_configs: string;
  readonly metric_relabeling_enabled: boolean;
  readonly max_exemplars_per_series_per_request: number;
  readonly max_global_exemplars_per_user: number;
  readonly max_global_series_per_user: number;
  readonly max_global_series_per_metric: number;
  readonly max_active_series_per_user: number;
  readonly active_series_limit_response_code: number;
  readonly accept_ha_samples: boolean;
  readonly ha_cluster_label: string;
  readonly ha_replica_label: string;
  readonly ha_max_clusters: number;
  readonly ha_tracker_update_timeout: number;
  readonly ha_tracker_update_timeout_jitter_max: number;
  readonly ha_tracker_failover_timeout: number;
  readonly ha_tracker_sample_failover_timeout: number;
  readonly ha_tracker_per_sample_dedupe: boolean;
  readonly service_overload_status_code_on_rate_limit_enabled: boolean;
  readonly otel_translation_strategy: OtelTranslationStrategy;
  readonly otel_metric_suffixes_enabled: boolean;
  /** Attribute names, comma-separated. */
  readonly promote_otel_resource_attributes: string;
  readonly otel_keep_identifying_resource_attributes: boolean;
  readonly otel_convert_histograms_to_nhcb: boolean;
  readonly otel_promote_scope_metadata: boolean;
  readonly otel_native_delta_ingestion: boolean;
  readonly otel_label_name_underscore_sanitization: boolean;
  readonly otel_label_name_preserve_multiple_underscores: boolean;
}

/** Empty: by `name_validation_scheme` and `otel_metric_suffixes_enabled`. */
type OtelTranslationStrategy =
  | ''
  | 'UnderscoreEscapingWithSuffixes'
  | 'UnderscoreEscapingWithoutSuffixes'
  | 'NoUTF8EscapingWithSuffixes'
  | 'NoTranslation';

export type Mode = 'enforce' | 'shadow' | 'off';

/** Limits that Mimir does not have. They are in a document of their own, as Mimir's parser is strict. */
export interface EdgeLimits {
  /** Undefined: the global mode. */
  readonly mode: Mode | undefined;
  /** Undefined: the setting `series.over_limit`. */
  readonly over_limit: 'filter' | 'refuse' | undefined;
  /** Compressed body bytes per second; 0: off. */
  readonly bytes_per_second: number;
  /** 0: ten times bytes_per_second. */
  readonly bytes_burst_size: number;
  /** Series in one request; 0: off. */
  readonly max_series_per_request: number;
  /** Weight for sharing Mimir's capacity when it is overloaded; 0: `ingestion_rate`. */
  readonly weight: number;
  readonly priority: 'critical' | 'normal' | 'low';
}

export interface TenantLimits extends MimirLimits {
  readonly edge: EdgeLimits;
  /** For an entry selected by metadata: the limits that it names, among those that only count if they are named. */
  readonly named?: string;
}

/** All tenants' limits at one moment. */
export interface Snapshot {
  readonly defaults: TenantLimits;
  /** Only tenants that a document names, and entries selected by metadata (metadata-limits.ts). */
  readonly tenants: ReadonlyMap<string, TenantLimits>;
  /** Changes if and only if an effective limit of any tenant changes. */
  readonly hash: string;
  /** The hash without controls. */
  readonly documents: string;
}
