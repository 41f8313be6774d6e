import t from 'tap';
import type { Enforcer } from '#src/enforce/enforcer.js';
import type { ActiveSeries } from '#src/enforce/series.js';
import { ShownTenants } from '#src/enforce/shown-tenants.js';
import { TALLY_NUMBERS, Tally } from '#src/enforce/tally.js';
import {
  exportLimits,
  exportTenantCounts,
  exportTenants,
  OTHER_TENANTS,
} from '#src/enforce/tenant-metrics.js';
import { exposition } from '#src/telemetry/exposition.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { scraped as scrapedValues } from '../telemetry/scraped.js';
import { enforcer, push as given, limits, samples, snapshot } from './fixtures.js';

/** The lines of a scrape. */
function scraped(edge: Enforcer, most = Number.POSITIVE_INFINITY): () => Promise<string[]> {
  const metrics = new Metrics();
  const source = {
    tenants: () => edge.tenants.values(),
    departed: () => edge.tenants.departed,
    unattributed: () => ({ tally: edge.unattributed }),
  };
  exportTenants(metrics, source, new ShownTenants(most), () => 0);
  exportLimits(metrics, () => edge.snapshot);
  return async () => {
    let text = '';
    for await (const part of exposition('', metrics.largeFamilies(), 'prometheus')) text += part;
    return text.split('\n');
  };
}

function push(edge: Enforcer, tenant: string, items = 10): void {
  const admission = edge.admit(tenant);
  if ('requests' in admission) edge.judge(admission.tenant, samples(items));
}

t.test('per-tenant metrics are bounded, and their sums never fall', async (t) => {
  const edge = enforcer({ maxTenants: 3 });
  for (let i = 0; i < 50; i++) push(edge, `tenant-${i}`);
  const lines = await scraped(edge)();
  const rows = lines.filter((line) => line.startsWith('mimir_edge_received_samples_total{'));
  t.equal(rows.length, 4);
  t.ok(rows.includes(`mimir_edge_received_samples_total{user="${OTHER_TENANTS}"} 470`));
  const sum = rows.reduce((total, row) => total + Number(row.split(' ')[1]), 0);
  t.equal(sum, 500);
});

t.test('the limits of tenants in memory are told, but for those that are off', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ b: limits({ max_active_series_per_user: 7 }) }) });
  edge.admit('a');
  edge.admit('b');
  const lines = await scraped(edge)();
  t.strictSame(
    lines.filter((line) => line.startsWith('mimir_edge_limits_effective{')),
    [
      'mimir_edge_limits_effective{user="a",limit_name="ingestion_rate"} 10000',
      'mimir_edge_limits_effective{user="a",limit_name="max_global_series_per_user"} 150000',
      'mimir_edge_limits_effective{user="b",limit_name="ingestion_rate"} 10000',
      'mimir_edge_limits_effective{user="b",limit_name="max_active_series_per_user"} 7',
    ],
  );
});

t.test('active series are told, those of the fleet where they are known', async (t) => {
  const fleet = new Map([['shared', 95]]);
  const series: ActiveSeries = {
    tenant: (id) => ({
      active: 40,
      fleet: fleet.get(id),
      check: () => ({ newAdmitted: 0, overLimit: undefined }),
      topMetrics: () => [],
      release() {},
    }),
  };
  const edge = enforcer({ series });
  for (const id of ['shared', 'alone']) edge.admit(id);
  const lines = await scraped(edge)();
  t.strictSame(
    lines.filter((line) => /^mimir_edge_(active|fleet)_series\{/.test(line)),
    [
      'mimir_edge_active_series{user="shared"} 40',
      'mimir_edge_active_series{user="alone"} 40',
      'mimir_edge_fleet_series{user="shared"} 95',
    ],
  );
});

t.test('refusals are told by tenant and reason, those without a tenant too', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 15 }) }),
  });
  push(edge, 'a');
  push(edge, 'a');
  edge.admit('');
  const lines = await scraped(edge)();
  t.ok(lines.includes('mimir_edge_discarded_requests_total{user="a",reason="rate_limited"} 1'));
  t.ok(lines.includes('mimir_edge_discarded_samples_total{user="a",reason="rate_limited"} 10'));
  t.ok(lines.includes(`mimir_edge_discarded_requests_total{user="(none)",reason="edge_missing_tenant"} 1`));
});

