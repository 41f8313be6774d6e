/** Settings reach what they set: each in an edge that has it, beside one that has not where that says more. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { hashKeyOf, openActiveSeries } from '#src/app/open-shared.js';
import { redisOptions } from '#src/app/redis-options.js';
import { type Config, loadConfig } from '#src/config/config.js';
import { start } from '../admin/fixtures.js';
import {
  check,
  checkOf,
  client,
  denialHeader,
  rawSession,
  SHOULD_RATE_LIMIT,
  unary,
} from '../doors/envoy/fixtures.js';
import {
  closeServer,
  eventually,
  listen,
  PUSH_500,
  rawExchange,
  send,
  sendFrom,
  upstream,
} from '../doors/http/fixtures.js';
import { compress, encodeVersion1 } from '../payload/encode.js';
import { limitsOf, MINUTE_MS, pushOf, sweepAll } from '../series/fixtures.js';

const TLS = new URL('../../../test/data/tls/', import.meta.url).pathname;

type Flags = Record<string, string>;

/** An edge with these settings, and an upstream that takes everything. */
async function edge(t: Test, flags: Flags) {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const given = await start(t, { 'upstream.url': mimir.url, ...flags });
  return { ...given, mimir, port: given.app.proxy!.port };
}

function config(flags: Flags): Config {
  const loaded = loadConfig({ env: {}, flags });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  return loaded.config;
}

async function metric(given: { get(path: string): Promise<Response> }, name: string): Promise<number> {
  const lines = (await (await given.get('/metrics')).text()).split('\n');
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length));
}

const reasonOf = (answer: Response) => [answer.status, answer.headers.get('x-mimir-edge-reason')];

const HEAD =
  'POST /api/v1/push HTTP/1.1\r\nHost: edge\r\nX-Scope-OrgID: a\r\nContent-Type: application/x-protobuf\r\n' +
  'Content-Encoding: snappy\r\n';

/** What was sent is noted every ten seconds: this one has had them when its test comes, the last. */
const forgetful = await edge(t, { 'admin.history_max_bytes': '0' });
t.equal((await send(forgetful.proxy)).status, 200);

t.test('what a push may be', async (t) => {
  for (const [flags, status, reason] of [
    [{ 'push.max_body_bytes': '1000' }, 400, 'edge_body_too_large'],
    [{ 'push.max_uncompressed_bytes': '50000' }, 400, 'edge_body_too_large'],
    [{ 'push.max_series': '499' }, 413, 'edge_series_per_request'],
  ] as [Flags, number, string][]) {
    const { proxy } = await edge(t, flags);
    t.strictSame(reasonOf(await send(proxy)), [status, reason], JSON.stringify(flags));
  }
});

t.test('how long a sender is waited for', async (t) => {
  const late = await edge(t, { 'server.header_timeout': '100ms' });
  t.match(await rawExchange(late.port, 'POST /api/v1/push HTTP/1.1\r\nHost:'), /^(HTTP\/1.1 408 .*|)$/s);
  const slow = await edge(t, { 'server.body_timeout': '100ms' });
  const answer = await rawExchange(slow.port, `${HEAD}Content-Length: 1000\r\n\r\nhalf`, '(err-edge');
  t.match(answer, /^HTTP\/1.1 503 .*x-mimir-edge-reason: edge_incomplete_body/is);
  const idle = await edge(t, { 'server.idle_timeout': '100ms' });
  t.match(
    await rawExchange(idle.port, `${HEAD}Content-Length: 1\r\n\r\nx`),
    /^HTTP\/1.1 400 /,
    'then it is closed',
  );
});

