/** OTLP comes under the same judge, reaches Mimir as it came, and is answered in the type of its request. */
import { gunzipSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { READS_ZSTD } from '#src/payload/encodings.js';
import { lz4Store, lz4Uncompress, xxh32 } from '#src/payload/lz4.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { OtlpRequest, OtlpResponse, OtlpStatus } from '../../payload/otlp-json/proto.js';
import { tracker } from '../../series/fixtures.js';
import { edge, type GivenEdgeOptions, upstream } from './fixtures.js';

/** Gauges with a point each, in a resource without attributes. */
function requestOf(points: number, attributes = 1): object {
  const metrics = Array.from({ length: points }, (_, i) => ({
    name: `metric_${i}`,
    gauge: {
      dataPoints: [
        {
          timeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
          asDouble: i,
          attributes: Array.from({ length: attributes }, (_, n) => ({
            key: `a${n}`,
            value: { stringValue: 'v' },
          })),
        },
      ],
    },
  }));
  return { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] };
}

const protobufOf = (request: object) =>
  Buffer.from(OtlpRequest.encode(OtlpRequest.fromObject(request)).finish());
const jsonOf = (request: object) => Buffer.from(JSON.stringify(request));

// biome-ignore lint/suspicious/noExplicitAny: what is sent has no types
type Given = any;

