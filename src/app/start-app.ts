/**
 * The composition root: the only file that knows every part. Start order: limits, ledger, decoder, upstream, then
 * admin, then the doors. Stop order: not ready, wait, drain the doors, return leases, close what is left.
 */
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { AdminServer, type Readiness } from '../admin/admin-server.js';
import { Api } from '../admin/api.js';
import { countWrites, exportApi } from '../admin/api-metrics.js';
import { Audit } from '../admin/audit.js';
import type { EdgeStatus, TenantState } from '../admin/edge.js';
import { Tokens } from '../admin/tokens.js';
import { StartError } from '../base/listen.js';
import { messageOf } from '../base/message-of.js';
import { VERSION } from '../base/version.js';
import type { Config } from '../config/config.js';
import { RELOAD } from '../controls/control.js';
import { Controls, MAX_CONTROLS } from '../controls/controls.js';
import { exportControls } from '../controls/controls-metrics.js';
import { RedisControls } from '../controls/redis-controls.js';
import { ByteBudget } from '../doors/body.js';
import { ProxyServer } from '../doors/http/proxy-server.js';
import { exportBudget, PushMetrics } from '../doors/push-metrics.js';
import { RecentRefusals } from '../doors/recent-refusals.js';
import { RefusalLog } from '../doors/refusal-log.js';
import { Enforcer } from '../enforce/enforcer.js';
import type { Ledger } from '../enforce/ledger.js';
import { exportTenants } from '../enforce/tenant-metrics.js';
import { exportOverrides } from '../overrides/overrides-metrics.js';
import { exportDecoder } from '../payload/decoder-metrics.js';
import { createDecoder } from '../payload/decoder-pool.js';
import { seriesNames } from '../payload/labels.js';
import { exportSeries } from '../series/series-metrics.js';
import type { LeaseTransport } from '../shared/lease-transport.js';
import { exportLedger } from '../shared/shared-metrics.js';
import { Metrics } from '../telemetry/metrics.js';
import { Upstream } from '../upstream/upstream.js';
import { UpstreamMetrics } from '../upstream/upstream-metrics.js';
import { History, SAMPLE_MS } from '../usage/history.js';
import { exportHistory } from '../usage/history-metrics.js';
import { openEnvoy } from './open-envoy.js';
import { openOverrides } from './open-overrides.js';
import { openBook, openLedger, redisOptions } from './open-shared.js';
import { ownEdge } from './own-edge.js';
import { exportProcess } from './process-metrics.js';

export interface RunningApp {
  /** Undefined: there is no upstream, and only Envoy is served. */
  readonly proxy: AddressInfo | undefined;
  /** Undefined: Envoy is not served. */
  readonly grpc: AddressInfo | undefined;
  readonly admin: AddressInfo;
  readonly enforcer: Enforcer;
  readonly ledger: Ledger;
  /** Drains and stops. Safe to call twice. */
  stop(): Promise<void>;
}

const RECENT_REFUSALS = 5000;

/** What a process that is one of several workers has of its primary (src/workers/). */
export interface PrimarySide {
  readonly transport: LeaseTransport;
  /** In place of the admin listener, which the primary has for all. */
  admin(registry: Registry, readiness: () => Readiness): Pick<AdminServer, 'start' | 'stop'>;
}

