/**
 * Calls as Redis scripts. Calls for leases and series that are made in the same turn of the event loop leave in one
 * pipeline; to a cluster they leave one by one, each to its own node.
 */
import { readFileSync } from 'node:fs';
import { Cluster } from 'ioredis';
import type { LeaseCall, LeaseReply } from '../../buckets/lease.js';
import type { ElectionCall, ElectionReply } from '../../elections/shared-elections.js';
import type { BucketKind } from '../../enforce/ledger.js';
import type { SeriesCall, SeriesReply } from '../../series/series-store.js';
import { type LeaseTransport, StoreError, type StoreErrorKind } from '../lease-transport.js';
import { bucketKey, CLUSTER_PARTS, clusterPartOf, electionsKey, heartbeatKeys, tenantTag } from './keys.js';
import { createClient, type RedisClient } from './redis-connection.js';
import type { RedisLedgerOptions } from './redis-options.js';
import { readSeriesReplies, seriesArguments } from './series-script.js';

/** A replica that was not heard of for so long is not counted. */
const HEARTBEAT_TTL_MS = 8000;

type Arguments = [key: string, ...args: (string | number)[]];

/** The commands that ioredis defines from the scripts. */
interface Scripts {
  mimirEdgeLease(...args: Arguments): Promise<unknown[]>;
  mimirEdgeSeries(...args: Arguments): Promise<unknown[]>;
  mimirEdgeHeartbeat(...args: Arguments): Promise<number>;
  mimirEdgeElect(...args: Arguments): Promise<string[]>;
}

type QueuedScript = 'mimirEdgeLease' | 'mimirEdgeSeries';

type ScriptPipeline = Record<QueuedScript, (...args: Arguments) => unknown>;

interface QueuedCall {
  readonly script: QueuedScript;
  readonly args: Arguments;
  readonly resolve: (reply: unknown[]) => void;
  readonly reject: (error: StoreError) => void;
}

export class RedisTransport implements LeaseTransport {
  readonly parts: number;
  readonly reservesRoom = true;
  readonly #client: RedisClient & Scripts;
  readonly #prefix: string;
  readonly #replica: string;
  readonly #heartbeatKeys: readonly string[];
  #queue: QueuedCall[] = [];
  #lastConnectionError = 'not connected';

