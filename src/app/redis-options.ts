/** The options for the configured Redis. */
import type { Config } from '../config/config.js';
import type { RedisOptions } from '../shared/redis/options.js';

export function redisOptions(config: Config): RedisOptions {
  return {
    urls: config['state.redis.url'],
    mode: config['state.redis.mode'],
    sentinelMaster: config['state.redis.sentinel_master'],
    usernameFile: config['state.redis.username_file'],
    passwordFile: config['state.redis.password_file'],
    sentinelPasswordFile: config['state.redis.sentinel_password_file'],
    caFile: config['state.redis.tls.ca_file'],
    certFile: config['state.redis.tls.cert_file'],
    keyFile: config['state.redis.tls.key_file'],
    keyPrefix: config['state.redis.key_prefix'],
    commandTimeoutMs: config['state.redis.command_timeout'],
    connectTimeoutMs: config['state.redis.connect_timeout'],
  };
}
