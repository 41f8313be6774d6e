/**
 * The whole way, with real programs: a Prometheus sends for two tenants with passwords through nginx to two edges that
 * share a Redis, and they pass on to a Prometheus in the place of Mimir. The first one also watches the edges with the
 * chart's rules, and tells Alertmanager. `npm run stack` runs it alone; with STACK_KEEP=1 it stays until Ctrl-C.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { queriesOf } from '../helm/queries.js';
import { RedisServer } from '../shared/redis-server.js';
import { startNginx } from './nginx-folder.js';
import { answering, needs, startEdge } from './processes.js';
import { ALERTMANAGER, queryUrl, startAlertmanager, startPrometheus } from './prometheus-processes.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const PASSWORDS = { 'team-a': 'one', 'team-noisy': 'two' };
/** What this stack has none of: other settings, other traffic, Mimir itself. */
const EMPTY_HERE = /Envoy|Workers|HA |Mimir|admin|shadow|Share of its limits/;

const KEEP = process.env['STACK_KEEP'] === '1';
t.setTimeout(KEEP ? 0 : 240_000);

t.test('a stack of real programs works from one end to the other', async (t) => {
  const peers: [string, string[]][] = [
    ['redis-server', ['--version']],
    ['nginx', ['-v']],
    ['prometheus', ['--version']],
    [ALERTMANAGER, ['--version']],
  ];
  if (!peers.map(([command, args]) => needs(t, command, args)).every(Boolean)) return;
  const folder = t.testdir();
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const receiver = await startPrometheus(t, join(folder, 'receiver'));

  const overrides = join(folder, 'overrides.yaml');
  writeFileSync(
    overrides,
    'overrides: { team-a: { ingestion_rate: 1e6, ingestion_burst_size: 1e6, request_rate: 1000, ' +
      'request_burst_size: 1000 }, team-noisy: { ingestion_rate: 10, ingestion_burst_size: 500 } }',
  );
  const flags = [
    `--upstream.url=${receiver}`,
    '--push.paths=/api/v1/write',
    `--state.redis.url=${redis.url}`,
    `--overrides.file=${overrides}`,
    '--tenants.unknown=refuse',
  ];
  const edges = [await startEdge(t, flags), await startEdge(t, flags)];
  const nginx = await startNginx(t, join(folder, 'nginx'), {
    tenant: 'basic-auth',
    edges: edges.map(({ proxy }) => proxy),
    mimir: receiver,
    edits: { 'location = /api/v1/push': 'location = /api/v1/write' },
    files: {
      users: Object.entries(PASSWORDS)
        .map(([user, password]) => `${user}:{PLAIN}${password}\n`)
        .join(''),
    },
  });
  const alertmanager = await startAlertmanager(t, join(folder, 'alertmanager'));
  const sender = await startPrometheus(
    t,
    join(folder, 'sender'),
    stringify({
      ...watching(
        folder,
        edges.map(({ admin }) => admin),
        alertmanager,
      ),
      remote_write: Object.entries(PASSWORDS).map(([username, password]) => {
        const file = join(folder, username);
        writeFileSync(file, password, { mode: 0o600 });
        return {
          url: `${nginx.url}/api/v1/write`,
          name: username,
          basic_auth: { username, password_file: file },
          write_relabel_configs: [{ target_label: 'sent_for', replacement: username }],
          queue_config: {
            batch_send_deadline: '1s',
            retry_on_http_429: true,
            // Many small pushes: enough refusals in a minute for a rate to be seen.
            min_shards: 8,
            max_samples_per_send: 100,
          },
        };
      }),
    }),
  );
  t.comment(`sender ${sender}, nginx ${nginx.url}, edges ${edges.map(({ admin }) => admin).join(' ')}`);
  t.comment(`receiver ${receiver}, alertmanager ${alertmanager}, redis ${redis.url}`);

  const has = (prometheus: string, expr: string) =>
    answering(queryUrl(prometheus, expr), (text) => JSON.parse(text).data.result.length > 0, 90_000);
  t.ok(await has(receiver, 'count_over_time(up{sent_for="team-a"}[1m]) > 5'), 'samples arrive');
  t.ok(
    await has(
      sender,
      'sum(mimir_edge_discarded_requests_total{user="team-noisy",reason="rate_limited"}) > 0',
    ),
    'who sends too much is refused',
  );
  t.ok(
    await has(sender, 'count(mimir_edge_received_requests_total{user="team-a"} > 0) == 2'),
    'by both edges',
  );
  t.ok(await has(sender, 'min(mimir_edge_ledger_replicas) == 2'), 'which know of each other');
  t.ok(
    await has(sender, 'absent(mimir_edge_discarded_requests_total{user="team-a"})'),
    'who keeps to its limits is not',
  );

  await rulesAreSound(t, sender);
  await dashboardsHaveData(t, (expr) => queryUrl(sender, expr));

  const alerts = `${alertmanager}/api/v2/alerts`;
  const firing = (name: string) => (text: string) =>
    JSON.parse(text).some(({ labels }: { labels: Record<string, string> }) => labels['alertname'] === name);
  t.ok(
    await answering(alerts, firing('MimirEdgeRefusingTenant'), 60_000),
    'Alertmanager hears of the refusals',
  );

  if (KEEP) {
    t.comment('it stays until Ctrl-C');
    await new Promise((resolve) => process.once('SIGINT', resolve));
    return;
  }
  await edges[0]!.stop('SIGKILL');
  t.ok(await answering(alerts, firing('MimirEdgeDown'), 60_000), 'Alertmanager hears of a dead edge');
  await edges[1]!.stop('SIGKILL');
  const now = Date.now() / 1000;
  t.ok(
    await has(receiver, `timestamp(up{sent_for="team-a",job="self"}) > ${now + 3}`),
    'without any edge samples still arrive',
  );
  t.ok(
    nginx.pushes().some(({ way, status }) => way === 'fallback' && Number(status) < 300),
    'by the way round',
  );
  t.ok(await has(sender, 'sum(prometheus_remote_storage_samples_failed_total) == 0'), 'none was dropped');
  const count = async (prometheus: string, matcher: string) => {
    const expr = `sum(count_over_time(prometheus_http_request_duration_seconds_bucket{job="self"${matcher}}[5m] @ ${now}))`;
    return JSON.parse(await (await fetch(queryUrl(prometheus, expr))).text()).data.result[0].value[1];
  };
  t.equal(await count(receiver, ',sent_for="team-a"'), await count(sender, ''), 'and each is there, once');
});