const PROTOBUF = { 'Content-Type': 'application/x-protobuf' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

function post(url: string, body: Uint8Array, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/otlp/v1/metrics`, {
    method: 'POST',
    headers: { 'X-Scope-OrgID': 'a', ...headers },
    body,
  });
}

async function given(t: Test, options: GivenEdgeOptions = {}) {
  const mimir = await upstream((_req, res) => res.writeHead(200, PROTOBUF).end());
  const proxy = await edge(mimir.url, { ...options, server: { otlp: true, ...options.server } });
  t.teardown(async () => {
    await proxy.stop();
    await mimir.close();
  });
  return { mimir, proxy };
}

const status = async (answer: Response) =>
  OtlpStatus.decode(Buffer.from(await answer.arrayBuffer())).toJSON() as { code: number; message: string };

t.test('points are counted, charged, and forwarded byte for byte', async (t) => {
  const { mimir, proxy } = await given(t);
  const protobuf = protobufOf(requestOf(3));
  const json = jsonOf(requestOf(3));
  const sent: [Buffer, Record<string, string>][] = [
    [protobuf, PROTOBUF],
    [gzipSync(protobuf), { ...PROTOBUF, 'Content-Encoding': 'gzip' }],
    [Buffer.from(lz4Store(protobuf)), { ...PROTOBUF, 'Content-Encoding': 'lz4' }],
    [json, JSON_TYPE],
    [gzipSync(json), { ...JSON_TYPE, 'Content-Encoding': 'gzip' }],
  ];
  for (const [body, headers] of sent) {
    const answer = await post(proxy.url, body, headers);
    t.equal(answer.status, 200, JSON.stringify(headers));
    const arrived = mimir.arrived.pop();
    t.equal(arrived?.url, '/otlp/v1/metrics');
    t.ok(arrived?.body.equals(body));
    t.equal(arrived?.headers['content-encoding'], headers['Content-Encoding']);
  }
  t.match(proxy.enforcer.tenants.get('a')?.tally, {
    samples: 15,
    series: 15,
    accepted: 5,
    bodyBytes: sent.reduce((bytes, [body]) => bytes + body.length, 0),
    uncompressedBytes: 3 * protobuf.length + 2 * json.length,
  });
});

t.test('a refusal is a status in the type of the request', async (t) => {
  const few = limits({ ingestion_rate: 1e-9, ingestion_burst_size: 2 });
  const { mimir, proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: few }) } });
  const protobuf = await post(proxy.url, protobufOf(requestOf(3)), PROTOBUF);
  t.equal(protobuf.status, 429);
  t.equal(protobuf.headers.get('content-type'), 'application/x-protobuf');
  t.ok(protobuf.headers.has('retry-after'));
  t.match(await status(protobuf), { code: 8, message: /err-mimir-tenant-max-ingestion-rate/ });
  const json = await post(proxy.url, jsonOf(requestOf(3)), JSON_TYPE);
  t.equal(json.headers.get('content-type'), 'application/json');
  t.match(await json.json(), { code: 8, message: /err-mimir-tenant-max-ingestion-rate/ });
  t.equal(mimir.arrived.length, 0);
});

t.test('what Mimir would not read is refused, with its status', async (t) => {
  const { mimir, proxy } = await given(t, { push: { maxBodyBytes: 5000, maxUncompressedBytes: 20_000 } });
  const small = protobufOf(requestOf(1));
  const gzip = { 'Content-Encoding': 'gzip' };
  const rows: [body: Buffer, headers: Record<string, string>, status: number, why: RegExp][] = [
    [small, { ...PROTOBUF, 'Content-Encoding': 'identity' }, 415, /content encoding "identity"/],
    [small, { ...PROTOBUF, 'Content-Encoding': 'snappy' }, 415, /content encoding "snappy"/],
    [
      small,
      { 'Content-Type': 'application/json; charset=utf-8' },
      415,
      /content type "application\/json; charset/,
    ],
    [small, { 'Content-Type': 'text/plain' }, 415, /content type "text\/plain"/],
    [
      Buffer.alloc(5001),
      PROTOBUF,
      413,
      /larger than 5000 bytes.*err-mimir-distributor-max-otlp-request-size/,
    ],
    [gzipSync(Buffer.alloc(30_000)), { ...PROTOBUF, ...gzip }, 413, /too large when uncompressed/],
    [small, { ...PROTOBUF, ...gzip }, 400, /gzip data is not sound/],
    [small, { ...PROTOBUF, 'Content-Encoding': 'lz4' }, 400, /lz4 data is not sound/],
    [Buffer.from([0x0a, 0x05, 0x01]), PROTOBUF, 400, /does not decode/],
    [Buffer.from('{"resourceMetrics":[1]}'), JSON_TYPE, 400, /an object was expected at byte 20/],
  ];
  for (const [body, headers, expected, why] of rows) {
    const answer = await post(proxy.url, body, headers);
    t.equal(answer.status, expected, `${why}`);
    const said = headers === JSON_TYPE ? ((await answer.json()) as object) : await status(answer);
    t.match(said, { code: expected, message: why }, 'Mimir has the HTTP status for a code');
  }
  t.equal(mimir.arrived.length, 0);
});

t.test('zstd is read where this Node does, and otherwise says so', async (t) => {
  const { proxy } = await given(t);
  const answer = await post(proxy.url, protobufOf(requestOf(1)), { ...PROTOBUF, 'Content-Encoding': 'zstd' });
  t.equal(answer.status, READS_ZSTD ? 400 : 415);
  t.match((await status(answer)).message, READS_ZSTD ? /zstd data is not sound/ : /reads no zstd.*Node/);
});

t.test('Mimir out of reach is a status, and the sender may come again', async (t) => {
  const proxy = await edge('http://127.0.0.1:1', { server: { otlp: true } });
  t.teardown(() => proxy.stop());
  const answer = await post(proxy.url, protobufOf(requestOf(1)), PROTOBUF);
  t.equal(answer.status, 502);
  t.match(await status(answer), { code: 14, message: /err-edge-upstream-unreachable/ });
});

t.test('points that may not pass are left out, in the form and the encoding that they came in', async (t) => {
  const three = limits({ max_label_names_per_series: 3 });
  const { mimir, proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: three }) } });
  const both = {
    resourceMetrics: [
      ...(requestOf(2, 5) as Given).resourceMetrics,
      ...(requestOf(1, 2) as Given).resourceMetrics,
    ],
  };
  const uncompressed: Record<string, (body: Uint8Array) => Uint8Array> = {
    gzip: (body) => gunzipSync(body),
    lz4: (body) => lz4Uncompress(body, 1 << 20) as Uint8Array,
  };
  const sent: [Buffer, Record<string, string>][] = [
    [protobufOf(both), PROTOBUF],
    [gzipSync(protobufOf(both)), { ...PROTOBUF, 'Content-Encoding': 'gzip' }],
    [Buffer.from(lz4Store(jsonOf(both))), { ...JSON_TYPE, 'Content-Encoding': 'lz4' }],
    [jsonOf(both), JSON_TYPE],
  ];
  for (const [body, headers] of sent) {
    const answer = await post(proxy.url, body, headers);
    t.equal(answer.status, 400, 'as Mimir answers it');
    const isJson = headers['Content-Type'] === 'application/json';
    t.match(isJson ? await answer.json() : await status(answer), {
      code: 3,
      message: /2 of 3 series .*err-mimir-max-label-names-per-series/s,
    });
    const arrived = mimir.arrived.pop();
    t.equal(arrived?.headers['content-encoding'], headers['Content-Encoding']);
    const plain = (uncompressed[headers['Content-Encoding'] ?? ''] ?? Buffer.from)(arrived?.body as Buffer);
    const rest = isJson ? JSON.parse(`${Buffer.from(plain)}`) : OtlpRequest.decode(plain).toJSON();
    t.strictSame(
      rest.resourceMetrics.map((one: Given) => one.scopeMetrics[0].metrics.length),
      [1],
    );
    t.equal(rest.resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0].attributes.length, 2);
  }
  t.match(proxy.enforcer.tenants.get('a')?.tally, { filtered: 4 });
});

t.test('series that break a rule are an error, as for Mimir', async (t) => {
  const two = limits({ max_label_names_per_series: 2 });
  const { proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: two }) } });
  t.equal((await post(proxy.url, protobufOf(requestOf(2)), PROTOBUF)).status, 200);
  const answer = await post(proxy.url, protobufOf(requestOf(2, 5)), PROTOBUF);
  t.equal(answer.status, 400);
  t.match(await status(answer), { code: 3, message: /err-mimir-max-label-names-per-series/ });
});

t.test('bombs are refused, and hold no memory after', async (t) => {
  const { mimir, proxy } = await given(t, { bytesInFlight: 256 << 20 });
  const plain = Buffer.alloc(64 << 20);
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x61, 1, 0]),
    Buffer.alloc(16_000, 255),
    Buffer.from([0, 0x10, 0x61]),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(block.length);
  const head = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0]);
  head[6] = (xxh32(head, 4, 6) >>> 8) & 255;
  const lz4 = Buffer.concat([
    head,
    ...Array.from({ length: 20 }, () => [length, block]).flat(),
    Buffer.alloc(4),
  ]);
  const nested = Buffer.from(`{"resourceMetrics":${'['.repeat(900_000)}`);
  const looked = Buffer.from(`{"x":${'['.repeat(900_000)}`);
  const points = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[${'{},'.repeat(300_000)}`;
  const rows: [name: string, body: Buffer, headers: Record<string, string>, status: number][] = [
    ['gzip', gzipSync(plain), { ...PROTOBUF, 'Content-Encoding': 'gzip' }, 413],
    [
      'gzip of JSON',
      gzipSync(Buffer.alloc(64 << 20, ' ')),
      { ...JSON_TYPE, 'Content-Encoding': 'gzip' },
      413,
    ],
    ['lz4', lz4, { ...PROTOBUF, 'Content-Encoding': 'lz4' }, 413],
    ['nesting', nested, JSON_TYPE, 400],
    ['nesting in what is looked over', looked, JSON_TYPE, 400],
    ['points', Buffer.from(points), JSON_TYPE, 400],
  ];
  for (const [name, body, headers, expected] of rows) {
    t.equal((await post(proxy.url, body, headers)).status, expected, name);
    t.equal(proxy.budget.used, 0);
  }
  const tight = await given(t, { bytesInFlight: 4 << 20 });
  const full = await post(tight.proxy.url, gzipSync(plain), { ...PROTOBUF, 'Content-Encoding': 'gzip' });
  t.equal(full.status, 503, 'there is no room for what it expands to');
  t.equal(tight.proxy.budget.used, 0);
  t.equal(mimir.arrived.length, 0);
});

t.test('in shadow mode all of it passes as it came', async (t) => {
  const few = limits({ ingestion_rate: 1e-9, ingestion_burst_size: 1 }, { mode: 'shadow' });
  const { mimir, proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: few }) } });
  for (const body of [protobufOf(requestOf(3)), Buffer.from('no protobuf')]) {
    t.equal((await post(proxy.url, body, PROTOBUF)).status, 200);
  }
  t.equal(mimir.arrived.length, 2);
  t.strictSame(
    proxy.refusals.map(({ refusal, shadow }) => [refusal.reason, shadow]),
    [
      ['burst_exceeded', true],
      ['edge_malformed_body', true],
    ],
  );
});

