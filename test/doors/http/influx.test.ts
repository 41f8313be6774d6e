/** Line protocol comes under the same judge, and reaches Mimir as it came. */
import { gunzipSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { readLabelNames, readRules } from '#src/relabel/rule.js';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { tracker } from '../../series/fixtures.js';
import { edge, type GivenEdgeOptions, rawExchange, upstream } from './fixtures.js';

const LINES = 'cpu,host=a usage=1,idle=2i,up=t,text="x" 1465839830100400200\ncpu,host=b usage=3\n';

function write(url: string, body: string | Uint8Array, headers = {}, query = ''): Promise<Response> {
  return fetch(`${url}/api/v1/push/influx/write${query}`, {
    method: 'POST',
    headers: { 'X-Scope-OrgID': 'a', 'Content-Type': 'text/plain', ...headers },
    body,
  });
}

async function given(t: Test, options: GivenEdgeOptions = {}) {
  const mimir = await upstream((_req, res) => res.writeHead(204).end());
  const proxy = await edge(mimir.url, { ...options, server: { influx: true, ...options.server } });
  t.teardown(async () => {
    await proxy.stop();
    await mimir.close();
  });
  return { mimir, proxy };
}

t.test('lines are counted, charged and forwarded byte for byte', async (t) => {
  const { mimir, proxy } = await given(t);
  const plain = await write(proxy.url, LINES, {}, '?db=x&precision=ns');
  t.equal(plain.status, 204);
  const gzipped = gzipSync(LINES);
  t.equal((await write(proxy.url, gzipped, { 'Content-Encoding': 'gzip' })).status, 204);
  t.strictSame(
    mimir.arrived.map(({ url, body }) => [url, body]),
    [
      ['/api/v1/push/influx/write?db=x&precision=ns', Buffer.from(LINES)],
      ['/api/v1/push/influx/write', gzipped],
    ],
  );
  t.equal(mimir.arrived[1]?.headers['content-encoding'], 'gzip');
  const tally = proxy.enforcer.tenants.get('a')?.tally;
  t.match(tally, { samples: 8, series: 8, accepted: 2, uncompressedBytes: 2 * LINES.length });
  t.equal(tally?.bodyBytes, LINES.length + gzipped.length);
});

t.test(
  'lines are relabelled before they are limited, counted and charged, and forwarded as they came',
  async (t) => {
    const text = (read: { value: string } | { problem: string }) => ('value' in read ? read.value : '');
    const rules = {
      drop_labels: text(readLabelNames(['region'])),
      metric_relabel_configs: text(
        readRules([
          { source_labels: ['__name__'], regex: 'cpu_idle', action: 'drop' },
          { source_labels: ['__proxy_source__'], regex: '(.*)', target_label: 'came_by', replacement: '$1' },
        ]),
      ),
    };
    const own = {
      ...limits({
        ingestion_rate: 0,
        ...rules,
        max_global_series_per_user: 2,
        max_label_names_per_series: 4,
      }),
    };
    const { mimir, proxy } = await given(t, {
      enforcer: { snapshot: snapshot({ a: own }), series: tracker() },
    });
    const lines = 'cpu,host=a,region=x usage=1,idle=2\ncpu,host=a,region=y usage=3\nmem,host=b used=1\n';
    t.equal((await write(proxy.url, lines)).status, 204, 'two series, of four labels with the new one');
    t.equal(`${mimir.arrived[0]?.body}`, lines);
    const tenant = proxy.enforcer.tenants.use('a', 0);
    t.equal(tenant?.series?.active, 2);
    t.equal(tenant?.items.bucket.left(0), 200_000 - 3, 'three samples');

    const more = 'disk,host=a free=1,size=2\ncpu,host=a,region=z idle=4,usage=5\n';
    const refused = await write(proxy.url, gzipSync(more), { 'Content-Encoding': 'gzip' });
    t.equal(refused.status, 400);
    t.match(await refused.text(), /2 of 4 series .*err-mimir-max-series-per-user/s);
    t.match(`${gunzipSync(mimir.arrived[1]?.body as Buffer)}`, /^\ncpu,host=a,region=z (idle=4,)?usage=5\n$/);
    t.equal(tenant?.series?.active, 2);
  },
);

t.test('a push over its rate is refused, and its sender told when to come again', async (t) => {
  const few = limits({ ingestion_rate: 1e-9, ingestion_burst_size: 5 });
  const { mimir, proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: few }) } });
  t.equal((await write(proxy.url, LINES)).status, 204, '4 of 5');
  const refused = await write(proxy.url, LINES);
  t.equal(refused.status, 429);
  t.ok(refused.headers.has('retry-after'));
  t.match(await refused.text(), /err-mimir-tenant-max-ingestion-rate/);
  t.equal(mimir.arrived.length, 1);
});

