/** Bodies of both versions, as the kernel reads them and the judge goes by what it finds, under a tenant's limits. */
import t from 'tap';
import { findInvalidSeries, itemsOfPush, itemsWithout, metadataReason } from '#src/enforce/label-rules.js';
import { seriesRules } from '#src/enforce/series-rules.js';
import type { MimirLimits } from '#src/limits/limits.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import type { Push } from '#src/payload/push.js';
import { WriteRequestV2 } from '../payload/encode.js';
import { type GivenSeries, writeRequest } from '../payload/odd-pushes.js';
import { limits } from './fixtures.js';

const NOW = 1_760_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const decoder = new InlineDecoder(64 << 20);

function decode(body: Uint8Array, version: 1 | 2, mimir: Partial<MimirLimits>): Push {
  const push = decoder.decodePlain(body, {
    protocol: version === 1 ? 'rw1' : 'rw2',
    maxUncompressedBytes: 64 << 20,
    maxSeries: 1000,
    excludeLabel: '',
    rules: seriesRules(limits(mimir)),
    nowMs: NOW,
  });
  if (push.kind !== 'push') throw new Error(push.message);
  return push;
}

/** What the first series that is left out is left out for, and what the push is charged: of each version. */
function judged(series: readonly GivenSeries[], mimir: Partial<MimirLimits> = {}): (string | number)[][] {
  return ([1, 2] as const).map((version) => {
    const push = decode(writeRequest(series, version), version, mimir);
    const leftOut = findInvalidSeries(push, limits(mimir));
    const items = leftOut === undefined ? itemsOfPush(push) : itemsWithout(push, leftOut);
    return [leftOut?.lead?.reason ?? 'valid', items];
  });
}

function both(reason: string, items: number): (string | number)[][] {
  return [
    [reason, items],
    [reason, items],
  ];
}

function named(
  name: string | Uint8Array,
  ...labels: [string | Uint8Array, string | Uint8Array][]
): GivenSeries {
  return { labels: [['__name__', name], ...labels], samples: [NOW] };
}

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
const labels = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, i) => [`l${String(i).padStart(3, '0')}`, 'v']);