t.test('how much of the memory for bodies one tenant holds, and one address', async (t) => {
  const memory = { 'push.max_bytes_in_flight': '100000', 'push.max_body_bytes': '100000' };
  const large = `${HEAD}Content-Length: 30000\r\n\r\n`;
  for (const share of ['push.tenant_share', 'push.address_share']) {
    const flags = { 'push.tenant_share': '100', 'push.address_share': '100', ...memory, [share]: '25' };
    const { port } = await edge(t, flags);
    await sendFrom('127.0.0.2', port);
    const answer = await rawExchange(port, large, '(err-edge');
    t.match(answer, /x-mimir-edge-reason: edge_body_share/i);
    t.match(answer, new RegExp(`holds 0 of at most 25000 body bytes for this .*raise ${share}`), share);
  }
});

t.test('how long a sender may leave its answer', async (t) => {
  let cut = () => {};
  const isCut = new Promise<void>((resolve) => {
    cut = resolve;
  });
  const mimir = await upstream((_req, res) => void res.on('close', cut).write(Buffer.alloc(32 << 20)));
  t.teardown(() => mimir.close());
  const { port } = await edge(t, { 'upstream.url': mimir.url, 'server.write_timeout': '200ms' });
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {}).write('GET /big HTTP/1.1\r\nHost: edge\r\n\r\n');
  await isCut;
});

t.test('which tenants have lines in /metrics', async (t) => {
  for (const [tenants, user] of [
    ['all', 'a'],
    ['none', '(other)'],
  ] as const) {
    const given = await edge(t, { 'metrics.tenants': tenants });
    await send(given.proxy, PUSH_500, { 'X-Scope-OrgID': 'a' });
    t.equal(await metric(given, `mimir_edge_received_requests_total{user="${user}"}`), 1, tenants);
  }
});

t.test('how long the upstream is waited for, and whom it is believed', async (t) => {
  const mimir = await upstream((_req, res) => res.writeHead(200, { 'Content-Length': '10' }).write('half'));
  t.teardown(() => mimir.close());
  const given = await start(t, { 'upstream.url': mimir.url, 'upstream.body_timeout': '100ms' });
  await t.rejects(
    send(given.proxy).then((response) => response.text()),
    'its answer is cut',
  );

  const server = createTlsServer(
    { cert: readFileSync(join(TLS, 'server.crt')), key: readFileSync(join(TLS, 'server.key')) },
    (req, res) => void req.resume().on('end', () => res.end()),
  );
  t.teardown(() => closeServer(server));
  const url = (await listen(server)).replace('http:', 'https:');
  const trusting = await start(t, { 'upstream.url': url, 'upstream.tls.ca_file': join(TLS, 'ca.crt') });
  t.equal((await send(trusting.proxy)).status, 200);
  const strange = await start(t, { 'upstream.url': url });
  t.equal((await send(strange.proxy)).status, 502);
});

t.test('where pushes are decoded, and what of the memory is kept', async (t) => {
  const series = Array.from({ length: 20_000 }, (_, i) => ({
    labels: [['__name__', `metric_${i}`]] as const,
    value: 1,
    timestampMs: 1,
  }));
  const large = compress(encodeVersion1(series));
  const memoryAfter = async (flags: Flags, ...bodies: Uint8Array[]) => {
    const given = await edge(t, {
      'limits.ingestion_rate': '1e9',
      'limits.ingestion_burst_size': '1000000',
      ...flags,
    });
    for (const body of bodies) t.equal((await send(given.proxy, body)).status, 200);
    return metric(given, 'mimir_edge_decode_memory_bytes');
  };
  const small = await memoryAfter({}, PUSH_500);
  t.ok((await memoryAfter({}, large, PUSH_500)) > small, 'inline, and kept');
  t.equal(await memoryAfter({ 'decode.max_retained_bytes': '0' }, large, PUSH_500), small, 'given up');
  t.ok((await memoryAfter({ 'decode.threads': '0', 'decode.inline_max_bytes': '0' }, large)) > small);
  t.ok(
    (await memoryAfter({ 'decode.threads': '1', 'decode.inline_max_bytes': '0' }, large)) <= small,
    'in a thread',
  );
});

