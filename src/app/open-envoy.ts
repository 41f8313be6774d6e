/**
 * The gRPC door as configured. The gRPC packages are only loaded if Envoy is served, as they would slow down every start.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import type { ByteBudget } from '../doors/body.js';
import type { EnvoyDoor } from '../doors/envoy/envoy-door.js';
import type { TlsFiles } from '../doors/envoy/grpc/tls-files.js';
import type { PushMetrics } from '../doors/push-metrics.js';
import type { RefusalLog } from '../doors/refusal-log.js';
import type { Senders } from '../doors/senders.js';
import type { Enforcer } from '../enforce/enforcer.js';
import type { Ledger } from '../enforce/ledger.js';
import type { Decoder } from '../payload/push.js';
import type { Metrics } from '../telemetry/metrics.js';
import { retryAfterOptions } from './retry-after.js';

/** What it shares with the proxy. */
interface EnvoyParts {
  readonly enforcer: Enforcer;
  readonly ledger: Ledger;
  readonly decoder: Decoder;
  readonly budget: ByteBudget;
  readonly metrics: Metrics;
  readonly pushMetrics: PushMetrics;
  readonly refused: RefusalLog['refused'];
  readonly senders: Senders;
  readonly log: Logger;
  readonly isReady: () => boolean;
  readonly now: () => number;
}

const TLS_POLL_MS = 5000;

/** Undefined: Envoy is not served. */
export async function openEnvoy(config: Config, parts: EnvoyParts): Promise<EnvoyDoor | undefined> {
  if (!config['envoy.enabled']) return undefined;
  const { enforcer, decoder, budget, now, log, refused } = parts;
  // With a proxy, that reports it.
  if (config['upstream.url'].length === 0 && config['push.unjudged'] === 'pass') {
    log.warn(
      'push.unjudged is pass: what is sent in a way that is not judged goes past every limit of the edge',
    );
  }
  const { EnvoyDoor } = await import('../doors/envoy/envoy-door.js');
  const { EnvoyMetrics, exportEnvoyDoor } = await import('../doors/envoy/envoy-metrics.js');
  const { OverrideBuckets } = await import('../doors/envoy/ratelimit/override-buckets.js');
  const metrics = new EnvoyMetrics(parts.metrics);
  const door = new EnvoyDoor(
    {
      ...config['listen.grpc'],
      maxConnections: config['envoy.max_connections'],
      maxConcurrentStreams: config['envoy.max_concurrent_streams'],
      maxConnectionAgeMs: config['envoy.max_connection_age'],
      headerTimeoutMs: config['server.header_timeout'],
      bodyTimeoutMs: config['server.body_timeout'],
      tlsPollIntervalMs: TLS_POLL_MS,
      tls: await openTls(config),
    },
    {
      isReady: parts.isReady,
      check: {
        enforcer,
        decoder,
        budget,
        senders: parts.senders,
        now,
        observer: {
          decoded: (seconds, protocol) => parts.pushMetrics.decoded(seconds, protocol),
          decided: (seconds) => parts.pushMetrics.decided(seconds),
          ownPartDone: (seconds, nowMs) => parts.pushMetrics.ownPartDone(seconds, nowMs),
          body: (state) => metrics.body(state),
          checked: (outcome, seconds) => metrics.checked(outcome, seconds),
          refused,
        },
        options: {
          tenantHeader: config['tenant.header'].toLowerCase(),
          pushPaths: config['push.paths'],
          unjudgedWrites: config['push.unjudged'],
          otlp: config['push.otlp'],
          influx: config['push.influx'],
          maxBodyBytes: config['push.max_body_bytes'],
          maxUncompressedBytes: config['push.max_uncompressed_bytes'],
          maxSeries: config['push.max_series'],
          haTracker: config['ha.tracker_enabled'],
          charge: config['envoy.charge'],
          onFilter: config['envoy.on_filter'],
          onBody: {
            partial: config['envoy.on_partial_body'],
            missing: config['envoy.on_missing_body'],
            text: config['envoy.on_text_body'],
          },
          retryAfter: retryAfterOptions(config),
        },
      },
      rateLimit: {
        enforcer,
        overrides: config['envoy.ratelimit.overrides']
          ? new OverrideBuckets(parts.ledger, config['tenants.max'])
          : undefined,
        budget,
        now,
        observer: {
          rateLimited: (seconds) => metrics.rateLimited(seconds),
          descriptor: (outcome) => metrics.descriptor(outcome),
          refused,
        },
        options: {
          domains: new Set(config['envoy.ratelimit.domains']),
          tenantKey: config['envoy.ratelimit.tenant_key'],
          bucketKey: config['envoy.ratelimit.bucket_key'],
          unknown: config['envoy.ratelimit.unknown'],
          headers: config['envoy.ratelimit.headers'],
          retryAfter: retryAfterOptions(config),
        },
      },
      observer: {
        failed: (code) => metrics.failed(code),
        bug: (error) => log.error({ err: error }, 'a call failed for a reason that is a bug'),
        tlsRenewed: () => log.info('the certificate of listen.grpc was renewed'),
        tlsFailed: (error) =>
          log.error(
            { err: error },
            'the certificate of listen.grpc can not be used: the last good one stays',
          ),
      },
    },
  );
  exportEnvoyDoor(parts.metrics, door);
  return door;
}

async function openTls(config: Config): Promise<TlsFiles | undefined> {
  if (config['envoy.tls.cert_file'] === '') return undefined;
  const { TlsFiles } = await import('../doors/envoy/grpc/tls-files.js');
  try {
    return new TlsFiles({
      cert: config['envoy.tls.cert_file'],
      key: config['envoy.tls.key_file'],
      clientCa: config['envoy.tls.client_ca_file'] || undefined,
    });
  } catch (error) {
    throw new Error('envoy.tls: the files can not be used', { cause: error });
  }
}
