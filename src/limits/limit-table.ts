/**
 * Every limit that the edge reads, declared once: name, type, default, what zero means. Parsing, defaults and
 * docs/limits.md are generated from it.
 */
import { readLabelNames, readRules } from '../relabel/rule.js';
import type { EdgeLimits, MimirLimits, TenantLimits } from './limits.js';
import { nearestName, readBoolean, readDurationMs, readInteger, readNumber } from './values.js';

/** Lists of label names and relabelling rules are stored as their canonical texts (relabel/rule.ts). */
export type LimitType =
  | 'float'
  | 'int'
  | 'bool'
  | 'string'
  | 'duration'
  | 'label names'
  | 'relabelling rules'
  | readonly string[];

export interface LimitFacts<T> {
  readonly type: LimitType;
  readonly fallback: T;
  /** What 0 means; empty where it is a value like any other. */
  readonly zero: string;
  readonly doc: string;
  /** The edge does not enforce it, but uses it to tell series apart. */
  readonly part?: 'identity';
  /** Mimir accepts negative numbers, too. */
  readonly mayBeNegative?: true;
}

type Table<L> = { readonly [K in keyof L]-?: LimitFacts<L[K]> };

/** Durations are in milliseconds. */
export const MIMIR_LIMITS: Table<MimirLimits> = {
  request_rate: {
    type: 'float',
    fallback: 0,
    zero: 'off',
    doc: 'Pushes a second. Checked before the body is read.',
  },
  request_burst_size: {
    type: 'int',
    fallback: 0,
    zero: 'no request limit',
    doc: 'Pushes at once. Has no meaning without `request_rate`.',
  },
  ingestion_rate: {
    type: 'float',
    fallback: 10_000,
    zero: 'nothing after the burst',
    doc: 'Items a second: samples, native histograms, exemplars and metadata together, all or nothing for a push.',
  },
  ingestion_burst_size: {
    type: 'int',
    fallback: 200_000,
    zero: 'nothing passes',
    doc: "Items at once, for each of Mimir's distributors (`mimir.distributors`).",
  },
  ingestion_burst_factor: {
    type: 'float',
    fallback: 0,
    zero: 'off',
    doc: 'From 1 up, replaces `ingestion_burst_size` by this multiple of `ingestion_rate`, over all distributors.',
  },
  max_label_names_per_series: {
    type: 'int',
    fallback: 30,
    zero: '',
    doc: 'Labels of a series, `__name__` included.',
  },
  max_label_names_per_info_series: {
    type: 'int',
    fallback: 80,
    zero: '',
    doc: 'Labels of a series whose metric name ends in `_info`. No effect below `max_label_names_per_series`.',
  },
  max_label_name_length: { type: 'int', fallback: 1024, zero: '', doc: 'Bytes of a label name.' },
  max_label_value_length: {
    type: 'int',
    fallback: 2048,
    zero: '',
    doc: 'Bytes of a label value, the metric name included.',
  },
  label_value_length_over_limit_strategy: {
    type: ['error', 'truncate', 'drop'],
    fallback: 'error',
    zero: '',
    doc: 'With `truncate` or `drop` Mimir shortens long values: the edge lets them pass, and knows the series as it is stored.',
  },
  name_validation_scheme: {
    type: ['legacy', 'utf8'],
    fallback: 'legacy',
    zero: '',
    doc: 'What names of metrics and labels may be: letters, digits, `_`, and `:` in metrics; or any UTF-8. Without `otel_translation_strategy` it decides whether those of OTLP are escaped.',
  },
  creation_grace_period: {
    type: 'duration',
    fallback: 600_000,
    zero: '',
    doc: 'A series with a sample further in the future than this is left out.',
  },
  past_grace_period: {
    type: 'duration',
    fallback: 0,
    zero: 'off',
    doc: 'A series with a sample older than this and `out_of_order_time_window` together is left out.',
  },
  out_of_order_time_window: {
    type: 'duration',
    fallback: 0,
    zero: '',
    doc: "How much older than a series' newest sample others may be: ingesters enforce it. It is added to `past_grace_period`.",
  },
  enforce_out_of_order_window_on_distributor: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'A series with a sample older than `out_of_order_time_window` is left out without `past_grace_period`, too.',
  },
  max_native_histogram_buckets: {
    type: 'int',
    fallback: 0,
    zero: 'off',
    doc: 'Buckets of a native histogram. A series with one that has more, and is not reduced, is left out.',
  },
  reduce_native_histogram_over_max_buckets: {
    type: 'bool',
    fallback: true,
    zero: '',
    doc: 'Mimir halves the resolution of native histograms with too many buckets, as often as it takes and can be done.',
  },
  max_metadata_length: {
    type: 'int',
    fallback: 1024,
    zero: '',
    doc: 'Bytes of the metric name and of the unit of metadata. Longer entries are refused, and not charged; help is shortened.',
  },
  enforce_metadata_metric_name: {
    type: 'bool',
    fallback: true,
    zero: '',
    doc: 'Metadata without a metric name is refused, and not charged.',
  },
  drop_labels: {
    type: 'label names',
    fallback: '',
    zero: '',
    doc: 'Labels that Mimir takes away, after relabelling: series are counted, limited and charged without them.',
  },
  metric_relabel_configs: {
    type: 'relabelling rules',
    fallback: '',
    zero: '',
    doc: "Prometheus' relabelling rules: series are counted, limited and charged as Mimir stores them, and forwarded as they came.",
  },
  metric_relabeling_enabled: {
    type: 'bool',
    fallback: true,
    zero: '',
    doc: 'Where it is false, neither rules nor `drop_labels` are applied. Mimir 3 has it no more.',
  },
  max_exemplars_per_series_per_request: {
    type: 'int',
    fallback: 0,
    zero: 'off',
    doc: 'Exemplars over it are dropped by Mimir, so the edge does not count them.',
  },
  max_global_exemplars_per_user: {
    type: 'int',
    fallback: 0,
    zero: 'no exemplars at all',
    doc: 'At 0 Mimir does not decode exemplars, so the edge does not count them.',
  },
  max_global_series_per_user: {
    type: 'int',
    fallback: 150_000,
    zero: 'off',
    doc: 'Active series: sent within `series.idle_timeout`. Known ones keep flowing, new ones are over it.',
  },
  max_global_series_per_metric: {
    type: 'int',
    fallback: 0,
    zero: 'off',
    doc: 'Active series of one metric name.',
  },
  max_active_series_per_user: {
    type: 'int',
    fallback: 0,
    zero: 'off',
    doc: 'Active series. Where it is set it stands in for `max_global_series_per_user`, as in a Mimir with a usage tracker.',
  },
  active_series_limit_response_code: {
    type: 'int',
    fallback: 429,
    zero: '',
    doc: 'Status of the answer to a push with series over `max_active_series_per_user`. What is no status of an answer (below 200, above 599) is 429.',
    mayBeNegative: true,
  },
  accept_ha_samples: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'The tenant sends from HA pairs: only the elected replica of each is taken (with `ha.tracker_enabled`).',
  },
  ha_cluster_label: {
    type: 'string',
    fallback: 'cluster',
    zero: '',
    doc: 'Names the HA pair.',
  },
  ha_replica_label: {
    type: 'string',
    fallback: '__replica__',
    zero: '',
    doc: 'Names the replica. Mimir removes it, so it neither counts as a label nor tells series apart.',
    part: 'identity',
  },
  ha_max_clusters: {
    type: 'int',
    fallback: 100,
    zero: 'off',
    doc: 'HA pairs of a tenant. Off: 10,000.',
  },
  ha_tracker_update_timeout: {
    type: 'duration',
    fallback: 15_000,
    zero: '',
    doc: 'How often it is noted that the elected replica still sends.',
  },
  ha_tracker_update_timeout_jitter_max: {
    type: 'duration',
    fallback: 5000,
    zero: '',
    doc: 'Spreads these notes of several replicas of the edge.',
  },
  ha_tracker_failover_timeout: {
    type: 'duration',
    fallback: 30_000,
    zero: '',
    doc: 'After so long without a note the next replica that is heard is elected.',
  },
  ha_tracker_sample_failover_timeout: {
    type: 'duration',
    fallback: 0,
    zero: 'off',
    doc: 'Besides, the oldest sample of its push has to be so much later than the last note.',
  },
  ha_tracker_per_sample_dedupe: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'Each series is of the pair that its own labels name, not of that of the first: those of replicas that are not elected are left out.',
  },
  service_overload_status_code_on_rate_limit_enabled: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'Answers 529 in place of 429. Mimir 3.0 removed it, and refuses a document that has it: the edge warns.',
  },
  otel_translation_strategy: {
    type: [
      '',
      'UnderscoreEscapingWithSuffixes',
      'UnderscoreEscapingWithoutSuffixes',
      'NoUTF8EscapingWithSuffixes',
      'NoTranslation',
    ],
    fallback: '',
    zero: '',
    doc: 'How names of OTLP become names of series. Empty: as `name_validation_scheme` and `otel_metric_suffixes_enabled` say.',
    part: 'identity',
  },
  otel_metric_suffixes_enabled: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'Names of OTLP metrics end in their unit and, for counters, `_total`.',
    part: 'identity',
  },
  promote_otel_resource_attributes: {
    type: 'string',
    fallback: '',
    zero: '',
    doc: 'OTLP resource attributes, with commas between them, that become labels of the series.',
    part: 'identity',
  },
  otel_keep_identifying_resource_attributes: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: '`target_info` has `service.name`, `service.namespace` and `service.instance.id`, too.',
    part: 'identity',
  },
  otel_convert_histograms_to_nhcb: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'An OTLP histogram is one native histogram, not a series for each bucket.',
    part: 'identity',
  },
  otel_promote_scope_metadata: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'Name, version, schema and attributes of an OTLP scope become labels `otel_scope_*`.',
    part: 'identity',
  },
  otel_native_delta_ingestion: {
    type: 'bool',
    fallback: false,
    zero: '',
    doc: 'OTLP metrics of delta temporality are taken. Off: Mimir skips them, so the edge does not count them.',
  },
  otel_label_name_underscore_sanitization: {
    type: 'bool',
    fallback: true,
    zero: '',
    doc: 'An OTLP attribute whose escaped name begins with one underscore gets `key` before it.',
    part: 'identity',
  },
  otel_label_name_preserve_multiple_underscores: {
    type: 'bool',
    fallback: true,
    zero: '',
    doc: 'Several underscores in a row in escaped names of OTLP attributes stay. Off: they become one.',
    part: 'identity',
  },
};

