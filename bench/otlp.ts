/**
 * OTLP in the kernel against a full protobufjs decode with a plain translation to series, and against remote write of the same
 * series: 500 number points of 100 metrics, as an SDK with one resource sends them. The same as gzip, and as JSON, which is made
 * protobuf first. And against remote write of their own series: the same metrics with attributes of which each has others than the
 * one before it, and 40 histograms.
 *
 *   npm run bench:otlp [-- --smoke]
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { labelsOfRows } from '#src/payload/labels.js';
import type { DecodeOptions, OtlpTranslation } from '#src/payload/push.js';
import { encodeVersion1 } from '../test/payload/encode.js';
import { compare, printTable, smoke } from './rounds.js';

const METRICS = 100;
const POINTS = 5;
/** Each way takes half a millisecond, or as long as one run takes: the best of many rounds is one that nothing came between. */
const REPEATS = smoke ? { kernel: 3, protobufjs: 3, rw1: 3 } : { kernel: 6, protobufjs: 1, rw1: 10 };
const ROUNDS = smoke ? 2 : 301;
const NOW = '1700000000000000000';

const OTLP: OtlpTranslation = {
  escapeNames: true,
  addSuffixes: true,
  promoteResourceAttributes: ['k8s.pod.name', 'k8s.namespace.name'],
  keepIdentifyingResourceAttributes: false,
  convertHistogramsToNhcb: false,
  promoteScopeMetadata: false,
  nativeDeltaIngestion: false,
  labelNameUnderscoreSanitization: true,
  labelNamePreserveMultipleUnderscores: true,
};
const OPTIONS = { maxUncompressedBytes: 64 << 20, maxSeries: 100_000, excludeLabel: '' };

interface Pair {
  readonly key: string;
  readonly value: { readonly stringValue: string };
}

interface Request {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly Pair[] };
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string;
        readonly unit: string;
        readonly gauge: {
          readonly dataPoints: readonly {
            readonly attributes: readonly Pair[];
            readonly timeUnixNano: unknown;
          }[];
        };
      }[];
    }[];
  }[];
}

const type = protobuf
  .parse(readFileSync(new URL('../../proto/otlp-metrics.proto', import.meta.url), 'utf8'))
  .root.lookupType('otlp.ExportMetricsServiceRequest');
const message = type.encode(type.fromObject(request())).finish();
const gzipped = gzipSync(message);
const json = Buffer.from(JSON.stringify(request()));
const mixed = type.encode(type.fromObject(requestOf(mixedMetrics()))).finish();
const histograms = type.encode(type.fromObject(requestOf(histogramMetrics()))).finish();

const decoder = new InlineDecoder(64 << 20);
const plain = asRemoteWrite(message);
const snappy = SnappyJS.compress(plain);
const mixedSnappy = SnappyJS.compress(asRemoteWrite(mixed));
const histogramsSnappy = SnappyJS.compress(asRemoteWrite(histograms));
const translated = decode(message, { ...OPTIONS, protocol: 'otlp', otlp: OTLP });
if (translate() !== translated.series || decode(json, from('identity', true)).series !== translated.series)
  throw new Error('the ways find other series');

const results = await compare(
  [
    {
      name: 'kernel',
      run: repeat(REPEATS.kernel, () => decode(message, { ...OPTIONS, protocol: 'otlp', otlp: OTLP })),
    },
    { name: 'protobufjs', run: repeat(REPEATS.protobufjs, () => void translate()) },
    { name: 'rw1', run: repeat(REPEATS.rw1, () => decode(snappy, { ...OPTIONS, protocol: 'rw1' })) },
    { name: 'gzip', run: repeat(REPEATS.kernel, () => decode(gzipped, from('gzip', false))) },
    {
      name: 'mixed',
      run: repeat(REPEATS.kernel, () => decode(mixed, { ...OPTIONS, protocol: 'otlp', otlp: OTLP })),
    },
    {
      name: 'mixed rw1',
      run: repeat(REPEATS.rw1, () => decode(mixedSnappy, { ...OPTIONS, protocol: 'rw1' })),
    },
    {
      name: 'histograms',
      run: repeat(REPEATS.kernel, () => decode(histograms, { ...OPTIONS, protocol: 'otlp', otlp: OTLP })),
    },
    {
      name: 'histograms rw1',
      run: repeat(REPEATS.rw1, () => decode(histogramsSnappy, { ...OPTIONS, protocol: 'rw1' })),
    },
    { name: 'json', run: repeat(REPEATS.protobufjs, () => decode(json, from('identity', true))) },
  ],
  ROUNDS,
);
const time = (name: string): number => results.find((one) => one.name === name)!.leastNanosecondsPerUnit;
const kernel = time('kernel');
console.log(
  `OTLP of ${METRICS * POINTS} number points, ${message.length} bytes; the same as remote write is ${plain.length}`,
);
printTable([
  ['', 'time', 'against the kernel'],
  ['kernel, OTLP', `${(kernel / 1000).toFixed(0)} us`, ''],
  [
    'protobufjs and a translation',
    `${(time('protobufjs') / 1000).toFixed(0)} us`,
    `${(time('protobufjs') / kernel).toFixed(1)}x`,
  ],
  [
    'kernel, remote write 1.0',
    `${(time('rw1') / 1000).toFixed(0)} us`,
    `1/${(kernel / time('rw1')).toFixed(1)}`,
  ],
  ['kernel, OTLP in gzip', ...beside('gzip')],
  [`kernel, OTLP as JSON (${json.length} bytes)`, ...beside('json')],
]);
printTable([
  ['', 'OTLP', 'remote write 1.0', ''],
  ...(['kernel', 'mixed', 'histograms'] as const).map((name) => againstRemoteWrite(name)),
]);

