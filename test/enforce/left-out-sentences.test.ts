/** What people read of series and metadata that may not pass, word for word. */
import t from 'tap';
import type { LeftOut, LeftOutGroup, SeriesReason } from '#src/enforce/left-out.js';
import { metadataRefused, type RefusedSeries, seriesRefused } from '#src/enforce/left-out-sentences.js';
import { limits } from './fixtures.js';

function group(reason: SeriesReason, series: number, inSamePoints = 0): LeftOutGroup {
  return { reason, series, inSamePoints, examples: [], samples: 0, histograms: 0, exemplars: 0 };
}

function refused(groups: LeftOutGroup[], given: Partial<RefusedSeries> = {}): RefusedSeries {
  const series = groups.reduce((sum, one) => sum + one.series, 0);
  return {
    tenant: 'a',
    limits: limits(),
    series: 7,
    leftOut: { groups, series } as unknown as LeftOut,
    lead: groups[0]!,
    examples: ['{job="x"}'],
    restPasses: true,
    ...given,
  };
}

t.test('how many of a push they are, and what becomes of the rest', async (t) => {
  const one = [group('missing_metric_name', 1)];
  const two = [group('missing_metric_name', 2)];
  for (const [given, start] of [
    [refused(two), '2 of 7 series of tenant a were refused and the rest was taken: they have'],
    [refused(one), '1 of 7 series of tenant a was refused and the rest was taken: it has'],
    [
      refused(two, { series: 2 }),
      'all 2 series of tenant a were refused and only metadata was taken: they have',
    ],
    [refused(one, { series: 1, restPasses: false }), '1 series of tenant a was refused: it has'],
    [refused(two, { series: 2, restPasses: false }), 'all 2 series of tenant a were refused: they have'],
    [
      refused(two, { restPasses: false }),
      'the push of tenant a was refused whole (series.over_limit, envoy.on_filter) because 2 of its 7 series may not pass: they have',
    ],
  ] as const) {
    const { what } = seriesRefused(given);
    t.equal(what.slice(0, start.length), start);
  }
});

t.test('a few of those that the answer is about have names, and the others are counted', async (t) => {
  const named = group('missing_metric_name', 2);
  const others = [group('label_invalid', 1), group('duplicate_label_names', 3)];
  const scheme = 'a label name that the name validation scheme legacy does not allow';
  for (const [given, end] of [
    [refused([named], { examples: ['{}', '{job="x"}'] }), 'they have no metric name ({}, {job="x"})'],
    [refused([named]), 'they have no metric name (such as {job="x"})'],
    [
      refused([named, ...others]),
      `2 have no metric name (such as {job="x"}), 1 has ${scheme} and 3 have a label twice`,
    ],
    [
      refused([named, others[0]!], { lead: others[0]! }),
      `1 has ${scheme} ({job="x"}) and 2 have no metric name`,
    ],
    [
      refused([group('missing_metric_name', 3, 1), group('label_invalid', 3, 2)], {
        examples: ['{}', '{a="b"}'],
      }),
      `2 have no metric name ({}, {a="b"}), 1 has ${scheme} and 3 are of the same data points`,
    ],
    [
      refused([group('missing_metric_name', 2, 1)]),
      '1 has no metric name ({job="x"}) and 1 is of the same data points',
    ],
  ] as const) {
    const { what } = seriesRefused(given);
    t.equal(what.slice(what.indexOf(': ') + 2), end);
  }
});

const LIMITS = limits({
  name_validation_scheme: 'utf8',
  creation_grace_period: 600_000,
  past_grace_period: 86_400_000,
  out_of_order_time_window: 7_200_000,
  max_native_histogram_buckets: 160,
  max_label_names_per_series: 1,
  max_label_names_per_info_series: 80,
  max_label_name_length: 90,
  max_label_value_length: 1500,
  ha_max_clusters: 5,
  max_global_series_per_user: 1000,
  max_global_series_per_metric: 20,
});

