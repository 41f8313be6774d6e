/** Starts real processes for end-to-end tests: the edge itself, and peers from the system where they are installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { eventually } from '../doors/http/fixtures.js';

export const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;

/** True when the peer is there. When it is not: skips the test by name, or fails it where peers are required. */
export function needs(t: Test, command: string, args: string[] = ['--version']): boolean {
  if (spawnSync(command, args).error === undefined) return true;
  if (process.env['REQUIRE_PEERS'] === '1') t.fail(`${command} is not installed, and REQUIRE_PEERS=1`);
  else t.pass(`${command} is not installed`, { skip: true });
  return false;
}

export interface Started {
  readonly child: ChildProcess;
  /** All that it wrote, both streams. */
  output(): string;
  readonly exit: Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Ends with the test, at the latest. */
export function start(
  t: Test,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  options: { readonly cwd?: string; readonly uid?: number; readonly gid?: number } = {},
): Started {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...options,
  });
  let output = '';
  const collect = (data: Buffer) => {
    output += data.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null) child.kill(signal);
    return exit;
  };
  t.teardown(async () => {
    // A master that is killed outright leaves its workers behind, with our pipes.
    const patience = setTimeout(() => stop('SIGKILL'), 10_000);
    await stop();
    clearTimeout(patience);
  });
  return { child, output: () => output, exit, stop };
}

export interface StartedEdge extends Started {
  /** Empty where there is no upstream. */
  readonly proxy: string;
  readonly admin: string;
}

export async function startEdge(
  t: Test,
  flags: readonly string[],
  env: Record<string, string> = {},
  node = process.execPath,
): Promise<StartedEdge> {
  const args = [MAIN, 'serve', '--listen.proxy=127.0.0.1:0', '--listen.admin=127.0.0.1:0', ...flags];
  const started = start(t, node, args, env);
  // Whoever asks twice does not wait for senders.
  t.teardown(() => {
    if (started.child.exitCode !== null) return;
    started.child.kill('SIGTERM');
    started.child.kill('SIGINT');
  });
  const serving = (): { proxy?: AddressInfo; admin: AddressInfo } | undefined => {
    const line = started
      .output()
      .split('\n')
      .find((one) => one.includes('"msg":"serving"'));
    return line === undefined ? undefined : JSON.parse(line);
  };
  if (
    !(await eventually(() => serving() !== undefined || started.child.exitCode !== null, 60_000)) ||
    serving() === undefined
  ) {
    throw new Error(`the edge does not serve: ${started.output()}`);
  }
  const { proxy, admin } = serving()!;
  return {
    ...started,
    proxy: proxy === undefined ? '' : `http://127.0.0.1:${proxy.port}`,
    admin: `http://127.0.0.1:${admin.port}`,
  };
}

/** Polls until a URL gives an answer that is wanted. */
export async function answering(
  url: string,
  wanted: (text: string) => boolean,
  withinMs = 30_000,
): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; ) {
    const text = await fetch(url)
      .then((response) => (response.ok ? response.text() : undefined))
      .catch(() => undefined);
    if (text !== undefined && wanted(text)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** One metric of the edge, labels and all; NaN where there is none. */
export async function metric({ admin }: StartedEdge, name: string): Promise<number> {
  return metricIn(await (await fetch(`${admin}/metrics`)).text(), name);
}

export function metricIn(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length));
}