t.test(
  'each rule for labels finds its series, at the first byte over the limit and not before',
  async (t) => {
    const cases: [what: string, reason: string, series: GivenSeries, mimir?: Partial<MimirLimits>][] = [
      ['a usual series', 'valid', named('up', ['job', 'a'])],
      ['colons and digits in a metric', 'valid', named('job:up:sum5m', ['a_1', 'x'])],
      [
        'labels that are not in order',
        'valid',
        {
          labels: [
            ['b', '1'],
            ['a', '2'],
            ['__name__', 'up'],
          ],
          samples: [NOW],
        },
      ],
      ['a label without a value', 'valid', named('up', ['', ''], ['job', ''])],
      ['no name', 'missing_metric_name', { labels: [['job', 'a']], samples: [NOW] }],
      ['an empty name', 'missing_metric_name', named('', ['job', 'a'])],
      ['a dot in the metric', 'metric_name_invalid', named('http.requests')],
      ['a digit before the metric', 'metric_name_invalid', named('5m')],
      [
        'a dot in the metric, where names are UTF-8',
        'valid',
        named('http.requests'),
        { name_validation_scheme: 'utf8' },
      ],
      [
        'umlauts, where names are UTF-8',
        'valid',
        named('Größe', ['ä', 'ö']),
        { name_validation_scheme: 'utf8' },
      ],
      [
        'a metric that is not UTF-8',
        'metric_name_invalid',
        named(bytes(0xff)),
        { name_validation_scheme: 'utf8' },
      ],
      ['a line end after the metric', 'metric_name_invalid', named('up\n')],
      ['a colon in a label', 'label_invalid', named('up', ['a:b', 'x'])],
      ['a digit before a label', 'label_invalid', named('up', ['1a', 'x'])],
      ['a label of no name', 'label_invalid', named('up', ['', 'x'])],
      [
        'a label of no name, where names are UTF-8',
        'label_invalid',
        named('up', ['', 'x']),
        { name_validation_scheme: 'utf8' },
      ],
      [
        'a colon in a label, where names are UTF-8',
        'valid',
        named('up', ['a:b', 'x']),
        { name_validation_scheme: 'utf8' },
      ],
      [
        'a label name that is not UTF-8',
        'label_invalid',
        named('up', [bytes(0xc3), 'x']),
        { name_validation_scheme: 'utf8' },
      ],
      ['a value that is UTF-8', 'valid', named('up', ['a', 'Grüße 🙂'])],
      ['a value that is cut', 'label_value_invalid', named('up', ['a', bytes(0x61, 0xe2, 0x82)])],
      ['a surrogate in a value', 'label_value_invalid', named('up', ['a', bytes(0xed, 0xa0, 0x80)])],
      ['an overlong form in a value', 'label_value_invalid', named('up', ['a', bytes(0xc0, 0xaf)])],
      [
        'a character above the last',
        'label_value_invalid',
        named('up', ['a', bytes(0xf4, 0x90, 0x80, 0x80)]),
      ],
      ['a label twice', 'duplicate_label_names', named('up', ['a', '1'], ['a', '1'])],
      [
        'a label twice, not side by side',
        'duplicate_label_names',
        named('up', ['a', '1'], ['b', '1'], ['a', '2']),
      ],
      ['a label twice, once without a value', 'valid', named('up', ['a', ''], ['a', '1'])],
      ['the name twice', 'duplicate_label_names', named('up', ['__name__', 'down'])],
      ['as many labels as may be', 'valid', named('up', ...labels(29))],
      ['one label more', 'max_label_names_per_series', named('up', ...labels(30))],
      ['one label more, without a value', 'valid', named('up', ...labels(29), ['x', ''])],
      ['as many of an info series', 'valid', named('target_info', ...labels(79))],
      ['one more of an info series', 'max_label_names_per_info_series', named('target_info', ...labels(80))],
      [
        'a name as long as the tenant may',
        'valid',
        named('up', ['abcdefgh', 'x']),
        { max_label_name_length: 8 },
      ],
      [
        'a name that is longer than that',
        'label_name_too_long',
        named('up', ['abcdefghi', 'x']),
        { max_label_name_length: 8 },
      ],
      ['a value as long as the tenant may', 'valid', named('up', ['a', 'xy']), { max_label_value_length: 2 }],
      [
        'a value that is longer than that',
        'label_value_too_long',
        named('up', ['a', 'xyz']),
        { max_label_value_length: 2 },
      ],
      ['a name as long as may be', 'valid', named('up', ['a'.repeat(1024), 'x'])],
      ['a longer name', 'label_name_too_long', named('up', ['a'.repeat(1025), 'x'])],
      ['a value as long as may be', 'valid', named('up', ['a', 'x'.repeat(2048)])],
      ['a longer value', 'label_value_too_long', named('up', ['a', 'x'.repeat(2049)])],
      ['a longer metric', 'label_value_too_long', named('x'.repeat(2049))],
      [
        'a longer value that is shortened',
        'valid',
        named('up', ['a', 'x'.repeat(2049)]),
        { label_value_length_over_limit_strategy: 'truncate' },
      ],
      [
        'a longer value that is dropped',
        'valid',
        named('up', ['a', 'x'.repeat(2049)]),
        { label_value_length_over_limit_strategy: 'drop' },
      ],
    ];
    for (const [what, reason, series, mimir] of cases) {
      t.strictSame(judged([series], mimir), both(reason, reason === 'valid' ? 1 : 0), what);
      const repeated = judged([named('up', ['job', 'a']), series, series, named('up', ['job', 'b'])], mimir);
      t.strictSame(repeated, both(reason, reason === 'valid' ? 4 : 2), `${what}, among others and twice`);
    }
  },
);

