import t from 'tap';
import { exportLimits, exportTenants, OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { enforcer, samples } from './fixtures.js';

t.test('per-tenant metrics are bounded, and their sums never fall', async (t) => {
  const edge = enforcer({ maxTenants: 3 });
  const metrics = new Metrics();
  exportTenants(metrics, edge);
  for (let i = 0; i < 50; i++) {
    const admission = edge.admit(`tenant-${i}`);
    if ('tenant' in admission) edge.judge(admission.tenant, samples(10));
  }
  const text = await metrics.registry.metrics();
  const rows = text.split('\n').filter((line) => line.startsWith('mimir_edge_received_samples_total{'));
  t.equal(rows.length, 4);
  t.ok(rows.includes(`mimir_edge_received_samples_total{user="${OTHER_TENANTS}"} 470`));
  const sum = rows.reduce((total, row) => total + Number(row.split(' ')[1]), 0);
  t.equal(sum, 500);
});

t.test('the limits of tenants in memory are told, but for those that are off', async (t) => {
  const edge = enforcer();
  const metrics = new Metrics();
  exportLimits(metrics, { snapshot: () => edge.snapshot, tenants: () => edge.tenants.values() });
  edge.admit('a');
  const text = await metrics.registry.metrics();
  const rows = text.split('\n').filter((line) => line.startsWith('mimir_edge_limits_effective{'));
  t.strictSame(rows, [
    'mimir_edge_limits_effective{user="a",limit_name="ingestion_rate"} 10000',
    'mimir_edge_limits_effective{user="a",limit_name="max_global_series_per_user"} 150000',
  ]);
});
