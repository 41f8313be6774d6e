/** What a load test does: filled from the command line, or by whoever starts one from code. */

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

/** Of remote write, or OTLP in protobuf. */
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
  /** OTLP compressed as gzip: it costs the generator some milliseconds a push. */
  readonly gzip: boolean;
  readonly skew: 'even' | 'zipf';
  /** Part of the pods that is replaced by new ones each minute. */
  readonly churnPerMinute: number;
  /** Sent before, steadily and at the same rate, and in no figure: what is cold on either side is late at first. */
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly profile: ProfileName;
  /** How many times the rate in the profiles that have a peak. */
  readonly peak: number;
  /** Part of the pushes that is broken or slow in the profiles that have such. */
  readonly share: number;
  /** Send again what was refused with 429 or 5xx or not answered, after Retry-After. */
  readonly retry: boolean;
  /** Open: pushes are due by the clock. Closed: each connection sends as soon as it is answered. */
  readonly mode: 'open' | 'closed';
  readonly connections: number;
  readonly timeoutMs: number;
  /** Pushes out or waiting at one time; more are counted as not sent. */
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
