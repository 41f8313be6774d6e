import t from 'tap';
import {
  everySeriesIsValid,
  findInvalidSeries,
  itemsOfPush,
  itemsWithout,
} from '#src/enforce/label-rules.js';
import { RECORD_FLAG_INFO, RECORD_FLAG_NAMED } from '#src/payload/push.js';
import { type GivenSeries, limits, push } from './fixtures.js';

const strict = limits({
  max_label_names_per_series: 5,
  max_label_names_per_info_series: 8,
  max_label_name_length: 10,
  max_label_value_length: 20,
});

t.test('each rule finds its series, at the first byte over the limit and not before', async (t) => {
  const cases: [string, GivenSeries, GivenSeries][] = [
    ['missing_metric_name', {}, { flags: 0 }],
    ['max_label_names_per_series', { labels: 5 }, { labels: 6 }],
    ['label_name_too_long', { longestName: 10 }, { longestName: 11 }],
    ['label_value_too_long', { longestValue: 20 }, { longestValue: 21 }],
    [
      'max_label_names_per_info_series',
      { labels: 8, flags: RECORD_FLAG_NAMED | RECORD_FLAG_INFO },
      { labels: 9, flags: RECORD_FLAG_NAMED | RECORD_FLAG_INFO },
    ],
  ];
  for (const [reason, valid, invalid] of cases) {
    t.equal(findInvalidSeries(push([valid, {}]), strict), undefined, `${reason}: valid at the limit`);
    t.equal(
      everySeriesIsValid(push([valid, {}]), strict),
      valid.flags === undefined,
      `${reason}: seen from the maxima, unless it is an info series`,
    );
    const mixed = push([{}, invalid, {}]);
    t.equal(everySeriesIsValid(mixed, strict), false, reason);
    const leftOut = findInvalidSeries(mixed, strict);
    t.match(leftOut, { series: 1, lead: { reason, examples: [1] } });
    t.strictSame(
      [0, 1, 2].map((row) => leftOut?.has(row)),
      [false, true, false],
    );
  }
});

t.test("a series that breaks several rules is named by Mimir's first", async (t) => {
  const worst = push([{ flags: 0, labels: 99, longestName: 99, longestValue: 99 }]);
  t.equal(findInvalidSeries(worst, strict)?.lead?.reason, 'missing_metric_name');
  const long = push([{ labels: 99, longestName: 99, longestValue: 99 }]);
  t.equal(findInvalidSeries(long, strict)?.lead?.reason, 'max_label_names_per_series');
});

t.test('long values stay where Mimir shortens them', async (t) => {
  const long = push([{ longestValue: 5000 }]);
  for (const strategy of ['truncate', 'drop'] as const) {
    const shortening = limits({ label_value_length_over_limit_strategy: strategy });
    t.equal(everySeriesIsValid(long, shortening), true);
    t.equal(findInvalidSeries(long, shortening), undefined);
  }
});

t.test('the HA replica label, which Mimir removes first, does not count', async (t) => {
  const labelled = push([{ labels: 6 }]);
  const { edge: _edge, ...mimir } = strict;
  t.equal(everySeriesIsValid(labelled, strict), false);
  const pairs = limits({ ...mimir, accept_ha_samples: true });
  t.equal(everySeriesIsValid(labelled, pairs), true);
  t.match(findInvalidSeries(push([{ labels: 7 }]), pairs), {
    lead: { reason: 'max_label_names_per_series' },
  });
  const info = RECORD_FLAG_NAMED | RECORD_FLAG_INFO;
  t.equal(findInvalidSeries(push([{ labels: 9, flags: info }]), pairs), undefined);
  t.match(findInvalidSeries(push([{ labels: 10, flags: info }]), pairs), {
    lead: { reason: 'max_label_names_per_info_series' },
  });
});

t.test('a series without anything in it counts as one item, however the push is counted', async (t) => {
  const exemplarsAlone = { samples: 0, exemplars: 1 };
  const empty = push([{ samples: 0 }, { samples: 2 }, { samples: 0 }, { samples: 0 }]);
  t.equal(itemsOfPush(empty, limits()), 4, 'at least as many as there are series');
  t.equal(itemsOfPush(push([exemplarsAlone, exemplarsAlone]), limits()), 0, 'exemplars are something');
  t.equal(itemsOfPush(push([{ samples: 0 }, {}], 5), limits()), 6);
  t.equal(itemsOfPush(push([{ samples: 0, histograms: 1 }, { samples: 0 }]), limits()), 2);
  const mixed = push([{ samples: 0 }, { flags: 0 }, { samples: 2 }, exemplarsAlone, { samples: 0 }]);
  const leftOut = findInvalidSeries(mixed, limits());
  t.equal(leftOut && itemsWithout(mixed, limits(), leftOut), 4);
});

t.test("items are what Mimir's ingestion rate counts", async (t) => {
  const mixed = push(
    [
      { samples: 2, exemplars: 3 },
      { samples: 0, histograms: 4, exemplars: 1 },
    ],
    5,
  );
  t.equal(itemsOfPush(mixed, limits()), 11, 'exemplars are not even decoded for a tenant that may have none');
  t.equal(itemsOfPush(mixed, limits({ max_global_exemplars_per_user: 100 })), 15);
  t.equal(
    itemsOfPush(
      mixed,
      limits({ max_global_exemplars_per_user: 100, max_exemplars_per_series_per_request: 2 }),
    ),
    14,
    'the surplus is dropped before it is counted',
  );
});

t.test('only valid series are charged', async (t) => {
  const mixed = push(
    [
      { samples: 3, exemplars: 2 },
      { flags: 0, samples: 50, exemplars: 50 },
    ],
    7,
  );
  const exemplars = limits({ max_global_exemplars_per_user: 1 });
  const leftOut = findInvalidSeries(mixed, exemplars);
  t.equal(leftOut && itemsWithout(mixed, exemplars, leftOut), 3 + 2 + 7);
  const behind = push([{ flags: 0 }, { samples: 3, histograms: 4 }]);
  const first = findInvalidSeries(behind, exemplars);
  t.equal(first && itemsWithout(behind, exemplars, first), 3 + 4, 'each row has its own');
});

t.test(
  'what is left out is counted by reason, the first of each stage with up to three examples',
  async (t) => {
    const many = push([
      { labels: 6, samples: 2 },
      {},
      { flags: 0, histograms: 3, samples: 0, exemplars: 4 },
      ...new Array(5).fill({ labels: 6 }),
    ]);
    const leftOut = findInvalidSeries(many, strict);
    t.match(leftOut, { series: 7, samples: 7, histograms: 3, exemplars: 4 });
    t.strictSame(leftOut?.groups, [
      {
        reason: 'max_label_names_per_series',
        examples: [0, 3, 4],
        series: 6,
        samples: 7,
        histograms: 0,
        exemplars: 0,
      },
      { reason: 'missing_metric_name', examples: [2], series: 1, samples: 0, histograms: 3, exemplars: 4 },
    ]);
    leftOut?.nextStage();
    t.equal(leftOut?.lead?.reason, 'max_label_names_per_series', 'a stage without findings does not lead');
    leftOut?.add(many, 1, 'label_name_too_long');
    t.equal(leftOut?.lead?.reason, 'label_name_too_long');
  },
);
