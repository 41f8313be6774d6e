/** What the tenants' history takes, and what it has no room for. */
import type { Metrics } from '../telemetry/metrics.js';
import type { History } from './history.js';

export function exportHistory(metrics: Metrics, history: History): void {
  metrics.gauge({
    name: 'mimir_edge_history_bytes',
    help: "Memory of the tenants' history.",
    read: () => history.bytes,
  });
  metrics.gauge({
    name: 'mimir_edge_history_counters_without_room',
    help: 'Counters that have no history for want of room.',
    read: () => history.withoutRoom,
  });
}
