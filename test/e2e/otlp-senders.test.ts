/** OpenTelemetry's own SDK sends through a real edge, in protobuf and in JSON, and understands how it is answered. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import t, { type Test } from 'tap';
import { upstream } from '../doors/http/fixtures.js';
import { OtlpRequest } from '../payload/otlp-json/proto.js';
import { startEdge } from './processes.js';

const EXPORTERS = { protobuf: ProtobufExporter, json: JsonExporter } as const;

/** What a small service measures: 2 counters, a histogram of 3 buckets, a gauge. */
function measure(provider: MeterProvider): void {
  const meter = provider.getMeter('shop', '1.2.3');
  const requests = meter.createCounter('http.requests', { unit: '1' });
  requests.add(3, { route: '/', code: 200 });
  requests.add(1, { route: '/', code: 500 });
  meter
    .createHistogram('http.duration', { unit: 's', advice: { explicitBucketBoundaries: [0.1, 1] } })
    .record(0.5, { route: '/' });
  meter.createObservableGauge('temperature').addCallback((result) => result.observe(21.5));
}

/** Exports once; resolves with what the exporter was told. */
async function exported(exporter: PushMetricExporter): Promise<{ code: number; error?: Error }> {
  let told: { code: number; error?: Error } | undefined;
  const send = exporter.export.bind(exporter);
  exporter.export = (metrics, callback) =>
    send(metrics, (result) => {
      told = result;
      callback(result);
    });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  measure(provider);
  // It exports what there is before it ends.
  await provider.shutdown().catch(() => {});
  if (told === undefined) throw new Error('nothing was exported');
  return told;
}

async function given(t: Test, limits: string) {
  const mimir = await upstream((req, res) => {
    res.writeHead(200, { 'Content-Type': req.headers['content-type'] ?? '' });
    res.end(req.headers['content-type'] === 'application/json' ? '{}' : '');
  });
  t.teardown(() => mimir.close());
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(file, `overrides: { shop: { ${limits} } }`);
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`, `--overrides.file=${file}`]);
  const exporter = (form: keyof typeof EXPORTERS, compression: 'gzip' | 'none') =>
    new EXPORTERS[form]({
      url: `${edge.proxy}/otlp/v1/metrics`,
      headers: { 'X-Scope-OrgID': 'shop' },
      compression: compression as never,
    });
  const count = async (name: string) => {
    const lines = (await (await fetch(`${edge.admin}/metrics`)).text()).split('\n');
    return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length));
  };
  return { mimir, edge, exporter, count };
}

/** 2 of the counter, _sum, _count and 3 buckets of the histogram, the gauge, and what tells of the resource. */
const SERIES = 2 + 5 + 1 + 1;

t.test('an export is counted as Mimir counts it, and arrives as it was sent', async (t) => {
  const { mimir, edge, exporter, count } = await given(t, 'ingestion_rate: 1e6');
  let pushes = 0;
  for (const form of ['protobuf', 'json'] as const) {
    for (const compression of ['none', 'gzip'] as const) {
      t.strictSame(await exported(exporter(form, compression)), { code: 0 }, `${form}, ${compression}`);
      pushes++;
      t.equal(await count('mimir_edge_received_series_total{user="shop"}'), pushes * SERIES);
      const arrived = mimir.arrived.pop();
      const body = compression === 'gzip' ? gunzipSync(arrived?.body as Buffer) : (arrived?.body as Buffer);
      const metrics = form === 'json' ? JSON.parse(`${body}`) : OtlpRequest.decode(body).toJSON();
      t.equal(metrics.resourceMetrics[0].scopeMetrics[0].metrics.length, 3);
    }
  }
  t.equal(await count('mimir_edge_pushes_total{protocol="otlp"}'), pushes);
  t.equal(await count('mimir_edge_active_series{user="shop"}'), SERIES);
  const { senders } = (await (await fetch(`${edge.admin}/api/v1/senders?tenant=shop`)).json()) as {
    senders: { protocol: string; compression: string; pushes: number }[];
  };
  t.strictSame(
    senders.map(({ protocol, compression, pushes }) => `${protocol}, ${compression}: ${pushes}`).sort(),
    ['otlp, : 1', 'otlp, gzip: 1', 'otlp-json, : 1', 'otlp-json, gzip: 1'],
    'who sends JSON can be found',
  );
});

t.test('an SDK that has the environment of the README sends to the edge, for its tenant', async (t) => {
  const { mimir, edge, count } = await given(t, 'ingestion_rate: 1e6');
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const lines = [...readme.matchAll(/^export (OTEL_\w+)=(.*)$/gm)];
  t.equal(lines.length, 3);
  for (const [, name = '', value = ''] of lines) {
    process.env[name] = value.replace('http://mimir-edge:8080', edge.proxy).replace('team-a', 'shop');
    t.teardown(() => delete process.env[name]);
  }
  t.strictSame(await exported(new ProtobufExporter()), { code: 0 });
  t.equal(mimir.arrived[0]?.headers['content-encoding'], 'gzip');
  t.equal(await count('mimir_edge_received_series_total{user="shop"}'), SERIES);
});

t.test('an export that is refused for good is an error, with the sentence of the edge', async (t) => {
  const { mimir, exporter } = await given(
    t,
    'max_label_names_per_series: 1, max_label_names_per_info_series: 1',
  );
  for (const form of ['protobuf', 'json'] as const) {
    const { code, error } = await exported(exporter(form, 'gzip'));
    t.equal(code, 1, form);
    t.match(`${error?.message} ${(error as { data?: string }).data}`, /err-mimir-max-label-names-per-series/);
  }
  t.equal(mimir.arrived.length, 0);
});

t.test('an export over its rate is sent again', async (t) => {
  const { mimir, exporter, edge } = await given(t, 'ingestion_rate: 8, ingestion_burst_size: 20');
  t.strictSame(await exported(exporter('protobuf', 'none')), { code: 0 });
  t.strictSame(
    await exported(exporter('protobuf', 'none')),
    { code: 0 },
    'the second one, once there is room',
  );
  t.match(edge.output(), /"reason":"rate_limited"/);
  t.equal(mimir.arrived.length, 2);
});
