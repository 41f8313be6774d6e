/** What the connection to Redis can be told; src/config has the same settings under `state.redis.*`. */

export interface RedisOptions {
  /**
   * `redis://` or `rediss://` (TLS), `[user:password@]host[:port][/db]`. Several for Sentinel (the sentinels) and
   * Cluster (some of its nodes).
   */
  readonly urls: readonly string[];
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The name that the sentinels know the primary under. */
  readonly sentinelMaster: string;
  /** Files with credentials, read again before every new connection. They win over the URL's. Empty: none. */
  readonly usernameFile: string;
  readonly passwordFile: string;
  readonly sentinelPasswordFile: string;
  /** PEM files for TLS. Empty: the system's CAs, no client certificate. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Before every key: two fleets on one Redis need two prefixes. */
  readonly keyPrefix: string;
  /** How long an answer may take; a socket that brings none for a multiple of it is given up. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}