/** Scrapes the edges every second, with the chart's rules; what they wait for is cut to seconds. */
function watching(folder: string, admins: string[], alertmanager: string): object {
  const files = ['recording', 'alerts'].map((name) => {
    const text = readFileSync(join(ROOT, 'helm/mimir-edge/rules', `${name}.yaml`), 'utf8');
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, text.replace(/\bfor: \d+m\b/g, 'for: 1s'));
    return file;
  });
  const host = (url: string) => url.replace('http://', '');
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: files,
    alerting: { alertmanagers: [{ static_configs: [{ targets: [host(alertmanager)] }] }] },
    scrape_configs: [
      { job_name: 'self', static_configs: [{ targets: ['SELF'] }] },
      { job_name: 'mimir-edge', static_configs: [{ targets: admins.map(host) }] },
    ],
  };
}

async function rulesAreSound(t: Test, prometheus: string): Promise<void> {
  interface Rule {
    readonly name: string;
    readonly health: string;
    readonly lastError?: string;
  }
  const rules = (text: string): Rule[] =>
    JSON.parse(text).data.groups.flatMap((group: { rules: Rule[] }) => group.rules);
  const url = `${prometheus}/api/v1/rules`;
  t.ok(await answering(url, (text) => rules(text).every(({ health }) => health !== 'unknown')));
  const bad = rules(await (await fetch(url)).text()).filter(({ health }) => health !== 'ok');
  t.strictSame(bad, [], 'every rule is evaluated');
}

async function dashboardsHaveData(t: Test, query: (expr: string) => string): Promise<void> {
  const [failed, empty]: [string[], string[]] = [[], []];
  const queries = queriesOf(ROOT);
  for (const { dashboard, panel, expr } of queries) {
    const asked = expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(job|user)/g, '.+');
    const answer = await fetch(query(asked));
    const text = await answer.text();
    const name = `${dashboard}: ${panel}: ${asked}`;
    if (!answer.ok) failed.push(`${name}: ${text}`);
    else if (
      JSON.parse(text).data.result.length === 0 &&
      !EMPTY_HERE.test(panel) &&
      !expr.includes('cortex_')
    )
      empty.push(name);
  }
  t.comment(`${queries.length} queries of dashboards asked`);
  t.strictSame(failed, [], 'every query of a dashboard is one');
  t.strictSame(empty, [], 'and has data where this stack has any');
}
