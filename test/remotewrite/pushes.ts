/** Arbitrary remote-write messages for fast-check, and ways to break them. */
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { WriteRequestV1, WriteRequestV2 } from '#src/remotewrite/encode.js';

const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('__name__', 'job', 'instance', 'le', 'cluster', '__replica__', ''),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 120, maxLength: 140 }) },
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
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
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