  /** `replica` names this process among all that share the buckets. */
  constructor(options: RedisLedgerOptions, replica: string) {
    this.parts = options.mode === 'cluster' ? CLUSTER_PARTS : 1;
    this.#prefix = options.keyPrefix;
    this.#replica = replica;
    this.#heartbeatKeys = heartbeatKeys(options.keyPrefix, this.parts);
    const client = createClient(options);
    client.defineCommand('mimirEdgeLease', { lua: readScript('lease.lua'), numberOfKeys: 1 });
    client.defineCommand('mimirEdgeSeries', { lua: readScript('series.lua'), numberOfKeys: 1 });
    client.defineCommand('mimirEdgeHeartbeat', { lua: readScript('heartbeat.lua'), numberOfKeys: 1 });
    client.defineCommand('mimirEdgeElect', { lua: readScript('elect.lua'), numberOfKeys: 1 });
    this.#client = client as RedisClient & Scripts;
    // ioredis reconnects by itself; what failed is told by the calls that fail.
    this.#client.on('error', (error: Error) => {
      this.#lastConnectionError = error.message;
    });
  }

  partOf(tenant: string): number {
    return this.parts === 1 ? 0 : clusterPartOf(tenantTag(tenant));
  }

  async connect(timeoutMs: number): Promise<void> {
    this.#client.connect().catch(() => {});
    if (this.#client.status === 'ready') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#client.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async lease(tenant: string, kind: BucketKind, call: LeaseCall): Promise<LeaseReply> {
    const reply = await this.#enqueue('mimirEdgeLease', [
      bucketKey(this.#prefix, tenant, kind),
      // JavaScript writes a number with all the digits that it takes to read the same number back.
      String(call.shape.rate),
      String(call.shape.capacity),
      call.reshape ? '1' : '0',
      String(call.give),
      String(call.debit),
      String(call.need),
      String(call.least),
      String(call.most),
      call.generation,
      String(call.bound),
    ]);
    return readReply(reply);
  }

  async series(tenant: string, call: SeriesCall): Promise<SeriesReply> {
    const scripts = seriesArguments(this.#prefix, tenant, call);
    return readSeriesReplies(
      await Promise.all(scripts.map((args) => this.#enqueue('mimirEdgeSeries', args))),
    );
  }

  async elect(tenant: string, call: ElectionCall): Promise<ElectionReply> {
    const { ha, updateMs, failoverMs, mostClusters, forgetMs, resign } = call;
    try {
      const [replica, age] = await this.#client.mimirEdgeElect(
        electionsKey(this.#prefix, tenant),
        ha.cluster,
        ha.replica,
        ...[updateMs, failoverMs, mostClusters, forgetMs].map(String),
        resign ? '1' : '0',
      );
      return replica === undefined ? undefined : { replica, ageMs: Number(age) };
    } catch (error) {
      throw this.#storeError(error);
    }
  }

  async heartbeat(part: number): Promise<number> {
    try {
      return await this.#client.mimirEdgeHeartbeat(
        this.#heartbeatKeys[part] ?? '',
        this.#replica,
        String(HEARTBEAT_TTL_MS),
      );
    } catch (error) {
      throw this.#storeError(error);
    }
  }

  async farewell(): Promise<void> {
    await this.#client.zrem(this.#heartbeatKeys[0] ?? '', this.#replica).catch(() => {});
  }

  async close(): Promise<void> {
    this.#client.disconnect();
  }

  #enqueue(script: QueuedScript, args: Arguments): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#flush());
      this.#queue.push({ script, args, resolve, reject });
    });
  }

  #flush(): void {
    const calls = this.#queue;
    this.#queue = [];
    if (calls.length === 1 || this.#client instanceof Cluster) {
      for (const call of calls) {
        this.#client[call.script](...call.args).then(call.resolve, (error: unknown) =>
          call.reject(this.#storeError(error)),
        );
      }
      return;
    }
    const pipeline = this.#client.pipeline();
    for (const { script, args } of calls) (pipeline as unknown as ScriptPipeline)[script](...args);
    pipeline.exec().then(
      (results) => {
        for (const [index, call] of calls.entries()) {
          const [error, reply] = results?.[index] ?? [new Error('the pipeline was aborted')];
          if (error) call.reject(this.#storeError(error));
          else call.resolve(reply as unknown[]);
        }
      },
      (error: unknown) => {
        const storeError = this.#storeError(error);
        for (const call of calls) call.reject(storeError);
      },
    );
  }

  #storeError(error: unknown): StoreError {
    const message = error instanceof Error ? error.message : String(error);
    const kind = kindOf(message);
    return new StoreError(
      kind,
      kind === 'connection' ? `${message} (${this.#lastConnectionError})` : message,
    );
  }
}

function readReply(reply: readonly unknown[]): LeaseReply {
  const [granted, available, rate, capacity, generation] = reply;
  return {
    granted: Number(granted),
    available: Number(available),
    shape: { rate: Number(rate), capacity: Number(capacity) },
    generation: String(generation),
  };
}

/** Redis tells the kind of an error by the first word of its message; ioredis has messages of its own. */
const KINDS: readonly (readonly [RegExp, StoreErrorKind])[] = [
  [/^OOM|-OOM|'maxmemory'/, 'memory'],
  [/READONLY/, 'read_only'],
  [/NOAUTH|WRONGPASS|NOPERM|invalid password/, 'refused'],
  [/BUSY|LOADING|MASTERDOWN/, 'busy'],
  [/CLUSTERDOWN|MOVED|ASK|TRYAGAIN|redirections|Failed to refresh slots/, 'cluster'],
  [/timed? ?out/i, 'timeout'],
  [
    /onnection|Stream isn't writeable|ECONN|EPIPE|ENOTFOUND|max retries|Cluster isn't ready|aborted|ended/,
    'connection',
  ],
];

function kindOf(message: string): StoreErrorKind {
  for (const [pattern, kind] of KINDS) if (pattern.test(message)) return kind;
  return 'other';
}

function readScript(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
