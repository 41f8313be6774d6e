import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { eventually, send, upstream } from '../doors/http/fixtures.js';
import { FakeApiServer } from '../overrides/fake-api-server.js';
import { answering, needs, start, startEdge } from './processes.js';

const TLS = new URL('../../../test/data/tls/', import.meta.url).pathname;

/** An API server, and a kubeconfig that leads to it. With TLS, because kubectl sends no token without. */
async function cluster(t: Test) {
  const server = new FakeApiServer({
    cert: readFileSync(join(TLS, 'server.crt')),
    key: readFileSync(join(TLS, 'server.key')),
  });
  await server.listen();
  t.teardown(() => server.close());
  server.token = 'the-token';
  const folder = t.testdir();
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'edge', namespace: 'mimir' } }],
      clusters: [
        { name: 'fake', cluster: { server: server.url, 'certificate-authority': join(TLS, 'ca.crt') } },
      ],
      users: [{ name: 'edge', user: { token: 'the-token' } }],
    }),
  );
  return { server, folder, kubeconfig };
}

const limits = (burst: number) => `overrides: { a: { ingestion_rate: 0, ingestion_burst_size: ${burst} } }`;

t.test('limits from a ConfigMap are enforced, and metrics and probe say which', async (t) => {
  const { server, folder, kubeconfig } = await cluster(t);
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  server.put('mimir-runtime', {
    data: { 'runtime.yaml': limits(500), 'mimir-edge.yaml': 'overrides: { b: { mode: off } }' },
  });
  const flags = [
    `--upstream.url=${mimir.url}`,
    `--overrides.kubeconfig=${kubeconfig}`,
    '--overrides.sources=configmap:mimir-runtime',
    '--overrides.edge_sources=configmap:mimir-runtime',
    `--overrides.keep_in=${join(folder, 'kept')}`,
    '--overrides.required=true',
  ];
  const edge = await startEdge(t, flags);
  t.equal((await send(edge.proxy)).status, 200);
  t.equal((await send(edge.proxy)).status, 429);
  t.equal(server.count('list'), 1, 'one watch for both documents');

  const { resourceVersion } = server.put('mimir-runtime', { data: { 'runtime.yaml': limits(0) } }).metadata;
  t.ok(
    await answering(`${edge.admin}/metrics`, (text) =>
      text.includes(
        `mimir_edge_limits_source_info{source="configmap:mimir-runtime",version="${resourceVersion}"} 1`,
      ),
    ),
  );
  const ready = (await (await fetch(`${edge.admin}/readyz`)).json()) as { limits: { hash: string } };
  t.match(ready, {
    ready: true,
    limits: { stale: true, sources: [{ version: resourceVersion, up: false }] },
  });
  const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
  t.match(metrics, `mimir_edge_limits_info{hash="${ready.limits.hash}"} 1`);
  t.match(metrics, 'mimir_edge_limits_source_up{source="configmap:mimir-runtime"} 0');
  t.match(metrics, /mimir_edge_limits_lag_seconds \d/);
  t.match(edge.output(), /it has no key mimir-edge.yaml/);
  t.notMatch(edge.output(), /the-token/);
  t.equal(await edge.stop(), 0);

  await server.close();
  const cold = await startEdge(t, flags);
  t.equal((await send(cold.proxy, undefined, { 'X-Scope-OrgID': 'a' })).status, 429, 'as it was kept');
  t.equal((await fetch(`${cold.admin}/readyz`)).status, 200);
  t.match(cold.output(), /is taken as it was when last found good/);
});

t.test('what is wrong with a source is said at the start, with its setting', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const { status, stderr } = spawnEdge(['--overrides.sources=configmap:Not_A_Name']);
  t.equal(status, 1);
  t.match(stderr, /--overrides.sources: overrides.sources: expected configmap:\[NAMESPACE\/\]NAME\[#KEY\]/);
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`, '--overrides.sources=configmap:x']);
  t.match(edge.output(), /overrides.kubeconfig is needed outside of a cluster/);
});

function spawnEdge(flags: string[]) {
  const main = new URL('../../../dist/main.js', import.meta.url).pathname;
  const args = [main, 'serve', '--upstream.url=http://127.0.0.1:1', ...flags];
  const { status, stderr } = spawnSync(process.execPath, args, { timeout: 60_000 });
  return { status, stderr: stderr.toString() };
}

t.test('kubectl, a client that is not ours, reads, writes and watches the same server', async (t) => {
  if (!needs(t, 'kubectl', ['version', '--client'])) return;
  const { server, folder, kubeconfig } = await cluster(t);
  const home = { HOME: folder, KUBECONFIG: kubeconfig };
  const kubectl = async (...args: string[]) => {
    const { exit, output } = start(t, 'kubectl', args, home);
    const code = await exit;
    return { code, output: output() };
  };
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startEdge(t, [
    `--upstream.url=${mimir.url}`,
    `--overrides.kubeconfig=${kubeconfig}`,
    '--overrides.sources=configmap:mimir/limits#overrides.yaml',
  ]);
  const watching = start(t, 'kubectl', ['get', 'configmaps', '--watch', '-o', 'json'], home);
  t.ok(await eventually(() => server.watches === 2, 30_000), 'the edge and kubectl both watch');

  const file = join(folder, 'overrides.yaml');
  writeFileSync(file, limits(500));
  const manifest = join(folder, 'configmap.json');
  const dry = ['--dry-run=client', '-o', 'json'];
  writeFileSync(
    manifest,
    (await kubectl('create', 'configmap', 'limits', `--from-file=${file}`, ...dry)).output,
  );
  const made = await kubectl('create', '-f', manifest, '--validate=false');
  t.match(made, { code: 0, output: /configmap\/limits created/ });
  t.ok(await eventually(() => edge.output().includes('limits changed')));
  t.equal((await send(edge.proxy)).status, 200);
  t.equal((await send(edge.proxy)).status, 429);

  const read = await kubectl('get', 'configmap', 'limits', '-o', 'json');
  t.match(JSON.parse(read.output), { kind: 'ConfigMap', data: { 'overrides.yaml': limits(500) } });
  writeFileSync(manifest, read.output.replace('ingestion_burst_size: 500', 'ingestion_burst_size: 7'));
  t.match(await kubectl('replace', '-f', manifest, '--validate=false'), { code: 0, output: /replaced/ });
  t.match(await kubectl('replace', '-f', manifest, '--validate=false'), {
    code: 1,
    output: /modified/,
  });
  t.match(await kubectl('delete', 'configmap', 'limits', '--wait=false'), { code: 0, output: /deleted/ });
  t.ok(await eventually(() => edge.output().includes('configmap:mimir/limits is not there')));
  t.ok(await eventually(() => watching.output().includes('ingestion_burst_size: 7')));
  server.token = 'another';
  t.match(await kubectl('get', 'configmaps'), { code: 1, output: /Unauthorized|logged in/ });
});
