import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../free-port.js';
import { answering, needs, start, startEdge } from './processes.js';

t.test('a real Prometheus sends through a real nginx and the edge to a real Prometheus', async (t) => {
  if (![needs(t, 'prometheus'), needs(t, 'nginx', ['-v'])].every(Boolean)) return;
  const folder = t.testdir();
  const [receiverPort, senderPort, nginxPort] = [await freePort(), await freePort(), await freePort()];
  const receiver = `http://127.0.0.1:${receiverPort}`;

  writeFileSync(join(folder, 'receiver.yml'), 'global: {}\n');
  start(t, 'prometheus', [
    `--config.file=${join(folder, 'receiver.yml')}`,
    `--storage.tsdb.path=${join(folder, 'receiver')}`,
    `--web.listen-address=127.0.0.1:${receiverPort}`,
    '--web.enable-remote-write-receiver',
  ]);
  t.ok(await answering(`${receiver}/-/ready`, () => true), 'the receiver is up');

  const overrides = join(folder, 'overrides.yaml');
  writeFileSync(overrides, 'overrides: { sender: { ingestion_rate: 100000 } }');
  const edge = await startEdge(t, [
    `--upstream.url=${receiver}`,
    '--push.paths=/api/v1/write',
    `--overrides.file=${overrides}`,
    '--tenants.unknown=refuse',
  ]);

  mkdirSync(join(folder, 'temp'));
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, 'temp', name)};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${join(folder, 'pid')}; error_log stderr warn; events {}
    http {
      access_log off; ${temp.join(' ')}
      server {
        listen 127.0.0.1:${nginxPort};
        location / {
          proxy_pass ${edge.proxy};
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header X-Scope-OrgID sender;
        }
      }
    }`,
  );
  start(t, 'nginx', ['-c', join(folder, 'nginx.conf'), '-e', 'stderr']);

  writeFileSync(
    join(folder, 'sender.yml'),
    `global: { scrape_interval: 1s, external_labels: { from: sender } }
scrape_configs:
  - { job_name: self, static_configs: [{ targets: ['127.0.0.1:${senderPort}'] }] }
remote_write:
  - url: http://127.0.0.1:${nginxPort}/api/v1/write
    queue_config: { batch_send_deadline: 1s, retry_on_http_429: true }
`,
  );
  start(t, 'prometheus', [
    `--config.file=${join(folder, 'sender.yml')}`,
    `--storage.tsdb.path=${join(folder, 'sender')}`,
    `--web.listen-address=127.0.0.1:${senderPort}`,
  ]);

  const query = `${receiver}/api/v1/query?query=${encodeURIComponent('count_over_time(up{from="sender"}[1m])')}`;
  const count = (text: string) => Number(JSON.parse(text).data.result[0]?.value[1] ?? 0);
  t.ok(await answering(query, (text) => count(text) >= 3, 60_000), 'samples arrive and can be queried');
  const value = (metrics: string, name: string) =>
    Number(
      metrics
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1] ?? Number.NaN,
    );
  const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
  t.ok(value(metrics, 'mimir_edge_received_samples_total{user="sender"}') > 500);
  t.equal(
    value(metrics, 'mimir_edge_accepted_requests_total{user="sender"}'),
    value(metrics, 'mimir_edge_received_requests_total{user="sender"}'),
    'nothing within the limits is refused',
  );
  const sent = await (await fetch(`http://127.0.0.1:${senderPort}/metrics`)).text();
  t.notMatch(sent, /prometheus_remote_storage_samples_failed_total\{[^}]*\} [1-9]/);

  // A limit that cuts the sender off, and one that lets it in again: with retries nothing is lost.
  writeFileSync(overrides, 'overrides: { sender: { ingestion_rate: 200, ingestion_burst_size: 2000 } }');
  const refused = 'mimir_edge_discarded_requests_total{user="sender",reason="rate_limited"}';
  t.ok(
    await answering(`${edge.admin}/metrics`, (text) => value(text, refused) > 1, 60_000),
    'the sender is refused',
  );
  writeFileSync(
    overrides,
    'overrides: { sender: { ingestion_rate: 1000000, ingestion_burst_size: 1000000 } }',
  );
  const gapless = `${receiver}/api/v1/query?query=${encodeURIComponent('time() - timestamp(up{from="sender"})')}`;
  t.ok(
    await answering(gapless, (text) => Number(JSON.parse(text).data.result[0]?.value[1] ?? 99) < 5, 60_000),
    'the sender has caught up',
  );
  const dropped = await (await fetch(`http://127.0.0.1:${senderPort}/metrics`)).text();
  t.notMatch(
    dropped,
    /prometheus_remote_storage_samples_(failed|dropped)_total\{[^}]*\} [1-9]/,
    'and dropped nothing',
  );
});
