import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { eventually, PUSH_500, rawExchange, send, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';
import { compress, encodeVersion1 } from '../payload/encode.js';
import { OtlpRequest, OtlpResponse, OtlpStatus } from '../payload/otlp-json/proto.js';
import { folder, needsEnvoy, seesHealthy, startEnvoy, startGrpcEdge } from './envoy-processes.js';
import { answering, metric, needs, startEdge } from './processes.js';
import { firstValue, queryUrl, sendingItself, startPrometheus } from './prometheus-processes.js';

const HEADERS = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-scope-orgid': 'a',
};

/** Overrides that let tenant `a` send two pushes of 500 and nothing more, and let `b` send what it likes. */
function twoPushes(t: Test): string {
  const file = join(folder(t), 'overrides.yaml');
  writeFileSync(
    file,
    `overrides:
  a: { ingestion_rate: 0.001, ingestion_burst_size: 1000 }
  b: { ingestion_rate: 1e9, ingestion_burst_size: 1e9 }
  slow: { max_active_series_per_user: 1, active_series_limit_response_code: 529 }
  few: { request_rate: 0.001, request_burst_size: 2 }
`,
  );
  return `--overrides.file=${file}`;
}

/** As `send`, over HTTP/2 with prior knowledge. */
function sendHttp2(url: string, body: Buffer, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connect(url).on('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': '/api/v1/push', ...HEADERS, ...headers });
    stream.on('error', reject).on('response', (answer) => resolve(Number(answer[':status'])));
    stream.on('close', () => session.close()).resume();
    stream.end(body);
  });
}