t.test('so many large bodies of a tenant wait for a thread, and no more', async (t) => {
  const { proxy } = await edge(t, {
    'limits.ingestion_rate': '1e9',
    'limits.ingestion_burst_size': '100000000',
    'decode.threads': '1',
    'decode.inline_max_bytes': '0',
    'decode.max_waiting': '1',
  });
  const answers = await Promise.all(Array.from({ length: 30 }, () => send(proxy)));
  const refused = answers.filter(({ status }) => status === 503);
  t.ok(refused.length > 0 && refused.length < 29, `${refused.length} of 30`);
  t.match(
    await refused[0]?.text(),
    /too many large pushes of the tenant are waiting to be decoded \(decode\.max_waiting\).*\(err-edge-busy\)/,
  );
});

t.test('each distributor gives the whole burst', async (t) => {
  const limits = { 'limits.ingestion_rate': '0', 'limits.ingestion_burst_size': '500' };
  const { proxy } = await edge(t, { ...limits, 'mimir.distributors': '2' });
  t.equal((await send(proxy)).status, 200);
  t.equal((await send(proxy)).status, 200);
  t.strictSame(reasonOf(await send(proxy)), [429, 'rate_limited']);
});

t.test('a usage tracker of Mimir answers for the series of a tenant', async (t) => {
  const few = { 'limits.max_global_series_per_user': '100' };
  for (const [tracker, expected] of [
    ['false', [400, 'per_user_series_limit']],
    ['true', [429, 'max_active_series']],
  ] as const) {
    const { proxy } = await edge(t, { ...few, 'mimir.usage_tracker': tracker });
    t.strictSame(reasonOf(await send(proxy)), expected);
  }
});

t.test('who is over a limit comes again as Mimir is told to have it', async (t) => {
  const over = { 'limits.ingestion_rate': '0', 'limits.ingestion_burst_size': '1' };
  const backoff = { 'mimir.retry_after.min_backoff': '20s', 'mimir.retry_after.max_backoff': '20s' };
  for (const [flags, expected] of [
    [backoff, '20'],
    [{ ...backoff, 'mimir.retry_after.enabled': 'false' }, null],
  ] as const) {
    const { proxy } = await edge(t, { ...over, ...flags });
    const refused = await send(proxy);
    t.equal(refused.status, 429);
    t.equal(refused.headers.get('retry-after'), expected, JSON.stringify(flags));
  }
});

t.test('duplicates of HA pairs are dropped here, or by Mimir, or are none', async (t) => {
  const from = (replica: string) =>
    compress(
      encodeVersion1([
        {
          labels: [
            ['__name__', 'up'],
            ['__replica__', replica],
            ['cluster', 'one'],
          ],
          value: 1,
          timestampMs: 1,
        },
      ]),
    );
  for (const [tracker, drop, statuses, arrive] of [
    ['true', 'true', [200, 202], 1],
    ['true', 'false', [200, 200], 2],
    ['false', 'true', [200, 200], 2],
  ] as const) {
    const { proxy, mimir } = await edge(t, {
      'limits.accept_ha_samples': 'true',
      'ha.tracker_enabled': tracker,
      'ha.drop_duplicates': drop,
    });
    t.strictSame([(await send(proxy, from('a'))).status, (await send(proxy, from('b'))).status], statuses);
    t.equal(mimir.arrived.length, arrive);
  }
});

t.test('whether series are known, and for how long', async (t) => {
  const [knowing, blind] = [await edge(t, {}), await edge(t, { 'series.tracking': 'false' })];
  for (const { proxy } of [knowing, blind]) t.equal((await send(proxy)).status, 200);
  t.equal(await metric(knowing, 'mimir_edge_active_series{user="a"}'), 500);
  t.ok(Number.isNaN(await metric(blind, 'mimir_edge_active_series{user="a"}')));

  for (const [idle, known] of [
    ['1m', 0],
    ['20m', 3],
  ] as const) {
    let nowMs = 0;
    const book = openActiveSeries(config({ 'series.idle_timeout': idle }), undefined, () => nowMs)!;
    const tenant = book.tenant('a');
    await tenant.check(pushOf([1, 2, 3]), undefined, limitsOf(0), false, nowMs);
    nowMs = 5 * MINUTE_MS;
    sweepAll(book, nowMs);
    t.equal(tenant.active, known, idle);
  }
});

