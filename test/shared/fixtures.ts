/** Ledgers for tests, closed with the test that opened them. */
import type { Test } from 'tap';
import type { LeasedLedger } from '#src/shared/leased-ledger.js';
import { createRedisLedger, type RedisLedgerSettings } from '#src/shared/redis/redis-ledger.js';
import type { RedisLedgerOptions } from '#src/shared/redis/redis-options.js';

export interface LogLine {
  readonly level: 'info' | 'warn';
  readonly message: string;
}

export interface TestLedger {
  readonly ledger: LeasedLedger;
  readonly lines: readonly LogLine[];
}

/** One Redis without credentials or TLS. */
export function plainRedis(urls: readonly string[]): RedisLedgerOptions {
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
    maxInFlight: 1024,
  };
}

export async function redisLedger(
  t: Test,
  url: string | readonly string[],
  settings: Partial<RedisLedgerSettings> = {},
): Promise<TestLedger> {
  const lines: LogLine[] = [];
  const ledger = createRedisLedger({
    ...plainRedis(typeof url === 'string' ? [url] : url),
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
  t.teardown(() => ledger.close());
  await ledger.start();
  return { ledger, lines };
}