/** An empty body of which no length is declared: no client sends it by itself. */
function sendChunkedNothing(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { ...HEADERS, 'x-scope-orgid': 'b', 'transfer-encoding': 'chunked' };
    const sent = request(`${url}/api/v1/push`, { method: 'POST', headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

t.test('ext-authz.yaml: pushes are judged by their bodies', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const edge = await startGrpcEdge(t, [twoPushes(t)]);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', { edges: [edge.port], mimir: mimir.url });
  t.ok(await seesHealthy(envoy, 1), 'Envoy finds the edge healthy');

  const accepted = await send(envoy.url, PUSH_500, { 'X-Mimir-Edge-Verdict': 'forged' });
  t.equal(accepted.status, 200);
  t.equal(await sendHttp2(envoy.url, PUSH_500), 200, 'over HTTP/2, too');
  t.ok(mimir.arrived[0]?.body.equals(PUSH_500), 'byte for byte');
  t.match(mimir.arrived[0]?.headers, {
    'x-mimir-edge-verdict': /^accept$/,
    'x-mimir-edge-tenant': 'a',
    'x-mimir-edge-samples': '500',
    'x-mimir-edge-items': '500',
    'x-mimir-edge-series': '500',
  });

  const refused = await send(envoy.url);
  t.equal(refused.status, 429);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.equal(refused.headers.get('x-mimir-edge-reason'), 'rate_limited');
  t.match(
    await refused.text(),
    /tenant a was refused: .* left of the ingestion rate .*\(err-mimir-tenant-max-ingestion-rate\)/,
  );
  t.equal(await sendHttp2(envoy.url, PUSH_500), 429, 'over HTTP/2, too');
  t.equal(
    (await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': 'slow' })).status,
    529,
    "the tenant's own status",
  );

  const broken = await send(envoy.url, Buffer.from('no snappy'), { 'X-Scope-OrgID': 'b' });
  t.equal(broken.status, 400);
  t.match(await broken.text(), /err-edge-malformed-body/);
  t.equal((await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': '' })).status, 401);
  t.equal(await sendChunkedNothing(envoy.url), 400, 'an empty body, as Mimir refuses it');
  t.equal(await sendHttp2(envoy.url, Buffer.alloc(0), { 'x-scope-orgid': 'b' }), 400, 'over HTTP/2, too');
  t.equal((await send(envoy.url, Buffer.alloc(17 << 20))).status, 413, 'by Envoy, over max_request_bytes');

  const forwarded = await send(envoy.url, PUSH_500, {
    'X-Scope-OrgID': 'few',
    'User-Agent': 'agent/1.2 (linux)',
    'X-Forwarded-For': '192.0.2.1',
    'Retry-Attempt': '1',
  });
  t.equal(forwarded.status, 200);
  const seen = async (tenant: string) =>
    (await (await fetch(`${edge.admin}/api/v1/senders?tenant=${tenant}`)).json()) as object;
  const fromHere = { network: '127.0.0.0/24', protocol: 'rw1', compression: 'snappy' };
  t.match(await seen('slow'), { senders: [{ ...fromHere, pushes: 1, refused: 1 }] });
  t.match(await seen('few'), { senders: [{ program: 'agent', version: '1.2', network: '192.0.2.0/24' }] });

  const checks = await metric(edge, 'mimir_edge_envoy_checks_total{outcome="accept"}');
  t.equal((await fetch(`${envoy.url}/prometheus/api/v1/query`)).status, 200, 'a read');
  t.equal(mimir.arrived.at(-1)?.headers['x-mimir-edge-verdict'], undefined, 'of which the edge is not asked');
  t.equal(checks, 3);
  t.equal(await metric(edge, 'mimir_edge_envoy_bodies_total{body="whole"}'), 9);
  t.ok(
    await answering(`${envoy.admin}/stats?filter=ext_authz.denied`, (text) => !text.includes(': 0')),
    'denials, not errors',
  );
  t.match(await (await fetch(`${envoy.admin}/stats?filter=ext_authz.error`)).text(), /error: 0/);
  await edge.stop();
  t.equal((await send(envoy.url)).status, 503, 'no edge: closed, and the sender comes again');
  t.ok(await eventually(() => /"verdict":"accept"/.test(envoy.output())), 'access logs tell what was found');
  t.ok(await eventually(() => /"reason":"rate_limited"/.test(envoy.output())));
  t.notMatch(edge.output(), /"level":(40|50|60)/, 'the edge logs nothing that alarms');
});

/** Gauges `m0`, `m1` and so on, a data point each. */
function gauges(count: number): object {
  const time = String(BigInt(Date.now()) * 1_000_000n);
  const metrics = Array.from({ length: count }, (_, i) => ({
    name: `m${i}`,
    gauge: { dataPoints: [{ timeUnixNano: time, asDouble: 1.5 }] },
  }));
  return { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] };
}

t.test('ext-authz.yaml: OTLP and line protocol are judged by their bodies', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const file = join(folder(t), 'overrides.yaml');
  const tenants = ['protobuf', 'json', 'gzip', 'lines'];
  const rates = tenants.map((name) => `${name}: { ingestion_rate: 0.001, ingestion_burst_size: 3 }`);
  writeFileSync(file, `overrides: { ${rates.join()}, full: { max_global_series_per_user: 2 } }`);
  const edge = await startGrpcEdge(t, [`--overrides.file=${file}`, '--push.influx=true']);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', { edges: [edge.port], mimir: mimir.url });
  t.ok(await seesHealthy(envoy, 1));
  const post = (path: string, tenant: string, body: Buffer, headers: Record<string, string>) =>
    fetch(envoy.url + path, { method: 'POST', body, headers: { 'X-Scope-OrgID': tenant, ...headers } });

  const protobufOf = (request: object) =>
    Buffer.from(OtlpRequest.encode(OtlpRequest.fromObject(request)).finish());
  const [protobuf, json] = ['application/x-protobuf', 'application/json'];
  const saidIn = async (answer: Response): Promise<{ code?: number; message?: string }> => {
    const body = Buffer.from(await answer.arrayBuffer());
    return answer.headers.get('content-type') === json
      ? JSON.parse(`${body}`)
      : OtlpStatus.decode(body).toJSON();
  };
  const rows: [tenant: string, body: Buffer, headers: Record<string, string>][] = [
    // Each has an item for its metadata.
    ['protobuf', protobufOf(gauges(1)), { 'Content-Type': protobuf }],
    ['json', Buffer.from(JSON.stringify(gauges(1))), { 'Content-Type': json }],
    ['gzip', gzipSync(protobufOf(gauges(1))), { 'Content-Type': protobuf, 'Content-Encoding': 'gzip' }],
  ];
  for (const [tenant, body, headers] of rows) {
    t.equal((await post('/otlp/v1/metrics', tenant, body, headers)).status, 200, tenant);
    const arrived = mimir.arrived.pop();
    t.ok(arrived?.body.equals(body), 'byte for byte');
    t.match(arrived?.headers, { 'x-mimir-edge-verdict': 'accept', 'x-mimir-edge-items': '2' });
    const refused = await post('/otlp/v1/metrics', tenant, body, headers);
    t.strictSame(
      [refused.status, refused.headers.get('content-type')],
      [429, headers['Content-Type']],
      tenant,
    );
    t.match(refused.headers.get('retry-after'), /^\d+$/);
    t.match(await saidIn(refused), {
      code: 8,
      message: /tenant .* was refused.*err-mimir-tenant-max-ingestion-rate/,
    });
  }

  const broken = await post('/otlp/v1/metrics', 'full', Buffer.from('no protobuf'), {
    'Content-Type': protobuf,
  });
  t.equal(broken.status, 400);
  t.match(await saidIn(broken), { code: 3, message: /err-edge-malformed-body/ });
  const type = { 'Content-Type': protobuf };
  t.equal((await post('/otlp/v1/metrics', 'full', protobufOf(gauges(2)), type)).status, 200);
  const part = await post('/otlp/v1/metrics', 'full', protobufOf(gauges(3)), type);
  t.equal(part.status, 400, 'Envoy can leave none out, and what is known is not taken');
  const two = Buffer.from('cpu a=1,b=2\n');
  t.equal((await post('/api/v1/push/influx/write', 'other', two, {})).status, 200);

  for (const [body, headers] of [
    [two, {}],
    [gzipSync(two), { 'Content-Encoding': 'gzip' }],
  ] as const) {
    const isFirst = !('Content-Encoding' in headers);
    const answer = await post('/api/v1/push/influx/write?precision=s', 'lines', body, headers);
    t.equal(answer.status, isFirst ? 200 : 429, '2 of 3, and 2 more');
    if (!isFirst)
      t.match(await answer.text(), /tenant lines was refused.*err-mimir-tenant-max-ingestion-rate/);
  }
  t.ok(mimir.arrived.at(-1)?.body.equals(two));
  const faulty = await post('/api/v1/push/influx/write', 'other', Buffer.from('cpu'), {});
  t.equal(faulty.status, 400);
  t.match(await faulty.text(), /err-edge-malformed-body/);

  const others = gauges(2) as { resourceMetrics: { scopeMetrics: { metrics: { name: string }[] }[] }[] };
  for (const metric of others.resourceMetrics[0]!.scopeMetrics[0]!.metrics) metric.name += '_new';
  const before = mimir.arrived.length;
  const none = await post('/otlp/v1/metrics', 'full', protobufOf(others), type);
  t.equal(none.status, 200, 'as Mimir answers series that are all over the limit');
  t.match(OtlpResponse.decode(Buffer.from(await none.arrayBuffer())).toJSON(), {
    partialSuccess: {
      errorMessage: /^all 2 series of tenant full were refused: .*err-mimir-max-series-per-user/,
    },
  });
  t.equal(mimir.arrived.length, before, 'it is not forwarded');
  t.match(await (await fetch(`${envoy.admin}/stats?filter=ext_authz.error`)).text(), /error: 0/);
});

t.test("where Envoy takes the edge's own headers from clients, ext_authz has it remove them", async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const edge = await startGrpcEdge(t, [twoPushes(t)]);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', {
    edges: [edge.port],
    mimir: mimir.url,
    changes: [
      ['key_matcher: { prefix: x-mimir-edge- }', 'key_matcher: { prefix: x-none- }'],
      ['- { exact: x-request-id }', '- { prefix: x-mimir-edge- }'],
    ],
  });
  t.ok(await seesHealthy(envoy, 1));
  const forged = {
    'X-Mimir-Edge-Verdict': 'forged',
    'X-Mimir-Edge-Reason': 'forged',
    'X-Mimir-Edge-Own': 'forged',
  };
  t.equal((await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': 'b', ...forged })).status, 200);
  t.match(mimir.arrived[0]?.headers, { 'x-mimir-edge-verdict': /^accept$/ });
  t.notMatch(JSON.stringify(mimir.arrived[0]?.headers), /forged/);
});

t.test('failure_mode_allow lets pushes pass while there is no edge', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', {
    edges: [await freePort()],
    mimir: mimir.url,
    changes: [['failure_mode_allow: false', 'failure_mode_allow: true']],
  });
  t.equal((await send(envoy.url)).status, 200);
});

