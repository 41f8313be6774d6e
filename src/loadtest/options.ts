/** The options of a load test, from the command line or from code. */

export const PROFILES = [
  'steady',
  'ramp',
  'spike',
  'noisy-neighbour',
  'series-explosion',
  'broken-bodies',
  'slow-senders',
  'retry-storm',
] as const;

export type ProfileName = (typeof PROFILES)[number];

/** Remote write 1 or 2, or OTLP as protobuf. */
export type WireVersion = 1 | 2 | 'otlp';

export interface LoadOptions {
  readonly target: string;
  readonly tenants: number;
  readonly tenantPrefix: string;
  readonly tenantHeader: string;
  /** Sent with every push; their values are in no report. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Over all tenants. */
  readonly series: number;
  readonly seriesPerPush: number;
  /** Each series gets one sample in this time. */
  readonly intervalMs: number;
  readonly version: WireVersion;
  /** Compresses OTLP with gzip, which costs the generator some milliseconds per push. */
  readonly gzip: boolean;
  readonly skew: 'even' | 'zipf';
  /** The part of the pods that is replaced each minute. */
  readonly churnPerMinute: number;
  /** Sent first, steadily and at the same rate, and not counted: cold caches on either side delay the first pushes. */
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly profile: ProfileName;
  /** The multiple of the rate in profiles with a peak. */
  readonly peak: number;
  /** The part of broken or slow pushes in profiles with such. */
  readonly share: number;
  /** Retries pushes that got 429, 5xx or no answer, after Retry-After. */
  readonly retry: boolean;
  /** Open: pushes are due by the clock. Closed: each connection sends as soon as it was answered. */
  readonly mode: 'open' | 'closed';
  readonly connections: number;
  readonly timeoutMs: number;
  /** Pushes under way or waiting at the same time; more are counted as not sent. */
  readonly maxInFlight: number;
  readonly seed: number;
}

export const DEFAULTS: Omit<LoadOptions, 'target'> = {
  tenants: 10,
  tenantPrefix: 'load-',
  tenantHeader: 'X-Scope-OrgID',
  headers: [],
  series: 50_000,
  seriesPerPush: 500,
  intervalMs: 15_000,
  version: 1,
  gzip: false,
  skew: 'even',
  churnPerMinute: 0,
  warmupMs: 0,
  durationMs: 60_000,
  profile: 'steady',
  peak: 5,
  share: 0.1,
  retry: false,
  mode: 'open',
  connections: 64,
  timeoutMs: 30_000,
  maxInFlight: 2048,
  seed: 1,
};