/** Of two series. */
const FAULTS: Record<SeriesReason, readonly [fault: string, remedy: string]> = {
  missing_metric_name: ['have no metric name', 'give every series a label __name__'],
  metric_name_invalid: [
    'have a metric name that the name validation scheme utf8 does not allow',
    'rename the metric, or set name_validation_scheme to utf8',
  ],
  label_invalid: [
    'have a label name that the name validation scheme utf8 does not allow',
    'rename the label, or set name_validation_scheme to utf8',
  ],
  label_value_invalid: ['have a label value that is not UTF-8', 'mend the sender: values have to be UTF-8'],
  duplicate_label_names: ['have a label twice', 'mend the sender: a series has each label once'],
  too_far_in_future: [
    'have a sample more than 10m in the future',
    'look at the clock of the sender, or raise creation_grace_period',
  ],
  too_far_in_past: [
    'have a sample more than 26h in the past',
    'send samples sooner, or raise past_grace_period or out_of_order_time_window',
  ],
  sample_too_old: [
    'have a sample more than 2h in the past',
    'send samples sooner, or raise out_of_order_time_window',
  ],
  invalid_native_histogram_schema: [
    'have a native histogram whose schema is neither -4 to 8 nor -53',
    'mend the sender',
  ],
  max_native_histogram_buckets: [
    'have a native histogram of more than 160 buckets',
    'send fewer buckets, raise max_native_histogram_buckets, or set reduce_native_histogram_over_max_buckets',
  ],
  not_reducible_native_histogram: [
    'have a native histogram that can not be reduced below 160 buckets',
    'send fewer buckets, or raise max_native_histogram_buckets',
  ],
  native_histogram_custom_buckets_not_reducible: [
    'have a native histogram of more than 160 custom buckets',
    'send fewer buckets, or raise max_native_histogram_buckets',
  ],
  max_label_names_per_series: ['have more than 1 label', 'drop labels, or raise max_label_names_per_series'],
  max_label_names_per_info_series: [
    'have more than 80 labels',
    'drop labels, or raise max_label_names_per_info_series',
  ],
  label_name_too_long: [
    'have a label name of more than 90 bytes',
    'shorten the name, or raise max_label_name_length',
  ],
  label_value_too_long: [
    'have a label value of more than 1500 bytes',
    'shorten the value, or raise max_label_value_length',
  ],
  max_active_series: [
    "are new and over the tenant's limit of 1000 active series",
    'send fewer series, or raise max_global_series_per_user',
  ],
  per_user_series_limit: [
    "are new and over the tenant's limit of 1000 active series",
    'send fewer series, or raise max_global_series_per_user',
  ],
  too_many_ha_clusters: [
    'are of an HA cluster that is new, and the tenant has as many as it may (5)',
    'raise ha_max_clusters, or give the label ha_cluster_label fewer values',
  ],
  per_metric_series_limit: [
    'are new and over the limit of 20 active series for a metric',
    'drop a label of the metric, or raise max_global_series_per_metric',
  ],
};

for (const [reason, [fault, remedy]] of Object.entries(FAULTS) as [
  SeriesReason,
  readonly [string, string],
][]) {
  t.test(`what is wrong with them and what to do: ${reason}`, async (t) => {
    const several = seriesRefused(refused([group(reason, 2)], { limits: LIMITS, examples: ['{}', '{}'] }));
    t.match(several.what, `: they ${fault} ({}, {})`);
    t.equal(several.remedy, remedy);
    const single = seriesRefused(refused([group(reason, 1)], { limits: LIMITS }));
    t.match(single.what, `: it ${fault.replace(/^have/, 'has').replace(/^are/, 'is')} (`);
  });
}

t.test('of two limits on series the one is named that holds', async (t) => {
  const both = limits({ max_active_series_per_user: 10, max_global_series_per_user: 20 });
  const { what, remedy } = seriesRefused(refused([group('max_active_series', 1)], { limits: both }));
  t.match(what, "it is new and over the tenant's limit of 10 active series (");
  t.equal(remedy, 'send fewer series, or raise max_active_series_per_user');
});

t.test('times are told in the largest unit of which they are a whole number', async (t) => {
  for (const [ms, told] of [
    [172_800_000, '2d'],
    [86_400_000, '1d'],
    [3_600_000, '1h'],
    [5_400_000, '90m'],
    [90_000, '90s'],
    [1500, '1500ms'],
    [0, '0ms'],
  ] as const) {
    const { what } = seriesRefused(
      refused([group('too_far_in_future', 1)], { limits: limits({ creation_grace_period: ms }) }),
    );
    t.match(what, `it has a sample more than ${told} in the future (`);
  }
});

t.test('metadata: how many entries, what is wrong with the first of them, and what to do', async (t) => {
  t.strictSame(metadataRefused('a', 'metadata_missing_metric_name', 1, 1024), {
    what: '1 metadata entry of tenant a was refused: the first has no metric name',
    remedy: 'give every entry a metric name, or set enforce_metadata_metric_name to false',
  });
  for (const [reason, field] of [
    ['metric_name_too_long', 'metric name'],
    ['unit_too_long', 'unit'],
  ] as const) {
    t.strictSame(metadataRefused('a', reason, 2, 1024), {
      what: `all 2 metadata entries of tenant a were refused: the ${field} of the first has more than 1024 bytes`,
      remedy: 'shorten it, or raise max_metadata_length',
    });
  }
});