t.test('what Redis is and how to speak to it', async (t) => {
  const given = redisOptions(
    config({
      'state.redis.url': 'redis://one:1,redis://two:2',
      'state.redis.mode': 'sentinel',
      'state.redis.sentinel_master': 'primary',
      'state.redis.username_file': '/user',
      'state.redis.password_file': '/password',
      'state.redis.sentinel_password_file': '/sentinel',
      'state.redis.tls.ca_file': '/ca',
      'state.redis.tls.cert_file': '/cert',
      'state.redis.tls.key_file': '/key',
      'state.redis.key_prefix': 'fleet:',
      'state.redis.command_timeout': '7ms',
      'state.redis.connect_timeout': '8ms',
    }),
  );
  t.match(given, {
    urls: ['redis://one:1', 'redis://two:2'],
    mode: 'sentinel',
    sentinelMaster: 'primary',
    usernameFile: '/user',
    passwordFile: '/password',
    sentinelPasswordFile: '/sentinel',
    caFile: '/ca',
    certFile: '/cert',
    keyFile: '/key',
    keyPrefix: 'fleet:',
    commandTimeoutMs: 7,
    connectTimeoutMs: 8,
  });
});

t.test('how many connections Envoy may have, and calls on each', async (t) => {
  const { app } = await start(t, {
    'envoy.enabled': 'true',
    'listen.grpc': '127.0.0.1:0',
    'envoy.max_connections': '1',
    'envoy.max_concurrent_streams': '7',
  });
  const session = rawSession(app.grpc!.port);
  t.teardown(() => session.destroy());
  const [settings] = await once(session, 'remoteSettings');
  t.equal(settings.maxConcurrentStreams, 7);
  await once(rawSession(app.grpc!.port), 'close');
  t.notOk(session.closed, 'the first stays');
});

/** An edge with Envoy's door, and a client of it. */
async function envoy(t: Test, flags: Flags) {
  const given = await start(t, { 'envoy.enabled': 'true', 'listen.grpc': '127.0.0.1:0', ...flags });
  const caller = client(given.app.grpc!.port);
  t.teardown(() => caller.close());
  return caller;
}

t.test(
  'ext_authz: bodies that did not come whole, and pushes of which some series may not pass',
  async (t) => {
    const odd = {
      partial: checkOf(PUSH_500, { 'x-envoy-auth-partial-body': 'true' }),
      missing: checkOf(Buffer.alloc(0), { 'content-length': '11432' }),
      text: checkOf(Buffer.alloc(0), { 'content-length': '11432' }, { body: '!!' }),
      filter: checkOf(PUSH_500),
    };
    const few = { 'limits.max_global_series_per_user': '100' };
    const strict = await envoy(t, few);
    const reasons = await Promise.all(
      Object.values(odd).map(async (one) =>
        denialHeader(await check(strict, one).response, 'x-mimir-edge-reason'),
      ),
    );
    t.strictSame(reasons, [
      'edge_partial_body',
      'edge_body_not_sent',
      'edge_body_not_sent',
      'per_user_series_limit',
    ]);
    const lenient = await envoy(t, {
      ...few,
      'envoy.on_partial_body': 'pass',
      'envoy.on_missing_body': 'pass',
      'envoy.on_text_body': 'pass',
      'envoy.on_filter': 'pass',
    });
    for (const [what, one] of Object.entries(odd))
      t.equal((await check(lenient, one).response).status.code, 0, what);
  },
);

