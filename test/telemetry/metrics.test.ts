import { Writable } from 'node:stream';
import { pino } from 'pino';
import t from 'tap';
import { RefusalLog } from '#src/doors/refusal-log.js';
import { refuse } from '#src/enforce/refusal.js';
import { exportTenants, OTHER_TENANTS } from '#src/enforce/tenant-metrics.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { enforcer, samples } from '../enforce/fixtures.js';

function collector(): { lines: Record<string, unknown>[]; stream: Writable } {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  return { lines, stream };
}

t.test('a tenant has a few refusals logged each minute, and no other tenant is quieter for it', async (t) => {
  const { lines, stream } = collector();
  let nowMs = 0;
  const log = new RefusalLog(pino(stream), 2, () => nowMs);
  const edge = enforcer();
  const tenant = (id: string) => {
    const admission = edge.admit(id, 0);
    if (!('tenant' in admission)) throw new Error('not admitted');
    return admission.tenant;
  };
  const refusal = refuse('rate_limited', 'too much');
  for (let i = 0; i < 100; i++) log.refused(tenant('a'), refusal, `id-${i}`, false);
  log.refused(tenant('b'), refusal, 'id-b', true);
  for (let i = 0; i < 100; i++) log.refused(undefined, refusal, 'nobody', false);
  t.strictSame(
    lines.map(({ tenant }) => tenant),
    ['a', 'a', 'b', undefined, undefined],
  );
  t.match(lines[1], {
    reason: 'rate_limited',
    status: 429,
    requestId: 'id-1',
    lastThisMinute: true,
    msg: /too much/,
  });
  t.match(lines[2], { shadow: true });
  nowMs = 60_000;
  log.refused(tenant('a'), refusal, 'later', false);
  t.match(lines.at(-1), { requestId: 'later' });
});

t.test('per-tenant metrics are bounded, and their sums never fall', async (t) => {
  const edge = enforcer({ maxTenants: 3 });
  const metrics = new Metrics('1.2.3');
  exportTenants(metrics, edge);
  for (let i = 0; i < 50; i++) {
    const admission = edge.admit(`tenant-${i}`, i);
    if ('tenant' in admission) edge.judge(admission.tenant, samples(10), i);
  }
  const text = await metrics.registry.metrics();
  const rows = text.split('\n').filter((line) => line.startsWith('mimir_edge_received_samples_total{'));
  t.equal(rows.length, 4);
  t.ok(rows.includes(`mimir_edge_received_samples_total{user="${OTHER_TENANTS}"} 470`));
  const sum = rows.reduce((total, row) => total + Number(row.split(' ')[1]), 0);
  t.equal(sum, 500);
});

t.test('a latency histogram counts into the right buckets', async (t) => {
  const metrics = new Metrics('1.2.3');
  for (const seconds of [0.00001, 0.00005, 0.00006, 100]) metrics.decoded(seconds);
  const text = await metrics.registry.metrics();
  for (const line of [
    '_bucket{le="0.00005"} 2',
    '_bucket{le="0.0001"} 3',
    '_bucket{le="30"} 3',
    '_bucket{le="+Inf"} 4',
    '_count 4',
  ]) {
    t.ok(text.includes(`mimir_edge_decode_duration_seconds${line}\n`), line);
  }
});

t.test('the limits of tenants in memory are told, but for those that are off', async (t) => {
  const edge = enforcer();
  const metrics = new Metrics('1.2.3');
  exportTenants(metrics, edge);
  edge.admit('a', 0);
  const text = await metrics.registry.metrics();
  const rows = text.split('\n').filter((line) => line.startsWith('mimir_edge_limits_effective{'));
  t.strictSame(rows, [
    'mimir_edge_limits_effective{user="a",limit_name="ingestion_rate"} 10000',
    'mimir_edge_limits_effective{user="a",limit_name="max_global_series_per_user"} 150000',
  ]);
});
