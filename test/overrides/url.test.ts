import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { mock } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { listen } from '#src/base/listen.js';
import { UrlSource, type UrlSourceOptions } from '#src/overrides/url.js';
import { eventually } from '../doors/http/fixtures.js';
import { givenOverrides, withRate } from './fixtures.js';

/** A server whose next answers are those that a test sets, and overrides that poll it quickly. */
async function given(t: Test, options: Partial<UrlSourceOptions> = {}, path = '/runtime_config?mode=diff') {
  const server = {
    body: withRate(1) as string | Buffer,
    etag: undefined as string | undefined,
    status: 200,
    headers: {} as Record<string, string>,
    hangs: false,
    requests: 0,
    underWay: 0,
    mostAtOnce: 0,
    takesMs: 0,
    notModified: 0,
    lastPath: '',
    authorization: undefined as string | undefined,
  };
  const http = createServer(async (req, res) => {
    server.requests++;
    server.lastPath = req.url ?? '';
    server.authorization = req.headers.authorization;
    server.mostAtOnce = Math.max(server.mostAtOnce, ++server.underWay);
    res.on('close', () => server.underWay--);
    if (server.hangs) return;
    if (server.takesMs > 0) await delay(server.takesMs);
    if (server.status === 200 && server.etag !== undefined && req.headers['if-none-match'] === server.etag) {
      server.notModified++;
      res.writeHead(304).end();
      return;
    }
    const etag = server.etag === undefined ? {} : { ETag: server.etag };
    res.writeHead(server.status, { ...etag, ...server.headers }).end(server.body);
  });
  const { port } = await listen(http, 0, '127.0.0.1', 'the server');
  t.teardown(() => {
    http.close();
    http.closeAllConnections();
  });
  const url = `http://127.0.0.1:${port}${path}`;
  const source = new UrlSource({
    url,
    kind: 'mimir',
    bearerTokenFile: '',
    pollIntervalMs: 50,
    requestTimeoutMs: 5000,
    maxBytes: 100_000,
    random: () => 0.5,
    ...options,
  });
  return { server, url, source, ...givenOverrides(t, [source]) };
}

t.test('a URL is polled, and what changes there changes here', async (t) => {
  const { server, overrides, rate, snapshots } = await given(t);
  await overrides.start();
  t.equal(rate(), 1);
  t.equal(server.lastPath, '/runtime_config?mode=diff');
  server.body = withRate(2);
  t.ok(await eventually(() => rate() === 2));
  t.equal(snapshots.length, 2);
});

t.test('a URL says when it was changed where its server does', async (t) => {
  const { server, overrides, said, rate } = await given(t);
  await overrides.start();
  t.match(overrides.status(), { sources: [{ lastChange: { atMs: undefined } }] });
  server.headers['Last-Modified'] = 'Sun, 01 Mar 2026 10:00:00 GMT';
  server.body = withRate(2);
  t.ok(await eventually(() => rate() === 2));
  t.equal(said.at(-1), 'written at 2026-03-01T10:00:00Z; the source does not say by whom');
  server.headers['Last-Modified'] = 'yesterday';
  server.body = withRate(3);
  t.ok(await eventually(() => rate() === 3));
  t.equal(said.at(-1), 'the source does not say who changed it, nor when');
});

t.test('with an ETag it is sent once', async (t) => {
  const { server, overrides, rate } = await given(t);
  server.etag = '"one"';
  await overrides.start();
  t.ok(await eventually(() => server.notModified >= 2));
  t.match(overrides.status(), { stale: false, sources: [{ version: '"one"', up: true }] });
  server.body = withRate(2);
  server.etag = '"two"';
  t.ok(await eventually(() => rate() === 2));
  t.equal(overrides.status().sources[0]?.version, '"two"');
});

t.test('whatever is no document leaves the last good one', async (t) => {
  const { server, overrides, rate, failures } = await given(t, { requestTimeoutMs: 300 });
  await overrides.start();
  const cases: [Partial<typeof server>, RegExp][] = [
    [{ status: 503 }, /answers with 503/],
    [{ status: 302, headers: { Location: '/elsewhere' } }, /answers with 302/],
    [{ body: "runtime config file doesn't exist" }, /expected a map with the key overrides/],
    [{ body: '' }, /is empty/],
    [{ body: 'x'.repeat(100_001) }, /more than 100000 bytes/],
    [{ hangs: true }, /timeout/],
  ];
  for (const [fault, message] of cases) {
    Object.assign(server, fault);
    t.ok(await eventually(() => message.test(overrides.status().lastError ?? '')), String(message));
    t.equal(rate(), 1);
    Object.assign(server, { status: 200, body: withRate(1), headers: {}, hangs: false });
    t.ok(await eventually(() => !overrides.status().stale));
  }
  t.ok(failures.length >= cases.length);
});

t.test('Retry-After is heeded', async (t) => {
  const { server, overrides, rate } = await given(t);
  await overrides.start();
  Object.assign(server, { status: 429, headers: { 'Retry-After': '1' } });
  t.ok(await eventually(() => overrides.status().stale));
  const { requests } = server;
  Object.assign(server, { status: 200, headers: {}, body: withRate(2) });
  t.ok(await eventually(() => rate() === 2));
  t.equal(server.requests, requests + 1, 'nothing was asked in between');
});

