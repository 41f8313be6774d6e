/** What is asked of the admin API: changes, and streams that stay open. */
import { Counter } from 'prom-client';
import type { Metrics } from '../telemetry/metrics.js';
import type { Api } from './api.js';

/** To be called for each request that changes something, with the status that it was answered. */
export function countWrites(metrics: Metrics): (action: string, status: number) => void {
  const writes = new Counter({
    name: 'mimir_edge_admin_writes_total',
    help: 'Changes asked of the admin API.',
    labelNames: ['action', 'outcome'],
    registers: [metrics.registry],
  });
  return (action, status) =>
    writes.inc({ action, outcome: status < 400 ? 'done' : status < 500 ? 'refused' : 'failed' });
}

export function exportApi(metrics: Metrics, api: Api): void {
  metrics.gauge({
    name: 'mimir_edge_admin_streams',
    help: 'Streams of the admin API that are open.',
    read: () => api.streams,
  });
}
