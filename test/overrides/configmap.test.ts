import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Access } from '#src/overrides/kubernetes/access.js';
import { accessReader } from '#src/overrides/kubernetes/access-reader.js';
import { ConfigMapSource, type ConfigMapSourceOptions } from '#src/overrides/kubernetes/configmap.js';
import { eventually } from '../doors/http/fixtures.js';
import { FakeApiServer } from './fake-api-server.js';
import { givenOverrides, withRate } from './fixtures.js';

async function fakeServer(t: Test): Promise<FakeApiServer> {
  const server = new FakeApiServer();
  await server.listen();
  t.teardown(() => server.close());
  return server;
}

/** A poll so slow that what a test sees came by the watch, unless it asks for a fast one. */
function follow(
  t: Test,
  server: FakeApiServer,
  options: Partial<ConfigMapSourceOptions> = {},
  access: Partial<Access> = {},
) {
  const source = new ConfigMapSource({
    access: async () => ({ server: server.url, namespace: 'mimir', token: undefined, tls: {}, ...access }),
    namespace: '',
    configMap: 'limits',
    keys: [{ kind: 'mimir', key: '' }],
    maxBytes: 4 << 20,
    pollIntervalMs: 60_000,
    requestTimeoutMs: 5000,
    silenceMs: 60_000,
    watchSeconds: 300,
    random: () => 0.5,
    ...options,
  });
  return givenOverrides(t, [source]);
}

async function started(t: Test, options?: Partial<ConfigMapSourceOptions>) {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  const given = follow(t, server, options);
  await given.overrides.start();
  t.equal(given.rate(), 1);
  t.ok(await eventually(() => server.watches === 1), 'a watch stands');
  return { server, ...given };
}

t.test('a ConfigMap is read at the start and followed by a watch of this one name', async (t) => {
  const { server, rate, overrides } = await started(t);
  const { resourceVersion } = server.put('limits', withRate(2)).metadata;
  t.ok(await eventually(() => rate() === 2));
  server.put('others', withRate(9));
  server.put('limits', withRate(9), 'elsewhere');
  server.put('limits', withRate(3));
  t.ok(await eventually(() => rate() === 3));
  t.equal(server.count('list'), 1);
  t.equal(server.count('watch'), 1);
  const watch = server.seen.find(({ verb }) => verb === 'watch');
  t.equal(watch?.path, '/api/v1/namespaces/mimir/configmaps');
  t.match(Object.fromEntries(watch?.query ?? []), {
    fieldSelector: 'metadata.name=limits',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '300',
    resourceVersion: '1001',
  });
  t.match(overrides.status(), {
    loaded: true,
    stale: false,
    sources: [{ name: 'configmap:limits', version: String(Number(resourceVersion) + 3), up: true }],
  });
});

t.test('a tenant that is removed has the defaults again, at once', async (t) => {
  const { server, overrides } = await started(t);
  server.put('limits', 'overrides: { a: { request_rate: 5 }, b: {} }');
  t.ok(await eventually(() => overrides.snapshot.tenants.has('b')));
  t.equal(overrides.snapshot.tenants.get('a')?.ingestion_rate, 10_000, 'so has a key');
  server.put('limits', 'overrides: {}');
  t.ok(await eventually(() => overrides.snapshot.tenants.size === 0));
});

t.test('a bad document leaves the last good one; the error names key, line and column', async (t) => {
  const { server, rate, failures, overrides } = await started(t);
  server.put('limits', 'overrides:\n  a:\n    ingestion_rate: fast\n');
  t.ok(await eventually(() => failures.length > 0));
  t.match(failures, [/configmap:limits#overrides.yaml:3:21: overrides.a.ingestion_rate: expected a number/]);
  t.equal(rate(), 1);
  t.match(overrides.status(), { stale: true, sources: [{ up: false }] });
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(overrides.status().stale, false);
});

t.test('a watch whose time is up is taken up where it ended', async (t) => {
  const { server, rate } = await started(t, { watchSeconds: 2 });
  t.ok(await eventually(() => server.count('watch') >= 2), 'by itself');
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  const watches = server.count('watch');
  server.endWatches();
  t.ok(await eventually(() => server.count('watch') > watches));
  server.put('limits', withRate(3));
  t.ok(await eventually(() => rate() === 3));
  t.equal(server.count('list'), 1, 'without another list');
});

t.test('watches that end as soon as they begin become a poll, until one stands', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.fault('watch', 'end', 1000);
  const { overrides, rate, notices, failures } = follow(t, server, { pollIntervalMs: 100 });
  await overrides.start();
  t.ok(await eventually(() => notices.length > 0));
  t.match(notices, [/configmap:limits: watches end as soon as they begin; polling until a watch stands/]);
  t.equal(server.count('watch'), 2, 'one may end for a good reason, two do not');
  t.match(overrides.status(), { stale: false, sources: [{ up: false, error: /end as soon/ }] });
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2), 'the poll finds what changes');
  t.ok(await eventually(() => server.count('list') >= 3));
  t.ok(server.count('watch') <= 2 * server.count('list'), 'two for each list at most');
  t.equal(notices.length, 1, 'it is told once');
  t.equal(overrides.status().sources[0]?.up, false, 'that a watch is open for a moment mends nothing');
  server.healFaults();
  t.ok(await eventually(() => server.watches === 1));
  t.ok(await eventually(() => overrides.status().sources[0]?.up === true));
  t.strictSame(failures, []);
});