export const EDGE_LIMITS: Table<EdgeLimits> = {
  mode: {
    type: ['enforce', 'shadow', 'off'],
    fallback: undefined,
    zero: '',
    doc: 'Enforce the limits, only count what would be refused, or do nothing. Unset: the global `mode`.',
  },
  over_limit: {
    type: ['filter', 'refuse'],
    fallback: undefined,
    zero: '',
    doc: 'A push of which some series may not pass: let the others through, or refuse all of it. Unset: `series.over_limit`.',
  },
  bytes_per_second: { type: 'float', fallback: 0, zero: 'off', doc: 'Body bytes a second, as on the wire.' },
  bytes_burst_size: { type: 'float', fallback: 0, zero: "ten seconds' worth", doc: 'Body bytes at once.' },
  max_series_per_request: { type: 'int', fallback: 0, zero: 'off', doc: 'Series in one push.' },
  weight: {
    type: 'float',
    fallback: 0,
    zero: '`ingestion_rate`',
    doc: "The tenant's share of what Mimir takes while it can not take all, beside those of others (`upstream.fairness`).",
  },
  priority: {
    type: ['critical', 'normal', 'low'],
    fallback: 'normal',
    zero: '',
    doc: 'Then critical goes before normal, and normal before low, whatever their weights. In a panic critical is touched last ([panic.md](panic.md)).',
  },
};

