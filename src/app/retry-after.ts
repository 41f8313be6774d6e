/** When Mimir tells refused senders to retry, as configured. */
import type { Config } from '../config/config.js';
import type { RetryAfterOptions } from '../doors/retry-after.js';

export function retryAfterOptions(config: Config): RetryAfterOptions {
  return {
    enabled: config['mimir.retry_after.enabled'],
    minSeconds: config['mimir.retry_after.min_backoff'] / 1000,
    maxSeconds: config['mimir.retry_after.max_backoff'] / 1000,
    random: Math.random,
  };
}
