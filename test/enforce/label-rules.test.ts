import t from 'tap';
import {
  findInvalidSeries,
  isAllValid,
  itemsOfPush,
  itemsWithout,
  storesNothing,
} from '#src/enforce/label-rules.js';
import { REASONS } from '#src/enforce/reasons.js';
import { DISCARDED_REQUESTS, discarded } from '#src/enforce/tally.js';
import { FAULT } from '#src/payload/push.js';
import { admit, enforcer, judge, push } from './fixtures.js';

const LIMITS = { past_grace_period: 60_000 };

t.test('each rule that a series breaks is a reason of its own, with an id of Mimir', async (t) => {
  const cases: [fault: number, reason: keyof typeof REASONS, id: string][] = [
    [FAULT.noMetricName, 'missing_metric_name', 'missing-metric-name'],
    [FAULT.metricNameInvalid, 'metric_name_invalid', 'metric-name-invalid'],
    [FAULT.tooManyLabels, 'max_label_names_per_series', 'max-label-names-per-series'],
    [FAULT.tooManyInfoLabels, 'max_label_names_per_info_series', 'max-label-names-per-info-series'],
    [FAULT.labelNameInvalid, 'label_invalid', 'label-invalid'],
    [FAULT.labelNameTooLong, 'label_name_too_long', 'label-name-too-long'],
    [FAULT.labelValueInvalid, 'label_value_invalid', 'label-value-invalid'],
    [FAULT.labelValueTooLong, 'label_value_too_long', 'label-value-too-long'],
    [FAULT.duplicateLabel, 'duplicate_label_names', 'duplicate-label-names'],
    [FAULT.tooFarInFuture, 'too_far_in_future', 'too-far-in-future'],
    [FAULT.tooFarInPast, 'too_far_in_past', 'too-far-in-past'],
    [FAULT.histogramSchema, 'invalid_native_histogram_schema', 'invalid-native-histogram-schema'],
    [FAULT.histogramBuckets, 'max_native_histogram_buckets', 'max-native-histogram-buckets'],
    [FAULT.histogramNotReducible, 'not_reducible_native_histogram', 'not-reducible-native-histogram'],
    [
      FAULT.histogramCustomBuckets,
      'native_histogram_custom_buckets_not_reducible',
      'native-histogram-custom-buckets-not-reducible',
    ],
  ];
  for (const [fault, reason, id] of cases) {
    for (const broken of [{ fault }, { dataFault: fault }]) {
      const mixed = push([{}, broken, {}]);
      t.equal(isAllValid(mixed), false, reason);
      const leftOut = findInvalidSeries(mixed, LIMITS);
      t.match(leftOut, { series: 1, lead: { reason, examples: [1] } });
      t.strictSame(
        [0, 1, 2].map((row) => leftOut?.has(row)),
        [false, true, false],
      );
    }
    t.match(REASONS[reason], { status: 400, id: `err-mimir-${id}`, retry: false });
  }
  t.equal(findInvalidSeries(push([{}, {}]), LIMITS), undefined);
});

t.test('labels are judged before samples, as in Mimir', async (t) => {
  const both = push([{ fault: FAULT.duplicateLabel, dataFault: FAULT.tooFarInPast }]);
  t.equal(findInvalidSeries(both, LIMITS)?.lead?.reason, 'duplicate_label_names');
});

t.test('a series without labels is nothing: not charged, not known, and nobody is told', async (t) => {
  const bare = { fault: FAULT.noLabels, flags: 0, labels: 0 };
  const mixed = push([{ ...bare, samples: 5, exemplars: 2 }, { samples: 3 }], 1);
  const leftOut = findInvalidSeries(mixed, LIMITS);
  t.match(leftOut, { series: 0, samples: 0, groups: [], passedOver: 1, lead: undefined });
  t.equal(leftOut?.has(0), true);
  t.equal(leftOut && itemsWithout(mixed, leftOut), 4);
  const alone = push([{ ...bare, samples: 5 }]);
  t.equal(storesNothing(alone, findInvalidSeries(alone, LIMITS)), true);
});

t.test('a series without anything in it counts as one item, however the push is counted', async (t) => {
  const exemplarsAlone = { samples: 0, exemplars: 1 };
  const empty = push([{ samples: 0 }, { samples: 2 }, { samples: 0 }, { samples: 0 }]);
  t.equal(itemsOfPush(empty), 4, 'at least as many as there are series');
  t.equal(itemsOfPush(push([exemplarsAlone, exemplarsAlone])), 0, 'exemplars are something');
  t.equal(itemsOfPush(push([{ samples: 0 }, {}], 5)), 6);
  t.equal(itemsOfPush(push([{ samples: 0, histograms: 1 }, { samples: 0 }])), 2);
  const mixed = push([{ samples: 0 }, { flags: 0 }, { samples: 2 }, exemplarsAlone, { samples: 0 }]);
  const leftOut = findInvalidSeries(mixed, LIMITS);
  t.equal(leftOut && itemsWithout(mixed, leftOut), 5);
});

