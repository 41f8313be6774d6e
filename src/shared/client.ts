/**
 * A replica's side of the shared state: asks the store for buckets, elections and series. Each call has a deadline, and
 * shards that are down are not asked. One timer makes the calls that do not need a push.
 *
 * No push waits longer than two deadlines for its rates, twenty for its new series, or at all while the store is down.
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
  /** The number of replicas that share the buckets; 0: those counted in the store. */
  readonly replicas: number;
  readonly onLoss: OnLoss;
  /** How long pushes wait for a call. */
  readonly callTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Calls in flight, including late ones. */
  readonly maxInFlight: number;
  /** Time to return leases on close. */
  readonly closeTimeoutMs: number;
  /** A monotonic clock in milliseconds, the same that callers of buckets use. */
  readonly now: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: HealthLog;
  /** The secret for hashing series; undefined: the process's own. */
  readonly hashKey?: HashKey;
  /** Called when the replicas of the store have agreed on another secret. Undefined: this process keeps its own. */
  readonly hashKeyChanged?: ((key: HashKey) => void) | undefined;
}

/** Shown by the API and the metrics, which call a shard a part. */
export interface LedgerStatus {
  readonly state: 'up' | 'degraded';
  /** How long it has been in this state. */
  readonly sinceSeconds: number;
  readonly partsDown: number;
  readonly parts: number;
  /** The number of replicas that a local share is computed for. */
  readonly replicas: number;
  readonly buckets: number;
  /** Buckets on their local share. */
  readonly bucketsAlone: number;
  readonly tokensLeased: number;
  readonly callsInFlight: number;
  readonly calls: number;
  readonly errors: Readonly<Record<StoreErrorKind, number>>;
  readonly lastError: LastError | undefined;
}

/**
 * The timeout of calls about series, as a multiple of the others': a script about series takes some milliseconds, and many
 * come at once. Callers slow down long before (series/turns.ts), as a slow store is not a lost one.
 */
const SERIES_DEADLINES = 10;

const TICK_MS = 100;
const CLOSE_LOOK_MS = 5;

export class StoreClient implements Ledger {
  /** The series of all replicas: in the same store, with the same circuits and deadlines. */
  readonly series: SeriesCalls;
  readonly #store: Store;
  readonly #options: StoreClientOptions;
  readonly #health: Health;
  readonly #members: Members;
  readonly #hashKey: FleetHashKey | undefined;
  readonly #limits: LimitsVersion;
  /** The number of heartbeats at the last agreement. */
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

  /** Waits briefly for the store; without it the client starts degraded. */
  async start(): Promise<void> {
    await this.#store.connect(this.#options.connectTimeoutMs);
    // Nothing is known of the buckets yet, so nobody may assume that they are full.
    if (await this.#members.beat(0)) await this.#agree();
    else this.#health.allFailed();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  /** Call before any bucket uses these limits. */
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

  /** The store keeps all buckets, whichever tenants are in memory here. */
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

  /** Returns leases and announces pending series, as far as the store answers in time. */
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

  /** False: too many calls are in flight. Tokens of a late answer are kept. */
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

  /** For close: sends what is pending; true while some of it is not answered. */
  #isPending(): boolean {
    this.series.tick();
    const returning = this.#buckets.returnAll(() => this.#calls.mayBegin, this.#options.now());
    return returning || this.series.unannounced > 0;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Does not keep the process alive. */
function giveUpAfter(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
