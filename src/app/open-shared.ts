/**
 * The ledger and the active series as configured: shared through Redis, shared with other workers, or for this process
 * alone.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StartError } from '../base/listen.js';
import { messageOf } from '../base/message-of.js';
import type { Config } from '../config/config.js';
import type { Ledger } from '../enforce/ledger.js';
import { HASH_KEY_BYTES, type HashKey, OWN_HASH_KEY } from '../payload/hash-key.js';
import { storedLabelsOf } from '../payload/labels.js';
import type { SeriesClient } from '../series/series-client.js';
import { SeriesTracker } from '../series/series-tracker.js';
import { type LedgerStatus, StoreClient } from '../shared/client.js';
import type { HealthLog } from '../shared/health.js';
import type { LimitsHashes } from '../shared/limits-version.js';
import { MemoryLedger } from '../shared/memory/memory-ledger.js';
import { RedisStore } from '../shared/redis/redis-store.js';
import type { Store } from '../shared/store.js';
import { redisOptions } from './redis-options.js';

export interface OpenLedger {
  readonly ledger: Ledger;
  /** The connection to shared series; undefined: nothing is shared. */
  readonly series: SeriesClient | undefined;
  /** Undefined: nothing is shared. */
  readonly status: (() => LedgerStatus) | undefined;
  /** Call before the ledger's buckets use these limits. */
  limitsAre(hashes: LimitsHashes): void;
  /** Resolves when the store answers, or after `state.redis.connect_timeout`, in which case it starts degraded. */
  start(): Promise<void>;
}

/** The primary answers in well under a millisecond. If it does not for this long, it is stopped or dead. */
const PRIMARY_TIMEOUT_MS = 1000;
const PRIMARY_MAX_IN_FLIGHT = 1024;

/** `primary` is the parent process, which is the store of its workers; not used with Redis. */
export function openLedger(
  config: Config,
  now: () => number,
  log: HealthLog,
  primary: Store | undefined,
  hashKeyChanged: (key: HashKey) => void,
): OpenLedger {
  const client = openClient(config, now, log, primary, hashKeyChanged);
  return client === undefined
    ? {
        ledger: new MemoryLedger(),
        series: undefined,
        status: undefined,
        limitsAre() {},
        start: async () => {},
      }
    : {
        ledger: client,
        series: client.series,
        status: () => client.status(),
        limitsAre: (hashes) => client.limitsAre(hashes),
        start: () => client.start(),
      };
}

/** The secret for hashing series until all processes that share the store agree on another one. */
export function hashKeyOf(config: Config): HashKey {
  const file = config['state.hash_key_file'];
  if (file === '') return OWN_HASH_KEY;
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StartError(`state.hash_key_file: ${messageOf(error)}`);
  }
  if (secret.length < HASH_KEY_BYTES) {
    throw new StartError(
      `state.hash_key_file: ${file} has ${secret.length} characters; at least ${HASH_KEY_BYTES} are needed`,
    );
  }
  return createHash('sha256').update(secret).digest().subarray(0, HASH_KEY_BYTES);
}

/** Undefined when series are not tracked. It works once it is started. */
export function openActiveSeries(
  config: Config,
  client: SeriesClient | undefined,
  now: () => number,
): SeriesTracker | undefined {
  if (!config['series.tracking']) return undefined;
  return new SeriesTracker({
    idleTimeoutMs: config['series.idle_timeout'],
    maxSeries: config['series.max'],
    maxTenants: config['tenants.max'],
    client,
    nameMetric: (push, row) => storedLabelsOf(push, row).find(([label]) => label === '__name__')?.[1] ?? '',
    now,
  });
}

function openClient(
  config: Config,
  now: () => number,
  log: HealthLog,
  primary: Store | undefined,
  hashKeyChanged: (key: HashKey) => void,
): StoreClient | undefined {
  const common = {
    hashKey: hashKeyOf(config),
    hashKeyChanged: config['state.hash_key_file'] === '' ? hashKeyChanged : undefined,
    connectTimeoutMs: config['state.redis.connect_timeout'],
    onLoss: config['state.on_loss'],
    closeTimeoutMs: config['state.close_timeout'],
    now,
    random: Math.random,
    log,
  };
  if (config['state.redis.url'].length > 0) {
    return new StoreClient(new RedisStore(redisOptions(config), randomUUID()), {
      ...common,
      callTimeoutMs: config['state.redis.command_timeout'],
      maxInFlight: config['state.redis.max_in_flight'],
      replicas: config['state.replicas'],
    });
  }
  if (primary === undefined) return undefined;
  return new StoreClient(primary, {
    ...common,
    callTimeoutMs: PRIMARY_TIMEOUT_MS,
    maxInFlight: PRIMARY_MAX_IN_FLIGHT,
    replicas: config.workers,
  });
}