t.test('those that have no lines of their own are one', async (t) => {
  const edge = enforcer();
  for (const [tenant, items] of [
    ['a', 10],
    ['b', 30],
    ['c', 20],
  ] as const)
    push(edge, tenant, items);
  for (const [most, expected] of [
    [0, ['(other)"} 60']],
    [1, ['b"} 30', '(other)"} 30']],
    [3, ['a"} 10', 'b"} 30', 'c"} 20']],
  ] as const) {
    const lines = await scraped(edge, most)();
    t.strictSame(
      lines.flatMap((line) => /^mimir_edge_received_samples_total\{user="(.*)$/.exec(line)?.[1] ?? []),
      expected,
    );
    t.equal(lines.filter((line) => line.startsWith('mimir_edge_limits_effective{')).length, 2 * most);
  }
});

t.test('a scrape tells all that is counted, in families that say what they are', async (t) => {
  const tally = new Tally();
  for (const [index, name] of TALLY_NUMBERS.entries()) tally[name] = index + 1;
  const one = given(
    [
      { samples: 3, exemplars: 5 },
      { samples: 0, histograms: 4 },
    ],
    6,
  );
  tally.refuse('rate_limited', one);
  tally.refuse('burst_exceeded', undefined);
  tally.shadow('edge_bytes_rate_limited', one);
  const metrics = new Metrics();
  const series = { active: 21, fleet: 22 };
  const a = { id: 'a', tally, limits: limits({ request_rate: 23 }), series };
  const untracked = { id: 'b', tally: new Tally(), limits: limits({ ingestion_rate: 0 }), series: undefined };
  const source = {
    tenants: () => [a, untracked],
    departed: () => new Tally(),
    unattributed: () => ({ tally: new Tally() }),
  };
  exportTenants(metrics, source, new ShownTenants(Number.POSITIVE_INFINITY), () => 0);
  const text = [];
  for (const { name, help, type, lines } of metrics.largeFamilies())
    text.push(`${name} ${type}: ${help}`, ...[...lines].map(([labels, value]) => `  ${labels} ${value}`));
  t.strictSame(text, [
    'mimir_edge_received_requests_total counter: Pushes received, before any decision.',
    '  {user="a"} 1',
    'mimir_edge_accepted_requests_total counter: Pushes let through to Mimir.',
    '  {user="a"} 2',
    'mimir_edge_filtered_requests_total counter: Pushes let through without some of their series.',
    '  {user="a"} 3',
    'mimir_edge_deduplicated_samples_total counter: Samples and native histograms from replicas of HA pairs that are not elected.',
    '  {user="a"} 4',
    'mimir_edge_received_series_total counter: Series in decoded pushes.',
    '  {user="a"} 5',
    'mimir_edge_received_samples_total counter: Float samples in decoded pushes.',
    '  {user="a"} 6',
    'mimir_edge_received_histograms_total counter: Native histogram samples in decoded pushes.',
    '  {user="a"} 7',
    'mimir_edge_received_exemplars_total counter: Exemplars in decoded pushes.',
    '  {user="a"} 8',
    'mimir_edge_received_metadata_total counter: Metadata entries in decoded pushes.',
    '  {user="a"} 9',
    'mimir_edge_received_body_bytes_total counter: Body bytes of decoded pushes, as on the wire.',
    '  {user="a"} 10',
    'mimir_edge_received_uncompressed_bytes_total counter: Body bytes of decoded pushes, uncompressed.',
    '  {user="a"} 11',
    'mimir_edge_new_series_total counter: Series that were not known before.',
    '  {user="a"} 12',
    'mimir_edge_series_over_limit_total counter: New series that there was no room for.',
    '  {user="a"} 13',
    'mimir_edge_discarded_requests_total counter: Pushes refused.',
    '  {user="a",reason="rate_limited"} 1',
    '  {user="a",reason="burst_exceeded"} 1',
    'mimir_edge_shadow_discarded_requests_total counter: Pushes let through in shadow mode that would have been refused.',
    '  {user="a",reason="edge_bytes_rate_limited"} 1',
    'mimir_edge_discarded_series_total counter: Series in pushes refused.',
    '  {user="a",reason="rate_limited"} 2',
    '  {user="a",reason="burst_exceeded"} 0',
    'mimir_edge_shadow_discarded_series_total counter: Series in pushes let through in shadow mode that would have been refused.',
    '  {user="a",reason="edge_bytes_rate_limited"} 2',
    'mimir_edge_discarded_samples_total counter: Samples and native histograms in pushes refused.',
    '  {user="a",reason="rate_limited"} 7',
    '  {user="a",reason="burst_exceeded"} 0',
    'mimir_edge_shadow_discarded_samples_total counter: Samples and native histograms in pushes let through in shadow mode that would have been refused.',
    '  {user="a",reason="edge_bytes_rate_limited"} 7',
    'mimir_edge_discarded_exemplars_total counter: Exemplars in pushes refused.',
    '  {user="a",reason="rate_limited"} 5',
    '  {user="a",reason="burst_exceeded"} 0',
    'mimir_edge_shadow_discarded_exemplars_total counter: Exemplars in pushes let through in shadow mode that would have been refused.',
    '  {user="a",reason="edge_bytes_rate_limited"} 5',
    'mimir_edge_discarded_metadata_total counter: Metadata entries in pushes refused.',
    '  {user="a",reason="rate_limited"} 6',
    '  {user="a",reason="burst_exceeded"} 0',
    'mimir_edge_shadow_discarded_metadata_total counter: Metadata entries in pushes let through in shadow mode that would have been refused.',
    '  {user="a",reason="edge_bytes_rate_limited"} 6',
    'mimir_edge_active_series gauge: Series that this replica has seen within series.idle_timeout.',
    '  {user="a"} 21',
    'mimir_edge_fleet_series gauge: Active series over all replicas, as this one last heard.',
    '  {user="a"} 22',
    'mimir_edge_limits_effective gauge: Limits of the tenants in memory, defaults included; none that are 0.',
    '  {user="a",limit_name="request_rate"} 23',
    '  {user="a",limit_name="ingestion_rate"} 10000',
    '  {user="a",limit_name="max_global_series_per_user"} 150000',
    '  {user="b",limit_name="max_global_series_per_user"} 150000',
  ]);
});

t.test('how many tenants there are is told: in memory, gone from it, and named', async (t) => {
  const edge = enforcer({ maxTenants: 2, snapshot: snapshot({ a: limits(), b: limits(), c: limits() }) });
  const metrics = new Metrics();
  exportTenantCounts(metrics, edge);
  exportLimits(metrics, () => edge.snapshot);
  for (const id of ['x', 'y', 'z', 'x', 'y']) edge.admit(id);
  const text = await metrics.registry.metrics();
  for (const help of [
    'mimir_edge_tenants Tenants held in memory.',
    'mimir_edge_tenant_evictions_total Tenants that left memory because there were too many.',
    'mimir_edge_limits_tenants Tenants that the overrides name.',
  ])
    t.ok(text.includes(`# HELP ${help}\n`), help);
  t.strictSame(Object.fromEntries(await scrapedValues(metrics)), {
    mimir_edge_tenants: 2,
    mimir_edge_tenant_evictions_total: 3,
    mimir_edge_limits_tenants: 3,
  });
});