t.test(
  "of several faults the first in Mimir's order is named: labels in the order of their names",
  async (t) => {
    const long = 'x'.repeat(2049);
    const cases: [reason: string, series: GivenSeries][] = [
      ['missing_metric_name', { labels: [['1', long], ...labels(40)], samples: [NOW + HOUR] }],
      ['metric_name_invalid', named('1', ['1', long], ...labels(40))],
      ['max_label_names_per_series', named('up', ['1', long], ...labels(40))],
      ['label_invalid', named('up', ['z', long], ['1', 'x'])],
      ['label_value_too_long', named('up', ['z1', 'x'], ['a', long], ['z.', 'x'])],
      ['label_value_too_long', named('up', ['a', 'x'], ['a', long])],
      ['label_invalid', named('up', ['1', bytes(0xff)])],
      ['label_value_invalid', named('up', ['a', bytes(0xff)], ['a', 'x'])],
      ['label_name_too_long', named('up', ['a'.repeat(1025), bytes(0xff)])],
      ['duplicate_label_names', { ...named('up', ['a', 'x'], ['a', 'x']), samples: [NOW + HOUR] }],
    ];
    for (const [reason, series] of cases) t.strictSame(judged([series]), both(reason, 0), reason);
  },
);

t.test(
  'a sample too far from now leaves its series out, and repeated timestamps are not charged',
  async (t) => {
    const at = (...samples: number[]): GivenSeries => ({ ...named('up'), samples });
    const past = { past_grace_period: HOUR, out_of_order_time_window: 10 * MINUTE };
    const window = { out_of_order_time_window: 10 * MINUTE };
    const cases: [reason: string, items: number, series: GivenSeries, mimir?: Partial<MimirLimits>][] = [
      ['valid', 1, at(NOW + 10 * MINUTE)],
      ['too_far_in_future', 0, at(NOW + 10 * MINUTE + 1)],
      ['too_far_in_future', 0, at(NOW - 1, NOW, NOW + HOUR)],
      ['valid', 1, at(NOW), { creation_grace_period: 0 }],
      ['too_far_in_future', 0, at(NOW + 1), { creation_grace_period: 0 }],
      ['valid', 1, at(0)],
      ['valid', 1, at(-5)],
      ['valid', 1, at(NOW - 70 * MINUTE), past],
      ['too_far_in_past', 0, at(NOW - 70 * MINUTE - 1), past],
      ['too_far_in_past', 0, at(-1), past],
      ['valid', 1, at(NOW - HOUR), window],
      ['valid', 1, at(NOW - 10 * MINUTE), { ...window, enforce_out_of_order_window_on_distributor: true }],
      [
        'sample_too_old',
        0,
        at(NOW - 10 * MINUTE - 1),
        { ...window, enforce_out_of_order_window_on_distributor: true },
      ],
      ['valid', 1, at(0), { enforce_out_of_order_window_on_distributor: true }],
      [
        'too_far_in_past',
        0,
        at(NOW - 70 * MINUTE - 1),
        { ...past, enforce_out_of_order_window_on_distributor: true },
      ],
      ['valid', 1, at(NOW - 70 * MINUTE), { ...past, enforce_out_of_order_window_on_distributor: true }],
      ['too_far_in_past', 0, at(NOW - 2 * HOUR, NOW + HOUR), past],
      ['too_far_in_future', 0, at(NOW + HOUR, NOW - 2 * HOUR), past],
      ['too_far_in_past', 0, { ...at(NOW - 2 * HOUR), histograms: [{ timestamp: NOW + HOUR }] }, past],
      ['too_far_in_future', 0, { ...at(NOW), histograms: [{ timestamp: NOW + HOUR }] }],
      ['valid', 1, at(NOW, NOW)],
      ['valid', 3, at(NOW, NOW + 1, NOW, NOW - 1, NOW + 1)],
      ['valid', 2, at(0, -1, 0)],
      ['valid', 2, { ...at(NOW), histograms: [{ timestamp: NOW }, { timestamp: NOW }] }],
      ['valid', 4, { ...at(2, 1), histograms: [{ timestamp: 2 }, { timestamp: 1 }] }],
    ];
    for (const [reason, items, series, mimir] of cases) {
      t.strictSame(judged([series], mimir), both(reason, items), JSON.stringify([series, mimir]));
    }
  },
);

