import { createServer } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openOverrides } from '#src/app/open-overrides.js';
import { loadConfig } from '#src/config/config.js';
import type { Overrides } from '#src/overrides/overrides.js';
import { closeServer, eventually, listen, upstream } from '../doors/http/fixtures.js';
import { cluster, limits } from '../e2e/cluster.js';

/** Sources as these settings ask for them, and what failed. */
function open(t: Test, flags: Record<string, string>): { overrides: Overrides; failures: string[] } {
  const loaded = loadConfig({ env: {}, flags });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const failures: string[] = [];
  const ignore = () => {};
  const overrides = openOverrides(loaded.config, {
    changed: ignore,
    failed: (message) => failures.push(message),
    warned: ignore,
    loaded: ignore,
    noticed: ignore,
  });
  t.teardown(() => overrides.stop());
  return { overrides, failures };
}

t.test('the token goes to every URL, for limits of Mimir and of the edge', async (t) => {
  const server = await upstream((_req, res) => res.end('overrides: {}'));
  t.teardown(server.close);
  const { overrides, failures } = open(t, {
    'overrides.sources': `${server.url}/one,${server.url}/two`,
    'overrides.edge_sources': `${server.url}/edge`,
    'overrides.bearer_token_file': join(t.testdir({ token: 'secret' }), 'token'),
  });
  await overrides.start();
  const asked = server.arrived.map(({ url, headers }) => [url, headers['authorization']]);
  t.strictSame(Object.fromEntries(asked), {
    '/one': 'Bearer secret',
    '/two': 'Bearer secret',
    '/edge': 'Bearer secret',
  });
  t.strictSame(failures, []);
});

t.test('URLs are asked again after overrides.poll_interval', async (t) => {
  const server = await upstream((_req, res) => res.end('overrides: {}'));
  t.teardown(server.close);
  const { overrides } = open(t, { 'overrides.sources': server.url, 'overrides.poll_interval': '100ms' });
  await overrides.start();
  t.ok(await eventually(() => server.arrived.length > 2));
});

t.test('what does not answer within overrides.request_timeout has failed', async (t) => {
  const silent = createServer(() => {});
  t.teardown(() => closeServer(silent));
  const url = await listen(silent);
  const { overrides, failures } = open(t, { 'overrides.sources': url, 'overrides.request_timeout': '100ms' });
  await overrides.start();
  t.match(failures[0], new RegExp(url));
});

t.test('a watch that brings nothing for overrides.watch_silence is given up', async (t) => {
  const { server, kubeconfig } = await cluster(t);
  server.put('limits', { data: { 'overrides.yaml': limits(5) } });
  const { overrides } = open(t, {
    'overrides.kubeconfig': kubeconfig,
    'overrides.sources': 'configmap:limits#overrides.yaml',
    'overrides.watch_silence': '1s',
  });
  await overrides.start();
  t.ok(await eventually(() => server.count('watch') > 1));
});
