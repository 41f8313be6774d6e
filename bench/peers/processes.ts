/** Starts what a bench compares, each as a process of its own on a free loopback port, and reads their CPU time. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { freePort } from '../../test/free-port.js';

export interface Peer {
  readonly name: string;
  readonly url: string;
  /** Nanoseconds of CPU so far, all its processes and threads together. */
  cpu(): number;
  /** Of each process that it started. */
  cpuOfChildren(): number[];
  stop(): Promise<void>;
}

export const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;

export function hasNginx(): boolean {
  return spawnSync('nginx', ['-v']).status === 0;
}

export async function startSink(): Promise<Peer> {
  const port = await freePort();
  return startProcess(
    'sink',
    process.execPath,
    [new URL('./sink.js', import.meta.url).pathname, String(port)],
    port,
  );
}

export async function startEdge(
  upstream: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const [port, admin] = [await freePort(), await freePort()];
  const { folder, config } = edgeConfig();
  const args = [
    MAIN,
    'serve',
    `--config=${config}`,
    `--upstream.url=${upstream}`,
    `--listen.proxy=127.0.0.1:${port}`,
    `--listen.admin=127.0.0.1:${admin}`,
    '--log.level=error',
    ...flags,
  ];
  return startProcess('edge', process.execPath, args, port, folder, env);
}

/** Threads of one process; see threads.ts. */
export async function startThreads(
  upstream: string,
  threads: number,
): Promise<{ peer: Peer; urls: readonly string[] }> {
  const ports: number[] = [];
  for (let i = 0; i < threads; i++) ports.push(await freePort());
  const { folder, config } = edgeConfig();
  const script = new URL('./threads.js', import.meta.url).pathname;
  const args = [script, MAIN, upstream, config, ...ports.map(String)];
  const peer = await startProcess('threads', process.execPath, args, ports[0] ?? 0, folder);
  return { peer, urls: ports.map((port) => `http://127.0.0.1:${port}`) };
}

function edgeConfig(): { folder: string; config: string } {
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-bench-'));
  const config = join(folder, 'edge.yaml');
  // Limits that are looked at for every push, and never reached.
  writeFileSync(config, 'limits: { ingestion_rate: 1e12, ingestion_burst_size: 1e12, request_rate: 1e9 }\n');
  return { folder, config };
}

/** One worker, keep-alive both ways, bodies in memory: nginx at its best. */
export async function startNginx(upstream: string): Promise<Peer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-bench-'));
  const config = join(folder, 'nginx.conf');
  const path = (name: string) => `${name}_temp_path ${join(folder, name)};`;
  writeFileSync(
    config,
    `worker_processes 1; daemon off; pid ${join(folder, 'pid')}; error_log stderr error;
    events { worker_connections 1024; }
    http {
      access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(path).join(' ')}
      client_body_buffer_size 1m; client_max_body_size 100m; keepalive_requests 1000000;
      upstream sink { server ${upstream.slice('http://'.length)}; keepalive 64; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://sink; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }
    }`,
  );
  return startProcess('nginx', 'nginx', ['-c', config, '-e', 'stderr'], port, folder);
}

async function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  port: number,
  folder?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, child, name);
  return {
    name,
    url,
    cpu: () => cpuOf(child.pid!),
    cpuOfChildren: () => childrenOf(child.pid!).map(cpuOf),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => {
          if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
          resolve();
        });
        child.kill('SIGTERM');
      }),
  };
}

async function answering(url: string, child: ChildProcess, name: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    try {
      await (await request(url)).body.dump();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  child.kill('SIGKILL');
  throw new Error(`${name} does not answer`);
}

/** The process, its threads, and its children (nginx' workers). */
function cpuOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    nanoseconds += Number(onCpu);
  }
  for (const child of childrenOf(pid)) nanoseconds += cpuOf(child);
  return nanoseconds;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}