t.test(
  'series over a limit of the ingesters are no error, as for Mimir, also where nothing is left',
  async (t) => {
    const two = limits({ max_global_series_per_user: 2 });
    const { mimir, proxy } = await given(t, {
      enforcer: {
        snapshot: snapshot({ a: two, whole: { ...two, edge: { ...two.edge, over_limit: 'refuse' } } }),
        series: tracker(),
      },
    });
    t.equal((await post(proxy.url, protobufOf(requestOf(2)), PROTOBUF)).status, 200);
    const partial = await post(proxy.url, protobufOf(requestOf(3)), PROTOBUF);
    t.equal(partial.status, 200);
    t.match(OtlpResponse.decode(Buffer.from(await partial.arrayBuffer())).toJSON(), {
      partialSuccess: {
        errorMessage: /^1 of 3 series .* the rest was taken: .*err-mimir-max-series-per-user/,
      },
    });
    t.equal(mimir.arrived.length, 2);
    const none = await post(proxy.url, jsonOf(requestOf(1, 2)), JSON_TYPE);
    t.strictSame([none.status, none.headers.get('x-mimir-edge-reason')], [200, 'per_user_series_limit']);
    t.match(await none.json(), {
      partialSuccess: { errorMessage: /^1 series of tenant a was refused: .*err-mimir-max-series-per-user/ },
    });
    const whole = await post(proxy.url, protobufOf(requestOf(3)), { ...PROTOBUF, 'X-Scope-OrgID': 'whole' });
    t.equal(whole.status, 400, 'a part of it would have passed, and did not');
    t.equal(mimir.arrived.length, 2);
  },
);