t.test('a watch that brings something was not in vain, however soon it ends', async (t) => {
  const { server, rate } = await started(t);
  for (let next = 2; next < 6; next++) {
    server.put('limits', withRate(next));
    server.endWatches();
    t.ok(await eventually(() => rate() === next && server.watches === 1));
  }
  t.equal(server.count('list'), 1);
});

t.test('what changes between two watches is not missed', async (t) => {
  const { server, rate } = await started(t);
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  server.endWatches();
  server.put('limits', withRate(3));
  t.ok(await eventually(() => rate() === 3));
});

t.test('a bookmark moves the place at which a watch goes on', async (t) => {
  const { server, rate } = await started(t);
  server.compact();
  server.bookmark();
  server.endWatches();
  t.ok(await eventually(() => server.count('watch') >= 2));
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(server.count('list'), 1, 'without the bookmark it would have been too old');
});

for (const how of ['status', 'event'] as const) {
  t.test(`410 Gone as ${how} leads to a list`, async (t) => {
    const { server, rate, failures, notices } = await started(t);
    if (how === 'event') server.fault('watch', 'gone-event');
    server.put('others', withRate(9));
    server.compact();
    server.put('limits', withRate(2));
    server.endWatches();
    t.ok(await eventually(() => rate() === 2));
    server.endWatches();
    server.compact();
    server.put('limits', withRate(3));
    t.ok(await eventually(() => rate() === 3));
    t.ok(server.count('list') >= 2);
    t.strictSame(failures, []);
    t.strictSame(notices, [], 'which is nothing to be told of');
  });
}

t.test('410 as an event in the middle of a watch, and any other error, lead to a list', async (t) => {
  const { server, rate, notices } = await started(t);
  for (const [code, next] of [
    [410, 2],
    [500, 3],
  ] as const) {
    server.errorToWatches(code, 'an error that was asked for');
    server.compact();
    server.put('limits', withRate(next));
    t.ok(await eventually(() => rate() === next), String(code));
    t.ok(await eventually(() => server.watches === 1));
  }
  t.match(notices, [/the watch failed: an error that was asked for; polling until a watch stands/]);
});

t.test('events in pieces, events glued together, events of two megabytes', async (t) => {
  const { server, rate, overrides } = await started(t);
  server.write = 'pieces';
  server.put('limits', `# Ünïcödé ${'€'.repeat(1000)}\n${withRate(2)}`);
  t.ok(await eventually(() => rate() === 2));
  server.write = 'glued';
  server.endWatches();
  for (let next = 3; next <= 9; next++) server.put('limits', withRate(next));
  t.ok(await eventually(() => rate() === 9));
  server.write = 'pieces';
  const filling = `${'#'.repeat(99)}\n`.repeat(20_000);
  server.put('limits', `${filling}${withRate(10)}`);
  t.ok(await eventually(() => rate() === 10));
  t.equal(overrides.status().failures, 0);
});

t.test('a watch that is cut off in the middle of an event', async (t) => {
  const { server, rate } = await started(t);
  server.cutWatches();
  t.ok(await eventually(() => server.count('list') === 2), 'a list comes next');
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
});

t.test('a watch that brings what is no event', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.fault('watch', 'cut', 3);
  const { overrides, rate, notices } = follow(t, server);
  await overrides.start();
  t.ok(await eventually(() => server.watches === 1));
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.ok(notices.length > 0);
});

t.test('401: the token is read again', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.token = 'new';
  const tokens = ['old', 'new'];
  let reads = 0;
  const access = async () => ({
    server: server.url,
    namespace: 'mimir',
    token: tokens[Math.min(reads++, 1)],
    tls: {},
  });
  const { overrides, rate, failures } = follow(t, server, { access });
  await overrides.start();
  t.equal(rate(), 1);
  t.strictSame(failures, []);
  t.match(
    server.seen.slice(0, 2).map(({ token }) => token),
    ['old', 'new'],
  );
  server.token = 'newer';
  tokens[1] = 'newer';
  server.endWatches();
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2), 'a token that is rotated while a watch stands');
});

