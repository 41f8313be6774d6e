/** A whole edge in this process, with an upstream that takes everything, and calls to its admin API. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Test } from 'tap';
import { type RunningApp, startApp } from '#src/app/start-app.js';
import { loadConfig } from '#src/config/config.js';
import { upstream } from '../doors/http/fixtures.js';

export const WRITER = 'writer-token-0123456789';
export const READER = 'reader-token-0123456789';

export interface GivenAdmin {
  readonly app: RunningApp;
  readonly proxy: string;
  readonly url: string;
  readonly tokensFile: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  json<T>(path: string): Promise<T>;
  write(method: string, path: string, body?: unknown, token?: string): Promise<Response>;
}

export async function admin(t: Test, flags: Record<string, string> = {}, overrides = 'overrides: {}') {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const folder = t.testdir();
  const tokensFile = join(folder, 'tokens');
  const overridesFile = join(folder, 'overrides.yaml');
  writeFileSync(tokensFile, `# who\nalice write ${WRITER}\ngrafana read ${READER}\n`);
  writeFileSync(overridesFile, overrides);
  const given = await start(t, {
    'upstream.url': mimir.url,
    'overrides.file': overridesFile,
    'admin.tokens_file': tokensFile,
    ...flags,
  });
  return { ...given, tokensFile, overridesFile, folder };
}

export async function start(t: Test, flags: Record<string, string>): Promise<Omit<GivenAdmin, 'tokensFile'>> {
  const loaded = loadConfig({
    env: {},
    // Nobody is waited for when it stops.
    flags: {
      'listen.proxy': '127.0.0.1:0',
      'listen.admin': '127.0.0.1:0',
      'shutdown.timeout': '0s',
      ...flags,
    },
  });
  if ('errors' in loaded) throw new Error(JSON.stringify(loaded.errors));
  const app = await startApp(loaded.config, pino({ level: 'silent' }));
  t.teardown(() => app.stop());
  const url = `http://127.0.0.1:${app.admin.port}`;
  const get: GivenAdmin['get'] = (path, headers = {}) => fetch(`${url}${path}`, { headers });
  return {
    app,
    proxy: `http://127.0.0.1:${app.proxy?.port}`,
    url,
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
