import t from 'tap';
import { exportProcess } from '#src/app/process-metrics.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { type MetricValues, SummedMetrics } from '#src/telemetry/summed-metrics.js';

/** What one process says: pushes by kind, and gauges. */
async function processOf(
  pushes: Readonly<Record<string, number>>,
  gauges: Readonly<Record<string, number>> = {},
): Promise<MetricValues[]> {
  const metrics = new Metrics();
  exportProcess(metrics);
  const decisions = metrics.histogram('mimir_edge_decision_duration_seconds', 'x');
  metrics.counters({
    name: 'mimir_edge_accepted',
    help: 'x',
    labelNames: ['kind'],
    read: () => Object.entries(pushes).map(([kind, count]) => [{ kind }, count]),
  });
  for (const count of Object.values(pushes)) for (let i = 0; i < count; i++) decisions.observe(0.001);
  for (const [name, value] of Object.entries(gauges)) metrics.gauge({ name, help: 'x', read: () => value });
  return metrics.registry.getMetricsAsJSON();
}

async function lines(text: Promise<string>): Promise<string[]> {
  return (await text).split('\n');
}

t.test('counters, histograms and what is held are sums; states and ages are not', async (t) => {
  const sums = new SummedMetrics();
  const gauges = {
    mimir_edge_body_bytes_in_flight: 5,
    mimir_edge_ready: 1,
    mimir_edge_limits_stale_seconds: 30,
    mimir_edge_limits_source_up: 1,
    mimir_edge_ledger_degraded: 1,
    mimir_edge_ledger_tokens_leased: 100,
  };
  const text = await lines(
    sums.text([
      await processOf({ a: 1 }, { ...gauges, mimir_edge_ready: 0, mimir_edge_limits_stale_seconds: 0 }),
      await processOf({ a: 2, b: 1 }, gauges),
      await processOf({ a: 4 }, { ...gauges, mimir_edge_limits_source_up: 0 }),
    ]),
  );
  for (const line of [
    'mimir_edge_accepted{kind="a"} 7',
    'mimir_edge_accepted{kind="b"} 1',
    'mimir_edge_decision_duration_seconds_count 8',
    'mimir_edge_decision_duration_seconds_bucket{le="+Inf"} 8',
    'mimir_edge_body_bytes_in_flight 15',
    'mimir_edge_ledger_tokens_leased 300',
    'mimir_edge_ledger_degraded 1',
    'mimir_edge_limits_stale_seconds 30',
    'mimir_edge_limits_source_up 0',
    'mimir_edge_ready 0',
  ]) {
    t.ok(text.includes(line), line);
  }
  t.equal(text.filter((line) => line.startsWith('mimir_edge_build_info')).length, 1);
  t.match(
    text.find((line) => line.startsWith('mimir_edge_build_info')),
    / 1$/,
  );
  const start = Number(text.find((line) => line.startsWith('process_start_time_seconds '))?.split(' ')[1]);
  const [own] = (await processOf({})).filter(({ name }) => name === 'process_start_time_seconds');
  t.ok(start > 0);
  // In whole seconds, rounded: that of a process that has just begun may lie ahead of the clock.
  t.equal(start, own?.values[0]?.value, 'of one process');
});

t.test('what a worker had counted stays when it has ended, what it held does not', async (t) => {
  const sums = new SummedMetrics();
  const living = await processOf({ a: 1 }, { mimir_edge_body_bytes_in_flight: 1 });
  for (const pushes of [2, 4]) {
    sums.retire(await processOf({ a: pushes }, { mimir_edge_body_bytes_in_flight: 100 }));
  }
  const text = await lines(sums.text([living]));
  t.ok(text.includes('mimir_edge_accepted{kind="a"} 7'));
  t.ok(text.includes('mimir_edge_decision_duration_seconds_count 7'));
  t.ok(text.includes('mimir_edge_body_bytes_in_flight 1'));
});
