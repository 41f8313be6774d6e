import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually, send, upstream } from '../doors/http/fixtures.js';
import { cluster, limits } from './cluster.js';
import { needs, start, startEdge } from './processes.js';

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
