/** What the Redis ledger can be told; src/config has the same settings under `state.redis.*`. */

export interface RedisLedgerOptions {
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
  /** A push waits this long for one answer. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Calls sent and not answered at one time. */
  readonly maxInFlight: number;
}
