import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import t from 'tap';
import { readPrometheusHistory } from '#src/usage/prometheus-history.js';
import { historyOf } from '../advice/history-of.js';
import { needs } from '../e2e/processes.js';
import { startPrometheus } from '../e2e/prometheus-processes.js';
import { advisedEdge } from './advised-edge.js';
import { run } from './run.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const DAYS = 30;
const SCRAPE = 60;
const SERIES = 42_000;

/** A second: more by day, and ten minutes of each hour at five times as much. */
function items(second: number): number {
  const daily = 1 + 0.5 * Math.sin((2 * Math.PI * second) / DAY);
  return Math.round(1000 * daily) * (second % HOUR < 600 ? 5 : 1);
}

interface Limit {
  readonly limit: string;
  readonly recommended: number | null;
}
interface TenantAdvice {
  readonly tenant: string;
  readonly basis: { readonly resolutionSeconds: number; readonly hoursWatched: number };
  readonly limits: readonly Limit[];
}

function value({ limits }: TenantAdvice, name: string): number {
  const found = limits.find(({ limit }) => limit === name)?.recommended;
  if (found == null) throw new Error(`no advice on ${name}`);
  return found;
}

t.test('30 days of a real Prometheus give the advice that they give in an edge', async (t) => {
  if (![needs(t, 'prometheus'), needs(t, 'promtool')].every(Boolean)) return;
  const folder = t.testdir({ 'overrides.yaml': 'overrides: { team-a: { ingestion_rate: 50000 } }\n' });
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const end = Math.floor(Date.now() / 1000 / HOUR) * HOUR;
  const begin = end - DAYS * DAY;
  const file = join(folder, 'metrics.om');
  await writeMetrics(file, begin, end);
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, data]);
  t.equal(made.status, 0, String(made.stderr));
  const url = await startPrometheus(t, folder, undefined, ['--storage.tsdb.retention.time=40d']);
  const overrides = join(folder, 'overrides.yaml');

  const adviseWith = ['advise', '--from-prometheus', url, '--days', '30', '--overrides', overrides, '--json'];
  const both = async () => ({
    ran: await run(adviseWith),
    histories: await readPrometheusHistory({
      url,
      fromMs: Date.now() - DAYS * DAY * 1000,
      toMs: Date.now(),
    }),
  });
  const hour = (): number => Math.floor(Date.now() / 1000 / HOUR);
  const began = hour();
  const first = await both();
  // Whole hours are read: of two reads with a new hour between them one knows more.
  const { ran, histories } = hour() === began ? first : await both();
  t.equal(ran.status, 0, ran.stderr);
  const [ours] = JSON.parse(ran.stdout) as TenantAdvice[];
  if (ours === undefined) throw new Error('no advice');
  t.match(ours, { tenant: 'team-a', basis: { resolutionSeconds: 300 } });
  t.ok(ours.basis.hoursWatched > 29.9 * 24, String(ours.basis.hoursWatched));

  const edge = await advisedEdge(t, histories, 'overrides: { team-a: { ingestion_rate: 50000 } }');
  const inEdge = await run(['advise', '--url', edge, '--json']);
  t.strictSame(JSON.parse(inEdge.stdout), JSON.parse(ran.stdout), 'the same history, the same advice');

  // What an edge would have counted, second by second.
  const exact = historyOf(
    {
      items: Float64Array.from({ length: DAYS * DAY }, (_, second) => items(begin + second)),
      series: new Array(DAYS * 24).fill(SERIES),
    },
    'team-a',
    begin * 1000,
  );
  const counted = await run(['advise', '--url', await advisedEdge(t, [exact]), '--json']);
  const [truth] = JSON.parse(counted.stdout) as TenantAdvice[];
  if (truth === undefined) throw new Error('no advice');
  const exposure = (advice: TenantAdvice): number =>
    value(advice, 'ingestion_burst_size') + 600 * value(advice, 'ingestion_rate');
  const ratio = exposure(ours) / exposure(truth);
  t.ok(ratio > 0.95 && ratio < 1.5, `a Prometheus knows no seconds, so its bucket is wider: ${ratio}`);
  const series = 'max_global_series_per_user';
  t.equal(value(ours, series), value(truth, series));

  const twoDays = ['--from-prometheus', url, '--days', '2', '--overrides', overrides];
  const report = await run(['report', ...twoDays]);
  t.match(report.stdout, /^1 tenants, 1 with a history/);
  const patch = await run([
    'advise',
    '--from-prometheus',
    url,
    '--overrides',
    overrides,
    '--patch',
    overrides,
  ]);
  t.match(
    patch.stdout,
    new RegExp(`^overrides: \\{ team-a: \\{ ingestion_rate: ${value(ours, 'ingestion_rate')},`),
  );
  t.match(await run(['advise', '--from-prometheus', url, '--selector', 'cluster="none"']), {
    status: 2,
    stderr: /has no tenants in this time/,
  });
});

async function writeMetrics(file: string, begin: number, end: number): Promise<void> {
  const out = createWriteStream(file);
  const samples: string[] = [];
  const requests: string[] = [];
  const series: string[] = [];
  let sum = 0;
  for (let at = begin; at <= end + HOUR; at += SCRAPE) {
    samples.push(`cortex_distributor_received_samples_total{user="team-a"} ${sum} ${at}`);
    requests.push(`cortex_distributor_received_requests_total{user="team-a"} ${(at - begin) * 2} ${at}`);
    series.push(`cortex_ingester_active_series{user="team-a",pod="ingester-0"} ${SERIES * 3} ${at}`);
    for (let second = at; second < at + SCRAPE; second++) sum += items(second);
  }
  out.write(`# TYPE cortex_distributor_received_samples counter\n${samples.join('\n')}\n`);
  out.write(`# TYPE cortex_distributor_received_requests counter\n${requests.join('\n')}\n`);
  out.write(`# TYPE cortex_ingester_active_series gauge\n${series.join('\n')}\n# EOF\n`);
  out.end();
  await finished(out);
}