t.test('large pushes of one tenant let nothing pass unjudged, not even where Envoy fails open', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const edge = await startGrpcEdge(t, [twoPushes(t), '--decode.inline_max_bytes=0', '--decode.threads=1']);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', {
    edges: [edge.port],
    mimir: mimir.url,
    changes: [['failure_mode_allow: false', 'failure_mode_allow: true']],
  });
  t.ok(await seesHealthy(envoy, 1));
  const statuses = new Map<number, number>();
  const push = async (body: Buffer, tenant: string): Promise<void> => {
    const { status } = await send(envoy.url, body, { 'X-Scope-OrgID': tenant });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const large = manySeries(80_000);
  t.ok(large.length > 4 << 20);
  for (let round = 0; round < 3; round++) {
    await Promise.all([
      ...Array.from({ length: 16 }, () => push(large, 'b')),
      ...Array.from({ length: 3 }, () => push(PUSH_500, 'c')),
    ]);
  }
  const told = JSON.stringify([...statuses]);
  const unjudged = mimir.arrived.filter(({ headers }) => headers['x-mimir-edge-verdict'] !== 'accept');
  t.equal(unjudged.length, 0, told);
});

/** Of no two series the same text, so that snappy leaves most of it. */
function manySeries(count: number): Buffer {
  const series = Array.from({ length: count }, (_, i) => ({
    labels: [
      ['__name__', `m${i}`],
      ['id', randomBytes(24).toString('hex')],
    ] as const,
    value: i,
    timestampMs: 1,
  }));
  return Buffer.from(compress(encodeVersion1(series)));
}

