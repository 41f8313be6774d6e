/** The ledger and the book of series that the settings ask for: shared through Redis, with other workers, or of this process alone. */
import type { Config } from '../config/config.js';
import type { Ledger } from '../enforce/ledger.js';
import { labelsOf } from '../payload/labels.js';
import { TrackedBook } from '../series/series-book.js';
import type { SeriesStore } from '../series/series-store.js';
import type { LeaseTransport } from '../shared/lease-transport.js';
import { LeasedLedger, type LedgerLog, type LedgerStatus } from '../shared/leased-ledger.js';
import { MemoryLedger } from '../shared/memory/memory-ledger.js';
import { createRedisLedger } from '../shared/redis/redis-ledger.js';
import type { RedisLedgerOptions } from '../shared/redis/redis-options.js';

export interface OpenLedger {
  readonly ledger: Ledger;
  /** Where series are shared; undefined: nowhere. */
  readonly series: SeriesStore | undefined;
  /** Undefined: nothing is shared. */
  readonly status: (() => LedgerStatus) | undefined;
  /** Resolves when the store answers, or when `state.redis.connect_timeout` is over: then it starts degraded. */
  start(): Promise<void>;
}

/** The primary answers in well under a millisecond. One that does not for so long is stopped or dead. */
const PRIMARY_TIMEOUT_MS = 1000;
const PRIMARY_MAX_IN_FLIGHT = 1024;

/** `primary` is the way to the process that is the ledger for its workers; with Redis it is not used. */
export function openLedger(
  config: Config,
  now: () => number,
  log: LedgerLog,
  primary: LeaseTransport | undefined,
): OpenLedger {
  const common = {
    connectTimeoutMs: config['state.redis.connect_timeout'],
    onLoss: config['state.on_loss'],
    closeTimeoutMs: config['state.close_timeout'],
    now,
    random: Math.random,
    log,
  };
  let ledger: LeasedLedger;
  if (config['state.redis.url'].length > 0) {
    ledger = createRedisLedger({
      ...common,
      ...redisOptions(config),
      replicas: config['state.replicas'],
    });
  } else if (primary !== undefined) {
    ledger = new LeasedLedger(primary, {
      ...common,
      callTimeoutMs: PRIMARY_TIMEOUT_MS,
      maxInFlight: PRIMARY_MAX_IN_FLIGHT,
      replicas: config.workers,
    });
  } else {
    return { ledger: new MemoryLedger(), series: undefined, status: undefined, start: async () => {} };
  }
  return {
    ledger,
    series: ledger.series,
    status: () => ledger.status(),
    start: () => ledger.start(),
  };
}

/** Undefined when series are not tracked. It works once it is started. */
export function openBook(
  config: Config,
  store: SeriesStore | undefined,
  now: () => number,
): TrackedBook | undefined {
  if (!config['series.tracking']) return undefined;
  return new TrackedBook({
    idleTimeoutMs: config['series.idle_timeout'],
    maxSeries: config['series.max'],
    maxTenants: config['tenants.max'],
    store,
    nameMetric: (push, row) => labelsOf(push, row).find(([label]) => label === '__name__')?.[1] ?? '',
    now,
  });
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
