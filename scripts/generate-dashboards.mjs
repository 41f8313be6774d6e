/** The Grafana dashboards of the chart, from the short lists below. */

/** Files and their texts. */
export const DASHBOARDS = [];

/** A query and its legend. JOB stands for the matcher of the chosen edges, USER for that and the chosen tenant. */
const JOB = 'job=~"$job"';
const USER = `${JOB}, user=~"$user"`;
const sum = (metric, by = '', matchers = JOB) =>
  `sum${by === '' ? '' : ` by (${by})`} (rate(${metric}{${matchers}}[$__rate_interval]))`;
const quantile = (q, metric) =>
  `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket{${JOB}}[$__rate_interval])))`;
const latency = (metric) => [
  [quantile(0.5, metric), 'p50'],
  [quantile(0.99, metric), 'p99'],
];
const top = (expr) => `topk(10, ${expr})`;
const refused = (matchers = JOB) => sum('mimir_edge_discarded_requests_total', 'reason', matchers);
const used = (matchers) => `max by (user, limit_name) (user:mimir_edge_limit_used:ratio{${matchers}})`;

/** A panel: title, unit, then its queries. A stat shows one number. */
const graph = (title, unit, ...queries) => ({
  type: 'timeseries',
  title,
  unit,
  queries,
  width: 12,
  height: 8,
});
const stat = (title, unit, expr) => ({
  type: 'stat',
  title,
  unit,
  queries: [[expr, '']],
  width: 4,
  height: 4,
});

dashboard('overview', 'Mimir edge: overview', [
  stat('Edges ready', 'short', `sum(mimir_edge_ready{${JOB}})`),
  stat('Pushes', 'reqps', sum('mimir_edge_received_requests_total')),
  stat(
    'Refused',
    'percentunit',
    `(${sum('mimir_edge_discarded_requests_total')} or vector(0)) / (${sum('mimir_edge_received_requests_total')} > 0)`,
  ),
  stat(
    'Tenants that lose data',
    'short',
    // A push that lost some of its series is none that was refused.
    `count(${sum('mimir_edge_discarded_requests_total', 'user')} + ${sum('mimir_edge_discarded_samples_total', 'user')} > 0) or vector(0)`,
  ),
  stat('Limits not usable since', 's', `max(mimir_edge_limits_stale_seconds{${JOB}})`),
  stat('Without shared state', 'short', `sum(mimir_edge_ledger_degraded{${JOB}}) or vector(0)`),
  graph(
    'Pushes',
    'reqps',
    [sum('mimir_edge_received_requests_total'), 'received'],
    [sum('mimir_edge_accepted_requests_total'), 'accepted'],
    [sum('mimir_edge_filtered_requests_total'), 'accepted without some series'],
    [sum('mimir_edge_discarded_requests_total'), 'refused'],
  ),
  graph('Refused, by reason', 'reqps', [refused(), '{{reason}}']),
  graph('Pushes, by protocol', 'reqps', [sum('mimir_edge_pushes_total', 'protocol'), '{{protocol}}']),
  graph('Largest tenants, samples', 'short', [
    top(`sum by (user) (user:mimir_edge_received_items:rate5m{${JOB}})`),
    '{{user}}',
  ]),
  graph('Tenants that lose most, samples', 'short', [
    top(`sum by (user) (user_reason:mimir_edge_discarded_samples:rate5m{${JOB}})`),
    '{{user}}',
  ]),
  graph('Most refused tenants, pushes', 'reqps', [
    top(`sum by (user) (user_reason:mimir_edge_discarded_requests:rate5m{${JOB}})`),
    '{{user}}',
  ]),
  graph('Nearest to a limit', 'percentunit', [top(used(JOB)), '{{user}} {{limit_name}}']),
  graph('Would be refused, but for shadow mode', 'reqps', [
    sum('mimir_edge_shadow_discarded_requests_total', 'reason'),
    '{{reason}}',
  ]),
  graph(
    'Answers of Mimir',
    'reqps',
    [sum('mimir_edge_upstream_responses_total', 'class'), '{{class}}'],
    [sum('mimir_edge_upstream_failures_total', 'failure'), '{{failure}}'],
  ),
  graph('Failures by address of Mimir', 'reqps', [
    `sum by (address, outcome) (rate(mimir_edge_upstream_address_requests_total{${JOB}, outcome!="answered"}[$__rate_interval]))`,
    '{{address}} {{outcome}}',
  ]),
  graph('Time to the answer of Mimir', 's', ...latency('mimir_edge_upstream_duration_seconds')),
]);