/** What the documentation has of the cluster, with the certificates of the tests. */
function documentedTls(): string {
  const docs = readFileSync(new URL('../../../docs/envoy.md', import.meta.url), 'utf8');
  const [, socket = ''] = /```yaml\n( +transport_socket:\n[^`]*)```/.exec(docs) ?? [];
  const tls = new URL('../../../test/data/tls/', import.meta.url).pathname;
  return socket.replaceAll('/etc/envoy/client.', `${tls}server.`).replaceAll('/etc/envoy/', tls);
}

t.test('with TLS as it is documented Envoy finds the edge healthy, and pushes are judged', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const tls = new URL('../../../test/data/tls/', import.meta.url).pathname;
  const edge = await startGrpcEdge(t, [
    twoPushes(t),
    `--envoy.tls.cert_file=${tls}server.crt`,
    `--envoy.tls.key_file=${tls}server.key`,
    `--envoy.tls.client_ca_file=${tls}ca.crt`,
  ]);
  const cluster = '    - name: mimir-edge\n';
  const documented = documentedTls();
  t.match(documented, /alpn_protocols: \[h2\]/);
  for (const [socket, healthy] of [
    [documented, true],
    [documented.replace('alpn_protocols: [h2]', 'alpn_protocols: []'), false],
  ] as const) {
    const changes = [[cluster, cluster + socket]] as const;
    const envoy = await startEnvoy(t, 'ext-authz.yaml', { edges: [edge.port], mimir: mimir.url, changes });
    t.equal(await seesHealthy(envoy, 1, healthy ? undefined : 5000), healthy, 'by ALPN');
    if (healthy) t.equal((await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': 'b' })).status, 200);
    await envoy.stop();
  }
  t.notMatch(edge.output(), /"level":(50|60)/);
});

t.test('a sender that leaves again and again takes no calls of others along', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const edge = await startGrpcEdge(t, [twoPushes(t)]);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', { edges: [edge.port], mimir: mimir.url });
  t.ok(await seesHealthy(envoy, 1));
  let leaving = true;
  const statuses = new Map<number, number>();
  const others = Array.from({ length: 4 }, async () => {
    while (leaving) {
      const status = await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': 'b' }).then(
        (answer) => answer.status,
        () => 0,
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  const resets = () => metric(edge, 'mimir_edge_envoy_checks_total{outcome="cancelled"}');
  // How many calls are under way when their sender leaves is the machine's business.
  for (let i = 0; i < 5 && (await resets()) <= 1000; i++) await leaveOften(envoy.url, LEAVES);
  leaving = false;
  await Promise.all(others);
  const cancelled = await resets();
  t.ok(cancelled > 1000, `${cancelled} calls were reset: more than Node's guard bears`);
  t.strictSame([...statuses.keys()], [200], JSON.stringify([...statuses]));
});

