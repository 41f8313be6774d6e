/** The connections to Mimir as configured. */
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { Upstream, type UpstreamOptions } from '../upstream/upstream.js';
import { logAddressChange, logBreaker, upstreamEvents } from './upstream-log.js';

export function openUpstream(config: Config, log: Logger, now: () => number): Upstream {
  return new Upstream(
    {
      urls: config['upstream.url'],
      connections: config['upstream.connections'],
      tenantShare: config['upstream.tenant_share'] / 100,
      addressShare: config['upstream.address_share'] / 100,
      queueTimeoutMs: config['upstream.queue_timeout'],
      connectTimeoutMs: config['upstream.connect_timeout'],
      maxConnectionAgeMs: config['upstream.max_connection_age'],
      caFile: config['upstream.tls.ca_file'] || undefined,
      resolveMs: config['upstream.resolve_interval'],
      dnsServers: config['upstream.dns_servers'],
      zone: config['upstream.zone'],
      slowStartMs: config['upstream.slow_start'],
      retry503: config['upstream.retry_503'],
      readyPath: config['upstream.ready_path'],
      readyMs: config['upstream.ready_interval'],
      events: upstreamEvents(log),
      fairness: fairnessOf(config),
      breaker: config['upstream.breaker'],
      breakerMoved: (status) => logBreaker(log, status),
      changed: (change) => logAddressChange(log, change),
    },
    now,
  );
}

function fairnessOf(config: Config): UpstreamOptions['fairness'] {
  const mode = config['upstream.fairness'];
  if (mode === 'off') return undefined;
  return {
    mode,
    maxBytes: config['upstream.fair_bytes'],
    maxWaitMs: config['upstream.fair_wait'],
    capacity: { floor: config['upstream.capacity_floor'], learningMs: config['upstream.capacity_learning'] },
  };
}
