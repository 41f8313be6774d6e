import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { parseOverrides } from '#src/limits/overrides-document.js';
import type { UsageHistory } from '#src/usage/usage-record.js';
import { historyOf } from '../advice/history-of.js';
import { advisedEdge } from './advised-edge.js';
import { run } from './run.js';

const DAY = 86_400;

function sending(tenant: string, at: (second: number) => number, series: number, days = 20): UsageHistory {
  const items = Float64Array.from({ length: days * DAY }, (_, second) => at(second));
  return historyOf({ items, series: new Array(days * 24).fill(series) }, tenant);
}

const HISTORIES = [
  sending('busy', () => 30_000, 140_000),
  sending('growing', (second) => 5000 + second / 500, 1000),
  sending('small', () => 5, 10),
];

const OVERRIDES = `# Of the platform team.
overrides:
  small: # does little
    ingestion_rate: 1e5 # far too much
    max_global_series_per_user: 1000000
  unused: { ingestion_rate: 5 }
`;

t.test('advise shows what is to be changed and what it would have refused', async (t) => {
  const url = await advisedEdge(t, HISTORIES, OVERRIDES);
  const { status, stdout } = await run(['advise', '--url', url]);
  t.equal(status, 0);
  t.match(stdout, /busy +ingestion_rate +raise +10000 +36000 +66-480 +0 +2\d % +high/);
  t.match(stdout, /small +ingestion_rate +lower +100\sk/);
  t.notMatch(stdout, /unused/, 'there is nothing to say of it');
  t.match(stdout, /of 4 tenants to be changed; 1 have less than 24 hours of history: no advice/);
  t.notMatch(stdout, /items\/s on average/);
  const { stdout: one } = await run(['advise', 'busy', '--why', '--url', url]);
  t.match(one, /The busiest hour brought 30,000 items\/s on average/);
  t.notMatch(one, /small/);
  t.match((await run(['advise', 'unused', '--all', '--why', '--url', url])).stdout, /has no figures/);
});

t.test('advise --json is what the API says', async (t) => {
  const url = await advisedEdge(t, HISTORIES, OVERRIDES);
  const advice = JSON.parse((await run(['advise', '--json', '--url', url])).stdout);
  const answer = await (await fetch(`${url}/api/v1/advice`)).json();
  t.strictSame(advice, (answer as { advice: unknown }).advice);
});

t.test('advise --yaml is a document that Mimir and the edge read', async (t) => {
  const url = await advisedEdge(t, HISTORIES, OVERRIDES);
  const { stdout } = await run(['advise', '--yaml', '--url', url]);
  const { tenants, errors, warnings } = parseOverrides(stdout, 'mimir');
  t.strictSame([errors, warnings], [[], []]);
  t.equal(tenants.get('busy')?.get('ingestion_rate'), 36_000);
  t.notOk(tenants.has('unused'));
  const edge = await run(['advise', '--yaml', '--edge', '--url', url]);
  t.strictSame(parse(edge.stdout), { overrides: {} }, 'nobody has figures of bytes');
});