export async function startApp(config: Config, log: Logger, primary?: PrimarySide): Promise<RunningApp> {
  // Once a few collections find most objects of a kind alive, V8 makes all of that kind among the old ones, for good. Pushes
  // that wait for a slow upstream are enough for that. docs/performance.md has what it costs.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const now = (): number => performance.now();
  const metrics = new Metrics();
  exportProcess(metrics);
  const pushMetrics = new PushMetrics(metrics);
  const upstreamMetrics = new UpstreamMetrics(metrics);
  const refusalLog = new RefusalLog(log, config['log.refusals_per_minute'], now);
  const recentRefusals = new RecentRefusals(RECENT_REFUSALS);
  const refusals: Pick<RefusalLog, 'refused'> = {
    refused(tenant, refusal, requestId, shadow) {
      recentRefusals.refused(tenant, refusal, requestId, shadow, Date.now());
      refusalLog.refused(tenant, refusal, requestId, shadow);
    },
  };
  const history = new History(config['admin.history_max_bytes'], now());
  const tokens = usable(
    'admin.tokens_file',
    (path) =>
      new Tokens(path, (message) =>
        log.error({ error: message }, 'admin.tokens_file can not be used: the tokens stay as they were'),
      ),
  );
  const audit = usable(
    'admin.audit_file',
    (path) =>
      new Audit(primary === undefined ? path : '', (error) =>
        log.error({ err: error }, 'admin.audit_file can not be written'),
      ),
  );
  let draining = false;

  const overrides = openOverrides(config, {
    changed(snapshot) {
      applyLimits();
      log.info({ tenants: snapshot.tenants.size, hash: snapshot.hash }, 'limits changed');
    },
    failed: (message) => log.error({ error: message }, 'overrides can not be used: the last good ones stay'),
    warned: (document, { path, message, line, column }) =>
      log.warn({ document, line, column, path }, message),
    noticed: (message) => log.warn(message),
  });
  const controls = openControls();
  const { ledger, series, status: ledgerStatus } = await openLedger(config, now, log, primary?.transport);
  const book = openBook(config, series, now);
  const enforcer = new Enforcer(
    {
      snapshot: overrides.snapshot,
      ledger,
      mode: config.mode,
      unknownTenants: config['tenants.unknown'],
      maxTenants: config['tenants.max'],
      distributors: config['mimir.distributors'],
      series: book,
      overLimit: config['series.over_limit'],
      dropDuplicates: config['ha.drop_duplicates'],
      random: Math.random,
      now,
    },
    seriesNames,
  );
  await overrides.start();
  await controls.start(config['state.redis.connect_timeout']);

  const decoder = createDecoder({
    inlineMaxBytes: config['decode.inline_max_bytes'],
    threads: config['decode.threads'],
    maxRetainedBytes: config['decode.max_retained_bytes'],
  });
  const upstream = new Upstream(
    {
      urls: config['upstream.url'],
      connections: config['upstream.connections'],
      connectTimeoutMs: config['upstream.connect_timeout'],
      caFile: config['upstream.tls.ca_file'] || undefined,
    },
    now,
  );
  const budget = new ByteBudget(config['push.max_bytes_in_flight']);
  const proxy = new ProxyServer(
    {
      enforcer,
      decoder,
      upstream,
      budget,
      now,
      observer: {
        decoded: (seconds) => pushMetrics.decoded(seconds),
        decided: (seconds) => pushMetrics.decided(seconds),
        forwarded: (status, seconds) => upstreamMetrics.forwarded(status, seconds),
        failed: (failure) => upstreamMetrics.failed(failure),
        refused: refusals.refused,
      },
      options: {
        tenantHeader: config['tenant.header'].toLowerCase(),
        maxBodyBytes: config['push.max_body_bytes'],
        maxUncompressedBytes: config['push.max_uncompressed_bytes'],
        maxSeries: config['push.max_series'],
        bodyTimeoutMs: config['server.body_timeout'],
        upstreamHeadersTimeoutMs: config['upstream.headers_timeout'],
        upstreamBodyTimeoutMs: config['upstream.body_timeout'],
      },
    },
    {
      ...config['listen.proxy'],
      pushPaths: config['push.paths'],
      unjudgedWrites: config['push.unjudged'],
      maxConnections: config['server.max_connections'],
      headerTimeoutMs: config['server.header_timeout'],
      idleTimeoutMs: config['server.idle_timeout'],
    },
    (error) => log.error({ err: error }, 'a request failed for a reason that is a bug'),
  );
  const edge = ownEdge({
    config,
    enforcer,
    overrides,
    history,
    refusals: recentRefusals,
    controls,
    audit,
    now,
    status: () => status(),
  });
  const api = new Api(edge, {
    tokens,
    reads: config['admin.reads'],
    wrote: countWrites(metrics),
  });
  const proxies = config['upstream.url'].length > 0;
  const envoy = openEnvoy(config, {
    enforcer,
    ledger,
    decoder,
    budget,
    metrics,
    pushMetrics,
    refusals,
    log,
    isReady,
    now,
  });
  const readiness = (): Readiness => {
    const limits = overrides.status();
    return {
      ready: isReady(),
      details: {
        draining,
        mode: enforcer.mode,
        // A ledger that is out of reach does not make a replica unready: it would take all of them out at once.
        ledger: ledgerStatus?.() ?? 'memory',
        series: book?.status() ?? 'not tracked',
        limits: { ...limits, hash: enforcer.snapshot.hash, tenants: enforcer.snapshot.tenants.size },
      },
    };
  };
  const { registry } = metrics;
  const admin =
    primary?.admin(registry, readiness) ??
    new AdminServer(
      {
        ...config['listen.admin'],
        names: config['admin.hosts'].map((name) => name.toLowerCase()),
        onBug: (error) => log.error({ err: error }, 'an admin request failed for a reason that is a bug'),
      },
      { registry, readiness, healthy: () => true, api },
    );

  exportTenants(metrics, enforcer);
  if (book !== undefined) exportSeries(metrics, enforcer, book);
  if (ledgerStatus !== undefined) exportLedger(metrics, ledgerStatus);
  exportOverrides(metrics, () => ({ ...overrides.status(), hash: enforcer.snapshot.hash }));
  exportBudget(metrics, budget);
  exportDecoder(metrics, decoder);
  exportHistory(metrics, history);
  exportControls(metrics, controls);
  exportApi(metrics, api);
  metrics.gauge({
    name: 'mimir_edge_requests_in_flight',
    help: 'Requests under way, passed-through ones included.',
    read: () => proxy.activeRequests,
  });
  metrics.gauge({
    name: 'mimir_edge_ready',
    help: '1 while the process is ready.',
    read: () => (isReady() ? 1 : 0),
  });
  book?.start();
  // A worker's history is nobody's to see.
  const sampling = primary === undefined ? setInterval(sample, SAMPLE_MS).unref() : undefined;
  if (proxies && config['push.unjudged'] === 'pass') {
    log.warn(
      'push.unjudged is pass: what is sent as OTLP or in Influx format goes past every limit of the edge',
    );
  }
  const adminAddress = await admin.start();
  const proxyAddress = proxies ? await proxy.start() : undefined;
  const grpcAddress = await envoy?.start();
  log.info(
    { proxy: proxyAddress, grpc: grpcAddress, admin: adminAddress, mode: config.mode, version: VERSION },
    'serving',
  );

  let stopping: Promise<void> | undefined;
  return {
    proxy: proxyAddress,
    grpc: grpcAddress,
    admin: adminAddress,
    enforcer,
    ledger,
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };

  /** Limits and mode as they are asked for, with what is set for a time laid over them. */
  function applyLimits(): void {
    enforcer.apply(controls.overlay(overrides.snapshot, config['tenants.unknown'] !== 'refuse'));
    const mode = controls.mode() ?? config.mode;
    if (mode !== enforcer.mode) enforcer.setMode(mode);
  }

  function usable<T>(setting: 'admin.tokens_file' | 'admin.audit_file', open: (path: string) => T): T {
    try {
      return open(config[setting]);
    } catch (error) {
      throw new StartError(`${setting}: ${messageOf(error)}`);
    }
  }

  function openControls(): Controls {
    const shared =
      config['state.redis.url'].length === 0
        ? undefined
        : new RedisControls(redisOptions(config), MAX_CONTROLS);
    return new Controls(
      shared,
      {
        changed: applyLimits,
        received(control, before) {
          audit.note('fleet', control, before);
          if (control.name === RELOAD) void overrides.reload();
        },
        ended(control) {
          if (control.name !== RELOAD) audit.note('time', control, undefined);
        },
      },
      Date.now,
    );
  }

  function sample(): void {
    history
      .sample(counted(), now())
      .catch((error: unknown) => log.error({ err: error }, 'history fails for a reason that is a bug'));
  }

  function* counted(): Generator<TenantState> {
    yield* edge.tenants();
    yield edge.unattributed();
  }

  function status(): Omit<EdgeStatus, 'overrides' | 'evictions'> {
    return {
      ready: isReady(),
      draining,
      ledger: ledgerStatus?.(),
      upstream: {
        urls: config['upstream.url'],
        responses: upstreamMetrics.responses(),
        failures: upstreamMetrics.failures,
      },
      bytesInFlight: { used: budget.used, capacity: budget.capacity },
      requestsInFlight: proxy.activeRequests,
    };
  }

  function isReady(): boolean {
    return !draining && (overrides.status().loaded || !config['overrides.required']);
  }

  async function stop(): Promise<void> {
    draining = true;
    proxy.drain();
    envoy?.readinessChanged();
    log.info('stopping: not ready any more');
    await delay(config['shutdown.delay']);
    const timeoutMs = config['shutdown.timeout'];
    await Promise.all([proxies ? proxy.stop(timeoutMs) : undefined, envoy?.stop(timeoutMs)]);
    book?.close();
    await ledger.close();
    await controls.stop();
    await overrides.stop();
    await Promise.all([upstream.destroy(), decoder.close()]);
    clearInterval(sampling);
    await admin.stop();
    audit.close();
    log.info('stopped');
  }
}