dashboard(
  'tenant',
  'Mimir edge: tenant',
  [
    graph(
      'Pushes',
      'reqps',
      [sum('mimir_edge_received_requests_total', '', USER), 'received'],
      [sum('mimir_edge_accepted_requests_total', '', USER), 'accepted'],
      [sum('mimir_edge_filtered_requests_total', '', USER), 'accepted without some series'],
      [`max(mimir_edge_limits_effective{${USER}, limit_name="request_rate"})`, 'limit'],
    ),
    graph('Refused, by reason', 'reqps', [refused(USER), '{{reason}}']),
    graph(
      'Samples, histograms, exemplars, metadata',
      'short',
      ...['samples', 'histograms', 'exemplars', 'metadata'].map((what) => [
        sum(`mimir_edge_received_${what}_total`, '', USER),
        what,
      ]),
      [`max(mimir_edge_limits_effective{${USER}, limit_name="ingestion_rate"})`, 'limit of all'],
    ),
    graph('Samples refused or left out', 'short', [
      sum('mimir_edge_discarded_samples_total', 'reason', USER),
      '{{reason}}',
    ]),
    graph('Series refused or left out, as often as they were', 'short', [
      sum('mimir_edge_discarded_series_total', 'reason', USER),
      '{{reason}}',
    ]),
    graph(
      'Active series',
      'short',
      [`max by (user) (mimir_edge_fleet_series{${USER}})`, 'all replicas'],
      [`sum by (user) (mimir_edge_active_series{${USER}})`, 'sum of what each has seen'],
      [
        `max(mimir_edge_limits_effective{${USER}, limit_name=~"max_(active|global)_series_per_user"})`,
        'limit',
      ],
    ),
    graph(
      'New series',
      'short',
      [sum('mimir_edge_new_series_total', '', USER), 'new'],
      [sum('mimir_edge_series_over_limit_total', '', USER), 'over the limit'],
    ),
    graph(
      'Body bytes',
      'Bps',
      [sum('mimir_edge_received_body_bytes_total', '', USER), 'on the wire'],
      [sum('mimir_edge_received_uncompressed_bytes_total', '', USER), 'uncompressed'],
    ),
    graph('Share of its limits', 'percentunit', [used(USER), '{{limit_name}}']),
    graph('Samples of HA replicas that are not elected', 'short', [
      sum('mimir_edge_deduplicated_samples_total', '', USER),
      'left out',
    ]),
    graph('Would be refused, but for shadow mode', 'reqps', [
      sum('mimir_edge_shadow_discarded_requests_total', 'reason', USER),
      '{{reason}}',
    ]),
  ],
  variable('user', 'Tenant', `label_values(mimir_edge_received_requests_total{${JOB}}, user)`),
);