t.test(
  'a native histogram with too many buckets leaves its series out, if Mimir can not reduce it',
  async (t) => {
    const given = (schema: number, deltas: number, more: object = {}): GivenSeries => ({
      ...named('up'),
      samples: [],
      histograms: [
        {
          timestamp: NOW,
          countInt: 5,
          schema,
          positiveSpans: [{ offset: 1, length: deltas }],
          positiveDeltas: new Array(deltas).fill(1),
          ...more,
        },
      ],
    });
    const floats = {
      countInt: undefined,
      countFloat: 5,
      positiveDeltas: [],
      positiveCounts: new Array(20).fill(1),
    };
    const ten = { max_native_histogram_buckets: 10 };
    const fixed = { ...ten, reduce_native_histogram_over_max_buckets: false };
    const cases: [what: string, reason: string, series: GivenSeries, mimir?: Partial<MimirLimits>][] = [
      ['the finest schema', 'valid', given(8, 20)],
      ['the coarsest schema', 'valid', given(-4, 20)],
      ['a finer schema', 'invalid_native_histogram_schema', given(9, 1)],
      ['a coarser schema', 'invalid_native_histogram_schema', given(-5, 1)],
      ['custom buckets', 'valid', given(-53, 20)],
      ['as many buckets as may be', 'valid', given(0, 10), fixed],
      ['one more', 'max_native_histogram_buckets', given(0, 11), fixed],
      [
        'one more, but on the other side',
        'max_native_histogram_buckets',
        given(0, 10, { negativeDeltas: [1] }),
        fixed,
      ],
      ['one more, which can be reduced', 'valid', given(0, 11), ten],
      ['one more, at the coarsest schema', 'not_reducible_native_histogram', given(-4, 11), ten],
      // Twenty become ten or eleven, and fewer than ten are asked for.
      ['one step that is not enough', 'not_reducible_native_histogram', given(-3, 20), ten],
      ['two steps', 'valid', given(-2, 20), ten],
      [
        'buckets that stay far apart',
        'not_reducible_native_histogram',
        given(0, 11, { positiveSpans: new Array(11).fill({ offset: 1000, length: 1 }) }),
        ten,
      ],
      ['too many custom buckets', 'native_histogram_custom_buckets_not_reducible', given(-53, 11), ten],
      ['floats, of which Mimir does not count what one step leaves', 'valid', given(0, 20, floats), ten],
      ['floats at the coarsest schema', 'not_reducible_native_histogram', given(-4, 20, floats), ten],
      [
        'one that comes after another of its time, and is not looked at',
        'valid',
        {
          ...named('up'),
          samples: [],
          histograms: [
            { timestamp: 1, schema: 0 },
            { timestamp: 1, schema: 99 },
          ],
        },
      ],
    ];
    for (const [what, reason, series, mimir] of cases) {
      t.strictSame(judged([series], mimir), both(reason, reason === 'valid' ? 1 : 0), what);
    }
  },
);

