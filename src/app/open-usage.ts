/**
 * What tenants of the whole fleet send: counted in each data plane, and kept as configured in Redis, in a folder of this
 * machine, or in memory.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { messageOf } from '../base/message-of.js';
import { VERSION } from '../base/version.js';
import type { Config } from '../config/config.js';
import { MemoryUsage } from '../shared/memory/memory-usage.js';
import { RedisFleet } from '../shared/redis/redis-fleet.js';
import { RedisUsage } from '../shared/redis/redis-usage.js';
import { Replicas } from '../shared/replicas.js';
import { exportReplicas } from '../shared/replicas-metrics.js';
import type { UsageStore } from '../shared/usage-store.js';
import type { Metrics } from '../telemetry/metrics.js';
import { Bookkeeper } from '../usage/bookkeeper.js';
import { FleetCounts, type FleetCountsOptions } from '../usage/fleet-counts.js';
import { FrameSender } from '../usage/frame-sender.js';
import { KeptUsage } from '../usage/kept-usage.js';
import type { TenantNames } from '../usage/places.js';
import { readPrometheusHistory } from '../usage/prometheus-history.js';
import { PrometheusImport, type ReadRange } from '../usage/prometheus-import.js';
import { ReplicaUsage } from '../usage/replica-usage.js';
import { UsageFolder } from '../usage/usage-folder.js';
import { exportUsage } from '../usage/usage-metrics.js';
import type { Machine } from './counting-part.js';
import type { Part } from './parts.js';
import { redisOptions } from './redis-options.js';

const LAST_FRAMES_MS = 2000;
/** Of `usage.max_bytes`, for what each replica keeps of its own. */
const OWN_PART = 1 / 4;

export class Usage implements Machine {
  /** The same for all data planes of this machine. */
  readonly machine = randomUUID();
  /** A pod has a host name of its own, but one machine may run several replicas. */
  readonly name = `${hostname()}:${process.pid}`;
  /** Several machines share one book. */
  readonly isShared: boolean;
  readonly kept: KeptUsage;
  /** What this machine has counted itself; undefined: nothing is shared, and it is what is kept. */
  readonly own: ReplicaUsage | undefined;
  readonly sender: FrameSender;
  readonly bookkeeper: Bookkeeper;
  /** Undefined: no Prometheus is configured for earlier usage. */
  readonly before: PrometheusImport | undefined;
  /** Undefined: nothing is shared. */
  readonly counts: FleetCounts | undefined;
  /** The connection to other replicas; undefined: nothing is shared. */
  readonly replicas: Replicas | undefined;
  readonly startedMs = Math.round(Date.now() - process.uptime() * 1000);
  readonly part: Part;
  readonly #store: UsageStore;
  readonly #connectTimeoutMs: number;

  /** `names`: the tenants that documents name now. */
  constructor(config: Config, log: Logger, names: () => TenantNames, inForce: FleetCountsOptions['inForce']) {
    this.isShared = config['state.redis.url'].length > 0;
    this.#connectTimeoutMs = config['state.redis.connect_timeout'];
    const store = openStore(config, log);
    this.#store = store;
    this.kept = new KeptUsage(store, Date.now);
    this.own = this.isShared
      ? new ReplicaUsage({
          tenantsMax: config['usage.tenants_max'],
          names,
          maxBytes: config['usage.max_bytes'] * OWN_PART,
          now: Date.now,
          failed: (error) =>
            log.warn({ error: messageOf(error) }, 'a part of what this replica counted itself is left out'),
        })
      : undefined;
    this.sender = new FrameSender({ send: (frame) => store.send(frame), now: Date.now, log });
    this.bookkeeper = new Bookkeeper({
      store,
      id: this.machine,
      isAlone: !this.isShared,
      tenantsMax: config['usage.tenants_max'],
      names,
      maxBytes: config['usage.max_bytes'],
      now: Date.now,
      log,
    });
    this.before = openImport(config, log, this.bookkeeper);
    this.counts = this.isShared
      ? new FleetCounts({
          store,
          maxBytes: config['admin.history_max_bytes'],
          tenantsMax: config['usage.tenants_max'],
          names,
          inForce,
          now: Date.now,
        })
      : undefined;
    this.replicas = this.isShared ? this.#openReplicas(config) : undefined;
    this.part = { name: 'usage', start: () => this.#start(), stop: () => this.#stop() };
  }

  /** From a data plane of this machine. */
  heard(frame: Buffer): void {
    this.sender.add(frame);
    this.own?.heard(frame);
  }

  export(metrics: Metrics): void {
    const { sender, bookkeeper, counts } = this;
    const step = () => Math.max(bookkeeper.state?.step ?? 0, counts?.state.step ?? 0);
    exportUsage(metrics, { sender, bookkeeper, step, now: Date.now });
    if (this.replicas !== undefined) exportReplicas(metrics, this.replicas, Date.now);
  }

  #openReplicas(config: Config): Replicas {
    const { machine: id, name, startedMs: atMs } = this;
    return new Replicas({
      store: new RedisFleet(redisOptions(config)),
      self: { id, name },
      start: JSON.stringify({ id, name, version: VERSION, atMs }),
      now: Date.now,
    });
  }

  async #start(): Promise<void> {
    await Promise.all([
      this.#store.connect(this.#connectTimeoutMs),
      this.replicas?.start(this.#connectTimeoutMs),
    ]);
    this.bookkeeper.start();
    this.before?.start();
    this.counts?.start();
    this.own?.start();
  }

  /** Data planes have stopped and sent their last counts. */
  async #stop(): Promise<void> {
    await Promise.race([this.replicas?.stop(), atMost(LAST_FRAMES_MS)]);
    await Promise.race([this.before?.stop(), atMost(LAST_FRAMES_MS)]);
    await Promise.race([this.counts?.stop(), atMost(LAST_FRAMES_MS)]);
    await Promise.race([this.own?.stop(), atMost(LAST_FRAMES_MS)]);
    await Promise.race([this.sender.flush(), atMost(LAST_FRAMES_MS)]);
    this.sender.stop();
    await Promise.race([this.bookkeeper.stop(), atMost(LAST_FRAMES_MS)]);
    if (this.#store instanceof UsageFolder) await this.#store.stop();
    this.#store.close();
  }
}

function openImport(config: Config, log: Logger, bookkeeper: Bookkeeper): PrometheusImport | undefined {
  const url = config['usage.prometheus.url'];
  if (url === '') return undefined;
  const options = {
    url,
    tenant: config['usage.prometheus.tenant'],
    bearerTokenFile: config['usage.prometheus.bearer_token_file'],
    settings: 'usage.prometheus.',
    selector: config['usage.prometheus.selector'],
    replicationFactor: config['usage.prometheus.replication_factor'],
    maxTenants: config['usage.tenants_max'],
  };
  const read = (range: ReadRange) => readPrometheusHistory({ ...options, ...range });
  return new PrometheusImport({ bookkeeper, read, now: Date.now, log });
}

function openStore(config: Config, log: Logger): UsageStore {
  if (config['state.redis.url'].length > 0) return new RedisUsage(redisOptions(config));
  const folder = config['usage.dir'];
  return folder === '' ? new MemoryUsage(Date.now) : new UsageFolder({ folder, now: Date.now, log });
}

function atMost(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