const LEAVES = 6000;

/** Sends whole pushes, and leaves while Envoy asks about them: some at a time, on connections of their own. */
async function leaveOften(url: string, times: number): Promise<void> {
  for (let done = 0; done < times; done += 200) {
    const session = connect(url).on('error', () => {});
    const left: Promise<void>[] = [];
    for (let i = 0; i < 200; i++) {
      const stream = session.request({ ':method': 'POST', ':path': '/api/v1/push', ...HEADERS });
      left.push(new Promise((resolve) => stream.on('close', resolve)));
      stream.on('error', () => {}).end(PUSH_500);
      if (i % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
      setImmediate(() => stream.close(8));
    }
    await Promise.all(left);
    session.destroy();
  }
}

t.test('an Envoy that does not send bodies as they are is told what to set', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const strict = await startGrpcEdge(t);
  const lenient = await startGrpcEdge(
    t,
    ['partial', 'missing', 'text'].map((body) => `--envoy.on_${body}_body=pass`),
  );
  const wrongs = [
    ['text', 503, /Set pack_as_bytes in with_request_body/, ['pack_as_bytes: true', 'pack_as_bytes: false']],
    ['missing', 503, /did not send the body.*Set with_request_body/, ['invert_match: true\n', NO_BODY]],
    [
      'partial',
      413,
      /a part of the body only.*max_request_bytes/,
      ['max_request_bytes: 16777216', 'max_request_bytes: 1024'],
      ['allow_partial_message: false', 'allow_partial_message: true'],
    ],
  ] as const;
  for (const [state, status, sentence, ...changes] of wrongs) {
    for (const edge of [strict, lenient]) {
      const envoy = await startEnvoy(t, 'ext-authz.yaml', { edges: [edge.port], mimir: mimir.url, changes });
      t.ok(await seesHealthy(envoy, 1));
      const answer = await send(envoy.url);
      t.equal(answer.status, edge === strict ? status : 200, state);
      if (edge === strict) t.match(await answer.text(), sentence);
      t.equal(await metric(edge, `mimir_edge_envoy_bodies_total{body="${state}"}`), 1);
      await envoy.stop();
    }
  }
});

/** A route for which bodies are not sent. */
const NO_BODY = `invert_match: true
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              check_settings: { disable_request_body_buffering: true }
`;

t.test('ratelimit.yaml: requests and bytes a second, without a look at bodies', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const edgeOverrides = join(folder(t), 'edge.yaml');
  writeFileSync(edgeOverrides, 'overrides: { heavy: { bytes_per_second: 0.001, bytes_burst_size: 12000 } }');
  const edge = await startGrpcEdge(t, [twoPushes(t), `--overrides.edge_file=${edgeOverrides}`]);
  const envoy = await startEnvoy(t, 'ratelimit.yaml', { edges: [edge.port], mimir: mimir.url });
  t.ok(await seesHealthy(envoy, 1));

  const few = { 'X-Scope-OrgID': 'few' };
  const first = await send(envoy.url, PUSH_500, few);
  t.equal(first.status, 200);
  t.equal(first.headers.get('ratelimit-limit'), '2');
  t.equal(first.headers.get('ratelimit-remaining'), '1');
  t.equal(await sendHttp2(envoy.url, PUSH_500, { 'x-scope-orgid': 'few' }), 200);
  const refused = await send(envoy.url, PUSH_500, few);
  t.equal(refused.status, 429);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.equal(refused.headers.get('x-mimir-edge-reason'), 'request_rate_limited');
  t.match(
    await refused.text(),
    /tenant few was refused: .* more than its request rate .*\(err-mimir-tenant-max-request-rate\)/,
  );

  const oddIds = ['few|few', 'few:x', 'few:k=v|few', 'few|many', 'x'.repeat(33_000)];
  for (const id of oddIds) {
    const odd = await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': id });
    t.equal(odd.status, 429, `${id.slice(0, 20)} is few to Mimir, or nobody`);
  }

  const heavy = { 'X-Scope-OrgID': 'heavy' };
  t.equal((await send(envoy.url, PUSH_500, heavy)).status, 200);
  t.match(await (await send(envoy.url, PUSH_500, heavy)).text(), /its body has 11432 bytes/);
  t.equal((await fetch(`${envoy.url}/prometheus/api/v1/query`, { headers: few })).status, 200, 'a read');

  await edge.stop();
  t.equal((await send(envoy.url, PUSH_500, few)).status, 200, 'no edge: open, as configured');
  t.notMatch(edge.output(), /"level":(40|50|60)/);
});