t.test('401 for good is said, without the token, and tried again', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.token = 'other';
  const { overrides, rate, failures } = follow(t, server, { pollIntervalMs: 100 }, { token: 'secret-token' });
  await overrides.start();
  t.match(failures, [/configmap:limits: the API server does not take the token \(401\): Unauthorized/]);
  t.notMatch(failures.join(), /secret-token/);
  t.equal(overrides.status().loaded, false);
  server.token = undefined;
  t.ok(await eventually(() => rate() === 1));
});

t.test('403 names the verb that the Role lacks; without watch there is a poll that polls', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.forbidden.add('list').add('watch');
  const { overrides, rate, failures, notices } = follow(t, server, { pollIntervalMs: 100 });
  await overrides.start();
  t.match(failures, [
    /\(403\): the Role needs the verb list on configmaps, resourceNames limits, in namespace mimir: configmaps is forbidden/,
  ]);
  server.forbidden.delete('list');
  t.ok(await eventually(() => rate() === 1), 'it went on trying');
  for (const next of [2, 3]) {
    server.put('limits', withRate(next));
    t.ok(await eventually(() => rate() === next), 'by polling');
  }
  t.match(notices, [/the Role needs the verb watch .*; polling until a watch stands/]);
  t.equal(notices.length, 1, 'said once');
  t.match(overrides.status(), { stale: false, sources: [{ up: false, error: /verb watch/ }] });
  server.forbidden.delete('watch');
  t.ok(await eventually(() => server.watches === 1 && overrides.status().sources[0]?.up === true));
});

t.test('a reload lists at once where no watch stands, and asks nothing where one does', async (t) => {
  const { server, overrides, rate } = await started(t);
  await overrides.reload();
  t.equal(server.count('list'), 1);
  server.forbidden.add('watch');
  server.endWatches();
  t.ok(await eventually(() => overrides.status().sources[0]?.up === false));
  for (const next of [2, 3, 4]) {
    server.put('limits', withRate(next));
    await Promise.all([overrides.reload(), overrides.reload(), overrides.reload()]);
    t.equal(rate(), next);
  }
  await overrides.stop();
  await overrides.reload();
});

t.test('429 waits as long as it is told', async (t) => {
  const timers = mock.method(globalThis, 'setTimeout');
  t.teardown(() => timers.mock.restore());
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.fault('list', { status: 429, headers: { 'Retry-After': '1' } });
  const { overrides, rate, failures } = follow(t, server, { pollIntervalMs: 100 });
  await overrides.start();
  t.match(failures, [/answers list with 429/]);
  const longest = Math.max(...timers.mock.calls.map(({ arguments: [, ms] }) => Number(ms)));
  t.equal(longest, 1125, 'as long as it is told, and up to a quarter more by chance');
  t.ok(await eventually(() => rate() === 1));
  server.endWatches();
  server.fault('watch', { status: 503, message: 'the server is overloaded' }, 2);
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
});

t.test('connections that are refused and reset', async (t) => {
  const { server, rate, failures } = await started(t, { pollIntervalMs: 200 });
  await server.close();
  t.ok(await eventually(() => failures.length > 0));
  t.match(failures.at(-1), /configmap:limits: .*(ECONNREFUSED|ECONNRESET|closed)/);
  t.equal(rate(), 1);
  server.put('limits', withRate(2));
  await server.listen();
  t.ok(await eventually(() => rate() === 2));
  server.fault('list', 'reset', 3);
  server.resetConnections();
  server.put('limits', withRate(3));
  t.ok(await eventually(() => rate() === 3));
});

t.test('a watch that hangs is given up, and a list shows what it did not', async (t) => {
  const { server, rate } = await started(t, { silenceMs: 500, requestTimeoutMs: 1000 });
  server.muteWatches();
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  server.fault('watch', 'hang');
  server.muteWatches();
  t.ok(await eventually(() => server.watches === 1, 20_000), 'one that does not even begin, too');
});

t.test('a list that hangs is given up after the request timeout', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', withRate(1));
  server.fault('list', 'hang');
  const { overrides, rate, failures } = follow(t, server, { requestTimeoutMs: 300 });
  await overrides.start();
  t.match(failures, [/[Tt]imeout/]);
  t.ok(await eventually(() => rate() === 1));
});

