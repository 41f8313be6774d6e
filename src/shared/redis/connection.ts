/**
 * A connection to Redis that never queues, never retries and never waits long: what can not be sent now fails now. It
 * reconnects in the background, with the credentials that are in the files at that time.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, RedisOptions as IoredisOptions, Redis } from 'ioredis';
import { ioredis } from '../../base/late-packages.js';
import { messageOf } from '../../base/message-of.js';
import type { RedisOptions } from './options.js';

export type RedisConnection = Redis | Cluster;

const FIRST_RECONNECT_MS = 100;
const MAX_RECONNECT_MS = 1000;
/** A socket without any data for this many command timeouts, while it owes an answer, is dead. */
const SOCKET_TIMEOUTS = 10;
const MIN_SOCKET_TIMEOUT_MS = 500;
const SLOTS_REFRESH_MS = 1000;
const MOST_REDIRECTIONS = 8;

export function connectRedis(options: RedisOptions): RedisConnection {
  const { Cluster, Redis } = ioredis();
  const urls = options.urls.map(parseUrl);
  const first = urls[0];
  if (first === undefined) throw new Error('no Redis URL is given');
  const credentials = readCredentials(options, first);
  const common = {
    ...credentials,
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs,
    socketTimeout: Math.max(MIN_SOCKET_TIMEOUT_MS, options.commandTimeoutMs * SOCKET_TIMEOUTS),
    keepAlive: 5000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A primary that became a replica: look for the new primary.
    reconnectOnError: (error: Error) => error.message.includes('READONLY'),
    connectionName: 'mimir-edge',
    ...(first.tls ? { tls: readTls(options) } : {}),
  };
  if (options.mode === 'cluster') {
    const cluster = new Cluster(
      urls.map(({ host, port }) => ({ host, port })),
      {
        lazyConnect: true,
        // A call to a node waits while that node is being connected, as the first call does.
        enableOfflineQueue: true,
        maxRedirections: MOST_REDIRECTIONS,
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        slotsRefreshInterval: SLOTS_REFRESH_MS,
        slotsRefreshTimeout: options.connectTimeoutMs,
        clusterRetryStrategy: reconnectDelayMs,
        // TLS certificates name hosts, not the addresses that the cluster announces; see dnsLookup in ioredis.
        ...(first.tls ? { dnsLookup: (host, done) => done(null, host) } : {}),
        redisOptions: common,
      },
    );
    neverQueue(cluster);
    // A node's client is created before it connects.
    cluster.on('+node', (node: Redis) => {
      Object.assign(node.options, readCredentials(options, first, node.options));
      if (first.tls) node.options.tls = readTls(options, node.options.tls);
      leaveAskingAlone(node);
      letGoGently(node, cluster);
    });
    return cluster;
  }
  const redis = new Redis({
    ...common,
    enableOfflineQueue: false,
    db: first.db,
    ...(options.mode === 'sentinel'
      ? sentinelOptions(options, urls)
      : { host: first.host, port: first.port }),
    retryStrategy: (attempts) => {
      Object.assign(redis.options, readCredentials(options, first, redis.options));
      if (first.tls) redis.options.tls = readTls(options, redis.options.tls);
      return reconnectDelayMs(attempts);
    },
  });
  return redis;
}

/**
 * Before a redirected command ioredis sends ASKING without handling its answer: if the node's connection closes meanwhile,
 * the unhandled rejection would end the process. The command itself fails too, and that is reported.
 */
function leaveAskingAlone(node: Redis): void {
  const ask = node.asking.bind(node);
  node.asking = (...args) => {
    const asked = ask(...args);
    asked.catch(() => {});
    return asked;
  };
}

/**
 * Whenever ioredis refreshes the slots, it closes the connections to nodes that have none; a node that is just receiving
 * its first slots has none yet. Commands under way are answered first.
 */
function letGoGently(node: Redis, cluster: Cluster): void {
  const disconnect = node.disconnect.bind(node);
  let isLeaving = false;
  node.disconnect = (reconnect) => {
    if (reconnect || isLeaving || cluster.status !== 'ready') {
      disconnect(reconnect);
      return;
    }
    isLeaving = true;
    node.quit().catch(() => {});
  };
}

/** Calls to a cluster that is unreachable fail at once, but ioredis' own check whether it is reachable does not. */
function neverQueue(cluster: Cluster): void {
  const send = cluster.sendCommand.bind(cluster);
  cluster.sendCommand = (command, ...more) => {
    if (cluster.status === 'ready' || command.name === 'cluster') return send(command, ...more);
    command.reject(new Error("Cluster isn't ready"));
    return command.promise;
  };
}

function reconnectDelayMs(attempts: number): number {
  const delayMs = Math.min(MAX_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** Math.min(attempts - 1, 10));
  return delayMs * (0.5 + Math.random());
}

interface ParsedUrl {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly tls: boolean;
  readonly username: string;
  readonly password: string;
}

function parseUrl(text: string): ParsedUrl {
  const url = new URL(text);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw new Error(`a Redis URL begins with redis:// or rediss://, not ${url.protocol}//`);
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    tls: url.protocol === 'rediss:',
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

interface Credentials {
  username?: string;
  password?: string;
}

/**
 * A file that is unreadable or empty leaves the credentials as they were: it may be being written. Throws if there were
 * none, rather than connecting without the configured credentials.
 */
function readCredentials(
  options: RedisOptions,
  url: ParsedUrl,
  before: Pick<IoredisOptions, 'username' | 'password'> = {},
): Credentials {
  const username = secretOr(before.username, options.usernameFile, 'username_file') ?? url.username;
  const password = secretOr(before.password, options.passwordFile, 'password_file') ?? url.password;
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

/** Undefined: no file is configured. */
function secretOr(before: string | null | undefined, file: string, setting: string): string | undefined {
  if (file === '') return undefined;
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret === '') throw new Error(`${file} is empty`);
    return secret;
  } catch (error) {
    if (before) return before;
    throw new Error(`state.redis.${setting}: ${messageOf(error)}`);
  }
}

/** Read for each connection, like credentials: certificates are renewed by replacing their files. */
function readTls(options: RedisOptions, before?: IoredisOptions['tls']): NonNullable<IoredisOptions['tls']> {
  try {
    return {
      ...(options.caFile ? { ca: readFileSync(options.caFile) } : {}),
      ...(options.certFile ? { cert: readFileSync(options.certFile) } : {}),
      ...(options.keyFile ? { key: readFileSync(options.keyFile) } : {}),
    };
  } catch (error) {
    if (before !== undefined) return before;
    throw error;
  }
}

/** Resolves when it is connected, or after the timeout; it keeps trying. Never rejects. */
export async function connectWithin(connection: RedisConnection, timeoutMs: number): Promise<void> {
  const waiting = new AbortController();
  const connected = connection.connect().catch(() => {});
  await Promise.race([connected, delay(timeoutMs, undefined, { signal: waiting.signal }).catch(() => {})]);
  waiting.abort();
}

function sentinelOptions(options: RedisOptions, urls: readonly ParsedUrl[]) {
  const sentinelPassword = secretOr(undefined, options.sentinelPasswordFile, 'sentinel_password_file');
  return {
    sentinels: urls.map(({ host, port }) => ({ host, port })),
    name: options.sentinelMaster,
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelCommandTimeout: options.connectTimeoutMs,
    enableTLSForSentinelMode: urls[0]?.tls ?? false,
    ...(sentinelPassword ? { sentinelPassword } : {}),
    ...(urls[0]?.tls ? { sentinelTLS: readTls(options) } : {}),
  };
}
