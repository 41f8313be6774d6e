/**
 * A replica's side of the shared state: asks the store for its buckets, elections and series, each call under a deadline
 * and none of a shard that is down, and goes round with one timer for whatever has to be said without a push.
 *
 * No push waits longer than two deadlines for its rates, twenty for its new series, and none at all while the store is
 * down.
 */
import type { LeaseCall } from '../buckets/lease-protocol.js';
import { type LeaseClient, LeasedBucket } from '../buckets/leased-bucket.js';
import { LeasedBuckets } from '../buckets/leased-buckets.js';
import { SharedElections } from '../elections/shared-elections.js';
import type { Bucket, BucketKind, BucketShape, Elections, Ledger, OnLoss } from '../enforce/ledger.js';
import { type HashKey, OWN_HASH_KEY } from '../payload/hash-key.js';
import { SeriesCalls } from '../series/series-calls.js';
import { Calls } from './calls.js';
import { FleetHashKey } from './fleet-hash-key.js';
import { Health, type HealthLog, type LastError } from './health.js';
import { type LimitsHashes, LimitsVersion } from './limits-version.js';
import { Members } from './members.js';
import type { Call, CallKind, Reply } from './protocol.js';
import type { Store, StoreErrorKind } from './store.js';

export interface StoreClientOptions {
  /** Replicas that share the buckets; 0: those that are counted in the store. */
  readonly replicas: number;
  readonly onLoss: OnLoss;
  /** What a call may take before pushes stop waiting for it. */
  readonly callTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Calls that are sent and not answered, late ones included. */
  readonly maxInFlight: number;
  /** Time to return leases on close. */
  readonly closeTimeoutMs: number;
  /** A clock that never steps back, in milliseconds: the one that callers of buckets use. */
  readonly now: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: HealthLog;
  /** The secret that series are hashed under here; undefined: the process's own. */
  readonly hashKey?: HashKey;
  /** Those who share the store have agreed on another one. Undefined: this process keeps its own. */
  readonly hashKeyChanged?: ((key: HashKey) => void) | undefined;
}

/** As the API and the metrics show it; they call a shard a part. */
export interface LedgerStatus {
  readonly state: 'up' | 'degraded';
  /** In this state for so long. */
  readonly sinceSeconds: number;
  readonly partsDown: number;
  readonly parts: number;
  /** That a local share is made for. */
  readonly replicas: number;
  readonly buckets: number;
  /** Buckets that serve their local share. */
  readonly bucketsAlone: number;
  readonly tokensLeased: number;
  readonly callsInFlight: number;
  readonly calls: number;
  readonly errors: Readonly<Record<StoreErrorKind, number>>;
  readonly lastError: LastError | undefined;
}

/**
 * What calls about series may take, in times of what others may: a script about series takes some milliseconds, and many
 * come at once. Whoever makes them sends less long before (series/turns.ts): a slow store is not a lost one.
 */
const SERIES_DEADLINES = 10;

const TICK_MS = 100;
const CLOSE_LOOK_MS = 5;

export class StoreClient implements Ledger {
  /** The way to the series of all replicas: the same store, under the same circuits and deadlines. */
  readonly series: SeriesCalls;
  readonly #store: Store;
  readonly #options: StoreClientOptions;
  readonly #health: Health;
  readonly #members: Members;
  readonly #hashKey: FleetHashKey | undefined;
  readonly #limits: LimitsVersion;
  /** Heartbeats that the last agreement followed. */
  #agreedAfter = 0;
  readonly #calls: Calls;
  readonly #callsAboutSeries: Calls;
  readonly #buckets = new LeasedBuckets();
  /** By shard. */
  readonly #leases: readonly LeaseClient[];
  #ticker: NodeJS.Timeout | undefined;

