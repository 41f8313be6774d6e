/** The ledger that the settings ask for: shared through Redis, or of this process alone. */
import type { Config } from './config/config.js';
import type { Ledger } from './enforce/ledger.js';
import type { LedgerLog, LedgerStatus } from './ledger/leased-ledger.js';
import { MemoryLedger } from './ledger/memory.js';
import type { RedisLedgerOptions } from './ledger/redis/options.js';
import { createRedisLedger } from './ledger/redis/redis-ledger.js';

export interface OpenLedger {
  readonly ledger: Ledger;
  /** Undefined: nothing is shared. */
  readonly status: (() => LedgerStatus) | undefined;
}

/** Resolves when Redis answers, or when `state.redis.connect_timeout` is over: then it starts degraded. */
export async function openLedger(config: Config, now: () => number, log: LedgerLog): Promise<OpenLedger> {
  if (config['state.redis.url'].length === 0) return { ledger: new MemoryLedger(), status: undefined };
  const ledger = createRedisLedger({
    ...redisOptions(config),
    replicas: config['state.replicas'],
    onLoss: config['state.on_loss'],
    closeTimeoutMs: config['state.close_timeout'],
    now,
    random: Math.random,
    log,
  });
  await ledger.start();
  return { ledger, status: () => ledger.status() };
}

export function redisOptions(config: Config): RedisLedgerOptions {
  return {
    urls: config['state.redis.url'],
    mode: config['state.redis.mode'],
    sentinelMaster: config['state.redis.sentinel_master'],
    usernameFile: config['state.redis.username_file'],
    passwordFile: config['state.redis.password_file'],
    sentinelPasswordFile: config['state.redis.sentinel_password_file'],
    caFile: config['state.redis.tls.ca_file'],
    certFile: config['state.redis.tls.cert_file'],
    keyFile: config['state.redis.tls.key_file'],
    keyPrefix: config['state.redis.key_prefix'],
    commandTimeoutMs: config['state.redis.command_timeout'],
    connectTimeoutMs: config['state.redis.connect_timeout'],
    maxInFlight: config['state.redis.max_in_flight'],
  };
}