t.test('ext-authz-and-ratelimit.yaml: what one filter finds the other charges, once', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const edge = await startGrpcEdge(t, [twoPushes(t), '--envoy.charge=false']);
  const envoy = await startEnvoy(t, 'ext-authz-and-ratelimit.yaml', { edges: [edge.port], mimir: mimir.url });
  t.ok(await seesHealthy(envoy, 1));
  t.equal((await send(envoy.url)).status, 200);
  t.equal((await send(envoy.url)).status, 200, 'a thousand samples are charged once');
  const refused = await send(envoy.url);
  t.equal(refused.status, 429);
  t.match(await refused.text(), /tenant a was refused: .* left of the ingestion rate/);
  t.equal(await sendHttp2(envoy.url, PUSH_500, { 'x-scope-orgid': 'few' }), 200);
  t.equal(await sendHttp2(envoy.url, PUSH_500, { 'x-scope-orgid': 'few' }), 200);
  t.equal(await sendHttp2(envoy.url, PUSH_500, { 'x-scope-orgid': 'few' }), 429, 'requests once, too');
  t.ok((await metric(edge, 'mimir_edge_envoy_descriptors_total{outcome="ok"}')) >= 4);
  t.equal(await metric(edge, 'mimir_edge_envoy_descriptors_total{outcome="unknown"}'), 0);
  await edge.stop();
  t.equal((await send(envoy.url)).status, 503, 'no edge: closed');
  t.notMatch(edge.output(), /"level":(40|50|60)/);
});

async function besideGrpc(t: Test, config: string, mimir: string, flags: readonly string[]) {
  const edge = await startGrpcEdge(t, flags);
  return { edge, envoy: await startEnvoy(t, config, { edges: [edge.port], mimir }) };
}

async function besideProxy(t: Test, mimir: string, flags: readonly string[]) {
  const edge = await startEdge(t, [...flags, `--upstream.url=${mimir}`]);
  const [proxyPort, adminPort] = [edge.proxy, edge.admin].map((url) => new URL(url).port);
  const envoy = await startEnvoy(t, 'proxy.yaml', {
    edges: [],
    mimir,
    changes: [
      ['port_value: 8090', `port_value: ${proxyPort}`],
      ['{ port_value: 8082 }', `{ port_value: ${adminPort} }`],
    ],
  });
  return { edge, envoy };
}

t.test('proxy.yaml: Envoy in front of the inline proxy', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const { edge, envoy } = await besideProxy(t, mimir.url, [twoPushes(t)]);
  t.ok(await seesHealthy(envoy, 1));
  t.equal((await send(envoy.url)).status, 200);
  t.equal(await sendHttp2(envoy.url, PUSH_500), 200);
  t.ok(mimir.arrived[1]?.body.equals(PUSH_500));
  const refused = await send(envoy.url);
  t.equal(refused.status, 429);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.match(await refused.text(), /err-mimir-tenant-max-ingestion-rate/);
  t.equal((await send(envoy.url, Buffer.from('no snappy'), { 'X-Scope-OrgID': 'b' })).status, 400);
  t.equal((await fetch(`${envoy.url}/prometheus/api/v1/query`)).status, 200, 'a read');
  t.notMatch(edge.output(), /"level":(40|50|60)/);
});

/**
 * What is sent as a POST, and what it may be to whatever server stands behind. `near`: no write, but the edge is asked.
 * `none`: Envoy refuses it.
 */