dashboard('internals', 'Mimir edge: internals', [
  graph('CPU', 'short', [
    `rate(process_cpu_seconds_total{${JOB}}[$__rate_interval]) and on (job, instance) mimir_edge_build_info`,
    '{{instance}}',
  ]),
  graph('Memory', 'bytes', [
    `process_resident_memory_bytes{${JOB}} and on (job, instance) mimir_edge_build_info`,
    '{{instance}}',
  ]),
  graph('Event loop lag, p99', 's', [
    `nodejs_eventloop_lag_p99_seconds{${JOB}} and on (job, instance) mimir_edge_build_info`,
    '{{instance}}',
  ]),
  graph('Garbage collection', 'percentunit', [
    `sum by (instance) (rate(nodejs_gc_duration_seconds_sum{${JOB}}[$__rate_interval]))`,
    '{{instance}}',
  ]),
  graph(
    'Body bytes in flight',
    'bytes',
    [`mimir_edge_body_bytes_in_flight{${JOB}}`, '{{instance}}'],
    [`min(mimir_edge_body_bytes_in_flight_limit{${JOB}})`, 'cap'],
  ),
  graph('Requests in flight', 'short', [`mimir_edge_requests_in_flight{${JOB}}`, '{{instance}}']),
  graph('Time in the edge itself', 's', ...latency('mimir_edge_push_own_duration_seconds')),
  graph('Time to decode', 's', ...latency('mimir_edge_decode_duration_seconds')),
  graph('Time to decide', 's', ...latency('mimir_edge_decision_duration_seconds')),
  graph(
    'Threads that decode',
    'short',
    [`sum(mimir_edge_decode_queue{${JOB}})`, 'waiting'],
    [sum('mimir_edge_decode_threads_lost_total'), 'lost a second'],
  ),
  graph(
    'Tenants in memory',
    'short',
    [`mimir_edge_tenants{${JOB}}`, '{{instance}}'],
    [sum('mimir_edge_tenant_evictions_total'), 'evicted a second'],
  ),
  graph(
    'Limits',
    'short',
    [`count(count by (hash) (mimir_edge_limits_info{${JOB}}))`, 'different sets'],
    [`min(mimir_edge_limits_source_up{${JOB}})`, 'all sources up'],
    [sum('mimir_edge_limits_failures_total'), 'failures a second'],
  ),
  graph(
    'Limits: age and lag',
    's',
    [`max(mimir_edge_limits_stale_seconds{${JOB}})`, 'not usable since'],
    [`max(mimir_edge_limits_lag_seconds{${JOB}})`, 'from the last change to its enforcement'],
  ),
  graph(
    'Shared state',
    'short',
    [sum('mimir_edge_ledger_calls_total'), 'calls a second'],
    [sum('mimir_edge_ledger_errors_total', 'kind'), 'errors: {{kind}}'],
    [`sum(mimir_edge_ledger_degraded{${JOB}})`, 'edges without it'],
  ),
  graph(
    'Buckets',
    'short',
    [`sum(mimir_edge_ledger_buckets{${JOB}})`, 'shared'],
    [`sum(mimir_edge_ledger_buckets_alone{${JOB}})`, 'alone'],
  ),
  graph(
    'Table of active series',
    'short',
    [`mimir_edge_series_table_series{${JOB}}`, '{{instance}}'],
    [sum('mimir_edge_series_untracked_total'), 'passed uncounted a second'],
  ),
  graph(
    'Workers',
    'short',
    [`mimir_edge_workers{${JOB}}`, '{{instance}}'],
    [sum('mimir_edge_worker_restarts_total'), 'restarts a second'],
  ),
  graph('Envoy: checks', 'reqps', [sum('mimir_edge_envoy_checks_total', 'outcome'), '{{outcome}}']),
  graph('Envoy: time of a check', 's', ...latency('mimir_edge_envoy_check_duration_seconds')),
  graph('Changes through the admin API', 'short', [
    sum('mimir_edge_admin_writes_total', 'action, outcome'),
    '{{action}} {{outcome}}',
  ]),
]);

