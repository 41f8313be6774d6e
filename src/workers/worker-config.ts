/**
 * One worker's share of the settings for the whole process group: connections, bytes and log lines are divided, replicas
 * multiplied. What is kept for each tenant is not divided, as a tenant's pushes reach all workers.
 */
import type { Config } from '../config/config.js';

export function workerConfig(config: Config): Config {
  const { workers } = config;
  const part = (
    path: 'upstream.connections' | 'server.max_connections' | 'log.refusals_per_minute',
  ): number => Math.ceil(config[path] / workers);
  return {
    ...config,
    'upstream.connections': part('upstream.connections'),
    'server.max_connections': part('server.max_connections'),
    'log.refusals_per_minute': part('log.refusals_per_minute'),
    // Every worker has room for at least one body.
    'push.max_bytes_in_flight': Math.max(
      Math.floor(config['push.max_bytes_in_flight'] / workers),
      config['push.max_body_bytes'],
    ),
    'state.replicas': config['state.replicas'] * workers,
  };
}