const TARGETS: readonly (readonly [
  target: string,
  what: 'push' | 'otlp' | 'unjudged' | 'near' | 'other' | 'none',
])[] = [
  ['/api/v1/push', 'push'],
  ['/api/v1/push?x=1', 'push'],
  ['http://h/api/v1/push', 'push'],
  ['HTTPS://h:1/api/v1/push', 'push'],
  ['http://h//api/v1/push', 'push'],
  ['/api/v1/%70ush', 'push'],
  ['/api/v1/%50USH', 'push'],
  ['/%61pi/v1/p%75%73%68', 'push'],
  ['/api/v1/%2570ush', 'push'],
  ['/api/v1/%2570%2575%2573%2568', 'push'],
  ['/api/v1/%252570ush', 'push'],
  ['/api%2Fv1%2fpush', 'push'],
  ['/api/v1%5Cpush', 'push'],
  ['/api\\v1\\push', 'push'],
  ['//api/v1/push', 'push'],
  ['/api//v1///push', 'push'],
  ['/./api/v1/push', 'push'],
  ['/x/../api/v1/push', 'push'],
  ['/x/%2e%2E/api/v1/push', 'push'],
  ['/x/..%2Fapi/v1/push', 'push'],
  ['/x/..;/api/v1/push', 'push'],
  ['/../api/v1/push', 'push'],
  ['/api/v1/push/', 'push'],
  ['/api/v1/push//', 'push'],
  ['/api/v1/push/.', 'push'],
  ['/api/v1/push;x', 'push'],
  ['/api/v1;x=y/push', 'push'],
  ['/API/v1/Push', 'push'],
  ['/api/v1/push%20', 'push'],
  ['/api/v1/push%3Fx', 'push'],
  ['/otlp/v1/metrics', 'otlp'],
  ['/otlp/v1/metrics/', 'otlp'],
  ['/%6ftlp/v1/metrics', 'otlp'],
  ['/otlp//v1/./metrics;x', 'otlp'],
  ['http://h/OTLP/v1/metrics', 'otlp'],
  ['/otl%2570/v1/metrics', 'otlp'],
  ['/api/v1/push/influx/write', 'unjudged'],
  ['/api/v1/push/influx%2Fwrite', 'unjudged'],
  ['/api/prom/push', 'unjudged'],
  ['/ingester/push', 'unjudged'],
  ['ws://h/api/v1/push', 'none'],
  ['http:///api/v1/push', 'none'],
  ['api/v1/push', 'none'],
  ['*', 'none'],
  ['/api/v1/push#x', 'none'],
  ['/api/v1/push%00', 'none'],
  ['/api/v1/pu\tsh', 'none'],
  ['/prometheus/api/v1/query_range', 'other'],
  ['/prometheus/api/v1/query?x=/api/v1/push', 'other'],
  ['/prometheus/config/v1/rules/a%2Fb%20c', 'other'],
  ['/loki/api/v1/push', 'near'],
];

/** What is sent is no body of OTLP by its type. */
const STATUSES: Readonly<Record<string, Readonly<Record<(typeof TARGETS)[number][1], number>>>> = {
  'ext-authz.yaml': { push: 429, otlp: 415, unjudged: 503, near: 200, other: 200, none: 400 },
  'ext-authz-and-ratelimit.yaml': { push: 429, otlp: 415, unjudged: 503, near: 200, other: 200, none: 400 },
  'proxy.yaml': { push: 429, otlp: 415, unjudged: 503, near: 200, other: 200, none: 400 },
  // It knows requests and bytes alone, and these of every write.
  'ratelimit.yaml': { push: 429, otlp: 429, unjudged: 429, near: 429, other: 200, none: 400 },
};