t.test("items are what Mimir's ingestion rate counts", async (t) => {
  const given = [
    { samples: 2, exemplars: 3, uncharged: 2 },
    { samples: 0, histograms: 4, exemplars: 1 },
  ];
  t.equal(itemsOfPush(push(given, 5)), 13, 'not what it drops without a word');
  t.equal(itemsOfPush({ ...push(given, 5), invalidMetadata: 2, metadataFault: FAULT.metadataNoName }), 11);
  const leftOut = findInvalidSeries(push([...given, { flags: 0 }]), LIMITS);
  t.equal(leftOut && itemsWithout(push([...given, { flags: 0 }], 5), leftOut), 13);
});

t.test(
  'what Mimir stores nothing of costs nothing: exemplars alone, and metadata that it refuses',
  async (t) => {
    const exemplars = [{ samples: 0, exemplars: 7 }];
    t.equal(itemsOfPush(push(exemplars)), 0);
    t.equal(storesNothing(push(exemplars)), true);
    t.equal(itemsOfPush(push(exemplars, 1)), 8, 'with metadata they are stored');
    t.equal(storesNothing(push([{}])), false);
    const refused = { ...push([], 2), invalidMetadata: 2, metadataFault: FAULT.metadataUnitTooLong };
    t.equal(storesNothing(refused), true);
    t.equal(itemsOfPush(refused), 0);
    const mixed = push([...exemplars, { flags: 0, samples: 4 }]);
    const leftOut = findInvalidSeries(mixed, LIMITS);
    t.equal(leftOut && itemsWithout(mixed, leftOut), 0, 'the only samples are in a series that is left out');
  },
);

t.test('only valid series are charged', async (t) => {
  const mixed = push(
    [
      { samples: 3, exemplars: 2 },
      { flags: 0, samples: 50, exemplars: 50 },
    ],
    7,
  );
  const leftOut = findInvalidSeries(mixed, LIMITS);
  t.equal(leftOut && itemsWithout(mixed, leftOut), 3 + 2 + 7);
  const behind = push([{ flags: 0 }, { samples: 3, histograms: 4 }]);
  const first = findInvalidSeries(behind, LIMITS);
  t.equal(first && itemsWithout(behind, first), 3 + 4, 'each row has its own');
});

t.test(
  'what is left out is counted by reason, the first of each stage with up to three examples',
  async (t) => {
    const many = push([
      { labels: 31, samples: 2 },
      {},
      { flags: 0, histograms: 3, samples: 0, exemplars: 4 },
      ...new Array(5).fill({ labels: 31 }),
    ]);
    const leftOut = findInvalidSeries(many, LIMITS);
    t.match(leftOut, { series: 7, samples: 7, histograms: 3, exemplars: 4 });
    t.strictSame(leftOut?.groups, [
      {
        reason: 'max_label_names_per_series',
        examples: [0, 3, 4],
        inSamePoints: 0,
        series: 6,
        samples: 7,
        histograms: 0,
        exemplars: 0,
      },
      {
        reason: 'missing_metric_name',
        examples: [2],
        inSamePoints: 0,
        series: 1,
        samples: 0,
        histograms: 3,
        exemplars: 4,
      },
    ]);
    leftOut?.nextStage();
    t.equal(leftOut?.lead?.reason, 'max_label_names_per_series', 'a stage without findings does not lead');
    leftOut?.add(many, 1, 'label_name_too_long');
    t.equal(leftOut?.lead?.reason, 'label_name_too_long');
  },
);

t.test('a push of nothing but metadata that breaks a rule is refused for the first of it', async (t) => {
  const edge = enforcer();
  const { tenant } = admit(edge, 'a');
  const broken = { invalidMetadata: 2, metadataFault: FAULT.metadataUnitTooLong };
  t.match(judge(edge, tenant, { ...push([], 2), ...broken }), {
    kind: 'refuse',
    reason: 'unit_too_long',
    status: 400,
    message:
      /^all 2 metadata entries of tenant a were refused: the unit of the first has more than 1024 bytes /,
    retryAfterSeconds: undefined,
  });
  t.equal(discarded(tenant.tally.refused, 'unit_too_long', DISCARDED_REQUESTS), 1);
  t.match(judge(edge, tenant, { ...push([], 3), ...broken }), { kind: 'accept', items: 1 }, 'one is fine');
  t.match(
    judge(edge, tenant, { ...push([{}], 2), ...broken }),
    { kind: 'accept', items: 1 },
    'it has a sample',
  );
  const bare = push([{ fault: FAULT.noLabels, flags: 0, labels: 0 }], 2);
  t.match(judge(edge, tenant, { ...bare, ...broken }), { reason: 'unit_too_long' }, 'its series is nothing');
});
