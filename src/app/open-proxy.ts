/** The HTTP door as configured. */
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import type { ByteBudget } from '../doors/body.js';
import { ProxyServer } from '../doors/http/proxy-server.js';
import type { PushMetrics } from '../doors/push-metrics.js';
import type { RefusalLog } from '../doors/refusal-log.js';
import type { Senders } from '../doors/senders.js';
import { SharedBudget } from '../doors/shared-budget.js';
import type { Enforcer } from '../enforce/enforcer.js';
import type { Decoder } from '../payload/push.js';
import type { Upstream } from '../upstream/upstream.js';
import type { UpstreamMetrics } from '../upstream/upstream-metrics.js';
import { retryAfterOptions } from './retry-after.js';

interface ProxyParts {
  readonly enforcer: Enforcer;
  readonly decoder: Decoder;
  readonly upstream: Upstream;
  readonly budget: ByteBudget;
  readonly pushMetrics: PushMetrics;
  readonly upstreamMetrics: UpstreamMetrics;
  readonly refused: RefusalLog['refused'];
  readonly senders: Senders;
  readonly log: Logger;
  readonly now: () => number;
}

export function openProxy(config: Config, parts: ProxyParts): ProxyServer {
  const { enforcer, decoder, upstream, budget, pushMetrics, upstreamMetrics, refused, senders, log, now } =
    parts;
  if (config['upstream.url'].length > 0 && config['push.unjudged'] === 'pass') {
    log.warn(
      'push.unjudged is pass: what is sent in a way that is not judged goes past every limit of the edge',
    );
  }
  return new ProxyServer(
    {
      enforcer,
      decoder,
      upstream,
      budget: new SharedBudget(
        budget,
        config['push.tenant_share'] / 100,
        config['push.address_share'] / 100,
        now,
      ),
      now,
      senders,
      observer: {
        decoded: (seconds, protocol) => pushMetrics.decoded(seconds, protocol),
        decided: (seconds) => pushMetrics.decided(seconds),
        ownPartDone: (seconds, nowMs) => pushMetrics.ownPartDone(seconds, nowMs),
        forwarded: (status, seconds, sender, nowMs) =>
          upstreamMetrics.forwarded(status, seconds, sender, nowMs),
        failed: (failure) => upstreamMetrics.failed(failure),
        refused,
      },
      options: {
        tenantHeader: config['tenant.header'].toLowerCase(),
        maxBodyBytes: config['push.max_body_bytes'],
        maxUncompressedBytes: config['push.max_uncompressed_bytes'],
        maxSeries: config['push.max_series'],
        haTracker: config['ha.tracker_enabled'],
        bodyTimeoutMs: config['server.body_timeout'],
        upstreamHeadersTimeoutMs: config['upstream.headers_timeout'],
        upstreamBodyTimeoutMs: config['upstream.body_timeout'],
        retryAfter: retryAfterOptions(config),
      },
    },
    {
      ...config['listen.proxy'],
      pushPaths: config['push.paths'],
      unjudgedWrites: config['push.unjudged'],
      otlp: config['push.otlp'],
      influx: config['push.influx'],
      maxConnections: config['server.max_connections'],
      headerTimeoutMs: config['server.header_timeout'],
      idleTimeoutMs: config['server.idle_timeout'],
      writeTimeoutMs: config['server.write_timeout'],
    },
    (error) => log.error({ err: error }, 'a request failed for a reason that is a bug'),
  );
}
