/**
 * What a push touches, in one process: the doors, the judge with the ordered limits, the shared state, the connections to
 * Mimir. It serves once its parts are started; its counts are read on demand.
 */
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { TenantState, TopMetrics } from '../admin/edge.js';
import { messageOf } from '../base/message-of.js';
import type { Config } from '../config/config.js';
import { ByteBudget } from '../doors/body.js';
import type { EnvoyDoor } from '../doors/envoy/envoy-door.js';
import type { ProxyServer } from '../doors/http/proxy-server.js';
import { exportBudget, PushMetrics } from '../doors/push-metrics.js';
import { RecentRefusals } from '../doors/recent-refusals.js';
import { RefusalLog } from '../doors/refusal-log.js';
import { type SenderList, Senders } from '../doors/senders.js';
import { Enforcer } from '../enforce/enforcer.js';
import { isSameAdmitted } from '../enforce/panic.js';
import type { Tally } from '../enforce/tally.js';
import { exportTenantCounts, NO_TENANT } from '../enforce/tenant-metrics.js';
import { exportDecoder } from '../payload/decoder-metrics.js';
import { decodeThreads, PooledDecoder } from '../payload/decoder-pool.js';
import type { HashKey } from '../payload/hash-key.js';
import { seriesNames } from '../payload/labels.js';
import { exportSeries } from '../series/series-metrics.js';
import type { SeriesTracker } from '../series/series-tracker.js';
import { exportLedger } from '../shared/shared-metrics.js';
import type { Store } from '../shared/store.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Upstream } from '../upstream/upstream.js';
import { exportUpstream, UpstreamMetrics } from '../upstream/upstream-metrics.js';
import { openEnvoy } from './open-envoy.js';
import { openProxy } from './open-proxy.js';
import { hashKeyOf, type OpenLedger, openActiveSeries, openLedger } from './open-shared.js';
import { openUpstream } from './open-upstream.js';
import { type Part, together } from './parts.js';
import { type DataPlanes, MOST_SENDERS, type Orders, type PlaneStatus, RECENT_REFUSALS } from './planes.js';

interface DataPlaneOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** In force from the start. */
  readonly orders: Orders;
  /** The connection to the parent process, which is the store of its workers; undefined: this is not a worker. */
  readonly primary: Store | undefined;
}

const NONE_IN_ARREARS: Promise<readonly number[]> = Promise.resolve([]);

export class DataPlane implements DataPlanes {
  readonly enforcer: Enforcer;
  readonly parts: readonly Part[];
  readonly refusals = new RecentRefusals(RECENT_REFUSALS);
  /** Undefined: it does not serve yet, or there is no upstream, and only Envoy is served. */
  proxyAddress: AddressInfo | undefined;
  /** Undefined: it does not serve yet, or Envoy is not served. */
  grpcAddress: AddressInfo | undefined;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #now = (): number => performance.now();
  readonly #shared: OpenLedger;
  readonly #senders: Senders;
  readonly #series: SeriesTracker | undefined;
  readonly #decoder: PooledDecoder;
  readonly #upstream: Upstream;
  readonly #upstreamMetrics: UpstreamMetrics;
  readonly #pushMetrics: PushMetrics;
  readonly #budget: ByteBudget;
  readonly #proxy: ProxyServer;
  readonly #openEnvoy: () => Promise<EnvoyDoor | undefined>;
  /** Undefined: not opened yet, or Envoy is not served. */
  #envoy: EnvoyDoor | undefined;
  #orders: Orders;
  #serving = false;
  #draining = false;

