/** A real redis-server of our own: on a free port of loopback, in a temporary folder, ended by its process id. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../free-port.js';

/** Why the tests that need it are skipped; undefined when it is there, or when peers are required. */
export const redisMissing: string | false =
  spawnSync('redis-server', ['--version']).status === 0 || process.env['REQUIRE_PEERS'] === '1'
    ? false
    : 'redis-server is not installed';

export class RedisServer {
  readonly port: number;
  readonly folder = mkdtempSync(join(tmpdir(), 'mimir-edge-redis-'));
  readonly #args: readonly string[];
  readonly #command: string;
  #process: ChildProcess | undefined;
  #admin: Redis | undefined;

  constructor(port: number, args: readonly string[] = [], command = 'redis-server', configFile?: string) {
    this.port = port;
    this.#command = command;
    this.#args = [
      ...(configFile === undefined ? [] : [configFile]),
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      this.folder,
      ...(configFile === undefined ? ['--save', ''] : []),
      ...args,
    ];
  }

  static async start(args: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), args);
    await server.run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Commands of the test itself, on a patient connection. */
  get admin(): Redis {
    this.#admin ??= new Redis({ port: this.port, host: '127.0.0.1', retryStrategy: () => 50 }).on(
      'error',
      () => {},
    );
    return this.#admin;
  }

  async run(): Promise<void> {
    this.#process = spawn(this.#command, this.#args, { stdio: 'ignore' });
    for (let i = 0; i < 200; i++) {
      const pong = await this.admin.ping().catch(() => undefined);
      if (pong === 'PONG') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${this.#command} does not answer on port ${this.port}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    this.#admin?.disconnect();
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const DOCUMENT = new URL('../../../docs/shared-state.md', import.meta.url);

/** Makes a user who may do what docs/shared-state.md lists and no more; its name and password stand in files of the folder. */
export async function leastPermittedUser(
  redis: RedisServer,
  folder: string,
): Promise<{ usernameFile: string; passwordFile: string }> {
  const [, listed = ''] = /An ACL user needs\n\n```\n(.*?)```/s.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
  const permissions = listed
    .replace('<prefix>', 'test-')
    .split(/\s+/)
    .filter((one) => one !== '');
  await redis.admin.call('ACL', 'SETUSER', 'edge', 'on', '>secret', 'resetkeys', '-@all', ...permissions);
  const files = { usernameFile: join(folder, 'username'), passwordFile: join(folder, 'password') };
  writeFileSync(files.usernameFile, 'edge');
  writeFileSync(files.passwordFile, 'secret');
  return files;
}
