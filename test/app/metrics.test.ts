/** Metrics count what they say: what an edge has at /metrics after requests that are known one by one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { inTwoWorkers, start, WRITER } from '../admin/fixtures.js';
import { check, client, unary } from '../doors/envoy/fixtures.js';
import { eventually, upstream } from '../doors/http/fixtures.js';
import { compress, WriteRequestV1 } from '../payload/encode.js';

type Get = (path: string) => Promise<Response>;

/** Lines of /metrics by name and labels. */
async function metricsOf(get: Get): Promise<ReadonlyMap<string, number>> {
  const lines = (await (await get('/metrics')).text()).split('\n');
  return new Map(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** Two series with a sample each, the first with a histogram and an exemplar, too, and a line of metadata. */
function body(labels: Readonly<Record<string, string>> = {}): Buffer {
  const series = (name: string, more: Readonly<Record<string, string>>) => ({
    labels: Object.entries({ __name__: name, ...more }).map(([name, value]) => ({ name, value })),
    samples: [{ value: 1, timestamp: 1 }],
  });
  return Buffer.from(
    WriteRequestV1.encode({
      timeseries: [
        {
          ...series('first', labels),
          histograms: [{ countInt: 1, sum: 1, timestamp: 1 }],
          exemplars: [{ value: 1, timestamp: 1 }],
        },
        series('second', { ...labels, job: 'b' }),
      ],
      metadata: [{ type: 1, metricFamilyName: 'first', help: 'The first.' }],
    }).finish(),
  );
}

const OVERRIDES = `overrides:
  broad: { ingestion_rate: 1, ingestion_burst_size: 1 }
  watched: { ingestion_rate: 1, ingestion_burst_size: 1 }
  labelled: { max_label_names_per_series: 1 }
  pair: { accept_ha_samples: true, no_such_limit: 1 }
`;

t.test('what tenants send, what is refused, and what people do', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const folder = t.testdir({ 'overrides.yaml': OVERRIDES, tokens: `alice write ${WRITER}\n` });
  const edge = await start(t, {
    'upstream.url': mimir.url,
    'overrides.file': join(folder, 'overrides.yaml'),
    'admin.tokens_file': join(folder, 'tokens'),
    'tenants.max': '5',
    'ha.tracker_enabled': 'true',
  });
  const push = async (tenant: string, labels?: Readonly<Record<string, string>>) =>
    (await edge.push(compress(body(labels)), { 'x-scope-orgid': tenant })).status;
  const shadow = { mode: 'shadow', ttl: '1h', reason: 'a look' };
  t.equal((await edge.write('PUT', 'tenants/watched/mode', shadow)).status, 200);
  t.equal((await edge.write('PUT', 'tenants/watched/mode', shadow, 'nobody')).status, 401);
  const stream = new AbortController();
  t.teardown(() => stream.abort());
  const streamed = await fetch(`${edge.url}/api/v1/stream`, { signal: stream.signal });

  t.equal(await push('plain'), 200);
  t.equal(await push('broad'), 429);
  t.equal(await push('watched'), 200);
  t.equal(await push('labelled'), 400);
  t.equal(await push('pair', { __replica__: 'one', cluster: 'c' }), 200);
  t.equal(await push('pair', { __replica__: 'two', cluster: 'c' }), 202);

  const seen = await metricsOf(edge.get);
  for (const [line, value] of Object.entries({
    'mimir_edge_received_series_total{user="plain"}': 2,
    'mimir_edge_received_histograms_total{user="plain"}': 1,
    'mimir_edge_received_exemplars_total{user="plain"}': 1,
    'mimir_edge_received_metadata_total{user="plain"}': 1,
    'mimir_edge_received_uncompressed_bytes_total{user="plain"}': body().length,
    'mimir_edge_filtered_requests_total{user="labelled"}': 1,
    'mimir_edge_deduplicated_samples_total{user="pair"}': 3,
    'mimir_edge_discarded_exemplars_total{user="broad",reason="burst_exceeded"}': 1,
    'mimir_edge_discarded_metadata_total{user="broad",reason="burst_exceeded"}': 1,
    'mimir_edge_discarded_series_total{user="broad",reason="burst_exceeded"}': 2,
    'mimir_edge_discarded_series_total{user="labelled",reason="max_label_names_per_series"}': 1,
    'mimir_edge_shadow_discarded_series_total{user="watched",reason="burst_exceeded"}': 2,
    'mimir_edge_shadow_discarded_requests_total{user="watched",reason="burst_exceeded"}': 1,
    'mimir_edge_shadow_discarded_samples_total{user="watched",reason="burst_exceeded"}': 3,
    'mimir_edge_shadow_discarded_exemplars_total{user="watched",reason="burst_exceeded"}': 1,
    'mimir_edge_shadow_discarded_metadata_total{user="watched",reason="burst_exceeded"}': 1,
    [`mimir_edge_upstream_address_requests_total{address="${mimir.url}",outcome="answered"}`]: 4,
    [`mimir_edge_upstream_address_up{address="${mimir.url}"}`]: 1,
    [`mimir_edge_upstream_address_sent_to{address="${mimir.url}"}`]: 1,
    [`mimir_edge_upstream_addresses{name="${mimir.url}"}`]: 1,
    [`mimir_edge_upstream_resolve_failures_total{name="${mimir.url}"}`]: 0,
    'mimir_edge_upstream_breaker{mode="observe"}': 0,
    'mimir_edge_upstream_retries_total{outcome="sent"}': 0,
    'mimir_edge_upstream_retries_total{outcome="over_budget"}': 0,
    mimir_edge_limits_tenants: 4,
    mimir_edge_limits_unknown_keys: 1,
    mimir_edge_limits_failures_total: 0,
    mimir_edge_tenant_evictions_total: 0,
    mimir_edge_series_table_series: 5,
    mimir_edge_series_table_metrics: 5,
    mimir_edge_controls: 1,
    'mimir_edge_panic_admitted{priority="normal"}': 1,
    mimir_edge_admin_streams: 1,
    'mimir_edge_admin_writes_total{action="tenant_mode",outcome="done"}': 1,
    'mimir_edge_admin_writes_total{action="tenant_mode",outcome="refused"}': 1,
  })) {
    t.equal(seen.get(line), value, line);
  }
  // Held until here: an answer that nobody holds is collected, and its connection closed.
  await streamed.body?.cancel();
  for (const name of ['mimir_edge_series_table_bytes', 'mimir_edge_limits_age_seconds'])
    t.ok((seen.get(name) ?? 0) > 0, name);

  await push('sixth');
  writeFileSync(join(folder, 'overrides.yaml'), 'overrides: [');
  await edge.write('POST', 'reload');
  const later = await metricsOf(edge.get);
  t.equal(later.get('mimir_edge_tenant_evictions_total'), 1);
  t.ok((later.get('mimir_edge_limits_failures_total') ?? 0) > 0);
});

t.test('what waits for Mimir', async (t) => {
  const held: (() => void)[] = [];
  const mimir = await upstream((_req, res) => held.push(() => res.end()));
  t.teardown(() => mimir.close());
  const edge = await start(t, { 'upstream.url': mimir.url, 'upstream.connections': '1' });
  const query = (tenant: string) => fetch(`${edge.proxy}/query`, { headers: { 'x-scope-orgid': tenant } });
  const first = query('a');
  t.ok(await eventually(() => held.length === 1));
  const second = query('b');
  const now = async (name: string) => (await metricsOf(edge.get)).get(name);
  t.ok(await eventually(async () => (await now('mimir_edge_upstream_waiting_requests')) === 1));
  t.equal(await now('mimir_edge_requests_in_flight'), 2);
  held[0]?.();
  t.equal((await first).status, 200);
  t.ok(await eventually(() => held.length === 2));
  held[1]?.();
  t.equal((await second).status, 200);
  t.ok(await eventually(async () => (await now('mimir_edge_requests_in_flight')) === 0));
  t.equal(await now('mimir_edge_upstream_waiting_requests'), 0);
});

t.test('series that there is no room for', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await start(t, { 'upstream.url': mimir.url, 'series.max': '1' });
  await edge.push(compress(body()));
  t.equal((await metricsOf(edge.get)).get('mimir_edge_series_untracked_total'), 1);
});

