/** A tenant's limits in the form in which the kernel checks series and metadata. Made once for each set of limits. */
import type { MimirLimits } from '../limits/limits.js';
import { NO_RULE, type SeriesRules } from '../payload/push.js';

export function seriesRules(limits: MimirLimits): SeriesRules {
  return {
    utf8Names: limits.name_validation_scheme === 'utf8',
    maxLabels: limits.max_label_names_per_series,
    maxInfoLabels: limits.max_label_names_per_info_series,
    maxNameLength: limits.max_label_name_length,
    // With the strategies `truncate` and `drop` Mimir shortens long values and keeps the series.
    maxValueLength:
      limits.label_value_length_over_limit_strategy === 'error' ? limits.max_label_value_length : NO_RULE,
    maxExemplars: keptExemplars(limits),
    maxAheadMs: Math.trunc(limits.creation_grace_period),
    maxBehindMs: keptBehindMs(limits),
    maxBuckets: limits.max_native_histogram_buckets || NO_RULE,
    reduceBuckets: limits.reduce_native_histogram_over_max_buckets,
    maxMetadataLength: limits.max_metadata_length,
    metadataNeedsName: limits.enforce_metadata_metric_name,
    maxReplicaLength: limits.max_label_value_length,
  };
}

/** Mimir does not even decode exemplars of a tenant that may have none. */
function keptExemplars(limits: MimirLimits): number {
  if (limits.max_global_exemplars_per_user === 0) return 0;
  return limits.max_exemplars_per_series_per_request || NO_RULE;
}

/** Added to the allowed age of samples. Distributors apply the window by itself only if configured to. */
function keptBehindMs(limits: MimirLimits): number {
  const grace = Math.trunc(limits.past_grace_period);
  const window = Math.trunc(limits.out_of_order_time_window);
  const windowCounts = limits.enforce_out_of_order_window_on_distributor && window > 0;
  return grace > 0 || windowCounts ? grace + window : Number.POSITIVE_INFINITY;
}