t.test('however often it is reloaded at once, it is asked once at a time, also afterwards', async (t) => {
  const { server, overrides, rate } = await given(t, { pollIntervalMs: 5 });
  server.takesMs = 20;
  await overrides.start();
  server.body = withRate(2);
  await Promise.all([1, 2, 3, 4].map(() => overrides.reload()));
  t.equal(rate(), 2, 'each of them has seen what was there when it was asked for');
  const { requests } = server;
  t.ok(await eventually(() => server.requests > requests + 10));
  t.equal(server.mostAtOnce, 1);
});

t.test('replicas that were started together drift apart, by a tenth of the interval', async (t) => {
  const timers = mock.method(globalThis, 'setTimeout');
  t.teardown(() => timers.mock.restore());
  const waits = () => timers.mock.calls.map(({ arguments: [, ms] }) => ms);
  for (const [random, ms] of [
    [0, 9_000_000],
    [0.5, 10_000_000],
    [1, 11_000_000],
  ] as const) {
    const { overrides } = await given(t, { pollIntervalMs: 10_000_000, random: () => random });
    await overrides.start();
    t.ok(waits().includes(ms), `${waits()}`);
  }
});

t.test('Retry-After is heeded by as much as it asks for, however short the interval', async (t) => {
  const timers = mock.method(globalThis, 'setTimeout');
  t.teardown(() => timers.mock.restore());
  const { server, overrides } = await given(t, { pollIntervalMs: 10 });
  Object.assign(server, { status: 503, headers: { 'Retry-After': '200' } });
  await overrides.start();
  const longest = Math.max(...timers.mock.calls.map(({ arguments: [, ms] }) => Number(ms)));
  t.ok(longest > 190_000 && longest <= 200_000, String(longest));
});

t.test('a change is taken for as old as the last poll that found what was known', async (t) => {
  const { server, source } = await given(t, { pollIntervalMs: 60_000 });
  const changes: number[] = [];
  const failures: string[] = [];
  const createdMs = Date.now();
  await source.start({
    read: ({ changedAtMs }) => changes.push(changedAtMs),
    failed: (message) => failures.push(message),
    degraded: () => {},
  });
  const firstMs = Date.now();
  server.status = 503;
  await eventually(() => Date.now() > firstMs);
  await source.refresh();
  server.status = 200;
  await source.refresh();
  await source.stop();
  const [first = 0, second = 0] = changes;
  t.ok(first <= createdMs, 'before the first poll nothing is known');
  t.ok(second >= createdMs && second <= firstMs, 'a poll that failed has found nothing');
  t.equal(failures.length, 1);
});

t.test('a bearer token is read again for each request', async (t) => {
  const token = join(t.testdir({ token: ' first\n' }), 'token');
  const { server, overrides } = await given(t, { bearerTokenFile: token });
  await overrides.start();
  t.equal(server.authorization, 'Bearer first');
  writeFileSync(token, 'second');
  t.ok(await eventually(() => server.authorization === 'Bearer second'));
});

t.test(
  'without a token that can be sent nothing is asked, and no message has what is in the file',
  async (t) => {
    const token = join(t.testdir({ token: 'first' }), 'token');
    const { server, overrides, rate, failures } = await given(t, { bearerTokenFile: token });
    await overrides.start();
    const cases: [() => void, RegExp][] = [
      [() => {}, /overrides.bearer_token_file: ENOENT/],
      [() => mkdirSync(token), /overrides.bearer_token_file: EISDIR/],
      [() => writeFileSync(token, ' \n'), /overrides.bearer_token_file: expected a token/],
      [() => writeFileSync(token, 'hush\r\nhush: hush'), /overrides.bearer_token_file: expected a token/],
      [() => writeFileSync(token, 'hush'.repeat(2049)), /overrides.bearer_token_file: more than 8192 bytes/],
    ];
    for (const [spoil, message] of cases) {
      rmSync(token, { recursive: true });
      spoil();
      t.ok(await eventually(() => message.test(overrides.status().lastError ?? '')), String(message));
      const { requests } = server;
      await overrides.reload();
      t.equal(server.requests, requests);
      t.equal(rate(), 1);
      rmSync(token, { recursive: true, force: true });
      writeFileSync(token, 'next');
      t.ok(await eventually(() => !overrides.status().stale));
    }
    t.notMatch(failures.join(), /hush/);
  },
);

t.test('a redirect takes no token anywhere', async (t) => {
  const token = join(t.testdir({ token: 'first' }), 'token');
  const other = await given(t);
  const { server, overrides } = await given(t, { bearerTokenFile: token });
  Object.assign(server, { status: 307, headers: { Location: other.url } });
  await overrides.start();
  t.match(overrides.status().lastError, /answers with 307/);
  t.equal(server.authorization, 'Bearer first');
  t.equal(other.server.requests, 0);
});

t.test('a gzipped document, by the name of its path', async (t) => {
  const { server, overrides, rate } = await given(t, {}, '/overrides.yaml.gz');
  server.body = gzipSync(withRate(3));
  await overrides.start();
  t.equal(rate(), 3);
});

t.test('a URL that refuses connections', async (t) => {
  const { overrides, failures } = await given(t, { url: 'http://127.0.0.1:1/x' });
  await overrides.start();
  t.match(failures, [/http:\/\/127.0.0.1:1\/x: .*ECONNREFUSED/]);
  t.match(overrides.status(), { loaded: false, stale: true });
});