  constructor(store: Store, options: StoreClientOptions) {
    const { callTimeoutMs: timeoutMs, maxInFlight, onLoss, now, random, log } = options;
    const replicas = () => this.replicas();
    this.#store = store;
    this.#options = options;
    this.#health = new Health(store.shards, { onLoss, replicas, now, random, log });
    this.#members = new Members(store, this.#health, { timeoutMs, now, random });
    this.#hashKey =
      options.hashKeyChanged &&
      new FleetHashKey(
        options.hashKey ?? OWN_HASH_KEY,
        (tenant, call) => this.#ask('hashKey', tenant, call),
        options.hashKeyChanged,
      );
    this.#limits = new LimitsVersion((tenant, call) => this.#ask('limits', tenant, call));
    this.#calls = new Calls({ timeoutMs, maxInFlight, now }, this.#health);
    const patient = { timeoutMs: SERIES_DEADLINES * timeoutMs, maxInFlight, now };
    this.#callsAboutSeries = new Calls(patient, this.#health);
    this.#leases = Array.from({ length: store.shards }, (_, shard) => ({
      onLoss,
      limits: this.#limits,
      replicas,
      isUp: () => this.#health.isUp(shard),
      send: (bucket, call) => this.#lease(shard, bucket, call),
      forget: (bucket) => this.#buckets.forget(bucket),
    }));
    this.series = new SeriesCalls(
      {
        isUp: (tenant) => this.#isUp(tenant),
        admit: (tenant, call) => this.#askOrMoving('admit', tenant, call, this.#callsAboutSeries),
        reserve: (tenant, call) => this.#ask('reserve', tenant, call, this.#callsAboutSeries),
        announce: (tenant, call) => this.#ask('announce', tenant, call, this.#callsAboutSeries),
      },
      { onLoss, replicas, reservesHeadroom: store.reservesHeadroom, timeoutMs, now },
    );
  }

  /** Waits for the store, though not long: without it the client starts degraded. */
  async start(): Promise<void> {
    await this.#store.connect(this.#options.connectTimeoutMs);
    // Nothing is known yet of the buckets, and a full one is nobody's to give.
    if (await this.#members.beat(0)) await this.#agree();
    else this.#health.allFailed();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  /** Before any bucket is told of them. */
  limitsAre(hashes: LimitsHashes): void {
    this.#limits.are(hashes);
    if (this.#ticker !== undefined && this.#health.isUp(0)) void this.#limits.agree();
  }

  bucket(tenant: string, kind: BucketKind, shape: BucketShape, nowMs: number): Bucket {
    const shard = this.#store.shardOf(tenant);
    const client = this.#leases[shard];
    if (client === undefined) throw new RangeError(`the store has no shard ${shard}`);
    const bucket = new LeasedBucket(client, tenant, kind, shape, nowMs);
    this.#buckets.add(bucket);
    return bucket;
  }

  elections(tenant: string): Elections {
    return new SharedElections(
      {
        isUp: () => this.#isUp(tenant),
        elect: (call) => this.#ask('elect', tenant, call),
        resign: (call) => this.#ask('resign', tenant, call),
      },
      2 * this.#options.random() - 1,
    );
  }

  /** The store has all buckets, whoever is in memory here. */
  remembersEvicted(): boolean {
    return true;
  }

  replicas(): number {
    return this.#options.replicas || this.#members.replicas;
  }

  status(): LedgerStatus {
    const { buckets, onLocalShare, tokensLeased } = this.#buckets.status();
    const health = this.#health;
    return {
      state: health.isDegraded ? 'degraded' : 'up',
      sinceSeconds: health.sinceSeconds,
      partsDown: health.shardsDown,
      parts: health.shards,
      replicas: this.replicas(),
      buckets,
      bucketsAlone: onLocalShare,
      tokensLeased,
      callsInFlight: this.#calls.inFlight + this.#callsAboutSeries.inFlight,
      calls: this.#calls.sent + this.#callsAboutSeries.sent + this.#members.answered,
      errors: { ...health.errors },
      lastError: health.lastError,
    };
  }

  /** Returns what is leased and announces what is not, as far as the store answers in time. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const { now, closeTimeoutMs, callTimeoutMs } = this.#options;
    const endMs = now() + closeTimeoutMs;
    while (this.#isPending() && now() < endMs) await pause(CLOSE_LOOK_MS);
    if (!this.#health.isDegraded) await Promise.race([this.#store.leave(), giveUpAfter(callTimeoutMs)]);
    this.#calls.close();
    this.#callsAboutSeries.close();
    await this.#store.close();
  }

  #isUp(tenant: string): boolean {
    return this.#health.isUp(this.#store.shardOf(tenant));
  }

  async #ask<K extends CallKind>(
    kind: K,
    tenant: string,
    call: Call<K>,
    calls = this.#calls,
  ): Promise<Reply<K> | 'lost'> {
    const reply = await this.#askOrMoving(kind, tenant, call, calls);
    return reply === 'moving' ? 'lost' : reply;
  }

  #askOrMoving<K extends CallKind>(
    kind: K,
    tenant: string,
    call: Call<K>,
    calls: Calls,
  ): Promise<Reply<K> | 'lost' | 'moving'> {
    const shard = this.#store.shardOf(tenant);
    return calls.withDeadline(shard, () => this.#store.ask(kind, tenant, call));
  }

  /** False: too many calls are in flight. The tokens of a late answer are kept. */
  #lease(shard: number, bucket: LeasedBucket, call: LeaseCall): boolean {
    const { now } = this.#options;
    const inFlight = this.#calls.begin(shard, (nowMs) => bucket.late(nowMs));
    if (inFlight === undefined) return false;
    this.#store.ask('lease', bucket.tenant, call).then(
      (reply) => bucket.replied(call, reply, this.#calls.succeeded(inFlight), now()),
      (error: unknown) => {
        this.#calls.failed(inFlight, error);
        bucket.failed(call, now());
      },
    );
    return true;
  }

  async #agree(): Promise<void> {
    this.#agreedAfter = this.#members.answered;
    await Promise.all([this.#hashKey?.agree(), this.#limits.agree()]);
  }

  #tick(): void {
    this.#members.tick();
    if (this.#members.answered !== this.#agreedAfter && this.#health.isUp(0)) void this.#agree();
    this.#buckets.tick(this.#options.now());
    this.series.tick();
  }

  /** On close: says what there is to say, and whether some of it is not answered yet. */
  #isPending(): boolean {
    this.series.tick();
    const returning = this.#buckets.returnAll(() => this.#calls.mayBegin, this.#options.now());
    return returning || this.series.unannounced > 0;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Nothing waits for it alone: a process may end before. */
function giveUpAfter(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
