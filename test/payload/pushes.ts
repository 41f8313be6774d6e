/** Arbitrary remote-write messages for fast-check, and ways to break them. */
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { NO_RULE, NO_RULES, type SeriesRules } from '#src/payload/push.js';
import { anyText } from '../any-text.js';
import { WriteRequestV1, WriteRequestV2 } from './encode.js';
import type { GivenSeries } from './odd-pushes.js';
import type { Rules } from './oracle.js';

const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('__name__', 'job', 'instance', 'le', 'cluster', '__replica__', ''),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: anyText({ minLength: 120, maxLength: 140 }) },
);
const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'up',
      'target_info',
      '_info',
      'x_bucket',
      'x_count',
      'x_sum',
      'x_gcount',
      'x_gsum',
      'a:9090',
      '',
    ),
  },
  { weight: 2, arbitrary: anyText({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 100, maxLength: 300 }) },
);
const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }),
  fc.integer({ min: -5, max: 5 }),
  fc.integer(),
);
const double = fc.double();
const sample = fc.record({ value: double, timestamp });
const label = fc.record({ name, value });
const spans = fc.array(fc.record({ offset: fc.integer(), length: fc.nat() }), { maxLength: 3 });
const histogram = fc.record({
  countInt: fc.nat(),
  sum: double,
  schema: fc.integer({ min: -4, max: 8 }),
  zeroThreshold: double,
  positiveSpans: spans,
  positiveDeltas: fc.array(fc.integer(), { maxLength: 5 }),
  negativeCounts: fc.array(double, { maxLength: 3 }),
  resetHint: fc.nat({ max: 3 }),
  timestamp,
  customValues: fc.array(double, { maxLength: 3 }),
});

export const messageV1 = fc
  .record({
    timeseries: fc.array(
      fc.record({
        labels: fc.array(label, { maxLength: 8 }),
        samples: fc.array(sample, { maxLength: 3 }),
        exemplars: fc.array(
          fc.record({ labels: fc.array(label, { maxLength: 2 }), value: double, timestamp }),
          { maxLength: 2 },
        ),
        histograms: fc.array(histogram, { maxLength: 2 }),
      }),
      { maxLength: 12 },
    ),
    metadata: fc.array(
      fc.record({ type: fc.nat({ max: 7 }), metricFamilyName: value, help: value, unit: value }),
      { maxLength: 4 },
    ),
  })
  .map((message) => WriteRequestV1.encode(message).finish());

/** A field of a series of version 1 as it is on the wire, tag and length included. */
function seriesField(tag: number, build: (writer: protobuf.Writer) => void): Uint8Array {
  return wire((writer) => build(writer.uint32(tag).fork()));
}

const LABEL_TAG = 0x0a;
const SAMPLE_TAG = 0x12;

function labelField(labelName: string, labelValue: string): Uint8Array {
  return seriesField(LABEL_TAG, (w) => w.uint32(10).string(labelName).uint32(18).string(labelValue).ldelim());
}

