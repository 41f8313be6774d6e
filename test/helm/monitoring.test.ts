/** Rules and dashboards: that they fire when they should, and speak of nothing that an edge does not have. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { startEdge } from '../e2e/processes.js';
import { send, upstream } from '../doors/http/fixtures.js';
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

t.test('every metric that a rule or a dashboard names exists in a running edge', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const flags = [`--upstream.url=${mimir.url}`, '--envoy.enabled=true', '--listen.grpc=127.0.0.1:0'];
  const edges = [
    await startEdge(t, flags),
    // Workers have all that an edge with a Redis has, too.
    await startEdge(t, [...flags, '--workers=2']),
  ];
  const there = new Set<string>();
  for (const edge of edges) {
    await send(edge.proxy);
    const text = await (await fetch(`${edge.admin}/metrics`)).text();
    for (const [, name = ''] of text.matchAll(/^# TYPE (\S+)/gm)) there.add(name);
  }
  for (const { record } of rules) if (record !== undefined) there.add(record);

  const missing = [...rules.map(({ expr }) => expr), ...queriesOf(ROOT).map(({ expr }) => expr)]
    .flatMap(metricsIn)
    .filter((name) => !there.has(name) && !there.has(name.replace(/_(bucket|sum|count)$/, '')))
    .filter((name) => !OF_OTHERS.has(name));
  t.strictSame([...new Set(missing)], []);
});

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
