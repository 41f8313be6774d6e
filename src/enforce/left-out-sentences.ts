/**
 * Messages about series and metadata entries that may not pass: how many of the push, what is wrong, a few of them by name,
 * and what to do about it.
 */
import type { TenantLimits } from '../limits/limits.js';
import type { MetadataReason } from './label-rules.js';
import type { LeftOut, LeftOutGroup, SeriesReason } from './left-out.js';
import { count, type Sentence } from './sentences.js';
import { mostSeries, tenantSeriesLimit } from './series-limit.js';

export interface RefusedSeries {
  readonly tenant: string;
  readonly limits: TenantLimits;
  /** Series in the push. */
  readonly series: number;
  readonly leftOut: LeftOut;
  /** The group that the answer is about, and a few of its series by name. */
  readonly lead: LeftOutGroup;
  readonly examples: readonly string[];
  /** The rest of the push goes on. */
  readonly restPasses: boolean;
}

/** "2 of 7 series of tenant a were refused and the rest was taken: they have no metric name ({job="x"}, {})" */
export function seriesRefused(refused: RefusedSeries): Sentence {
  const { lead, limits, leftOut } = refused;
  const others = leftOut.groups.filter((group) => group !== lead);
  const inSamePoints = leftOut.groups.reduce((sum, group) => sum + group.inSamePoints, 0);
  const isOnly = others.length === 0 && inSamePoints === 0;
  const subject = isOnly ? (lead.series === 1 ? 'it' : 'they') : String(faultySeries(lead));
  const faults = [
    `${subject} ${faultOf(lead, limits)} (${examplesOf(refused)})`,
    ...others.map((group) => `${faultySeries(group)} ${faultOf(group, limits)}`),
    ...(inSamePoints === 0
      ? []
      : [`${inSamePoints} ${inSamePoints === 1 ? 'is' : 'are'} of the same data points`]),
  ];
  return { what: `${whatWasRefused(refused)}: ${listed(faults)}`, remedy: remedyOf(lead.reason, limits) };
}

function faultySeries({ series, inSamePoints }: LeftOutGroup): number {
  return series - inSamePoints;
}

function whatWasRefused({ tenant, series, leftOut, restPasses }: RefusedSeries): string {
  const refused = leftOut.series;
  const were = refused === 1 ? 'was' : 'were';
  if (refused < series && !restPasses) {
    return (
      `the push of tenant ${tenant} was refused whole (series.over_limit, envoy.on_filter) because ` +
      `${refused} of its ${series} series may not pass`
    );
  }
  if (refused < series) {
    return `${refused} of ${series} series of tenant ${tenant} ${were} refused and the rest was taken`;
  }
  const all = `${refused === 1 ? '1' : `all ${refused}`} series of tenant ${tenant} ${were} refused`;
  return restPasses ? `${all} and only metadata was taken` : all;
}

function faultOf(group: LeftOutGroup, limits: TenantLimits): string {
  const isOne = faultySeries(group) === 1;
  const has = isOne ? 'has' : 'have';
  const is = isOne ? 'is' : 'are';
  switch (group.reason) {
    case 'missing_metric_name':
      return `${has} no metric name`;
    case 'metric_name_invalid':
      return `${has} a metric name that ${schemeOf(limits)} does not allow`;
    case 'label_invalid':
      return `${has} a label name that ${schemeOf(limits)} does not allow`;
    case 'label_value_invalid':
      return `${has} a label value that is not UTF-8`;
    case 'duplicate_label_names':
      return `${has} a label twice`;
    case 'too_far_in_future':
      return `${has} a sample more than ${duration(limits.creation_grace_period)} in the future`;
    case 'too_far_in_past':
      return `${has} a sample more than ${duration(limits.past_grace_period + limits.out_of_order_time_window)} in the past`;
    case 'sample_too_old':
      return `${has} a sample more than ${duration(limits.out_of_order_time_window)} in the past`;
    case 'invalid_native_histogram_schema':
      return `${has} a native histogram whose schema is neither -4 to 8 nor -53`;
    case 'max_native_histogram_buckets':
      return `${has} a native histogram of more than ${count(limits.max_native_histogram_buckets, 'bucket')}`;
    case 'not_reducible_native_histogram':
      return `${has} a native histogram that can not be reduced below ${count(limits.max_native_histogram_buckets, 'bucket')}`;
    case 'native_histogram_custom_buckets_not_reducible':
      return `${has} a native histogram of more than ${count(limits.max_native_histogram_buckets, 'custom bucket')}`;
    case 'max_label_names_per_series':
      return `${has} more than ${count(limits.max_label_names_per_series, 'label')}`;
    case 'max_label_names_per_info_series':
      return `${has} more than ${count(limits.max_label_names_per_info_series, 'label')}`;
    case 'label_name_too_long':
      return `${has} a label name of more than ${count(limits.max_label_name_length, 'byte')}`;
    case 'label_value_too_long':
      return `${has} a label value of more than ${count(limits.max_label_value_length, 'byte')}`;
    case 'max_active_series':
    case 'per_user_series_limit':
      return `${is} new and over the tenant's limit of ${mostSeries(limits)} active series`;
    case 'too_many_ha_clusters':
      return `${is} of an HA cluster that is new, and the tenant has as many as it may (${limits.ha_max_clusters})`;
    case 'per_metric_series_limit':
      return `${is} new and over the limit of ${limits.max_global_series_per_metric} active series for a metric`;
  }
}

