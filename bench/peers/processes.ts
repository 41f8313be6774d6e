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
  /** Memory that it holds now, of its first process. */
  rssBytes(): number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;

export function hasNginx(): boolean {
  return spawnSync('nginx', ['-v']).status === 0;
}

/** `usPerPush`: it takes that long for each, one after the other. */
export async function startSink(port = 0, usPerPush = 0): Promise<Peer> {
  const ownPort = port === 0 ? await freePort() : port;
  return startProcess(
    'sink',
    process.execPath,
    [new URL('./sink.js', import.meta.url).pathname, String(ownPort), String(usPerPush)],
    ownPort,
  );
}

/** Looked at for every push, and never reached. */
const UNREACHED_LIMITS = 'request_rate: 1e9, ingestion_rate: 1e12, ingestion_burst_size: 1e12';

export interface EdgeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Every tenant's, as YAML; those that it leaves out have Mimir's defaults. */
  readonly limits?: string;
  readonly port?: number;
  /** Of another build; this one's otherwise. */
  readonly main?: string;
}

export async function startEdge(
  upstream: string,
  flags: readonly string[] = [],
  { env = {}, limits = UNREACHED_LIMITS, port: ownPort, main = MAIN }: EdgeOptions = {},
): Promise<Peer> {
  const port = ownPort ?? (await freePort());
  const admin = await freePort();
  const { folder, config } = edgeConfig(limits);
  const args = [
    main,
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

/** Goes with the process that it is given to. */
export function benchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'mimir-edge-bench-'));
}

function edgeConfig(limits = UNREACHED_LIMITS): { folder: string; config: string } {
  const folder = benchFolder();
  const config = join(folder, 'edge.yaml');
  writeFileSync(
    config,
    `limits: { ${limits} }
`,
  );
  return { folder, config };
}

/** One worker, keep-alive both ways, bodies in memory: nginx at its best. */
export async function startNginx(...upstreams: string[]): Promise<Peer> {
  const port = await freePort();
  const folder = benchFolder();
  const config = join(folder, 'nginx.conf');
  const path = (name: string) => `${name}_temp_path ${join(folder, name)};`;
  const server = (url: string) => `server ${url.slice('http://'.length)} fail_timeout=1s;`;
  writeFileSync(
    config,
    `worker_processes 1; daemon off; pid ${join(folder, 'pid')}; error_log stderr crit;
    events { worker_connections 1024; }
    http {
      access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(path).join(' ')}
      client_body_buffer_size 1m; client_max_body_size 100m; keepalive_requests 1000000;
      upstream sink { ${upstreams.map(server).join(' ')} keepalive 64; keepalive_requests 1000000; }
      # A push may be sent twice: the same samples at the same times are taken once.
      proxy_next_upstream error timeout non_idempotent;
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://sink; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }
    }`,
  );
  return startProcess('nginx', 'nginx', ['-c', config, '-e', 'stderr'], port, folder);
}

export async function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  port: number,
  folder?: string,
  env: Readonly<Record<string, string>> = {},
  host = '127.0.0.1',
): Promise<Peer> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  const url = `http://${host}:${port}`;
  await answering(url, child, name);
  return {
    name,
    url,
    cpu: () => cpuOf(child.pid!),
    cpuOfChildren: () => childrenOf(child.pid!).map(cpuOf),
    rssBytes: () => rssOf(child.pid!),
    stop: (signal = 'SIGTERM') =>
      new Promise((resolve) => {
        child.once('exit', () => {
          if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
          resolve();
        });
        child.kill(signal);
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
export function cpuOf(pid: number): number {
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

function rssOf(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
