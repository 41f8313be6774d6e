/** Rules and dashboards: that they fire when they should, and speak of nothing that an edge does not have. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { send, upstream } from '../doors/http/fixtures.js';
import { startEdge } from '../e2e/processes.js';
import { freePort } from '../free-port.js';
import { queriesOf } from './queries.js';

const ROOT = new URL('../../../', import.meta.url).pathname;
const RULES = ['recording', 'alerts'].map((name) => join(ROOT, 'helm/mimir-edge/rules', `${name}.yaml`));
const RULE_TESTS = join(ROOT, 'test/helm/rules/alerts.test.yaml');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const rules: Rule[] = RULES.flatMap((file) =>
  parse(readFileSync(file, 'utf8')).groups.flatMap((group: { rules: Rule[] }) => group.rules),
);
const alerts = rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert]));

t.test('every alert is tested firing and not firing, and has its page', async (t) => {
  interface Case {
    readonly alertname: string;
    readonly exp_alerts: unknown[];
  }
  const cases: Case[] = parse(readFileSync(RULE_TESTS, 'utf8')).tests.flatMap(
    (one: { alert_rule_test?: Case[] }) => one.alert_rule_test ?? [],
  );
  for (const alert of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert);
    t.ok(
      own.some((one) => one.exp_alerts.length > 0),
      `${alert} fires`,
    );
    t.ok(
      own.some((one) => one.exp_alerts.length === 0),
      `${alert} does not fire`,
    );
  }
  const pages = readdirSync(join(ROOT, 'docs/runbooks')).map((file) => file.replace('.md', ''));
  t.strictSame(pages.sort(), [...alerts].sort());
  for (const { alert, annotations } of rules) {
    if (alert !== undefined) t.equal(annotations?.['runbook_url'], `docs/runbooks/${alert}.md`);
  }
});

t.test('metrics of a running edge', async (t) => {
  const there = await metricsOfEdges(t);

  t.test('every metric that a rule or a dashboard names exists', async (t) => {
    const known = new Set([...there, ...rules.flatMap(({ record }) => record ?? []), ...OF_OTHERS]);
    const missing = [...rules.map(({ expr }) => expr), ...queriesOf(ROOT).map(({ expr }) => expr)]
      .flatMap(metricsIn)
      .filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')));
    t.strictSame([...new Set(missing)], []);
  });

  t.test('each is in docs/metrics.md, and what is there exists', async (t) => {
    const documented = documentedMetrics(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8'));
    const own = [...there].filter((name) => name.startsWith('mimir_edge_'));
    t.strictSame(own.sort(), documented.sort());
  });
});

/** Of an edge whose Redis does not answer, and of one with workers. */
async function metricsOfEdges(t: Test): Promise<ReadonlySet<string>> {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const flags = [
    `--upstream.url=${mimir.url}`,
    '--upstream.fairness=act',
    '--envoy.enabled=true',
    '--listen.grpc=127.0.0.1:0',
  ];
  const redis = `--state.redis.url=redis://127.0.0.1:${await freePort()}`;
  const edges = [await startEdge(t, [...flags, redis]), await startEdge(t, [...flags, '--workers=2'])];
  const names = new Set<string>();
  for (const edge of edges) {
    await send(edge.proxy);
    const text = await (await fetch(`${edge.admin}/metrics`)).text();
    for (const [, name = ''] of text.matchAll(/^# TYPE (\S+)/gm)) names.add(name);
  }
  return names;
}

/** Names in the first column of tables, with `a_{b,c}` for two. */
function documentedMetrics(text: string): string[] {
  const cells = [...text.matchAll(/^\| (`mimir_edge_.*?) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => {
      const [, before = '', list, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? [];
      return list === undefined ? [name] : list.split(',').map((one) => `${before}${one}${after}`);
    }),
  );
}

/** Prometheus' own, and what dashboards ask of Mimir itself, by the names that it has had since version 2. */
const OF_OTHERS = new Set([
  'up',
  'cortex_discarded_samples_total',
  'cortex_distributor_requests_in_total',
  'cortex_distributor_deduped_samples_total',
]);

t.test('the search for names finds them', async (t) => {
  t.strictSame(
    metricsIn('sum by (le) (rate(a_bucket{job=~"$job", b="c"}[5m])) / job:d:ratio5m > 0 and on (job) up'),
    ['a_bucket', 'job:d:ratio5m', 'up'],
  );
});

/** Names that are neither functions, keywords, labels nor text. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
    .replace(/\b[a-z_0-9]+\s*\(/g, '(');
  return [...bare.matchAll(/\b[a-z][a-z0-9_:]+\b/g)]
    .map(([name]) => name)
    .filter((name) => !/^(and|or|unless|bool|offset)$/.test(name));
}