t.test('no spelling of a path that takes series goes past the edge, in any configuration', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  const file = join(folder(t), 'overrides.yaml');
  writeFileSync(
    file,
    'overrides: { samples: { ingestion_rate: 0.001, ingestion_burst_size: 1 }, requests: { request_rate: 0.001, request_burst_size: 1 } }',
  );
  for (const [config, statuses] of Object.entries(STATUSES)) {
    const flags = [`--overrides.file=${file}`, ...(config.includes('-and-') ? ['--envoy.charge=false'] : [])];
    const inline = config === 'proxy.yaml';
    const { edge, envoy } = await (inline
      ? besideProxy(t, mimir.url, flags)
      : besideGrpc(t, config, mimir.url, flags));
    t.ok(await seesHealthy(envoy, 1));
    const tenant = config === 'ratelimit.yaml' ? 'requests' : 'samples';
    const post = async (target: string, more = ''): Promise<number> => {
      const head = `POST ${target} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: ${tenant}\r\n${more}`;
      const rest = `Connection: close\r\nContent-Length: ${PUSH_500.length}\r\n\r\n`;
      const { port } = new URL(envoy.url);
      const answer = await rawExchange(
        Number(port),
        Buffer.concat([Buffer.from(head + rest), PUSH_500]),
        '\r\n',
      );
      return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
    };
    // What the tenant may send by its limit.
    if (config === 'ratelimit.yaml') t.equal(await post('/api/v1/push'), 200);
    mimir.arrived.length = 0;
    for (const [target, what] of TARGETS) {
      const forged =
        'X-Mimir-Edge-Verdict: accept\r\nx-mimir-edge-reason: forged\r\nX-MIMIR-EDGE-Own: forged\r\n';
      t.equal(await post(target, forged), statuses[what], `${config}: ${target}`);
    }
    t.strictSame(
      mimir.arrived.map(({ url }) => url),
      TARGETS.flatMap(([target, what]) => (statuses[what] === 200 ? [target] : [])),
      `${config}: nothing else arrives`,
    );
    t.notMatch(JSON.stringify(mimir.arrived.map(({ headers }) => headers)), /forged/, config);
    await envoy.stop();
    await edge.stop();
  }
});

t.test('two replicas, restarted one after the other under load: no client sees it', async (t) => {
  if (!needsEnvoy(t)) return;
  const mimir = await upstream();
  t.teardown(mimir.close);
  // Connections are renewed all the time besides.
  const flags = ['--shutdown.delay=4s', '--envoy.max_connection_age=1s'];
  const edges = [await startGrpcEdge(t, flags), await startGrpcEdge(t, flags)];
  const ports = edges.map(({ port }) => port);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', { edges: ports, mimir: mimir.url });
  t.ok(await seesHealthy(envoy, 2));

  const statuses = new Map<number, number>();
  let loading = true;
  const load = async (): Promise<void> => {
    while (loading) {
      const { status } = await send(envoy.url, PUSH_500, { 'X-Scope-OrgID': `t${Math.random()}` });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // Leaves the machine some time to start the next edge.
      await delay(5);
    }
  };
  const senders = [load(), load(), load(), load()];
  for (const edge of edges) {
    await edge.stop();
    await startGrpcEdge(t, flags, edge.port);
    t.ok(await seesHealthy(envoy, 2), 'a replica is back');
  }
  loading = false;
  await Promise.all(senders);
  t.strictSame([...statuses.keys()], [200], `all of ${statuses.get(200)} pushes`);
});

/** As where a gateway decides who a sender is. */
const SET_TENANT = `                  - name: envoy.filters.http.header_mutation
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                      mutations:
                        request_mutations:
                          - append:
                              header: { key: x-scope-orgid, value: sender }
                              append_action: OVERWRITE_IF_EXISTS_OR_ADD
`;

t.test('a real Prometheus sends through Envoy and ext_authz to a real Prometheus', async (t) => {
  if (![needsEnvoy(t), needs(t, 'prometheus')].every(Boolean)) return;
  const here = folder(t);
  const receiver = await startPrometheus(t, join(here, 'receiver'));
  const edge = await startGrpcEdge(t, ['--push.paths=/api/v1/write']);
  const envoy = await startEnvoy(t, 'ext-authz.yaml', {
    edges: [edge.port],
    mimir: receiver,
    changes: [
      ['(push|otlp|%25)', '(push|otlp|%25|write)'],
      ['http_filters:\n', `http_filters:\n${SET_TENANT}`],
    ],
  });
  const sender = await startPrometheus(t, join(here, 'sender'), sendingItself(`${envoy.url}/api/v1/write`));
  const query = queryUrl(receiver, 'count_over_time(up{from="sender"}[1m])');
  t.ok(await answering(query, (text) => firstValue(text) >= 3, 60_000), 'samples arrive and can be queried');
  t.ok((await metric(edge, 'mimir_edge_received_samples_total{user="sender"}')) > 500);
  const sent = await (await fetch(`${sender}/metrics`)).text();
  t.notMatch(sent, /prometheus_remote_storage_samples_(failed|dropped)_total\{[^}]*\} [1-9]/);
});
