/**
 * A real OpenTelemetry Collector (test/e2e/otelcol, built by .ci/run) sends through a real edge, with each of its encodings that Mimir
 * reads, and understands how it is answered.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { lz4Uncompress } from '#src/payload/lz4.js';
import { eventually, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { OtlpRequest } from '../payload/otlp-json/proto.js';
import { metric, needs, start, startEdge } from './processes.js';

/** It reads zstd. Where there is none the collector sends no zstd. */
const NODE_OF_IMAGE = process.env['NODE_OF_IMAGE'];

interface Way {
  readonly tenant: string;
  readonly encoding: 'proto' | 'json';
  readonly compression: 'none' | 'gzip' | 'lz4' | 'zstd';
}

/** Each way has a receiver of its own; who posts to it waits until the collector has sent it on, or given it up. */
async function startCollector(t: Test, edge: string, ways: readonly Way[]) {
  const ports = await Promise.all(ways.map(() => freePort()));
  const receivers = ports.map(
    (port, i) => `otlp/${i}: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } }`,
  );
  const exporters = ways.map(
    ({ tenant, encoding, compression }, i) =>
      `otlp_http/${i}: { endpoint: "${edge}/otlp", headers: { X-Scope-OrgID: ${tenant} }, encoding: ${encoding}, ` +
      `compression: ${compression}, sending_queue: { enabled: false } }`,
  );
  const pipelines = ways.map(
    (_, i) => `metrics/${i}: { receivers: [otlp/${i}], exporters: [otlp_http/${i}] }`,
  );
  const config = join(t.testdir(), 'collector.yaml');
  writeFileSync(
    config,
    `receivers: { ${receivers.join()} }\nexporters: { ${exporters.join()} }\nservice: { pipelines: { ${pipelines.join()} } }\n`,
  );
  const collector = start(t, 'otelcol', [`--config=${config}`]);
  if (!(await eventually(() => /Everything is ready/.test(collector.output()), 30_000))) {
    throw new Error(collector.output());
  }
  const post = async (way: number, request: object): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${ports[way]}/v1/metrics`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  return { collector, post };
}

/** Gauges of these names, and a histogram of three buckets, of a resource with a target_info. */
function requestOf(...names: string[]): object {
  const timeUnixNano = String(BigInt(Date.now()) * 1_000_000n);
  const attributes = [{ key: 'route', value: { stringValue: '/' } }];
  const gauges = names.map((name) => ({
    name,
    gauge: { dataPoints: [{ timeUnixNano, asDouble: 1, attributes }] },
  }));
  const point = {
    ...{ timeUnixNano, attributes, count: '3', sum: 1.5 },
    ...{ explicitBounds: [1, 2], bucketCounts: ['1', '1', '1'] },
  };
  const histogram = {
    name: 'latency',
    unit: 's',
    histogram: { aggregationTemporality: 2, dataPoints: [point] },
  };
  const resource = {
    attributes: [
      { key: 'service.name', value: { stringValue: 'shop' } },
      { key: 'host.name', value: { stringValue: 'h1' } },
    ],
  };
  return { resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [...gauges, histogram] }] }] };
}

/** Of the histogram, and target_info. */
const BESIDE_GAUGES = 5 + 1;

async function given(t: Test, overrides: string, ways: readonly Way[]) {
  const mimir = await upstream((req, res) => {
    res.writeHead(200, { 'Content-Type': req.headers['content-type'] ?? '' });
    res.end(req.headers['content-type'] === 'application/json' ? '{}' : '');
  });
  t.teardown(() => mimir.close());
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(file, `overrides: { ${overrides} }`);
  const flags = [`--upstream.url=${mimir.url}`, `--overrides.file=${file}`];
  const edge = await startEdge(t, flags, {}, NODE_OF_IMAGE);
  return { mimir, edge, ...(await startCollector(t, edge.proxy, ways)) };
}

t.test(
  'exports in each encoding are counted as Mimir counts them, and arrive as they were sent',
  async (t) => {
    if (!needs(t, 'otelcol')) return;
    const compressions = [
      'none',
      'gzip',
      'lz4',
      ...(NODE_OF_IMAGE === undefined ? [] : ['zstd']),
    ] as Way['compression'][];
    const ways = compressions.flatMap((compression): Way[] => [
      { tenant: `${compression}-proto`, encoding: 'proto', compression },
      { tenant: `${compression}-json`, encoding: 'json', compression },
    ]);
    const { mimir, edge, post } = await given(t, '', ways);
    for (const [way, { tenant, encoding, compression }] of ways.entries()) {
      t.equal(await post(way, requestOf('up', 'load')), 200, tenant);
      const arrived = mimir.arrived.pop();
      t.equal(arrived?.url, '/otlp/v1/metrics');
      t.equal(arrived?.headers['content-encoding'] ?? 'none', compression);
      const user = `{user="${tenant}"}`;
      t.equal(await metric(edge, `mimir_edge_received_series_total${user}`), BESIDE_GAUGES + 2, tenant);
      t.equal(await metric(edge, `mimir_edge_active_series${user}`), BESIDE_GAUGES + 2, tenant);
      if (compression === 'zstd') continue;
      const body = arrived?.body as Buffer;
      const plain =
        compression === 'gzip'
          ? gunzipSync(body)
          : compression === 'lz4'
            ? lz4Uncompress(body, 1 << 20)
            : body;
      const request =
        encoding === 'json'
          ? JSON.parse(`${Buffer.from(plain as Uint8Array)}`)
          : OtlpRequest.decode(plain as Uint8Array).toJSON();
      t.match(request, {
        resourceMetrics: [
          { scopeMetrics: [{ metrics: [{ name: 'up' }, { name: 'load' }, { name: 'latency' }] }] },
        ],
      });
    }
  },
);

t.test(
  'over its rate it comes again, over the series limit it is told, and a bad series is its end',
  async (t) => {
    if (!needs(t, 'otelcol')) return;
    const limits =
      'slow: { ingestion_rate: 10, ingestion_burst_size: 15 }, full: { max_global_series_per_user: 7 }, ' +
      'labels: { max_label_names_per_series: 3, max_label_names_per_info_series: 3 }';
    const way = (tenant: string): Way => ({ tenant, encoding: 'proto', compression: 'gzip' });
    const { mimir, edge, collector, post } = await given(t, limits, [
      way('slow'),
      way('full'),
      way('labels'),
    ]);
    t.equal(await post(0, requestOf('up')), 200);
    t.equal(await post(0, requestOf('up')), 200, 'the second one, once there is room');
    t.equal(mimir.arrived.length, 2);
    t.match(edge.output(), /"reason":"rate_limited"/);
    t.match(collector.output(), /Exporting failed. Will retry the request/);

    t.equal(await post(1, requestOf('up')), 200);
    t.equal(await post(1, requestOf('new', 'up')), 200);
    t.match(OtlpRequest.decode(gunzipSync(mimir.arrived[3]?.body as Buffer)).toJSON(), {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'up' }, { name: 'latency' }] }] }],
    });
    t.match(collector.output(), /Partial success.*1 of 8 series .*err-mimir-max-series-per-user/);

    t.not(await post(2, requestOf('up')), 200);
    t.match(collector.output(), /err-mimir-max-label-names-per-series/, 'why, in its log');
    t.equal(mimir.arrived.length, 5, 'the gauge may pass, and has');
  },
);