const labelNameOfFew = fc.constantFrom('__name__', 'a', 'b', 'a-name-of-over-sixteen', '__replica__');
const labelValueOfFew = fc.constantFrom('', '1', '2', 'target_info', 'a value of more than thirty-two bytes');
const fieldOfFew = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(labelNameOfFew, labelValueOfFew).map(([n, v]) => labelField(n, v)) },
  // Labels as no sender writes them: two lengths of two bytes, value before name, name twice, something else inside.
  { weight: 1, arbitrary: labelNameOfFew.map((n) => labelField(n, 'v'.repeat(130))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(labelNameOfFew, labelValueOfFew)
      .map(([n, v]) =>
        seriesField(LABEL_TAG, (w) =>
          w.uint32(18).string(v).uint32(10).string('x').uint32(10).string(n).ldelim(),
        ),
      ),
  },
  {
    weight: 1,
    arbitrary: labelNameOfFew.map((n) =>
      seriesField(LABEL_TAG, (w) =>
        w.uint32(10).string(n).uint32(18).string('1').uint32(24).uint32(7).ldelim(),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 5, 1_760_000_000_000)
      .map((timestampMs) =>
        seriesField(SAMPLE_TAG, (w) => w.uint32(9).double(1).uint32(16).int64(timestampMs).ldelim()),
      ),
  },
  { weight: 1, arbitrary: fc.constant(wire((w) => w.uint32(80).uint32(1))) },
);

/**
 * Series of version 1 that differ from the one before in few of their fields, which come in any order: what is taken over
 * from one to the next shows here. Some have more labels than the kernel keeps.
 */
export const seriesAlike = fc
  .record({
    many: fc.constantFrom(0, 0, 0, 62, 64, 70),
    fields: fc.array(fieldOfFew, { minLength: 1, maxLength: 8 }),
    edits: fc.array(
      fc.array(
        fc.record({
          at: fc.nat({ max: 8 }),
          kind: fc.constantFrom('set' as const, 'insert' as const, 'drop' as const),
          field: fieldOfFew,
        }),
        { maxLength: 3 },
      ),
      { maxLength: 8 },
    ),
  })
  .map(({ many, fields, edits }) => {
    const head = Array.from({ length: many }, (_, i) => labelField(`label_${i}`, `value ${i}`));
    let current = [...head, ...fields];
    const all = [current];
    for (const edit of edits) {
      current = [...current];
      for (const { at, kind, field } of edit) {
        const place = many > 0 && at < 4 ? at : many + at;
        current.splice(place, kind === 'insert' ? 0 : 1, ...(kind === 'drop' ? [] : [field]));
      }
      all.push(current);
    }
    return all.map((one) => wire((w) => w.uint32(10).bytes(Buffer.concat(one))));
  });

/** Labels of a series that may be of an HA pair, in any order, and with some twice or without a value. */
export const pairedSeries = fc.array(
  fc.oneof(
    fc.tuple(fc.constant('__name__'), fc.constantFrom('up', 'x_info', '', 'nö')),
    fc.tuple(fc.constant('cluster'), fc.constantFrom('a', 'b', '')),
    fc.tuple(fc.constant('__replica__'), fc.constantFrom('one', 'two', 'three', '')),
    fc.tuple(fc.constantFrom('job', 'le'), fc.constantFrom('x', 'y')),
  ),
  { maxLength: 7 },
);

export const messageV2 = fc
  .array(fc.oneof(name, value), { minLength: 1, maxLength: 20 })
  .chain((symbols) => {
    const ref = fc.nat({ max: symbols.length - 1 });
    const refs = fc.array(fc.tuple(ref, ref), { maxLength: 6 }).map((pairs) => pairs.flat());
    return fc.record({
      symbols: fc.constant(symbols),
      timeseries: fc.array(
        fc.record({
          labelsRefs: refs,
          samples: fc.array(sample, { maxLength: 3 }),
          histograms: fc.array(histogram, { maxLength: 2 }),
          exemplars: fc.array(fc.record({ labelsRefs: refs, value: double, timestamp }), { maxLength: 2 }),
          metadata: fc.option(fc.record({ type: fc.nat({ max: 7 }), helpRef: ref, unitRef: ref }), {
            nil: undefined,
          }),
        }),
        { maxLength: 12 },
      ),
    });
  })
  .map((message) => WriteRequestV2.encode(message).finish());

/** Something goes wrong with a body: bytes changed, lost, doubled, cut off. */
export const damage = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat({ max: 255 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
    fc.record({ kind: fc.constant('drop' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 8 }) }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at: fc.nat(),
      length: fc.integer({ min: 1, max: 40 }),
    }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: fc.nat(),
      bytes: fc.uint8Array({ maxLength: 12 }),
    }),
  ),
  { minLength: 1, maxLength: 4 },
);

export type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

export function damaged(body: Uint8Array, all: Damage): Uint8Array {
  let bytes = Buffer.from(body);
  for (const one of all) {
    const at = bytes.length === 0 ? 0 : one.at % bytes.length;
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (one.kind === 'set') bytes = Buffer.concat([head, Buffer.of(one.byte), tail.subarray(1)]);
    else if (one.kind === 'cut') bytes = Buffer.from(head);
    else if (one.kind === 'drop') bytes = Buffer.concat([head, tail.subarray(one.length)]);
    else if (one.kind === 'repeat') bytes = Buffer.concat([head, tail.subarray(0, one.length), tail]);
    else bytes = Buffer.concat([head, one.bytes, tail]);
  }
  return bytes;
}

/** Raw protobuf fields, for what no encoder writes. */
export function wire(build: (writer: protobuf.Writer) => void): Uint8Array {
  const writer = protobuf.Writer.create();
  build(writer);
  return writer.finish();
}

// Series that break Mimir's rules, and are near to it. Few texts and times, so that they meet.

