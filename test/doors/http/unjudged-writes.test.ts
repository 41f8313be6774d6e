/** Mimir takes series in other protocols, too, which the edge can not judge: they do not go past it by themselves. */
import t from 'tap';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { edge, rawExchange, upstream } from './fixtures.js';

const PATHS = [
  '/otlp/v1/metrics',
  '/api/v1/push/influx/write',
  '/api/prom/push',
  '/otlp//v1/metrics',
  '/otlp/v1/metrics/',
  '/api/v1/push/influx%2Fwrite',
  'http://h/otlp/v1/metrics',
];

const post = (path: string, tenant: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\nX-Scope-OrgID: ${tenant}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc`;

t.test(
  'a write in a protocol that is not judged is refused, so that its sender keeps the data',
  async (t) => {
    const mimir = await upstream();
    const proxy = await edge(mimir.url, {
      enforcer: { snapshot: snapshot({ few: limits({ request_rate: 1e-9, request_burst_size: 1 }) }) },
    });
    for (const path of PATHS) {
      const answer = await rawExchange(proxy.port, post(path, 'a'));
      // OpenTelemetry's collector comes again after 429, 502, 503 and 504 alone.
      t.match(answer, /^HTTP\/1\.1 503 .*Retry-After: \d+/s, path);
      t.match(answer, / \(err-edge-unjudged-write\)\. .*push\.unjudged.*\n$/s, 'names the setting');
      t.match(answer, /X-Mimir-Edge-Reason: edge_unjudged_write\r\n/);
    }
    t.equal(mimir.arrived.length, 0);
    t.strictSame(
      proxy.refusals.map(({ tenant, refusal, shadow }) => [tenant, refusal.reason, shadow]),
      PATHS.map(() => ['a', 'edge_unjudged_write', false]),
    );
    t.match(
      await rawExchange(proxy.port, post('/otlp/v1/metrics', 'a|b')),
      /^HTTP\/1\.1 400 /,
      'nor without a tenant',
    );
    t.match(await rawExchange(proxy.port, post('/otlp/v1/metrics', 'few')), /^HTTP\/1\.1 503 /);
    t.match(
      await rawExchange(proxy.port, post('/otlp/v1/metrics', 'few')),
      /^HTTP\/1\.1 429 /,
      'it costs a request',
    );
    await proxy.stop();
    await mimir.close();
  },
);

t.test(
  'with push.unjudged: pass, for tenants in shadow mode and for those that are off it passes',
  async (t) => {
    const mimir = await upstream();
    const given = {
      snapshot: snapshot({ s: limits({}, { mode: 'shadow' }), o: limits({}, { mode: 'off' }) }),
    };
    const passing = await edge(mimir.url, { enforcer: given, server: { unjudgedWrites: 'pass' } });
    const strict = await edge(mimir.url, { enforcer: given });
    for (const [proxy, tenant] of [
      [passing, 'a'],
      [strict, 's'],
      [strict, 'o'],
    ] as const) {
      mimir.arrived.length = 0;
      for (const path of PATHS)
        t.match(await rawExchange(proxy.port, post(path, tenant)), /^HTTP\/1\.1 200 /, path);
      t.strictSame(
        mimir.arrived.map(({ url, body }) => [url, `${body}`]),
        PATHS.map((path) => [path.replace('http://h', ''), 'abc']),
      );
    }
    t.equal(passing.refusals.length, 0);
    t.strictSame(
      strict.refusals.map(({ tenant, shadow }) => [tenant, shadow]),
      PATHS.map(() => ['s', true]),
      'what would have been refused is reported',
    );
    await Promise.all([passing.stop(), strict.stop()]);
    await mimir.close();
  },
);

t.test('reading such a path is no write', async (t) => {
  const mimir = await upstream();
  const proxy = await edge(mimir.url);
  for (const path of PATHS) {
    t.match(await rawExchange(proxy.port, post(path, 'a').replace('POST', 'GET')), /^HTTP\/1\.1 200 /, path);
  }
  await proxy.stop();
  await mimir.close();
});