/** With a usage tracker, Mimir reports both limits under one name. */
function remedyOf(reason: SeriesReason, limits: TenantLimits): string {
  if (reason !== 'max_active_series') return REMEDIES[reason];
  return `send fewer series, or raise ${tenantSeriesLimit(limits)}`;
}

const REMEDIES: Record<Exclude<SeriesReason, 'max_active_series'>, string> = {
  missing_metric_name: 'give every series a label __name__',
  metric_name_invalid: 'rename the metric, or set name_validation_scheme to utf8',
  label_invalid: 'rename the label, or set name_validation_scheme to utf8',
  label_value_invalid: 'mend the sender: values have to be UTF-8',
  duplicate_label_names: 'mend the sender: a series has each label once',
  too_far_in_future: 'look at the clock of the sender, or raise creation_grace_period',
  too_far_in_past: 'send samples sooner, or raise past_grace_period or out_of_order_time_window',
  sample_too_old: 'send samples sooner, or raise out_of_order_time_window',
  invalid_native_histogram_schema: 'mend the sender',
  max_native_histogram_buckets:
    'send fewer buckets, raise max_native_histogram_buckets, or set reduce_native_histogram_over_max_buckets',
  not_reducible_native_histogram: 'send fewer buckets, or raise max_native_histogram_buckets',
  native_histogram_custom_buckets_not_reducible: 'send fewer buckets, or raise max_native_histogram_buckets',
  max_label_names_per_series: 'drop labels, or raise max_label_names_per_series',
  max_label_names_per_info_series: 'drop labels, or raise max_label_names_per_info_series',
  label_name_too_long: 'shorten the name, or raise max_label_name_length',
  label_value_too_long: 'shorten the value, or raise max_label_value_length',
  per_user_series_limit: 'send fewer series, or raise max_global_series_per_user',
  too_many_ha_clusters: 'raise ha_max_clusters, or give the label ha_cluster_label fewer values',
  per_metric_series_limit: 'drop a label of the metric, or raise max_global_series_per_metric',
};

function schemeOf({ name_validation_scheme: scheme }: TenantLimits): string {
  return `the name validation scheme ${scheme}`;
}

/** The largest unit in which it is a whole number. */
function duration(ms: number): string {
  const [unit, size] = DURATION_UNITS.find(([, one]) => ms % one === 0 && ms >= one) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

const DURATION_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

function examplesOf({ lead, examples }: RefusedSeries): string {
  return `${faultySeries(lead) > examples.length ? 'such as ' : ''}${examples.join(', ')}`;
}

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? '';
  return parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${last}` : last;
}

export function metadataRefused(
  tenant: string,
  reason: MetadataReason,
  entries: number,
  maxLength: number,
): Sentence {
  const were = entries === 1 ? '1 metadata entry' : `all ${entries} metadata entries`;
  const faults: Record<MetadataReason, string> = {
    metadata_missing_metric_name: 'the first has no metric name',
    metric_name_too_long: `the metric name of the first has more than ${count(maxLength, 'byte')}`,
    unit_too_long: `the unit of the first has more than ${count(maxLength, 'byte')}`,
  };
  return {
    what: `${were} of tenant ${tenant} ${entries === 1 ? 'was' : 'were'} refused: ${faults[reason]}`,
    remedy:
      reason === 'metadata_missing_metric_name'
        ? 'give every entry a metric name, or set enforce_metadata_metric_name to false'
        : 'shorten it, or raise max_metadata_length',
  };
}
