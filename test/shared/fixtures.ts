/** Clients of a Redis for tests, closed with the test that opened them. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { StoreClient, type StoreClientOptions } from '#src/shared/client.js';
import type { RedisOptions } from '#src/shared/redis/options.js';
import { RedisStore } from '#src/shared/redis/redis-store.js';

export interface LogLine {
  readonly level: 'info' | 'warn';
  readonly message: string;
}

export interface TestClient {
  readonly client: StoreClient;
  readonly lines: readonly LogLine[];
}

export type RedisSettings = RedisOptions & Omit<StoreClientOptions, 'callTimeoutMs'>;

/** One Redis without credentials or TLS. */
export function plainRedis(urls: readonly string[]): RedisOptions {
  return {
    urls,
    mode: 'single',
    sentinelMaster: 'primary',
    usernameFile: '',
    passwordFile: '',
    sentinelPasswordFile: '',
    caFile: '',
    certFile: '',
    keyFile: '',
    keyPrefix: 'mimir-edge:',
    // Generous: the machine that runs the tests may be slow, and a late answer is not what they are about.
    commandTimeoutMs: 500,
    connectTimeoutMs: 5000,
  };
}

/** Not connected before `start()`. */
export function clientOf(settings: RedisSettings): StoreClient {
  const store = new RedisStore(settings, randomUUID());
  return new StoreClient(store, { ...settings, callTimeoutMs: settings.commandTimeoutMs });
}

export async function redisClient(
  t: Test,
  url: string | readonly string[],
  settings: Partial<RedisSettings> = {},
): Promise<TestClient> {
  const lines: LogLine[] = [];
  const client = clientOf({
    ...plainRedis(typeof url === 'string' ? [url] : url),
    maxInFlight: 1024,
    replicas: 0,
    onLoss: 'local-share',
    closeTimeoutMs: 1000,
    now: () => performance.now(),
    random: Math.random,
    log: {
      info: (_details, message) => lines.push({ level: 'info', message }),
      warn: (_details, message) => lines.push({ level: 'warn', message }),
    },
    ...settings,
  });
  t.teardown(() => client.close());
  await client.start();
  return { client, lines };
}
