import t from 'tap';
import { BOUNDS } from '#src/telemetry/latency-histogram.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { knownTimes } from '#src/telemetry/recent-times.js';
import { UpstreamMetrics } from '#src/upstream/upstream-metrics.js';

t.test('answers are counted by class, and what was not answered by its failure', async (t) => {
  const metrics = new Metrics();
  const upstream = new UpstreamMetrics(metrics, 0);
  for (const status of [200, 204, 404, 599, 600, 99]) upstream.forwarded(status, 0.2, undefined, 0);
  upstream.failed('timeout');
  t.strictSame(upstream.responses(), { other: 2, '1xx': 0, '2xx': 2, '3xx': 0, '4xx': 1, '5xx': 1 });
  t.equal(upstream.failures, 1);
  const text = await metrics.registry.metrics();
  for (const line of [
    'mimir_edge_upstream_responses_total{class="2xx"} 2',
    'mimir_edge_upstream_responses_total{class="3xx"} 0',
    'mimir_edge_upstream_failures_total{failure="timeout"} 1',
    'mimir_edge_upstream_failures_total{failure="broken"} 0',
    'mimir_edge_upstream_duration_seconds_count 6',
  ]) {
    t.ok(text.includes(`${line}\n`), line);
  }
});

t.test('how soon pushes were answered is told by sender; what is passed through is not', async (t) => {
  const upstream = new UpstreamMetrics(new Metrics(), 0);
  for (let i = 0; i < 10; i++) {
    upstream.forwarded(200, 0.2, 'a', 0);
    upstream.forwarded(200, 20, undefined, 0);
  }
  t.match(upstream.answers(1000), [{ sender: 'a' }]);
  t.equal(upstream.answers(1000)[0]?.counts[BOUNDS.indexOf(0.25)], 10);
  t.match(knownTimes(upstream.recentTimes(1000)), { count: 10 });
});