// Mimir's own metrics are those of its distributors, whatever their job is called.
const mimir = (metric, by = '') => `sum${by === '' ? '' : ` by (${by})`} (rate(${metric}[$__rate_interval]))`;
dashboard('savings', 'Mimir edge: what it saves Mimir', [
  stat('Samples refused at the edge', 'short', sum('mimir_edge_discarded_samples_total')),
  stat('Samples refused by Mimir', 'short', mimir('cortex_discarded_samples_total')),
  stat(
    'Of all that is refused, at the edge',
    'percentunit',
    `${sum('mimir_edge_discarded_samples_total')} / (${sum('mimir_edge_discarded_samples_total')} + ` +
      `(${mimir('cortex_discarded_samples_total')} or vector(0)) > 0)`,
  ),
  stat(
    'Pushes that Mimir never saw',
    'percentunit',
    `(${sum('mimir_edge_discarded_requests_total')} or vector(0)) / (${sum('mimir_edge_received_requests_total')} > 0)`,
  ),
  graph('Refused at the edge, by reason', 'short', [
    sum('mimir_edge_discarded_samples_total', 'reason'),
    '{{reason}}',
  ]),
  graph('Refused by Mimir, by reason', 'short', [
    mimir('cortex_discarded_samples_total', 'reason'),
    '{{reason}}',
  ]),
  graph('Refused at the edge, by tenant', 'short', [
    top(sum('mimir_edge_discarded_samples_total', 'user')),
    '{{user}}',
  ]),
  graph('Refused by Mimir, by tenant', 'short', [
    top(mimir('cortex_discarded_samples_total', 'user')),
    '{{user}}',
  ]),
  graph(
    'Pushes',
    'reqps',
    [sum('mimir_edge_received_requests_total'), 'received by the edge'],
    [sum('mimir_edge_accepted_requests_total'), 'passed on'],
    [mimir('cortex_distributor_requests_in_total'), 'received by Mimir'],
  ),
  graph(
    'Samples of HA pairs that are dropped',
    'short',
    [sum('mimir_edge_deduplicated_samples_total'), 'by the edge'],
    [mimir('cortex_distributor_deduped_samples_total'), 'by Mimir'],
  ),
]);

function variable(name, label, query) {
  const all = { selected: true, text: 'All', value: '$__all' };
  return {
    type: 'query',
    name,
    label,
    query: { query, refId: name },
    datasource: { type: 'prometheus', uid: '$datasource' },
    refresh: 2,
    sort: 1,
    includeAll: true,
    multi: true,
    current: all,
  };
}

function dashboard(name, title, panels, ...variables) {
  const content = {
    uid: `mimir-edge-${name}`,
    title,
    tags: ['mimir', 'mimir-edge'],
    schemaVersion: 39,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    links: [{ type: 'dashboards', title: 'Mimir edge', tags: ['mimir-edge'], asDropdown: true }],
    templating: {
      list: [
        { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus' },
        variable('job', 'Job', 'label_values(mimir_edge_build_info, job)'),
        ...variables,
      ],
    },
    panels: placed(panels).map(panel),
  };
  DASHBOARDS.push({
    file: `helm/mimir-edge/dashboards/${name}.json`,
    text: `${JSON.stringify(content, null, 1)}\n`,
  });
}

/** From left to right, then the next row. */
function placed(panels) {
  let [x, y, rowHeight] = [0, 0, 0];
  return panels.map((one) => {
    if (x + one.width > 24) [x, y] = [0, y + rowHeight];
    const gridPos = { x, y, w: one.width, h: one.height };
    x += one.width;
    rowHeight = one.height;
    return { ...one, gridPos };
  });
}

function panel({ type, title, unit, queries, gridPos }, index) {
  const look = {
    timeseries: { custom: { fillOpacity: 10, showPoints: 'never', spanNulls: false } },
    stat: {},
  };
  return {
    id: index + 1,
    type,
    title,
    gridPos,
    datasource: { type: 'prometheus', uid: '$datasource' },
    fieldConfig: { defaults: { unit, min: 0, ...look[type] }, overrides: [] },
    options:
      type === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'none' }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      expr,
      legendFormat,
    })),
  };
}
