/** Real Prometheus and Alertmanager, and what is asked of them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort } from '../free-port.js';
import { answering, start } from './processes.js';

/** Debian's name for it, and everybody else's. */
export const ALERTMANAGER =
  ['prometheus-alertmanager', 'alertmanager'].find(
    (command) => spawnSync(command, ['--version']).error === undefined,
  ) ?? 'alertmanager';

/** Answers its URL. It takes remote writes, and SELF in its configuration is its own address. */
export function startPrometheus(
  t: Test,
  folder: string,
  config = 'global: {}\n',
  more: readonly string[] = [],
): Promise<string> {
  const flags = [
    '--web.enable-remote-write-receiver',
    `--storage.tsdb.path=${join(folder, 'data')}`,
    ...more,
  ];
  return startReady(t, 'prometheus', folder, config, flags);
}

export function startAlertmanager(t: Test, folder: string): Promise<string> {
  const config = 'route: { receiver: none }\nreceivers: [{ name: none }]\n';
  const flags = ['--cluster.listen-address=', `--storage.path=${join(folder, 'data')}`];
  return startReady(t, ALERTMANAGER, folder, config, flags);
}

async function startReady(
  t: Test,
  command: string,
  folder: string,
  config: string,
  flags: readonly string[],
): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'config.yml');
  writeFileSync(file, config.replaceAll('SELF', address));
  const started = start(t, command, [`--config.file=${file}`, `--web.listen-address=${address}`, ...flags]);
  const url = `http://${address}`;
  if (!(await answering(`${url}/-/ready`, () => true))) throw new Error(started.output());
  return url;
}

/** The configuration of one that scrapes itself every second and sends what it finds. */
export function sendingItself(to: string): string {
  return `global: { scrape_interval: 1s, external_labels: { from: sender } }
scrape_configs:
  - { job_name: self, static_configs: [{ targets: [SELF] }] }
remote_write:
  - url: ${to}
    queue_config: { batch_send_deadline: 1s, retry_on_http_429: true }
`;
}

export function queryUrl(prometheus: string, expr: string): string {
  return `${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`;
}

/** Of the first series of an answer, or 0. */
export function firstValue(answer: string): number {
  return Number(JSON.parse(answer).data.result[0]?.value[1] ?? 0);
}