t.test('ratelimit: domains, keys, what is unknown, limits of descriptors, headers', async (t) => {
  const [OK, OVER_LIMIT] = [1, 2];
  const ask = async (flags: Flags, domain: string, entries: [string, string][], limit?: object) => {
    const caller = await envoy(t, {
      'limits.request_rate': '0.001',
      'limits.request_burst_size': '1',
      ...flags,
    });
    const request = {
      domain,
      descriptors: [{ entries: entries.map(([key, value]) => ({ key, value })), ...(limit && { limit }) }],
    };
    const call = () =>
      unary<object, { overallCode: number; responseHeadersToAdd: { key: string }[] }>(
        caller,
        SHOULD_RATE_LIMIT,
        'envoy.service.ratelimit.v3.RateLimitRequest',
        'envoy.service.ratelimit.v3.RateLimitResponse',
        request,
      ).response;
    const [first, second] = [await call(), await call()];
    return {
      codes: [first.overallCode, second.overallCode],
      headers: first.responseHeadersToAdd.map(({ key }) => key),
    };
  };
  const usual = await ask({}, 'mimir-edge', [['tenant', 'a']]);
  t.strictSame(usual.codes, [OK, OVER_LIMIT]);
  t.ok(usual.headers.includes('ratelimit-limit'));
  t.strictSame(
    (await ask({ 'envoy.ratelimit.headers': 'false' }, 'mimir-edge', [['tenant', 'a']])).headers,
    [],
  );

  const named = {
    'envoy.ratelimit.domains': 'mine',
    'envoy.ratelimit.tenant_key': 'who',
    'envoy.ratelimit.bucket_key': 'what',
  };
  const mine: [string, string][] = [
    ['who', 'a'],
    ['what', 'requests'],
  ];
  t.strictSame((await ask(named, 'mine', mine)).codes, [OK, OVER_LIMIT]);
  t.strictSame((await ask({}, 'mine', mine)).codes, [OK, OK], 'unknown');
  const refusing = { 'envoy.ratelimit.unknown': 'refuse' };
  t.strictSame((await ask(refusing, 'mine', mine)).codes, [OVER_LIMIT, OVER_LIMIT]);

  const own = { requestsPerUnit: 100, unit: 1 };
  const with100 = { 'envoy.ratelimit.overrides': 'true' };
  t.strictSame((await ask(with100, 'mimir-edge', [['tenant', 'a']], own)).codes, [OK, OK]);
  t.strictSame((await ask({}, 'mimir-edge', [['tenant', 'a']], own)).codes, [OK, OVER_LIMIT]);
});

t.test('memory for what tenants sent', async (t) => {
  const without = () => metric(forgetful, 'mimir_edge_history_counters_without_room');
  t.ok(await eventually(async () => (await without()) > 0));
  t.equal(await metric(forgetful, 'mimir_edge_history_bytes'), 0);
});

t.test("how long a request waits for a connection, and how many of them are one tenant's", async (t) => {
  const held: (() => void)[] = [];
  const mimir = await upstream((_req, res) => held.push(() => res.end()));
  t.teardown(() => mimir.close());
  const { proxy } = await edge(t, {
    'upstream.url': mimir.url,
    'upstream.connections': '4',
    'upstream.tenant_share': '25',
    'upstream.queue_timeout': '200ms',
  });
  const query = (tenant: string) =>
    fetch(`${proxy}/prometheus/api/v1/query`, { headers: { 'x-scope-orgid': tenant } });
  const first = query('a');
  t.ok(await eventually(() => held.length === 1));
  t.strictSame(reasonOf(await query('a')), [503, 'upstream_busy'], 'a has its share already');
  const other = query('b');
  t.ok(await eventually(() => held.length === 2), 'b is let through');
  for (const answer of held) answer();
  t.strictSame([(await first).status, (await other).status], [200, 200]);
});

