import { spawnSync } from 'node:child_process';
import t from 'tap';
import { send, upstream } from '../doors/http/fixtures.js';
import { needs, startEdge } from './processes.js';

t.test('promtool finds nothing wrong with the metrics', async (t) => {
  if (!needs(t, 'promtool')) return;
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`]);
  await send(edge.proxy);
  await send(edge.proxy, Buffer.from('broken'));
  const text = await (await fetch(`${edge.admin}/metrics`)).text();
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: text });
  t.equal(`${stdout}${stderr}`, '');
  t.equal(status, 0);
});
