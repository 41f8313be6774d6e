/** Metrics of the shared state, read at each scrape. */

import type { Metrics } from '../telemetry/metrics.js';
import type { LedgerStatus } from './client.js';

export function exportLedger(metrics: Metrics, status: () => LedgerStatus): void {
  const gauges: [string, string, (now: LedgerStatus) => number][] = [
    [
      'degraded',
      '1 while some part of the shared state does not answer.',
      ({ state }) => (state === 'up' ? 0 : 1),
    ],
    ['parts_down', 'Parts of the shared state that do not answer.', ({ partsDown }) => partsDown],
    ['replicas', 'Replicas that a local share is made for.', ({ replicas }) => replicas],
    ['buckets', 'Buckets that this replica shares.', ({ buckets }) => buckets],
    ['buckets_alone', 'Buckets that serve a local share.', ({ bucketsAlone }) => bucketsAlone],
    ['tokens_leased', 'Tokens that are leased and not spent.', ({ tokensLeased }) => tokensLeased],
    ['calls_in_flight', 'Calls that are sent and not answered.', ({ callsInFlight }) => callsInFlight],
  ];
  for (const [name, help, read] of gauges) {
    metrics.gauge({ name: `mimir_edge_ledger_${name}`, help, read: () => read(status()) });
  }
  metrics.counter({
    name: 'mimir_edge_ledger_calls_total',
    help: 'Calls to the shared state.',
    read: () => status().calls,
  });
  metrics.counters({
    name: 'mimir_edge_ledger_errors_total',
    help: 'Calls to the shared state that failed, by kind.',
    labelNames: ['kind'],
    read: () => Object.entries(status().errors).map(([kind, count]) => [{ kind }, count]),
  });
}