t.test('how many connections are for what one address asks, while others ask', async (t) => {
  const held: (() => void)[] = [];
  const mimir = await upstream((req, res) => {
    if (req.url === '/quick') res.end();
    else held.push(() => res.end());
  });
  t.teardown(() => mimir.close());
  const { proxy, port } = await edge(t, {
    'upstream.url': mimir.url,
    'upstream.connections': '4',
    'upstream.address_share': '25',
    'upstream.queue_timeout': '200ms',
  });
  const query = (tenant: string) => fetch(`${proxy}/query`, { headers: { 'x-scope-orgid': tenant } });
  const alone = [query('a'), query('b')];
  t.ok(await eventually(() => held.length === 2), 'with nobody else there is no share');
  t.match(await sendFrom('127.0.0.2', port, 'GET /quick HTTP/1.1\r\nHost: h\r\n\r\n'), /^HTTP\/1.1 200 /);
  t.strictSame(reasonOf(await query('c')), [503, 'upstream_busy'], 'it has more than its share');
  for (const answer of held) answer();
  t.strictSame([(await alone[0]!).status, (await alone[1]!).status], [200, 200]);
});

t.test('a secret for hashes comes from a file, and is refused where it is none', async (t) => {
  const folder = t.testdir({
    secret: 'a secret of sixteen or more\n',
    again: 'a secret of sixteen or more',
    short: 'abc',
  });
  const key = (name: string) => hashKeyOf(config({ 'state.hash_key_file': join(folder, name) }));
  t.strictSame(key('secret'), key('again'));
  t.equal(key('secret').length, 16);
  writeFileSync(join(folder, 'again'), 'another secret of sixteen or more');
  t.notSame(key('secret'), key('again'));
  t.throws(() => key('short'), { message: /^state\.hash_key_file: .*short has 3 characters; at least 16/ });
  t.throws(() => key('none'), { message: /^state\.hash_key_file: ENOENT/ });
});

t.test('tenants.unknown_max: so many tenants that no document names are held', async (t) => {
  for (const [most, held] of [
    ['none', 0],
    ['2', 2],
    ['all', 3],
  ] as const) {
    const given = await edge(t, { 'tenants.unknown_max': most });
    for (const tenant of ['a', 'b', 'c']) {
      t.equal((await send(given.proxy, PUSH_500, { 'X-Scope-OrgID': tenant })).status, 200);
    }
    t.equal(await metric(given, 'mimir_edge_tenants'), held);
  }
});

t.test('push.influx: whether line protocol is taken', async (t) => {
  const influx = (port: number) =>
    rawExchange(
      port,
      'POST /api/v1/push/influx/write HTTP/1.1\r\nHost: edge\r\nX-Scope-OrgID: a\r\nConnection: close\r\n' +
        'Content-Length: 5\r\n\r\nm v=1',
    );
  t.match(await influx((await edge(t, {})).port), /^HTTP\/1\.1 503 .*edge_unjudged_write/s);
  const given = await edge(t, { 'push.influx': 'true' });
  t.match(await influx(given.port), /^HTTP\/1\.1 200 /);
  await send(`http://127.0.0.1:${given.port}`);
  t.equal(await metric(given, 'mimir_edge_pushes_total{protocol="influx"}'), 1);
  t.equal(await metric(given, 'mimir_edge_pushes_total{protocol="rw1"}'), 1);
  t.equal(await metric(given, 'mimir_edge_pushes_total{protocol="otlp"}'), 0);
});

t.test('push.otlp: whether OTLP is judged', async (t) => {
  const otlp = async (flags: Flags) => {
    const { port } = await edge(t, flags);
    return fetch(`http://127.0.0.1:${port}/otlp/v1/metrics`, {
      method: 'POST',
      headers: { 'X-Scope-OrgID': 'a', 'Content-Type': 'application/json' },
      body: '{"resourceMetrics":5}',
    });
  };
  t.equal((await otlp({})).status, 400);
  t.strictSame(reasonOf(await otlp({ 'push.otlp': 'false' })), [503, 'edge_unjudged_write']);
});