t.test('advise --patch keeps comments, order and what it says nothing of', async (t) => {
  const url = await advisedEdge(t, HISTORIES, OVERRIDES);
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(file, OVERRIDES);
  const { status, stdout, stderr } = await run(['advise', 'small', '--patch', file, '--url', url]);
  t.strictSame([status, stderr], [0, '']);
  t.match(stdout, /^# Of the platform team\.\noverrides:\n {2}small: # does little\n/);
  t.match(stdout, / {4}ingestion_rate: 6 # far too much\n/);
  t.match(stdout, / {4}max_global_series_per_user: 12\n/);
  t.match(stdout, / {2}unused: \{ ingestion_rate: 5 \}\n$/);
  t.equal(readFileSync(file, 'utf8'), OVERRIDES, 'the file itself stays');
  const empty = await advisedEdge(t, []);
  const nothing = await run(['advise', '--patch', file, '--url', empty]);
  t.strictSame([nothing.status, nothing.stdout], [0, OVERRIDES]);
  t.match(nothing.stderr, /nothing is to be changed: .*overrides.yaml is as it was/);
  t.match(await run(['advise', '--patch', '/nowhere', '--url', url]), { status: 2, stderr: /ENOENT/ });
});

t.test('with no history there are no numbers, in advice and in reports', async (t) => {
  const url = await advisedEdge(t, []);
  t.match(await run(['advise', '--url', url]), { status: 0, stdout: /^No tenant is known/ });
  const text = (await run(['report', '--url', url])).stdout;
  t.match(text, /^0 tenants, 0 with a history/);
  t.match(text, /There is no history yet\./);
  t.notMatch(text.replace(/^.*\n/, '').replaceAll(/60 %|seven|14 days/g, ''), /\d/, 'beyond the first line');
  const html = (await run(['report', '--format', 'html', '--url', url])).stdout;
  t.match(html, /There is no history yet/);
  t.notMatch(html, /<svg|<td/);
  t.equal((await run(['report', '--format', 'csv', '--url', url])).stdout, '');
  const json = JSON.parse((await run(['report', '--format', 'json', '--url', url])).stdout);
  t.strictSame([json.report.atRisk, json.report.forecasts, json.costs.tenants], [[], [], []]);
  t.strictSame(json.report.fleet, { days: [], items: null, series: null });
});

t.test('a tenant that is only named has no numbers either', async (t) => {
  const url = await advisedEdge(t, [], OVERRIDES);
  const advice = (await (await fetch(`${url}/api/v1/advice/unused`)).json()) as {
    limits: { recommended: unknown; peak: unknown }[];
    curves: unknown[];
  };
  t.ok(advice.limits.length > 0);
  t.ok(advice.limits.every(({ recommended, peak }) => recommended === null && peak === null));
  t.strictSame(advice.curves, []);
});

const plane = (limitsHash: string, worker: number | null = null) => ({ worker, limitsHash });
const REPLICAS = [
  { name: 'edge-0', alive: true, dataPlanes: [plane('new', 1), plane('new', 2)] },
  { name: 'edge-1', alive: true, dataPlanes: [plane('old', 1), plane('new', 2)] },
  { name: 'gone', alive: false, dataPlanes: [plane('older')] },
];

const CONFIG = `
advice:
  currency: EUR
  price: { million_samples: 1, thousand_series_month: 0, gigabyte: 0 }
  budgets:
    - { name: all, tenants: "*", period: year, amount: 100000 }
    - { name: each, tenants: [small, busy], of: each, period: year, amount: 100 }
`;

t.test('a report: at risk, forecasts, too wide, without overrides, costs', async (t) => {
  const url = await advisedEdge(t, HISTORIES, OVERRIDES, CONFIG, { replicas: REPLICAS });
  const { stdout } = await run(['report', '--url', url]);
  t.match(stdout, /busy +ingestion_rate +10\sk +300 % +95 %/);
  t.match(stdout, /busy +max_global_series_per_user +150\sk +93 % +80 %/);
  t.match(stdout, /small +max_global_series_per_user +1\sM +0 %/);
  t.match(stdout, /Tenants without overrides of their own\ntenant\nbusy\ngrowing\n/);
  const forecast = /growing +ingestion_rate +10\sk +\d+ % +(\d+) +(\d+) +(\d+)/.exec(stdout);
  t.ok(forecast, stdout);
  // 10,000/s is reached when the hour's mean is: 172.8 a day more, from 8,400.
  t.ok(Number(forecast?.[1]) >= 8 && Number(forecast?.[1]) <= 11, stdout);
  t.match(stdout, /Costs \(EUR\)/);
  t.match(stdout, /Replicas on other limits than most\nreplica +limits hash\nedge-1, worker 1 +old\n\n/);
  t.match(stdout, /items a second +35\sk |items a second +3\d/);
  t.match(stdout, /Costs by policy \(EUR\)\npolicy .*\ndefault +4 /);
  t.match(stdout, /Not priced: queries;/);
  const html = (await run(['report', '--format', 'html', '--url', url])).stdout;
  t.match(html, /Content-Security-Policy" content="default-src 'none'; style-src 'sha256-/);
  t.notMatch(html, /<script| style=| on\w+=|https?:\/\//);
  t.match(html, /<svg/);
  const csv = (await run(['report', '--format', 'csv', '--url', url])).stdout;
  t.match(csv, /"At risk: used at the peak","tenant","busy","limit","ingestion_rate"/);
  const { costs } = JSON.parse((await run(['report', '--format', 'json', '--url', url])).stdout);
  const busy = costs.tenants.find(({ tenant }: { tenant: string }) => tenant === 'busy');
  t.ok(Math.abs(busy.total.total - (30_000 * DAY * 20) / 1e6) < 1e-6);
  t.equal(busy.months[0].of, '2026-01');
});

/** Long after any baseline. */
const CHANGE = {
  at: '2126-01-01T00:00:00.000Z',
  action: 'set',
  name: 'ingestion_rate',
  before: 1,
  after: 2,
  until: null,
  id: null,
};

t.test('what has changed since a baseline', async (t) => {
  const file = join(t.testdir(), 'limits.json');
  const before = await advisedEdge(t, HISTORIES, OVERRIDES);
  t.match(await run(['baseline', 'save', file, '--url', before]), {
    status: 0,
    stdout: /of 2 tenants are in/,
  });
  const same = await run(['report', '--baseline', file, '--url', before]);
  t.match(same.stdout, /Changed since 20.*\nNothing\.\n/);
  const audit = [
    {
      ...CHANGE,
      tenant: 'small',
      who: 'configmap:mimir',
      from: 'overrides',
      reason: 'changed by helm at 2126-01-01T00:00:00Z',
    },
    { ...CHANGE, tenant: 'unused', who: 'anna', from: 'here', reason: 'less' },
  ];
  const source = { name: 'overrides.yaml', changedBy: null, changedAt: '2126-01-01T00:00:00Z' };
  const sources = [source, { ...source, name: 'old.yaml', changedAt: '2020-01-01T00:00:00Z' }];
  const text = OVERRIDES.replace('1e5', '2e5').replace('unused', 'other');
  const after = await advisedEdge(t, HISTORIES, text, '', { audit, sources });
  const changed = await run(['report', '--baseline', file, '--url', after]);
  const written =
    /other +ingestion_rate +10000 +5 +overrides.yaml: written at 2126-.*; the source does not say by whom\n/;
  t.match(changed.stdout, written, 'what no audit knows, by the source that has changed');
  t.match(changed.stdout, /small +.* 200000 +configmap:mimir: changed by helm at 2126-01-01T00:00:00Z\n/);
  t.match(changed.stdout, /unused +ingestion_rate +5 +10000 +anna, 2126-01-01T00:00\n/);
  const silent = await advisedEdge(t, HISTORIES, text);
  const { stdout: unsaid } = await run(['report', '--baseline', file, '--url', silent]);
  t.match(unsaid, /small +.* 200000 +the source does not say\n/);
  const overrides = join(t.testdir({ 'o.yaml': OVERRIDES }), 'o.yaml');
  t.match(await run(['baseline', 'save', file, '--overrides', overrides]), { status: 0 });
  t.match(await run(['report', '--baseline', overrides, '--url', after]), { status: 2, stderr: /JSON/ });
});

t.test('what is asked wrongly is said', async (t) => {
  for (const [args, message] of [
    [['advise', '--json', '--yaml'], /exclude each other/],
    [['advise', '--edge'], /--edge is for --yaml and --patch/],
    [['advise', '--url', 'nowhere'], /--url needs an http/],
    [['advise', '--url', 'http://127.0.0.1:1'], /no answer from .*is it the address of listen.admin/],
    [['advise', '--overrides', 'x'], /--overrides is for --from-prometheus/],
    [['advise', '--from-prometheus', 'x'], /needs an http/],
    [['advise', '--from-prometheus', 'http://127.0.0.1:1', '--days', '0'], /--days is a number/],
    [['advise', '--from-prometheus', 'http://127.0.0.1:1', '--header', 'x'], /--header is NAME:VALUE/],
    [['report', '--format', 'pdf'], /--format is one of text, csv, html, json/],
    [['report', '--entries', '0'], /--entries is a whole number/],
    [['baseline', 'load'], /baseline save FILE/],
  ] as [string[], RegExp][]) {
    t.match(await run(args), { status: 2, stderr: message }, args.join(' '));
  }
});