t.test('a ConfigMap that is deleted leaves its limits; made again it counts again', async (t) => {
  const { server, rate, failures, overrides } = await started(t);
  server.delete('limits');
  t.ok(await eventually(() => overrides.status().stale));
  t.match(failures, [/configmap:limits is not there/]);
  t.equal(rate(), 1);
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.equal(overrides.status().stale, false);
  server.delete('limits');
  server.compact();
  server.endWatches();
  server.put('limits', withRate(3));
  t.ok(await eventually(() => rate() === 3), 'deleted and made while nobody watched');
});

t.test('a ConfigMap that is not there yet is waited for with a watch', async (t) => {
  const server = await fakeServer(t);
  const { overrides, rate } = follow(t, server);
  await overrides.start();
  t.match(overrides.status(), { loaded: false, stale: true });
  t.ok(await eventually(() => server.watches === 1));
  server.put('limits', withRate(1));
  t.ok(await eventually(() => rate() === 1));
});

t.test('a key that goes and comes, named and found by itself', async (t) => {
  for (const key of ['', 'overrides.yaml']) {
    const { server, rate, failures } = await started(t, { keys: [{ kind: 'mimir', key }] });
    server.put('limits', { data: { 'other.yaml': withRate(9) } });
    t.ok(await eventually(() => failures.length === 1));
    t.match(failures, [/it has no key overrides.yaml.*; it has other.yaml/]);
    t.equal(rate(), 1);
    server.put('limits', withRate(2));
    t.ok(await eventually(() => rate() === 2));
  }
});

t.test('one watch serves Mimir and the edge from two keys, and each has its own errors', async (t) => {
  const server = await fakeServer(t);
  const data = { 'runtime.yaml': withRate(1), 'mimir-edge.yaml': 'overrides: { a: { mode: shadow } }' };
  server.put('limits', { data });
  const { overrides, rate, failures } = follow(t, server, {
    keys: [
      { kind: 'mimir', key: '' },
      { kind: 'edge', key: '' },
    ],
  });
  await overrides.start();
  t.match(overrides.snapshot.tenants.get('a'), { ingestion_rate: 1, edge: { mode: 'shadow' } });
  server.put('limits', { data: { ...data, 'runtime.yaml': withRate(2), 'mimir-edge.yaml': 'overrides: [' } });
  t.ok(await eventually(() => rate() === 2));
  t.equal(overrides.snapshot.tenants.get('a')?.edge.mode, 'shadow');
  t.equal(failures.length, 1);
  t.equal(server.count('watch'), 1);
});

t.test('documents in binaryData, gzipped and plain', async (t) => {
  const server = await fakeServer(t);
  server.put('limits', {
    binaryData: { 'overrides.yaml.gz': gzipSync(withRate(1)).toString('base64') },
  });
  const { overrides, rate, failures } = follow(t, server, { maxBytes: 1000 });
  await overrides.start();
  t.equal(rate(), 1);
  server.put('limits', { binaryData: { 'overrides.yaml': Buffer.from(withRate(2)).toString('base64') } });
  t.ok(await eventually(() => rate() === 2));
  server.put('limits', {
    binaryData: { 'overrides.yaml.gz': gzipSync('#'.repeat(100_000)).toString('base64') },
  });
  t.ok(await eventually(() => failures.length === 1));
  t.match(failures, [/overrides.yaml.gz has more than 1000 bytes \(overrides.max_bytes\)/]);
});

t.test("a pod's own account, whose token is rotated in place", async (t) => {
  const tls = new URL('../../../test/data/tls/', import.meta.url).pathname;
  const server = new FakeApiServer({
    cert: readFileSync(join(tls, 'server.crt')),
    key: readFileSync(join(tls, 'server.key')),
  });
  await server.listen();
  t.teardown(() => server.close());
  server.put('limits', withRate(1));
  server.token = 'first';
  const folder = t.testdir();
  mkdirSync(join(folder, 'account'));
  const give = (name: string, text: string) => {
    writeFileSync(join(folder, 'new'), text);
    renameSync(join(folder, 'new'), join(folder, 'account', name));
  };
  give('token', 'first\n');
  give('namespace', 'mimir');
  give('ca.crt', readFileSync(join(tls, 'ca.crt'), 'utf8'));
  const access = accessReader({
    kubeconfig: '',
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) },
    accountFolder: join(folder, 'account'),
  });
  const { overrides, rate, failures } = follow(t, server, { access });
  await overrides.start();
  t.equal(rate(), 1);
  t.ok(await eventually(() => server.watches === 1));
  give('token', 'second\n');
  server.token = 'second';
  server.endWatches();
  server.put('limits', withRate(2));
  t.ok(await eventually(() => rate() === 2));
  t.strictSame(failures, []);
});
