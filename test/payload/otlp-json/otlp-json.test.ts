/** OTLP as JSON says what the same request says as protobuf, and what is neither JSON nor OTLP is a fault. */
import { deepStrictEqual } from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { toJson } from '#src/payload/otlp-json/to-json.js';
import { toProtobuf } from '#src/payload/otlp-json/to-protobuf.js';
import { damage, damaged } from '../pushes.js';
import { OtlpRequest } from './proto.js';
import { jsonOf, request } from './requests.js';

const MAX = 1 << 20;

/** All that a message says, with defaults where it says nothing. */
function contents(message: Uint8Array): unknown {
  return OtlpRequest.toObject(OtlpRequest.decode(message), {
    longs: String,
    bytes: Array,
    arrays: true,
    oneofs: true,
  });
}

function made(json: string | Uint8Array): Uint8Array {
  const message = toProtobuf(Buffer.from(json as string), MAX);
  if (!(message instanceof Uint8Array)) throw new Error(JSON.stringify(message));
  return message;
}

/** Through protobuf and back, so that what is the default is left out in both. */
function normal(given: object): unknown {
  return contents(OtlpRequest.encode(OtlpRequest.fromObject(given)).finish());
}

t.test('a request says the same as JSON and as protobuf', async () => {
  await fc.assert(
    fc.property(request, fc.boolean(), fc.boolean(), (given, snake, numbers) => {
      const message = made(jsonOf(given, { snake, numbers }));
      deepStrictEqual(contents(OtlpRequest.encode(OtlpRequest.decode(message)).finish()), normal(given));
    }),
    { numRuns: 500 },
  );
});

t.test('a message that is made JSON and back says the same', async () => {
  await fc.assert(
    fc.property(request, (given) => {
      const message = OtlpRequest.encode(OtlpRequest.fromObject(given)).finish();
      deepStrictEqual(contents(made(toJson(message))), contents(message));
    }),
    { numRuns: 500 },
  );
});

const metric = (inner: string) => `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[${inner}]}]}]}`;

t.test('what is said in another way says the same', async (t) => {
  const point = (fields: string) => metric(`{"gauge":{"dataPoints":[{${fields}}]}}`);
  const rows: [one: string, other: string][] = [
    ['{}', 'null'],
    [
      '{}',
      ' {\n\t"x" : [ { "y" : [ ] , "z" : null } , -1.5e+3 , "\\u0041" , true ] , "resource_metrics":null}\r\n',
    ],
    [point('"asInt":"5"'), point('"asInt":5')],
    [point('"asDouble":"NaN"'), point('"asDouble":"nan"')],
    [point('"asDouble":"-Infinity"'), point('"asDouble":"-Inf"')],
    [point('"asDouble":1.5'), point('"asDouble":"15e-1"')],
    [metric('{"name":"a\\u00e9\\n\\/"}'), metric('{"name":"aé\\u000a/"}')],
    [metric('{"name":"\\ud83d\\ude00"}'), metric('{"name":"😀"}')],
    [metric('{"name":"\\ud83d"}'), metric('{"name":"�"}')],
    [metric('{"name":"a","name":"b"}'), metric('{"name":"b"}')],
    [
      metric('{"sum":{"aggregationTemporality":2}}'),
      metric('{"sum":{"aggregation_temporality":"AGGREGATION_TEMPORALITY_CUMULATIVE"}}'),
    ],
    [
      metric('{"sum":{"dataPoints":[{"exemplars":[{"traceId":"","spanId":"00A0000000000000"}]}]}}'),
      metric('{"sum":{"dataPoints":[{"exemplars":[{"spanId":"00a0000000000000"}]}]}}'),
    ],
  ];
  for (const [one, other] of rows) t.strictSame(contents(made(other)), contents(made(one)), other);
});

