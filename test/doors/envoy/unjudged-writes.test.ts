/**
 * Envoy asks about paths as it has read them, or as they came: whatever a receiver may read as a path that writes is judged
 * here or refused, as by the proxy.
 */
import t, { type Test } from 'tap';
import { limits, snapshot } from '../../enforce/fixtures.js';
import { PUSH_500 } from '../http/fixtures.js';
import { check, checkOf, client, door, type GivenDoorOptions } from './fixtures.js';

async function serve(t: Test, options: GivenDoorOptions = {}) {
  const served = await door(options);
  const caller = client(served.port);
  t.teardown(async () => {
    caller.close();
    await served.stop();
  });
  const status = async (path: string, headers: Record<string, string> = {}, method = 'POST') => {
    const { deniedResponse } = await check(caller, checkOf(PUSH_500, headers, { path, method })).response;
    return deniedResponse?.status.code ?? 200;
  };
  return Object.assign(served, { caller, status });
}

/** 429: judged, and over the limit. 503: a write that can not be judged. 200: no write. */
const PATHS: readonly (readonly [path: string, status: 429 | 503 | 200])[] = [
  ['/api/v1/push', 429],
  ['/api/v1/push?x=1', 429],
  ['/api/v1/%70ush', 429],
  ['/api/v1/%2570ush', 429],
  ['//api/v1/push', 429],
  ['//h/api/v1/push', 429],
  ['/api/v1//push', 429],
  ['/./api/v1/push', 429],
  ['/x/../api/v1/push', 429],
  ['/x/..;/api/v1/push', 429],
  ['/x/%2e%2E/api/v1/push', 429],
  ['/api/v1/push/', 429],
  ['/api/v1/push;x', 429],
  ['/api/v1;x=y/push', 429],
  ['/API/v1/Push', 429],
  ['/api\\v1\\push', 429],
  ['/api/v1%2Fpush', 429],
  ['/api/v1/push%00x', 429],
  ['http://h/api/v1/push', 429],
  ['HTTPS://h:1/api/v1/push?x', 429],
  ['/otlp/v1/metrics', 503],
  ['/otlp/v1/metrics/', 503],
  ['/otlp//v1/%6Detrics', 503],
  ['/OTLP/v1/metrics;x', 503],
  ['http://h/otlp/v1/metrics', 503],
  ['/api/v1/push/influx/write', 503],
  ['/api/v1/push/influx%2Fwrite', 503],
  ['/api/prom/push', 503],
  ['/ingester/push', 503],
  // Nobody can say where these go.
  ['ws://h/api/v1/push', 503],
  ['api/v1/push', 503],
  ['*', 503],
  ['', 503],
  ['/api/v1/query#/../push', 503],
  ['/api/v1/query', 200],
  ['/api/v1/query?x=/api/v1/push', 200],
  ['/api/v1/pushy', 200],
  ['/api/v1/push/../query', 200],
  ['/prometheus/config/v1/rules/a%2Fb', 200],
];

t.test('whatever a receiver may read as a path that writes is judged, or refused', async (t) => {
  const none = snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 0 }) });
  const { status, refusals } = await serve(t, { enforcer: { snapshot: none } });
  for (const [path, expected] of PATHS) t.equal(await status(path), expected, path);
  t.strictSame(
    refusals.map(({ tenant, refusal }) => [tenant, refusal.reason]),
    PATHS.filter(([, expected]) => expected !== 200).map(([, expected]) => [
      'a',
      expected === 503 ? 'edge_unjudged_write' : 'burst_exceeded',
    ]),
  );
});

t.test('what can not be judged is answered as by the proxy, whatever of its body was sent', async (t) => {
  const { caller, outcomes } = await serve(t);
  for (const http of [{}, { rawBody: Buffer.alloc(0) }, { rawBody: Buffer.alloc(0), body: 'text' }]) {
    const request = checkOf(PUSH_500, {}, { path: '/otlp/v1/metrics', ...http });
    const { status, deniedResponse } = await check(caller, request).response;
    t.equal(status.code, 7);
    t.equal(deniedResponse?.status.code, 503);
    t.match(
      deniedResponse?.body,
      /tenant a was refused: .*\(err-edge-unjudged-write\)\. .*push\.unjudged.*\n$/,
    );
    t.ok(deniedResponse?.headers.some(({ header }) => header.key === 'retry-after'));
  }
  t.strictSame(outcomes, ['refuse', 'refuse', 'refuse']);
});

t.test('such a write costs a request, and not without a tenant', async (t) => {
  const { status } = await serve(t, {
    enforcer: { snapshot: snapshot({ few: limits({ request_rate: 1e-9, request_burst_size: 1 }) }) },
  });
  t.equal(await status('/otlp/v1/metrics', { 'x-scope-orgid': 'a|b' }), 400);
  t.equal(await status('/otlp/v1/metrics', { 'x-scope-orgid': 'few' }), 503);
  t.equal(await status('/otlp/v1/metrics', { 'x-scope-orgid': 'few' }), 429);
});

t.test('it passes with push.unjudged: pass, in shadow mode, and for tenants that are off', async (t) => {
  const given = { snapshot: snapshot({ s: limits({}, { mode: 'shadow' }), o: limits({}, { mode: 'off' }) }) };
  const passing = await serve(t, { enforcer: given, check: { unjudgedWrites: 'pass' } });
  const strict = await serve(t, { enforcer: given });
  for (const path of ['/otlp/v1/metrics', '/api/v1/push/influx/write']) {
    t.equal(await passing.status(path), 200);
    t.equal(await strict.status(path, { 'x-scope-orgid': 's' }), 200);
    t.equal(await strict.status(path, { 'x-scope-orgid': 'o' }), 200);
  }
  t.equal(passing.refusals.length, 0);
  t.strictSame(
    strict.refusals.map(({ tenant, shadow }) => [tenant, shadow]),
    [
      ['s', true],
      ['s', true],
    ],
  );
});

t.test('reading such a path is no write', async (t) => {
  const { status } = await serve(t);
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    for (const path of ['/api/v1/push', '/otlp/v1/metrics', 'http://h/otlp/v1/metrics']) {
      t.equal(await status(path, {}, method), 200, `${method} ${path}`);
    }
  }
  for (const method of ['PUT', 'PATCH', 'post', '']) {
    t.equal(await status('/otlp/v1/metrics', {}, method), 503, `"${method}" may be one`);
  }
});
