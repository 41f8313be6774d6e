/** A whole edge with an upstream that takes everything, and calls to its admin API: in this process, or with workers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Test } from 'tap';
import { Agent, request } from 'undici';
import { type RunningApp, startApp } from '#src/app/start-app.js';
import { loadConfig } from '#src/config/config.js';
import { PUSH_500, upstream } from '../doors/http/fixtures.js';
import { startWorkers } from '../e2e/worker-senders.js';

export const WRITER = 'writer-token-0123456789';
export const READER = 'reader-token-0123456789';

export const OVERRIDES = `overrides:
  noisy: { ingestion_rate: 100, ingestion_burst_size: 1000 }
  silent: { request_rate: 5 }
`;

interface Pushed {
  readonly status: number;
  text(): Promise<string>;
}

export interface Calls {
  readonly proxy: string;
  readonly url: string;
  /** Over a connection of its own: with workers they come to each in turn. */
  push(body?: Uint8Array, headers?: Record<string, string>): Promise<Pushed>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  json<T>(path: string): Promise<T>;
  write(method: string, path: string, body?: unknown, token?: string): Promise<Response>;
}

export interface GivenAdmin extends Calls {
  readonly tokensFile: string;
  readonly overridesFile: string;
}

/** Without `overrides`: no tenant has its own. */
export type StartAdmin = (t: Test, flags?: Record<string, string>, overrides?: string) => Promise<GivenAdmin>;

/** Nobody is waited for when it stops, and no push is large: a thread that decodes would cost each start, and do nothing. */
const QUICK = { 'shutdown.timeout': '0s', 'decode.threads': '0' };

export const inOneProcess: StartAdmin = async (t, flags, overrides) => {
  const files = await given(t, overrides);
  return { ...files, ...(await start(t, { ...files.flags, ...flags })) };
};

export const inTwoWorkers: StartAdmin = async (t, flags, overrides) => {
  const files = await given(t, overrides);
  const settings = { ...QUICK, ...files.flags, ...flags };
  const all = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const edge = await startWorkers(t, 2, all);
  return { ...files, ...calls(t, edge.proxy, edge.admin) };
};

export async function start(t: Test, flags: Record<string, string>): Promise<Calls & { app: RunningApp }> {
  const loaded = loadConfig({
    env: {},
    flags: { ...QUICK, 'listen.proxy': '127.0.0.1:0', 'listen.admin': '127.0.0.1:0', ...flags },
  });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const app = await startApp(loaded.config, pino({ level: 'silent' }));
  t.teardown(() => app.stop());
  return {
    app,
    ...calls(t, `http://127.0.0.1:${app.proxy?.port}`, `http://127.0.0.1:${app.admin.port}`),
  };
}

interface Files {
  readonly tokensFile: string;
  readonly overridesFile: string;
  readonly flags: Record<string, string>;
}

async function given(t: Test, overrides = 'overrides: {}'): Promise<Files> {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const folder = t.testdir();
  const tokensFile = join(folder, 'tokens');
  const overridesFile = join(folder, 'overrides.yaml');
  writeFileSync(tokensFile, `# who\nalice write ${WRITER}\ngrafana read ${READER}\n`);
  writeFileSync(overridesFile, overrides);
  const flags = {
    'upstream.url': mimir.url,
    'overrides.file': overridesFile,
    'admin.tokens_file': tokensFile,
  };
  return { tokensFile, overridesFile, flags };
}

function calls(t: Test, proxy: string, url: string): Calls {
  const agent = new Agent({ pipelining: 0 });
  t.teardown(() => agent.destroy());
  const get: Calls['get'] = (path, headers = {}) => fetch(`${url}${path}`, { headers });
  return {
    proxy,
    url,
    async push(body = PUSH_500, headers = {}) {
      const { statusCode, body: answer } = await request(`${proxy}/api/v1/push`, {
        dispatcher: agent,
        method: 'POST',
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
          'x-scope-orgid': 'a',
          ...lowerCase(headers),
        },
        body,
      });
      const text = await answer.text();
      return { status: statusCode, text: async () => text };
    },
    get,
    json: async <T>(path: string) => (await (await get(`/api/v1/${path}`)).json()) as T,
    write: (method, path, body, token = WRITER) =>
      fetch(`${url}/api/v1/${path}`, {
        method,
        headers: {
          ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  };
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
