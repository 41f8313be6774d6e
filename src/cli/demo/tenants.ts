/** The demo's tenants: their limits, and what they send. */
import { Bodies } from '../../loadtest/bodies.js';
import { runOpenLoop } from '../../loadtest/open-loop.js';
import { DEFAULTS, type LoadOptions } from '../../loadtest/options.js';
import { profileOf } from '../../loadtest/profile.js';
import { Recorder } from '../../loadtest/recorder.js';

export const OVERRIDES = `# Mimir's overrides. Change a limit, save, and watch the table.
overrides:
  team-checkout: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-search: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-noisy: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-broken: { ingestion_rate: 1000, ingestion_burst_size: 2000 }
  team-shadow: { ingestion_rate: 600, ingestion_burst_size: 1200 }
`;

export const EDGE_OVERRIDES = `# What Mimir does not know.
overrides:
  team-shadow: { mode: shadow }
`;

interface DemoTenant {
  readonly id: string;
  readonly pushesPerSecond: number;
  readonly seriesPerPush: number;
  readonly version: 1 | 2;
  /** The part of its pushes that is truncated, garbled or not snappy. */
  readonly brokenShare: number;
}

const TENANTS: readonly DemoTenant[] = [
  { id: 'team-checkout', pushesPerSecond: 4, seriesPerPush: 100, version: 1, brokenShare: 0 },
  { id: 'team-search', pushesPerSecond: 4, seriesPerPush: 200, version: 2, brokenShare: 0 },
  { id: 'team-noisy', pushesPerSecond: 10, seriesPerPush: 500, version: 1, brokenShare: 0 },
  { id: 'team-broken', pushesPerSecond: 2, seriesPerPush: 100, version: 1, brokenShare: 0.5 },
  { id: 'team-shadow', pushesPerSecond: 4, seriesPerPush: 300, version: 1, brokenShare: 0 },
];

/** A load test for each tenant. Resolves after the signal, when all pushes under way were answered. */
export async function sendUntil(stop: AbortSignal, target: string): Promise<void> {
  await Promise.all(TENANTS.map((tenant) => sendAs(tenant, stop, target)));
}

async function sendAs(tenant: DemoTenant, signal: AbortSignal, target: string): Promise<void> {
  const { id, pushesPerSecond, seriesPerPush, version, brokenShare } = tenant;
  const options: LoadOptions = {
    ...DEFAULTS,
    target,
    version,
    intervalMs: 1000,
    durationMs: Number.POSITIVE_INFINITY,
    profile: 'broken-bodies',
    share: brokenShare,
    connections: 2,
  };
  const tenants = [{ id, pushes: pushesPerSecond, seriesPerPush }];
  const startedMs = performance.now();
  await runOpenLoop({
    options,
    tenants,
    profile: profileOf(options),
    bodies: new Bodies(tenants, options),
    recorder: new Recorder(tenants.length, startedMs, options.durationMs),
    startedMs,
    startedAtMs: Date.now(),
    now: () => performance.now(),
    signal,
  });
}