t.test('exemplars that Mimir drops are not charged', async (t) => {
  const trace: [string, string][] = [['trace_id', 'abc']];
  const given = (...exemplars: NonNullable<GivenSeries['exemplars']>): GivenSeries => ({
    ...named('up'),
    samples: [NOW],
    exemplars,
  });
  const some = { max_global_exemplars_per_user: 100 };
  const cases: [what: string, items: number, series: GivenSeries, mimir?: Partial<MimirLimits>][] = [
    ['one', 2, given({ labels: trace, timestamp: NOW })],
    [
      'where a tenant may have none',
      1,
      given({ labels: trace, timestamp: NOW }),
      { max_global_exemplars_per_user: 0 },
    ],
    ['without labels', 1, given({ labels: [], timestamp: NOW })],
    [
      'without a label that says something',
      1,
      given({
        labels: [
          ['a', ''],
          ['', 'b'],
        ],
        timestamp: NOW,
      }),
    ],
    ['without a time', 1, given({ labels: trace, timestamp: 0 })],
    ['of 128 characters', 2, given({ labels: [['ä'.repeat(64), '🙂'.repeat(64)]], timestamp: NOW })],
    [
      'of 129 characters',
      1,
      given({
        labels: [
          ['ä'.repeat(64), '🙂'.repeat(64)],
          ['', 'b'],
        ],
        timestamp: NOW,
      }),
    ],
    ['five minutes before the samples', 2, given({ labels: trace, timestamp: NOW - 5 * MINUTE })],
    ['earlier', 1, given({ labels: trace, timestamp: NOW - 5 * MINUTE - 1 })],
    ['too far in the future', 1, given({ labels: trace, timestamp: NOW + 10 * MINUTE + 1 })],
    [
      'as old as samples may be',
      1,
      given({ labels: trace, timestamp: NOW - 2 * MINUTE }),
      { ...some, past_grace_period: MINUTE },
    ],
    [
      'over how many a series may send: those that come first are looked at',
      2,
      given(
        { labels: [], timestamp: NOW },
        { labels: trace, timestamp: NOW },
        { labels: trace, timestamp: NOW },
      ),
      { ...some, max_exemplars_per_series_per_request: 2 },
    ],
  ];
  for (const [what, items, series, mimir = some] of cases) {
    t.strictSame(judged([series], mimir), both('valid', items), what);
  }
  const older = { ...named('down'), samples: [NOW - HOUR] };
  const old = given({ labels: trace, timestamp: NOW - HOUR });
  t.strictSame(judged([old, older], some), both('valid', 3), 'the oldest sample may come later in the push');
});

t.test('metadata that Mimir refuses is not charged, and the first of it is what is said', async (t) => {
  const entries = (...metadata: object[]) => writeRequest([], 1, metadata);
  const cases: [
    reason: string | undefined,
    items: number,
    metadata: object[],
    mimir?: Partial<MimirLimits>,
  ][] = [
    [undefined, 1, [{ metricFamilyName: 'up', unit: 's' }]],
    ['metadata_missing_metric_name', 0, [{ unit: 's' }]],
    [undefined, 1, [{ unit: 's' }], { enforce_metadata_metric_name: false }],
    ['metric_name_too_long', 1, [{ metricFamilyName: 'x'.repeat(1025) }, { metricFamilyName: 'up' }]],
    ['unit_too_long', 0, [{ metricFamilyName: 'up', unit: 'x'.repeat(6) }], { max_metadata_length: 5 }],
    ['unit_too_long', 0, [{ metricFamilyName: 'up', unit: 'x'.repeat(1025) }, { unit: 's' }]],
    [undefined, 1, [{ metricFamilyName: 'up', help: 'x'.repeat(2000) }]],
  ];
  for (const [reason, items, metadata, mimir = {}] of cases) {
    const push = decode(entries(...metadata), 1, mimir);
    t.equal(push.invalidMetadata > 0 ? metadataReason(push) : undefined, reason);
    t.equal(itemsOfPush(push), items);
    t.equal(push.metadata, metadata.length, 'what was received');
  }
  const family = (name: string, unit: string): GivenSeries => ({
    ...named(name),
    metadata: { type: 3, unit },
  });
  const second = decode(
    writeRequest([family('aa_count', 's'), family('aa_sum', 'seconds'), family('b', 'seconds')], 2),
    2,
    { max_metadata_length: 3 },
  );
  t.match(second, { metadata: 2, invalidMetadata: 1 }, 'of a family the first that is met');
  t.equal(metadataReason(second), 'unit_too_long');
  t.equal(itemsOfPush(second), 4);
  const oddFirst = WriteRequestV2.encode({
    symbols: ['seconds', '__name__', 'up'],
    timeseries: [{ labelsRefs: [1, 2], samples: [{ value: 1, timestamp: 1 }], metadata: { type: 1 } }],
  }).finish();
  const unitless = decode(oddFirst, 2, { max_metadata_length: 3 });
  t.match(unitless, { metadata: 1, invalidMetadata: 0 }, 'no unit, though the first symbol is a text');
});
