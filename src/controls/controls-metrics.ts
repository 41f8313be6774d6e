/** How many controls are in force. */
import type { Metrics } from '../telemetry/metrics.js';
import type { Controls } from './controls.js';

export function exportControls(metrics: Metrics, controls: Controls): void {
  metrics.gauge({
    name: 'mimir_edge_controls',
    help: 'Modes and limits that are set for a time.',
    read: () => controls.status().active,
  });
}
