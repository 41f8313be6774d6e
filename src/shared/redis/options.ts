/**
 * Options of the connection to Redis; the settings `state.redis.*` in src/config.
 *
 * `redis://` or `rediss://` (TLS), `[user:password@]host[:port][/db]`. Several URLs for Sentinel (the sentinels) and
 * Cluster (some of its nodes).
 */

export interface RedisOptions {
  /**
   * `redis://` or `rediss://` (TLS), `[user:password@]host[:port][/db]`. Several for Sentinel (the sentinels) and
   * Cluster (some of its nodes).
   */
  readonly urls: readonly string[];
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The primary's name in the sentinels. */
  readonly sentinelMaster: string;
  /** Files with credentials, read before every new connection. They override the URL's. Empty: none. */
  readonly usernameFile: string;
  readonly passwordFile: string;
  readonly sentinelPasswordFile: string;
  /** PEM files for TLS. Empty: the system's CAs, no client certificate. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Prefix of every key: two fleets on one Redis need different ones. */
  readonly keyPrefix: string;
  /** How long to wait for an answer; a socket that is silent for a multiple of it is closed. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}
