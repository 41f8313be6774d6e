/** Arbitrary OTLP requests for fast-check, as protobufjs takes them, and the JSON that an OpenTelemetry sender makes of them. */
import fc from 'fast-check';
import { anyText } from '../../any-text.js';

const text = fc.oneof(
  fc.constantFrom('http.requests', 'service.name', 'job', 'a', ''),
  anyText({ maxLength: 8 }),
);
const fixed64 = fc.oneof(
  fc.constantFrom('1700000000000000000', '0'),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
);
const sfixed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
/** JSON.stringify knows no -0. */
const double = fc.double().map((value) => (value === 0 ? 0 : value));
const uint32 = fc.nat();
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const { anyValue } = fc.letrec<{ anyValue: Given; keyValue: Given }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ stringValue: text }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: sfixed64 }),
    fc.record({ doubleValue: double }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 5 }) }),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('anyValue'), { maxLength: 3 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(tie('keyValue'), { maxLength: 3 }) }) }),
    fc.constant({}),
  ),
  keyValue: fc.record({ key: text, value: tie('anyValue') }),
}));
type Given = Record<string, unknown>;

const attributes = fc.array(fc.record({ key: text, value: anyValue }), { maxLength: 3 });
const number = fc.oneof(fc.record({ asDouble: double }), fc.record({ asInt: sfixed64 }), fc.constant({}));
const exemplar = fc
  .tuple(
    fc.record({
      timeUnixNano: fixed64,
      filteredAttributes: attributes,
      spanId: bytes(8),
      traceId: bytes(16),
    }),
    number,
  )
  .map(([one, value]) => ({ ...one, ...value }));
const exemplars = fc.array(exemplar, { maxLength: 1 });
const point = { startTimeUnixNano: fixed64, timeUnixNano: fixed64, attributes, flags: fc.nat({ max: 1 }) };
const numberPoint = fc
  .tuple(fc.record({ ...point, exemplars }), number)
  .map(([one, value]) => ({ ...one, ...value }));
const histogramPoint = fc.record(
  {
    ...point,
    exemplars,
    count: fixed64,
    sum: double,
    bucketCounts: fc.array(fixed64, { maxLength: 4 }),
    explicitBounds: fc.array(double, { maxLength: 3 }),
    min: double,
    max: double,
  },
  { requiredKeys: ['count', 'bucketCounts'] },
);
const buckets = fc.record({
  offset: fc.integer(),
  bucketCounts: fc.array(fixed64, { maxLength: 4 }),
});
const exponentialPoint = fc.record(
  {
    ...point,
    exemplars,
    count: fixed64,
    sum: double,
    scale: fc.integer({ min: -10, max: 20 }),
    zeroCount: fixed64,
    positive: buckets,
    negative: buckets,
    min: double,
    max: double,
    zeroThreshold: double,
  },
  { requiredKeys: ['scale'] },
);
const summaryPoint = fc.record({
  ...point,
  count: fixed64,
  sum: double,
  quantileValues: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 3 }),
});
const points = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 });
const aggregationTemporality = fc.nat({ max: 2 });
const data = fc.oneof(
  fc.record({ gauge: fc.record({ dataPoints: points(numberPoint) }) }),
  fc.record({
    sum: fc.record({ dataPoints: points(numberPoint), aggregationTemporality, isMonotonic: fc.boolean() }),
  }),
  fc.record({ histogram: fc.record({ dataPoints: points(histogramPoint), aggregationTemporality }) }),
  fc.record({
    exponentialHistogram: fc.record({ dataPoints: points(exponentialPoint), aggregationTemporality }),
  }),
  fc.record({ summary: fc.record({ dataPoints: points(summaryPoint) }) }),
);
const metric = fc
  .tuple(fc.record({ name: text, description: text, unit: text, metadata: attributes }), data)
  .map(([one, kind]) => ({ ...one, ...kind }));

export const request = fc.record({
  resourceMetrics: fc.array(
    fc.record({
      resource: fc.record({ attributes, droppedAttributesCount: uint32 }),
      scopeMetrics: fc.array(
        fc.record({
          scope: fc.record({ name: text, version: text, attributes }),
          metrics: fc.array(metric, { maxLength: 3 }),
          schemaUrl: text,
        }),
        { maxLength: 2 },
      ),
      schemaUrl: text,
    }),
    { maxLength: 2 },
  ),
});

/** `numbers`: 64-bit numbers as numbers, not as text. */
export function jsonOf(given: unknown, { snake = false, numbers = false } = {}): string {
  return JSON.stringify(plain(given, snake, ''), undefined, snake ? ' ' : undefined).replace(
    /"#(-?\d+)#"/g,
    numbers ? '$1' : '"$1"',
  );
}

const IDS = new Set(['spanId', 'traceId']);

function plain(value: unknown, snake: boolean, key: string): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString(IDS.has(key) ? 'hex' : 'base64');
  if (Array.isArray(value)) return value.map((one) => plain(one, snake, key));
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'string' && isInteger64(key)) return `#${value}#`;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      snake ? name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) : name,
      plain(one, snake, name),
    ]),
  );
}

function isInteger64(key: string): boolean {
  return /UnixNano$|^count$|^zeroCount$|^bucketCounts$|^asInt$|^intValue$/.test(key);
}