const NOW_MS = 1_760_000_000_000;
const oddName = fc.constantFrom<string | Uint8Array>(
  ...[
    '__name__',
    '__name__',
    '__name__',
    'a',
    'b',
    'cluster',
    '__replica__',
    '',
    'a:b',
    'a.b',
    '1a',
    'ä',
    'a_long_name',
  ],
  ...['a'.repeat(15), 'a'.repeat(16), `${'a'.repeat(16)}.`, 'n'.repeat(130)],
  Uint8Array.of(0xff),
  Uint8Array.of(0x61, 0xc3),
);
const oddValue = fc.constantFrom<string | Uint8Array>(
  ...[
    'up',
    'up',
    'up',
    'target_info',
    'x_bucket',
    'a:b',
    'a.b',
    '',
    'c',
    'r',
    '5',
    'Grüße 🙂',
    'a value of some length',
  ],
  ...['v'.repeat(15), 'v'.repeat(17), 'v'.repeat(130)],
  Uint8Array.of(0x61, 0xe2, 0x82),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xf4, 0x8f, 0xbf, 0xbf),
);
const oddTimestamp = fc.constantFrom(
  ...[
    0,
    -1,
    1,
    NOW_MS,
    NOW_MS + 1,
    NOW_MS + 1000,
    NOW_MS + 1001,
    NOW_MS - 1000,
    NOW_MS - 1001,
    NOW_MS - 300_000,
  ],
  ...[NOW_MS - 301_000, NOW_MS - 301_001, 2 ** 50, -(2 ** 50)],
);
const oddSpans = fc.array(
  fc.record({
    offset: fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer()),
    length: fc.oneof(fc.nat({ max: 6 }), fc.constant(4_000_000_000)),
  }),
  { maxLength: 5 },
);
const oddDeltas = fc.array(fc.integer(), { maxLength: 12 });
const oddHistogram = fc
  .record({
    timestamp: oddTimestamp,
    isFloat: fc.boolean(),
    schema: fc.constantFrom(0, 1, 8, 9, -3, -4, -5, -53, 2 ** 31 - 1, -(2 ** 31)),
    positiveSpans: oddSpans,
    negativeSpans: oddSpans,
    positiveDeltas: oddDeltas,
    negativeDeltas: fc.array(fc.integer(), { maxLength: 3 }),
    positiveCounts: fc.array(fc.double(), { maxLength: 2 }),
    customValues: fc.array(fc.double(), { maxLength: 2 }),
  })
  .map(({ isFloat, ...histogram }) => ({ ...histogram, ...(isFloat ? { countFloat: 1 } : { countInt: 1 }) }));
const oddLabels = fc.array(fc.tuple(oddName, oddValue), { maxLength: 7 });

export const oddSeries: fc.Arbitrary<GivenSeries> = fc
  .record({
    labels: oddLabels,
    isNamed: fc.boolean(),
    isSorted: fc.boolean(),
    samples: fc.array(oddTimestamp, { maxLength: 5 }),
    histograms: fc.array(oddHistogram, { maxLength: 2 }),
    exemplars: fc.array(fc.record({ labels: oddLabels, timestamp: oddTimestamp }), { maxLength: 2 }),
    metadata: fc.option(
      fc.record({
        type: fc.nat({ max: 5 }),
        help: fc.constantFrom('', 'h'),
        unit: fc.constantFrom('', 'seconds'),
      }),
      { nil: undefined },
    ),
  })
  .map(({ isNamed, isSorted, labels, metadata, ...series }) => {
    const all = isNamed ? [['__name__', 'up'] as [string, string], ...labels] : labels;
    if (isSorted) all.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return { ...series, labels: all, ...(metadata !== undefined && { metadata }) };
  });

const strictRules: fc.Arbitrary<SeriesRules> = fc.record({
  utf8Names: fc.boolean(),
  maxLabels: fc.constantFrom(1, 3, 5, NO_RULE),
  maxInfoLabels: fc.constantFrom(2, 6, NO_RULE),
  maxNameLength: fc.constantFrom(8, 15, NO_RULE),
  maxValueLength: fc.constantFrom(5, 16, NO_RULE),
  maxExemplars: fc.constantFrom(0, 1, NO_RULE),
  maxAheadMs: fc.constantFrom(0, 1000, Number.POSITIVE_INFINITY),
  maxBehindMs: fc.constantFrom(1000, 301_000, Number.POSITIVE_INFINITY),
  maxBuckets: fc.constantFrom(1, 3, 6, NO_RULE),
  reduceBuckets: fc.boolean(),
  maxMetadataLength: fc.constantFrom(1, 4, NO_RULE),
  metadataNeedsName: fc.boolean(),
  maxReplicaLength: fc.constantFrom(1, NO_RULE),
});

export const someRules: fc.Arbitrary<Rules> = fc.record({
  rules: fc.oneof({ weight: 1, arbitrary: fc.constant(NO_RULES) }, { weight: 4, arbitrary: strictRules }),
  nowMs: fc.constant(NOW_MS),
  excludeLabel: fc.constantFrom('', '__replica__'),
  clusterLabel: fc.constantFrom('', 'cluster'),
  pairPerSeries: fc.boolean(),
});
