/** Full receivers: they decode every sample, as the edge does, and store it, which the edge leaves to Mimir. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/free-port.js';
import { benchFolder, type Peer, startProcess } from './processes.js';

/** Both take pushes here. */
export const RECEIVER_PATH = '/api/v1/write';

export const hasVictoriaMetrics = (): boolean =>
  spawnSync('victoria-metrics', ['--version']).error === undefined;
export const hasPrometheus = (): boolean => spawnSync('prometheus', ['--version']).status === 0;

export async function startVictoriaMetrics(): Promise<Peer> {
  const port = await freePort();
  const folder = benchFolder();
  const flags = [
    `--storageDataPath=${join(folder, 'data')}`,
    `--httpListenAddr=127.0.0.1:${port}`,
    '--retentionPeriod=1d',
    '--loggerLevel=ERROR',
  ];
  return startProcess('victoria-metrics', 'victoria-metrics', flags, port, folder);
}

export async function startPrometheus(): Promise<Peer> {
  const port = await freePort();
  const folder = benchFolder();
  const config = join(folder, 'prometheus.yml');
  writeFileSync(config, 'global: {}\n');
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    '--log.level=error',
  ];
  return startProcess('Prometheus', 'prometheus', flags, port, folder);
}
