/** Metrics of every process: the version, and Node's own. */
import { collectDefaultMetrics } from 'prom-client';
import { VERSION } from '../base/version.js';
import type { Metrics } from '../telemetry/metrics.js';

export function exportProcess(metrics: Metrics): void {
  const { registry } = metrics;
  // The default precision wakes the process a hundred times a second, most of what an idle edge would do.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  // These gauges are named like counters; the same figures by type are in metrics without _total.
  for (const what of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`nodejs_active_${what}_total`);
  }
  metrics.gauges({
    name: 'mimir_edge_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node'],
    read: () => [[{ version: VERSION, node: process.version }, 1]],
  });
}
