/** Metrics about where limits come from and how current they are, read at each scrape. */
import type { Metrics } from '../telemetry/metrics.js';
import type { OverridesStatus } from './overrides.js';

interface LimitsStatus extends OverridesStatus {
  readonly hash: string;
}

/** `nowMs`: the clock of `goodAtMs`. */
export function exportOverrides(
  metrics: Metrics,
  status: () => LimitsStatus,
  nowMs: () => number = Date.now,
): void {
  const ageSeconds = ({ goodAtMs }: LimitsStatus): number => (nowMs() - goodAtMs) / 1000;
  const gauges: [string, string, (now: LimitsStatus) => number][] = [
    [
      'stale_seconds',
      'Since when the overrides can not be used; 0 while they can.',
      (now) => (now.stale ? ageSeconds(now) : 0),
    ],
    ['age_seconds', 'Since the overrides were last found good.', ageSeconds],
    [
      'lag_seconds',
      'From the last change of the overrides to its enforcement; 0 before there was one.',
      ({ lagMs }) => lagMs / 1000,
    ],
    ['unknown_keys', 'Keys in the overrides that are passed over.', ({ unknownKeys }) => unknownKeys],
  ];
  for (const [name, help, read] of gauges) {
    metrics.gauge({ name: `mimir_edge_limits_${name}`, help, read: () => read(status()) });
  }
  metrics.counter({
    name: 'mimir_edge_limits_failures_total',
    help: 'Attempts to read the overrides that failed.',
    read: () => status().failures,
  });
  metrics.gauges({
    name: 'mimir_edge_limits_info',
    help: 'Always 1; the label is the same where the same limits are in force.',
    labelNames: ['hash'],
    read: () => [[{ hash: status().hash }, 1]],
  });
  metrics.gauges({
    name: 'mimir_edge_limits_source_info',
    help: "Always 1; the version is the source's own: a resourceVersion, an ETag, a time.",
    labelNames: ['source', 'version'],
    read: () => status().sources.map(({ name, version }) => [{ source: name, version }, 1]),
  });
  metrics.gauges({
    name: 'mimir_edge_limits_source_up',
    help: '1 while the source can be used, and a watch of it stands where there is one.',
    labelNames: ['source'],
    read: () => status().sources.map(({ name, up }) => [{ source: name }, up ? 1 : 0]),
  });
}