t.test('what workers share', async (t) => {
  const edge = await inTwoWorkers(t);
  t.equal((await edge.push(compress(body()))).status, 200);
  t.ok(((await metricsOf(edge.get)).get('mimir_edge_worker_buckets') ?? 0) > 0);
});

t.test('what Envoy asks', async (t) => {
  const edge = await start(t, {
    'upstream.url': 'http://127.0.0.1:1',
    'envoy.enabled': 'true',
    'listen.grpc': '127.0.0.1:0',
  });
  const envoy = client(edge.app.grpc!.port);
  t.teardown(() => envoy.close());
  await check(envoy).response;
  const [request, response] = ['envoy.service.auth.v3.CheckRequest', 'envoy.service.auth.v3.CheckResponse'];
  await t.rejects(unary(envoy, '/no.Service/Method', request, response, {}).response);
  t.ok(
    await eventually(
      async () => (await metricsOf(edge.get)).get('mimir_edge_grpc_errors_total{code="12"}') === 1,
    ),
  );
  const seen = await metricsOf(edge.get);
  t.equal(seen.get('mimir_edge_envoy_check_duration_seconds_count'), 1);
  t.equal(seen.get('mimir_edge_envoy_ratelimit_duration_seconds_count'), 0);
  t.equal(seen.get('mimir_edge_grpc_connections'), 1);
  t.equal(seen.get('mimir_edge_grpc_calls_in_flight'), 0);
});