t.test('what is neither JSON nor OTLP is a fault, and its place is said', async (t) => {
  const rows: [json: string, message: RegExp, offset: number][] = [
    ['', /an object was expected/, 0],
    ['[]', /an object was expected/, 0],
    ['{', /name of a field is missing/, 1],
    ['{}x', /something behind/, 2],
    ['{"a":1,}', /name of a field is missing/, 7],
    ['{"a" 1}', /a colon/, 5],
    ['{"":1}', /name of a field is empty/, 3],
    ['{"a":1 "b":2}', /a comma, or the end/, 7],
    ['{"a":tru}', /a value is none/, 5],
    ['{"a":01}', /a number is none/, 7],
    ['{"a":+1}', /a number is none/, 7],
    ['{"a":1.}', /a number is none/, 7],
    ['{"a":NaN}', /a number was expected/, 5],
    ['{"a":"\u0001"}', /control character/, 6],
    ['{"a":"\\x"}', /escape that is none/, 6],
    ['{"a":"\\u12g4"}', /escape that is none/, 6],
    ['{"a":"', /does not end/, 6],
    ['{"resourceMetrics":{}}', /an array was expected/, 19],
    ['{"resourceMetrics":[1]}', /an object was expected/, 20],
    ['{"resourceMetrics":[{"schemaUrl":5}]}', /a text was expected/, 33],
    [metric('{"sum":{"isMonotonic":1}}'), /true or false/, 71],
    [metric('{"gauge":{"dataPoints":[{"asInt":1.5}]}}'), /whole number was expected/, 85],
    [metric('{"gauge":{"dataPoints":[{"asInt":9223372036854775808}]}}'), /out of range/, 101],
    [metric('{"gauge":{"dataPoints":[{"timeUnixNano":-1}]}}'), /out of range/, 91],
    [metric('{"gauge":{"dataPoints":[{"asDouble":1e999}]}}'), /out of range/, 90],
    [metric('{"gauge":{"dataPoints":[{"flags":4294967296}]}}'), /out of range/, 92],
    [metric('{"sum":{"dataPoints":[{"exemplars":[{"traceId":"00"}]}]}}'), /32 hexadecimal digits/, 100],
    [metric('{"sum":{"dataPoints":[{"exemplars":[{"traceId":"0g"}]}]}}'), /not hex/, 100],
  ];
  for (const [json, message, offset] of rows)
    t.match(toProtobuf(Buffer.from(json), MAX), { message, offset }, json);
});

t.test('nesting costs neither stack nor memory', async (t) => {
  const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);
  for (const [json, sound] of [
    [`{"x":${deep('[', ']', 10_001)}}`, true],
    [`{"x":${deep('[', ']', 10_002)}}`, false],
    [`{"x":${deep('{"a":', '}', 9_999).replace(':}', ':1}')}}`, true],
    [`{"x":${'['.repeat(5_000_000)}`, false],
    [`{"x":${'{"a":'.repeat(2_000_000)}`, false],
    [`{"x":[${'[],'.repeat(1_000_000)}1]}`, true],
    [attribute(deep('{"arrayValue":{"values":[', ']}}', 99)), true],
    [attribute(deep('{"arrayValue":{"values":[', ']}}', 101)), false],
    [attribute('{"arrayValue":{"values":['.repeat(200_000)), false],
  ] as const) {
    t.equal(toProtobuf(Buffer.from(json), MAX) instanceof Uint8Array, sound, json.slice(0, 60));
  }
});

function attribute(value: string): string {
  return metric(`{"metadata":[{"key":"a","value":${value}}]}`);
}

t.test('what it becomes is capped', async (t) => {
  const points = (one: string, count: number) =>
    metric(`{"gauge":{"dataPoints":[${Array.from({ length: count }, () => one).join()}]}}`);
  t.equal(toProtobuf(Buffer.from(points('{}', 300_000)), MAX), 'too_large');
  t.equal(toProtobuf(Buffer.from(metric(`{"name":"${'x'.repeat(MAX)}"}`)), MAX), 'too_large');
  const zeros = Array.from({ length: 200_000 }, () => '0').join();
  const packed = metric(`{"histogram":{"dataPoints":[{"bucketCounts":[${zeros}]}]}}`);
  t.equal(toProtobuf(Buffer.from(packed), MAX), 'too_large');
  t.ok(toProtobuf(Buffer.from(packed), 2 * MAX) instanceof Uint8Array);
  const attributes = Buffer.from(
    metric(`{"metadata":[${'{"key":"k","value":{"intValue":"7"}},'.repeat(1_000_000)}null]}`),
  );
  t.equal(toProtobuf(attributes, MAX), 'too_large', 'a million attributes');
  t.ok(toProtobuf(attributes, 32 * MAX) instanceof Uint8Array);
});

t.test('a body that was damaged anywhere is a fault, or JSON', async () => {
  await fc.assert(
    fc.property(request, damage, (given, hurt) => {
      const json = damaged(Buffer.from(jsonOf(given)), hurt);
      const message = toProtobuf(json, MAX);
      if (!(message instanceof Uint8Array)) return;
      // A text that is no UTF-8 goes on as it came, for the label rules to find; protobufjs reads none.
      if (isUtf8(json)) OtlpRequest.decode(message);
      JSON.parse(Buffer.from(json).toString());
    }),
    { numRuns: 1000 },
  );
});
