import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startTenantNginx } from './nginx-folder.js';
import { answering, metricIn, needs, startEdge } from './processes.js';
import { firstValue, queryUrl, sendingItself, startPrometheus } from './prometheus-processes.js';

t.test('a real Prometheus sends through a real nginx and the edge to a real Prometheus', async (t) => {
  if (![needs(t, 'prometheus'), needs(t, 'nginx', ['-v'])].every(Boolean)) return;
  const folder = t.testdir();
  const receiver = await startPrometheus(t, join(folder, 'receiver'));

  const overrides = join(folder, 'overrides.yaml');
  writeFileSync(overrides, 'overrides: { sender: { ingestion_rate: 100000 } }');
  const edge = await startEdge(t, [
    `--upstream.url=${receiver}`,
    '--push.paths=/api/v1/write',
    `--overrides.file=${overrides}`,
    '--tenants.unknown=refuse',
  ]);

  const nginx = await startTenantNginx(t, join(folder, 'nginx'), [
    { location: '/', tenant: 'sender', to: edge.proxy },
  ]);
  const sender = await startPrometheus(t, join(folder, 'sender'), sendingItself(`${nginx}/api/v1/write`));

  const query = queryUrl(receiver, 'count_over_time(up{from="sender"}[1m])');
  t.ok(await answering(query, (text) => firstValue(text) >= 3, 60_000), 'samples arrive and can be queried');
  const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
  t.ok(metricIn(metrics, 'mimir_edge_received_samples_total{user="sender"}') > 500);
  t.equal(
    metricIn(metrics, 'mimir_edge_accepted_requests_total{user="sender"}'),
    metricIn(metrics, 'mimir_edge_received_requests_total{user="sender"}'),
    'nothing within the limits is refused',
  );
  const sent = await (await fetch(`${sender}/metrics`)).text();
  t.notMatch(sent, /prometheus_remote_storage_samples_failed_total\{[^}]*\} [1-9]/);

  // A limit that cuts the sender off, and one that lets it in again: with retries nothing is lost.
  writeFileSync(overrides, 'overrides: { sender: { ingestion_rate: 200, ingestion_burst_size: 2000 } }');
  const refused = 'mimir_edge_discarded_requests_total{user="sender",reason="rate_limited"}';
  t.ok(
    await answering(`${edge.admin}/metrics`, (text) => metricIn(text, refused) > 1, 60_000),
    'the sender is refused',
  );
  writeFileSync(
    overrides,
    'overrides: { sender: { ingestion_rate: 1000000, ingestion_burst_size: 1000000 } }',
  );
  const gapless = queryUrl(receiver, 'time() - timestamp(up{from="sender"})');
  t.ok(
    await answering(gapless, (text) => Number(JSON.parse(text).data.result[0]?.value[1] ?? 99) < 5, 60_000),
    'the sender has caught up',
  );
  const dropped = await (await fetch(`${sender}/metrics`)).text();
  t.notMatch(
    dropped,
    /prometheus_remote_storage_samples_(failed|dropped)_total\{[^}]*\} [1-9]/,
    'and dropped nothing',
  );
});