t.test(
  'series that may not pass are taken out of their lines, in the encoding that they came in',
  async (t) => {
    const three = limits({ max_label_names_per_series: 3 });
    const { mimir, proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: three }) } });
    const lines = 'cpu,host=a usage=1 5\ncpu,host=a,x=y usage=1,idle=2 5\nmem,host=b v=t,w=1\n';
    const kept = 'cpu,host=a usage=1 5\n\nmem,host=b v=t,w=1\n';
    const refused = await write(proxy.url, lines);
    t.equal(refused.status, 400);
    t.match(await refused.text(), /2 of 5 series.*err-mimir-max-label-names-per-series/s);
    t.equal((await write(proxy.url, gzipSync(lines), { 'Content-Encoding': 'gzip' })).status, 400);
    t.equal(`${mimir.arrived[0]?.body}`, kept);
    t.equal(`${gunzipSync(mimir.arrived[1]?.body as Buffer)}`, kept);
    t.equal((await write(proxy.url, 'cpu,host=a,x=y usage=1')).status, 400);
    t.equal(mimir.arrived.length, 2, 'nothing is forwarded of which nothing may pass');
  },
);

t.test('what Mimir can not parse is refused here, with its status', async (t) => {
  const { mimir, proxy } = await given(t, { push: { maxBodyBytes: 1000 } });
  const rows: [body: string | Uint8Array, headers: object, query: string, why: RegExp][] = [
    ['cpu usage=1\ncpu usage=', {}, '', /the value of a field is missing at byte 21/],
    ['cpu usage=1', {}, '?precision=h', /precision "h" is none of ns, us, ms and s/],
    ['cpu usage=1', { 'Content-Encoding': 'gzip' }, '', /gzip data is not sound/],
    [gzipSync('cpu usage=1'), {}, '', /the fields are missing|the measurement/],
    [`#${'x'.repeat(1000)}`, {}, '', /larger than 1000 bytes/],
  ];
  for (const [body, headers, query, why] of rows) {
    const refused = await write(proxy.url, body, headers, query);
    t.equal(refused.status, 400, `${why}`);
    t.match(await refused.text(), why);
  }
  t.equal(mimir.arrived.length, 0);
});

t.test('the precision is read as Go reads a query', async (t) => {
  const { proxy } = await given(t);
  for (const [query, status] of [
    ['?precision=ms&precision=x', 204],
    ['?precision=x;y', 204],
    ['?precision=%zz', 204],
    ['?precision=', 204],
    ['?%70recision=%73', 204],
    ['?precision=x&precision=ms', 400],
    ['?%70recision=x', 400],
    ['?precision', 204],
  ] as const) {
    const answer = await rawExchange(
      proxy.port,
      `POST /api/v1/push/influx/write${query} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: a\r\n` +
        'Connection: close\r\nContent-Length: 5\r\n\r\nm v=1',
    );
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `), query);
  }
});

t.test('a bomb costs no more memory than may be, is refused, and leaves none held', async (t) => {
  const bomb = gzipSync(Buffer.alloc(128 << 20, '\n'));
  const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 16, threads: 1, maxRetainedBytes: 64 << 20 });
  const { mimir, proxy } = await given(t, { decoder, push: { maxUncompressedBytes: 24 << 20 } });
  const refused = await write(proxy.url, bomb, { 'Content-Encoding': 'gzip' });
  t.equal(refused.status, 400);
  t.match(await refused.text(), /too large when uncompressed.*push\.max_uncompressed_bytes/s);
  const tight = await given(t, { bytesInFlight: 8 << 20, push: { maxUncompressedBytes: 24 << 20 } });
  const full = await write(tight.proxy.url, bomb, { 'Content-Encoding': 'gzip' });
  t.equal(full.status, 503, 'there is no room for what it expands to');
  t.equal(proxy.budget.used, 0);
  t.equal(tight.proxy.budget.used, 0);
  t.equal(mimir.arrived.length, 0);
});

t.test('a large body is read in a thread', async (t) => {
  const decoder = new PooledDecoder({ inlineMaxBytes: 1 << 16, threads: 1, maxRetainedBytes: 64 << 20 });
  const { mimir, proxy } = await given(t, { decoder, push: { maxUncompressedBytes: 64 << 20 } });
  const lines = Array.from({ length: 40_000 }, (_, i) => `cpu,host=host-${i},region=x usage=${i} 5`).join(
    '\n',
  );
  const gzipped = gzipSync(lines);
  t.equal((await write(proxy.url, gzipped, { 'Content-Encoding': 'gzip' })).status, 204);
  t.match(proxy.enforcer.tenants.get('a')?.tally, { samples: 40_000, uncompressedBytes: lines.length });
  t.ok(mimir.arrived[0]?.body.equals(gzipped));
  t.equal(proxy.budget.used, 0);
});

t.test('it is refused where it is not switched on', async (t) => {
  const { mimir, proxy } = await given(t, { server: { influx: false } });
  const refused = await write(proxy.url, LINES);
  t.equal(refused.status, 503);
  t.match(await refused.text(), /err-edge-unjudged-write.*push\.influx/s);
  t.equal(mimir.arrived.length, 0);
});

t.test('in shadow mode all of it passes as it came', async (t) => {
  const few = limits({ ingestion_rate: 1e-9, ingestion_burst_size: 1 }, { mode: 'shadow' });
  const { mimir, proxy } = await given(t, { enforcer: { snapshot: snapshot({ a: few }) } });
  for (const body of [LINES, 'no line']) t.equal((await write(proxy.url, body)).status, 204);
  t.strictSame(
    mimir.arrived.map(({ body }) => `${body}`),
    [LINES, 'no line'],
  );
  t.strictSame(
    proxy.refusals.map(({ refusal, shadow }) => [refusal.reason, shadow]),
    [
      ['burst_exceeded', true],
      ['edge_malformed_body', true],
    ],
  );
});
