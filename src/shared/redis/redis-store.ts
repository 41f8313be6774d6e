/** The store of replicas that share a Redis: each call is a script. */
import type { Call, CallKind, Reply } from '../protocol.js';
import { HEARTBEAT_TTL_MS, type Store } from '../store.js';
import { admitScript } from './admit.js';
import { announceScript } from './announce.js';
import { connectRedis, type RedisConnection } from './connection.js';
import { electScript, resignScript } from './elect.js';
import { storeErrorOf } from './errors.js';
import { hashKeyScript } from './hash-key.js';
import { CLUSTER_SHARDS, clusterShardOf, heartbeatKeys, tenantTag } from './keys.js';
import { leaseScript } from './lease.js';
import { limitsScript } from './limits.js';
import type { RedisOptions } from './options.js';
import { reserveScript } from './reserve.js';
import { readLua, type Script } from './script.js';
import { ScriptQueue } from './script-queue.js';

const SCRIPTS: { readonly [K in CallKind]: Script<K> } = {
  lease: leaseScript,
  elect: electScript,
  resign: resignScript,
  admit: admitScript,
  reserve: reserveScript,
  announce: announceScript,
  hashKey: hashKeyScript,
  limits: limitsScript,
};

interface Heartbeat {
  mimirEdgeHeartbeat(key: string, replica: string, ttlMs: string): Promise<number>;
}

export class RedisStore implements Store {
  readonly shards: number;
  readonly reservesHeadroom = true;
  readonly #connection: RedisConnection & Heartbeat;
  readonly #queue: ScriptQueue;
  readonly #prefix: string;
  readonly #replica: string;
  /** By shard. */
  readonly #heartbeatKeys: readonly string[];
  #lastConnectionError = 'not connected';

  /** `replica` identifies this process among all that share the store. */
  constructor(options: RedisOptions, replica: string) {
    this.shards = options.mode === 'cluster' ? CLUSTER_SHARDS : 1;
    this.#prefix = options.keyPrefix;
    this.#replica = replica;
    this.#heartbeatKeys = heartbeatKeys(options.keyPrefix, this.shards);
    const connection = connectRedis(options);
    for (const [kind, { lua }] of Object.entries(SCRIPTS)) {
      connection.defineCommand(commandOf(kind), { lua, numberOfKeys: 1 });
    }
    connection.defineCommand('mimirEdgeHeartbeat', { lua: readLua('heartbeat.lua'), numberOfKeys: 1 });
    this.#connection = connection as RedisConnection & Heartbeat;
    this.#queue = new ScriptQueue(connection);
    // ioredis reconnects by itself; errors are reported by the calls that fail.
    connection.on('error', (error: Error) => {
      this.#lastConnectionError = error.message;
    });
  }

  shardOf(tenant: string): number {
    return this.shards === 1 ? 0 : clusterShardOf(tenantTag(tenant));
  }

  async connect(timeoutMs: number): Promise<void> {
    this.#connection.connect().catch(() => {});
    if (this.#connection.status === 'ready') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#connection.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async ask<K extends CallKind>(kind: K, tenant: string, call: Call<K>): Promise<Reply<K>> {
    const script: Script<K> = SCRIPTS[kind];
    const runs = script.encode(this.#prefix, tenant, call);
    try {
      const command = commandOf(kind);
      return script.decode(await Promise.all(runs.map((args) => this.#queue.run(command, args))));
    } catch (error) {
      throw storeErrorOf(error, this.#lastConnectionError);
    }
  }

  async heartbeat(shard: number): Promise<number> {
    const key = this.#heartbeatKeys[shard] ?? '';
    try {
      return await this.#connection.mimirEdgeHeartbeat(key, this.#replica, String(HEARTBEAT_TTL_MS));
    } catch (error) {
      throw storeErrorOf(error, this.#lastConnectionError);
    }
  }

  async leave(): Promise<void> {
    await this.#connection.zrem(this.#heartbeatKeys[0] ?? '', this.#replica).catch(() => {});
  }

  async close(): Promise<void> {
    this.#connection.disconnect();
  }
}

/** mimirEdgeLease and so on. */
function commandOf(kind: string): string {
  return `mimirEdge${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
}
