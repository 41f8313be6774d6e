/** For each limit of docs/limits.md the test that shows what the edge does with it: its file and its title. */

const RATES = 'test/enforce/rates.test.ts';
const SERIES_RULES = 'test/enforce/series-rules.test.ts';
const SERIES_LIMITS = 'test/enforce/series-limits.test.ts';
const RELABEL = 'test/doors/http/relabel.test.ts';
const HA_PAIRS = 'test/enforce/ha-pairs.test.ts';

const LABELS = [
  SERIES_RULES,
  'each rule for labels finds its series, at the first byte over the limit and not before',
];
const TIMESTAMPS = [
  SERIES_RULES,
  'a sample too far from now leaves its series out, and repeated timestamps are not charged',
];
const HISTOGRAMS = [
  SERIES_RULES,
  'a native histogram with too many buckets leaves its series out, if Mimir can not reduce it',
];
const EXEMPLARS = [SERIES_RULES, 'exemplars that Mimir drops are not charged'];
const METADATA = [
  SERIES_RULES,
  'metadata that Mimir refuses is not charged, and the first of it is what is said',
];
const ELECTIONS = ['test/enforce/ha-replica.test.ts', "an election goes by the tenant's own rules"];

const OTLP = 'test/doors/decode-options.test.ts';
const OTLP_OPTION = [OTLP, 'each limit decides what it is about'];

/** Of those that are Mimir's alone. */
export const LEFT_TO_MIMIR = [
  'test/limits/limit-table.test.ts',
  'what is left to Mimir passes without a word, and is told with the tenants that have it',
];

export const LIMIT_PROOFS = {
  request_rate: [RATES, 'the request rate is checked before the body'],
  request_burst_size: [
    RATES,
    'a request rate without a burst, and a burst factor below 1, are off, as in Mimir',
  ],
  ingestion_rate: [RATES, 'within its rate and burst a tenant is never refused, over it always'],
  ingestion_burst_size: [
    RATES,
    "each of Mimir's distributors has a whole burst, and no push may pass one of them",
  ],
  ingestion_burst_factor: [
    RATES,
    'a burst factor replaces the burst size, and is shared out over the distributors',
  ],
  max_label_names_per_series: LABELS,
  max_label_names_per_info_series: LABELS,
  max_label_name_length: LABELS,
  max_label_value_length: LABELS,
  label_value_length_over_limit_strategy: [
    RELABEL,
    'a value that is too long is another series under each strategy, as Mimir stores it',
  ],
  drop_labels: [RELABEL, 'series that rules make one are one, and the limit counts them so'],
  metric_relabel_configs: [RELABEL, 'a series is judged as the rules make it: for worse, and named so'],
  metric_relabeling_enabled: [RELABEL, 'rules that are switched off change nothing'],
  name_validation_scheme: LABELS,
  creation_grace_period: TIMESTAMPS,
  past_grace_period: TIMESTAMPS,
  out_of_order_time_window: TIMESTAMPS,
  enforce_out_of_order_window_on_distributor: TIMESTAMPS,
  max_native_histogram_buckets: HISTOGRAMS,
  reduce_native_histogram_over_max_buckets: HISTOGRAMS,
  max_metadata_length: METADATA,
  enforce_metadata_metric_name: METADATA,
  max_exemplars_per_series_per_request: EXEMPLARS,
  max_global_exemplars_per_user: EXEMPLARS,
  max_global_series_per_user: [
    SERIES_LIMITS,
    'new series over a limit are left out alone, and what they were charged comes back',
  ],
  max_global_series_per_metric: [
    SERIES_LIMITS,
    'new series over a limit are left out alone, and what they were charged comes back',
  ],
  max_active_series_per_user: [
    SERIES_LIMITS,
    'the limit of active series, where it is set, stands in for that of series in memory',
  ],
  active_series_limit_response_code: [
    SERIES_LIMITS,
    'too many active series have the status that the tenant asks for',
  ],
  accept_ha_samples: [
    'test/doors/envoy/check.test.ts',
    'a push from a replica that is not elected is answered as Mimir does, and not forwarded',
  ],
  ha_cluster_label: ['test/doors/decode-options.test.ts', 'the labels of HA pairs are those of the tenant'],
  ha_replica_label: ['test/doors/decode-options.test.ts', 'the labels of HA pairs are those of the tenant'],
  ha_max_clusters: [HA_PAIRS, 'a tenant has so many HA clusters and not more'],
  ha_tracker_update_timeout: ELECTIONS,
  ha_tracker_update_timeout_jitter_max: ELECTIONS,
  ha_tracker_failover_timeout: ELECTIONS,
  ha_tracker_sample_failover_timeout: [
    HA_PAIRS,
    'with a failover timeout for samples, a replica takes over once its samples are newer than the last note by that',
  ],
  ha_tracker_per_sample_dedupe: [
    'test/enforce/ha-per-series.test.ts',
    'series of replicas that are not elected are left out and not charged; the answer is 202',
  ],
  service_overload_status_code_on_rate_limit_enabled: [RATES, 'a tenant may ask for 529 in place of 429'],
  otel_translation_strategy: [OTLP, 'a strategy beats both'],
  otel_metric_suffixes_enabled: [
    OTLP,
    'without a strategy, OTLP is named as the scheme and the suffixes setting say',
  ],
  promote_otel_resource_attributes: [OTLP, 'promoted attributes are read as Mimir reads a list'],
  otel_keep_identifying_resource_attributes: OTLP_OPTION,
  otel_convert_histograms_to_nhcb: OTLP_OPTION,
  otel_promote_scope_metadata: OTLP_OPTION,
  otel_native_delta_ingestion: OTLP_OPTION,
  otel_label_name_underscore_sanitization: OTLP_OPTION,
  otel_label_name_preserve_multiple_underscores: OTLP_OPTION,
  mode: [
    'test/enforce/modes-and-tenants.test.ts',
    'mode off is not judged; a tenant has its own mode, but the global off beats it',
  ],
  over_limit: ['test/enforce/left-out.test.ts', 'a tenant may have it otherwise than the setting'],
  bytes_per_second: [
    'test/enforce/limited-bucket.test.ts',
    "a byte rate has the whole cluster's burst, or ten seconds' worth",
  ],
  bytes_burst_size: [
    'test/enforce/limited-bucket.test.ts',
    "a byte rate has the whole cluster's burst, or ten seconds' worth",
  ],
  max_series_per_request: [RATES, 'more series than a request may hold are refused'],
  weight: ['test/doors/http/fairness.test.ts', 'priority and weight of a tenant say who goes first'],
  priority: ['test/doors/http/fairness.test.ts', 'priority and weight of a tenant say who goes first'],
};