export type LimitTable = Readonly<Record<string, LimitFacts<unknown>>>;

/** Mimir's defaults, and no edge limits. */
export const DEFAULT_LIMITS: TenantLimits = Object.freeze({
  ...fallbacks<MimirLimits>(MIMIR_LIMITS),
  edge: Object.freeze(fallbacks<EdgeLimits>(EDGE_LIMITS)),
});

/** What is wrong with a value, and for a list where in it. */
interface LimitProblem {
  readonly problem: string;
  readonly at?: readonly (string | number)[];
}

/** The value of one limit, or a sentence about what is wrong with it. Lists and maps are plain data. */
export function readLimit(facts: LimitFacts<unknown>, value: unknown): { value: unknown } | LimitProblem {
  const { type } = facts;
  if (type === 'label names') return readLabelNames(value);
  if (type === 'relabelling rules') return readRules(value);
  if (typeof type !== 'string') {
    return type.includes(String(value)) ? { value } : { problem: `expected one of ${type.join(', ')}` };
  }
  const read = READERS[type](value);
  if (read === undefined) return { problem: `expected ${EXPECTED[type]}` };
  if (typeof read === 'number' && read < 0 && !facts.mayBeNegative)
    return { problem: 'expected a number that is not negative' };
  return { value: read };
}

export function describeType(type: LimitType): string {
  return typeof type === 'string' ? type : type.map((one) => (one === '' ? 'empty' : one)).join(' \\| ');
}

export function suggest(name: string, table: LimitTable): string {
  const nearest = nearestName(name, Object.keys(table));
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

const READERS = {
  float: readNumber,
  int: readInteger,
  bool: readBoolean,
  duration: readDurationMs,
  string: (value: unknown) =>
    ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined,
} as const;

const EXPECTED = {
  float: 'a number',
  int: 'a whole number',
  bool: 'true or false',
  duration: 'a duration such as 30s or 1h30m',
  string: 'a text',
} as const;

function fallbacks<L>(table: Table<L>): L {
  const entries = Object.entries<LimitFacts<unknown>>(table as LimitTable);
  return Object.fromEntries(entries.map(([name, { fallback }]) => [name, fallback])) as L;
}