function againstRemoteWrite(name: 'kernel' | 'mixed' | 'histograms'): string[] {
  const what = {
    kernel: '500 number points, the same attributes',
    mixed: '500 number points, attributes change with the metric',
    histograms: '40 histograms of 11 buckets',
  }[name];
  const remoteWrite = time(name === 'kernel' ? 'rw1' : `${name} rw1`);
  return [
    what,
    `${(time(name) / 1000).toFixed(0)} us`,
    `${(remoteWrite / 1000).toFixed(0)} us`,
    `${(time(name) / remoteWrite).toFixed(1)}x`,
  ];
}

/** The same series, as a sender of remote write has them. */
function asRemoteWrite(body: Uint8Array): Uint8Array {
  const push = decode(body, { ...OPTIONS, protocol: 'otlp', otlp: OTLP });
  return encodeVersion1(
    [...labelsOfRows(push)].map((labels) => ({ labels, value: 1, timestampMs: 1_700_000_000_000 })),
  );
}

function beside(name: string): [string, string] {
  return [`${(time(name) / 1000).toFixed(0)} us`, `${(time(name) / kernel).toFixed(1)}x`];
}

function from(encoding: 'gzip' | 'identity', isJson: boolean): DecodeOptions {
  return { ...OPTIONS, protocol: 'otlp', otlp: OTLP, source: { form: 'otlp', encoding, json: isJson } };
}

function repeat(times: number, once: () => void): () => number {
  return () => {
    for (let i = 0; i < times; i++) once();
    return times;
  };
}

function decode(body: Uint8Array, options: DecodeOptions) {
  const push = decoder.decode([body], body.length, options);
  if (push.kind !== 'push') throw new Error(push.message);
  return push;
}

function text(key: string, value: string): Pair {
  return { key, value: { stringValue: value } };
}

function attributesOf(point: number): Pair[] {
  return [
    text('http.request.method', ['GET', 'POST', 'PUT', 'HEAD', 'PATCH'][point % 5]!),
    text('http.route', `/api/v1/items/{id}/part${point}`),
    text('http.response.status_code', `${200 + (point % 5)}`),
    text('server.address', 'shop.example.com'),
    text('network.protocol.version', '1.1'),
  ];
}

function gaugeOf(metric: number, own: (point: number) => Pair[]): object {
  return {
    name: `http.server.requests.kind${metric}.duration`,
    description: 'How long requests take.',
    unit: 's',
    gauge: {
      dataPoints: Array.from({ length: POINTS }, (_, point) => ({
        attributes: own(point),
        startTimeUnixNano: NOW,
        timeUnixNano: NOW,
        asDouble: metric * 1.5 + point,
      })),
    },
  };
}

function request(): object {
  return requestOf(Array.from({ length: METRICS }, (_, metric) => gaugeOf(metric, attributesOf)));
}

/** 21 sets of attributes take turns. */
function mixedMetrics(): object[] {
  return Array.from({ length: METRICS }, (_, metric) =>
    gaugeOf(metric, (point) => [
      ...attributesOf(point).slice(metric % 3),
      text(`kind.of${metric % 7}`, `v${point}`),
    ]),
  );
}

function histogramMetrics(): object[] {
  return Array.from({ length: 40 }, (_, metric) => ({
    name: `http.server.requests.kind${metric}.duration`,
    unit: 's',
    histogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          attributes: attributesOf(metric),
          startTimeUnixNano: NOW,
          timeUnixNano: NOW,
          count: 10,
          sum: 1.5,
          explicitBounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
          bucketCounts: Array.from({ length: 11 }, () => 1),
        },
      ],
    },
  }));
}

function requestOf(metrics: object[]): object {
  const attributes = [
    text('service.name', 'checkout'),
    text('service.namespace', 'shop'),
    text('service.instance.id', 'checkout-7c9f6d5b8-x2x4z'),
    text('k8s.pod.name', 'checkout-7c9f6d5b8-x2x4z'),
    text('k8s.namespace.name', 'shop'),
    text('telemetry.sdk.language', 'nodejs'),
    text('telemetry.sdk.version', '2.1.0'),
  ];
  const scope = { name: '@opentelemetry/instrumentation-http', version: '0.205.0' };
  return { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ scope, metrics }] }] };
}

/** Series with their labels, and no more than gauges need. Returns how many. */
function translate(): number {
  const { resourceMetrics } = type.decode(message) as unknown as Request;
  const all: ReadonlyMap<string, string>[] = [];
  for (const { resource, scopeMetrics } of resourceMetrics) {
    const own = new Map(resource.attributes.map(({ key, value }) => [key, value.stringValue]));
    const job = `${own.get('service.namespace')}/${own.get('service.name')}`;
    const given: [string, string][] = [
      ...OTLP.promoteResourceAttributes.map((key): [string, string] => [escaped(key), own.get(key) ?? '']),
      ['job', job],
      ['instance', own.get('service.instance.id') ?? ''],
    ];
    for (const { metrics } of scopeMetrics)
      for (const { name, unit, gauge } of metrics) {
        const metric = `${escaped(name)}_${unit === 's' ? 'seconds' : unit}`;
        for (const { attributes } of gauge.dataPoints) {
          const labels = new Map(given);
          for (const { key, value } of attributes) labels.set(escaped(key), value.stringValue);
          labels.set('__name__', metric);
          all.push(labels);
        }
      }
    all.push(new Map([...own].map(([key, value]): [string, string] => [escaped(key), value])));
  }
  return all.length;
}

function escaped(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}
