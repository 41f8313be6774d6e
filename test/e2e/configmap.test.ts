import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../cli/run.js';
import { send, upstream } from '../doors/http/fixtures.js';
import { cluster, limits } from './cluster.js';
import { answering, startEdge } from './processes.js';

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

t.test(
  'a report says who changed a limit, as the ConfigMap does, after a restart of the edge, too',
  async (t) => {
    const { server, folder, kubeconfig } = await cluster(t);
    server.put('mimir-runtime', limits(500));
    const flags = [
      '--upstream.url=http://127.0.0.1:1',
      `--overrides.kubeconfig=${kubeconfig}`,
      '--overrides.sources=configmap:mimir-runtime',
    ];
    const edge = await startEdge(t, flags);
    const file = join(folder, 'limits.json');
    t.match(await run(['baseline', 'save', file, '--url', edge.admin]), { status: 0 });
    const saved = JSON.parse(readFileSync(file, 'utf8'));
    // The API server knows no parts of a second.
    writeFileSync(file, JSON.stringify({ ...saved, savedAt: `${saved.savedAt.slice(0, 19)}.000Z` }));
    server.put('mimir-runtime', limits(700));
    const report = async (admin: string) =>
      (await run(['report', '--baseline', file, '--url', admin])).stdout;
    const changed =
      /a +ingestion_burst_size +500 +700 +configmap:mimir-runtime\S*: changed by test at 20\S+Z\n/;
    t.ok(await answering(`${edge.admin}/api/v1/limits`, (text) => text.includes('700')));
    t.match(await report(edge.admin), changed);
    await edge.stop();
    const restarted = await startEdge(t, flags);
    t.match(await report(restarted.admin), changed, 'its audit is empty');
  },
);

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
