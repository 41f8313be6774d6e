/** The shared state's metrics, by what it says of itself. */
import t from 'tap';
import { exportLedger } from '#src/shared/shared-metrics.js';
import { Metrics } from '#src/telemetry/metrics.js';

t.test('each number of the status is a metric', async (t) => {
  const metrics = new Metrics();
  const errors = {
    timeout: 3,
    connection: 4,
    busy: 0,
    memory: 0,
    read_only: 0,
    refused: 0,
    moving: 0,
    cluster: 0,
    other: 0,
  };
  exportLedger(metrics, () => ({
    state: 'degraded',
    sinceSeconds: 1,
    partsDown: 2,
    parts: 16,
    replicas: 5,
    buckets: 6,
    bucketsAlone: 7,
    tokensLeased: 8,
    callsInFlight: 9,
    calls: 10,
    errors,
    lastError: undefined,
  }));
  const text = await metrics.registry.metrics();
  for (const line of [
    'mimir_edge_ledger_degraded 1',
    'mimir_edge_ledger_parts_down 2',
    'mimir_edge_ledger_replicas 5',
    'mimir_edge_ledger_buckets 6',
    'mimir_edge_ledger_buckets_alone 7',
    'mimir_edge_ledger_tokens_leased 8',
    'mimir_edge_ledger_calls_in_flight 9',
    'mimir_edge_ledger_calls_total 10',
    'mimir_edge_ledger_errors_total{kind="timeout"} 3',
    'mimir_edge_ledger_errors_total{kind="connection"} 4',
    'mimir_edge_ledger_errors_total{kind="busy"} 0',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
});