  constructor({ config, log, metrics, orders, primary }: DataPlaneOptions) {
    const now = this.#now;
    this.#config = config;
    this.#log = log;
    log.level = orders.logLevel;
    this.#orders = orders;
    this.#shared = openLedger(config, now, log, primary, (key) => this.#hashUnder(key));
    this.#tellStoreOf(orders);
    this.#series = openActiveSeries(config, this.#shared.series, now);
    this.enforcer = new Enforcer(
      {
        snapshot: orders.snapshot,
        ledger: this.#shared.ledger,
        mode: orders.mode,
        unknownTenants: config['tenants.unknown'],
        maxTenants: config['tenants.max'],
        maxUnknownTenants: config['tenants.unknown_max'],
        distributors: config['mimir.distributors'],
        series: this.#series,
        overLimit: config['series.over_limit'],
        dropDuplicates: config['ha.drop_duplicates'],
        usageTracker: config['mimir.usage_tracker'],
        random: Math.random,
        now,
        wallNow: Date.now,
      },
      seriesNames,
    );
    this.enforcer.setAdmitted(orders.admitted);
    this.#decoder = new PooledDecoder({
      inlineMaxBytes: config['decode.inline_max_bytes'],
      threads: decodeThreads(config['decode.threads'], availableParallelism(), config.workers),
      maxWaiting: config['decode.max_waiting'],
      maxRetainedBytes: config['decode.max_retained_bytes'],
      hashKey: hashKeyOf(config),
    });
    this.#upstream = openUpstream(config, log, now);
    this.#upstreamMetrics = new UpstreamMetrics(metrics, now());
    this.#pushMetrics = new PushMetrics(metrics);
    this.#senders = new Senders(now);
    this.#budget = new ByteBudget(config['push.max_bytes_in_flight']);
    const doors = {
      enforcer: this.enforcer,
      decoder: this.#decoder,
      budget: this.#budget,
      pushMetrics: this.#pushMetrics,
      refused: this.#refusedInTwoPlaces(),
      senders: this.#senders,
      log,
      now,
    };
    this.#proxy = openProxy(config, {
      ...doors,
      upstream: this.#upstream,
      upstreamMetrics: this.#upstreamMetrics,
    });
    this.#openEnvoy = () =>
      openEnvoy(config, {
        ...doors,
        ledger: this.#shared.ledger,
        metrics,
        isReady: () => this.#isReady(),
      });
    this.parts = this.#inOrder();
    this.#export(metrics);
  }

  /** Where limits are enforced across replicas or workers. */
  get ledger(): OpenLedger['ledger'] {
    return this.#shared.ledger;
  }

  apply(orders: Orders): Promise<readonly number[]> {
    const before = this.#orders;
    this.#orders = orders;
    const { enforcer } = this;
    this.#tellStoreOf(orders);
    if (orders.snapshot !== enforcer.snapshot) enforcer.apply(orders.snapshot);
    if (orders.mode !== enforcer.mode) enforcer.setMode(orders.mode);
    if (!isSameAdmitted(orders.admitted, enforcer.admitted)) enforcer.setAdmitted(orders.admitted);
    if (orders.limitsLoaded !== before.limitsLoaded) this.#envoy?.readinessChanged();
    this.#log.level = orders.logLevel;
    if (orders.reloads !== before.reloads) this.#renewCertificates();
    return NONE_IN_ARREARS;
  }

  /** Open connections keep theirs. */
  #renewCertificates(): void {
    void this.#envoy?.renewTls();
    try {
      this.#upstream.renewCa();
    } catch (error) {
      const message = 'upstream.tls.ca_file can not be used: the last good one stays';
      this.#log.error({ error: messageOf(error) }, message);
    }
  }

  /** Counts are read directly, so there is nothing to do. */
  async refresh(): Promise<void> {}

  async look(): Promise<void> {}

  /** A bucket's shape depends on the limits and on the number of distributors, as Mimir gives each a burst of its own. */
  #tellStoreOf({ snapshot: { documents, hash }, limitsLoaded }: Orders): void {
    const distributors = this.#config['mimir.distributors'];
    this.#shared.limitsAre({
      documents: limitsLoaded ? `${documents}/${distributors}` : '',
      all: `${hash}/${distributors}`,
    });
  }

  /** The processes that share series with this one use another secret. */
  #hashUnder(key: HashKey): void {
    this.#decoder.setHashKey(key);
    this.#series?.forgetAll();
  }

  status(): PlaneStatus {
    return {
      ready: this.#isReady(),
      draining: this.#draining,
      limitsHash: this.enforcer.snapshot.hash,
      ledger: this.#shared.status?.(),
      series: this.#series?.status(),
      upstream: {
        responses: this.#upstreamMetrics.responses(),
        failures: this.#upstreamMetrics.failures,
        recentTimes: this.#upstreamMetrics.recentTimes(this.#now()),
        addresses: this.#upstream.addresses(),
        unresolved: this.#upstream.unresolved(),
        breaker: this.#upstream.breaker(),
        admission: this.#upstream.admission?.status(),
      },
      measured: { pushes: this.#upstream.pushes(), answers: this.#upstreamMetrics.answers(this.#now()) },
      pushTimes: this.#pushMetrics.recentTimes(this.#now()),
      bytesInFlight: { used: this.#budget.used, capacity: this.#budget.capacity },
      requestsInFlight: this.#proxy.activeRequests,
      evictions: this.enforcer.tenants.evictions,
    };
  }

  tenants(): Iterable<TenantState> {
    return this.enforcer.tenants.values();
  }

  tenant(id: string): TenantState | undefined {
    return this.enforcer.tenants.get(id);
  }

  departed(): Tally {
    return this.enforcer.tenants.departed;
  }

  unattributed(): TenantState {
    const { mode, snapshot, unattributed } = this.enforcer;
    return { id: NO_TENANT, mode, limits: snapshot.defaults, tally: unattributed, series: undefined };
  }

  async topMetrics(id: string): Promise<TopMetrics> {
    const series = this.enforcer.tenants.get(id)?.series;
    return { active: series?.topMetrics('active') ?? [], new: series?.topMetrics('new') ?? [] };
  }

  async senders(tenant: string | undefined): Promise<SenderList> {
    return this.#senders.list(tenant, MOST_SENDERS);
  }

  async healthy(): Promise<boolean> {
    return true;
  }

  workers(): undefined {
    return undefined;
  }

  /** When stopping, it first reports that it is not ready, and serves until probes have noticed. */
  #inOrder(): readonly Part[] {
    const timeoutMs = this.#config['shutdown.timeout'];
    return [
      {
        name: 'decoder and upstream',
        start: () => this.#upstream.start(),
        stop: () => {
          this.#upstream.destroy();
          return this.#decoder.close();
        },
      },
      { name: 'shared state', start: () => this.#shared.start(), stop: () => this.#shared.ledger.close() },
      { name: 'active series', start: () => this.#series?.start(), stop: () => this.#series?.close() },
      together('doors', [
        { name: 'HTTP', start: () => this.#startProxy(), stop: () => this.#stopProxy(timeoutMs) },
        { name: 'gRPC', start: () => this.#startEnvoy(), stop: () => this.#envoy?.stop(timeoutMs) },
      ]),
      { name: 'readiness', start: () => this.#setServing(), stop: () => this.#drain() },
    ];
  }

  async #startProxy(): Promise<void> {
    if (this.#config['upstream.url'].length > 0) this.proxyAddress = await this.#proxy.start();
  }

  async #stopProxy(timeoutMs: number): Promise<void> {
    if (this.proxyAddress !== undefined) await this.#proxy.stop(timeoutMs);
  }

  async #startEnvoy(): Promise<void> {
    this.#envoy = await this.#openEnvoy();
    this.grpcAddress = await this.#envoy?.start();
  }

  #setServing(): void {
    this.#serving = true;
    this.#envoy?.readinessChanged();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    this.#proxy.drain();
    this.#envoy?.readinessChanged();
    this.#log.info('stopping: not ready any more');
    await delay(this.#config['shutdown.delay']);
  }

  #isReady(): boolean {
    const limited = this.#orders.limitsLoaded || !this.#config['overrides.required'];
    return this.#serving && !this.#draining && limited;
  }

  #refusedInTwoPlaces(): RefusalLog['refused'] {
    const lines = new RefusalLog(this.#log, this.#config['log.refusals_per_minute'], this.#now);
    return (tenant, refusal, requestId, shadow) => {
      this.refusals.refused(tenant, refusal, requestId, shadow, Date.now());
      lines.refused(tenant, refusal, requestId, shadow);
    };
  }

  #export(metrics: Metrics): void {
    exportTenantCounts(metrics, this.enforcer);
    if (this.#series !== undefined) exportSeries(metrics, this.#series);
    if (this.#shared.status !== undefined) exportLedger(metrics, this.#shared.status);
    exportBudget(metrics, this.#budget);
    exportDecoder(metrics, this.#decoder);
    metrics.gauge({
      name: 'mimir_edge_requests_in_flight',
      help: 'Requests under way, passed-through ones included.',
      read: () => this.#proxy.activeRequests,
    });
    exportUpstream(metrics, this.#upstream);
  }
}
