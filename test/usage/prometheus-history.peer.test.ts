import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readPrometheusHistory } from '#src/usage/prometheus-history.js';
import { start } from '../admin/fixtures.js';
import { eventually } from '../doors/http/fixtures.js';
import { needs } from '../e2e/processes.js';
import { startPrometheus } from '../e2e/prometheus-processes.js';

const SCRAPE = 15;
const HOUR = 3600;

t.test('hours and days come out of a real Prometheus, of the metrics of Mimir and of the edge', async (t) => {
  if (![needs(t, 'prometheus'), needs(t, 'promtool')].every(Boolean)) return;
  const folder = t.testdir();
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const end = Math.floor(Date.now() / 1000 / HOUR) * HOUR - 2 * HOUR;
  const begin = end - 3 * HOUR;
  const lines: string[] = [];
  /** Grows by so much in each second, but for the burst, in which it grows by more. */
  const counter = (name: string, labels: string, perSecond: number, burst = perSecond) => {
    lines.push(`# TYPE ${name.replace(/_total$/, '')} counter`);
    let value = 0;
    for (let at = begin - HOUR; at <= end + 2 * HOUR; at += SCRAPE) {
      lines.push(`${name}{${labels}} ${value} ${at}`);
      const inBurst = at >= begin + 600 && at < begin + 900;
      value += (inBurst ? burst : perSecond) * SCRAPE;
    }
  };
  const gauge = (name: string, labels: string, value: number) => {
    lines.push(`# TYPE ${name} gauge`);
    for (let at = begin - HOUR; at <= end + 2 * HOUR; at += SCRAPE)
      lines.push(`${name}{${labels}} ${value} ${at}`);
  };
  const mimir = 'user="team-a",pod="distributor-0"';
  counter('cortex_distributor_received_requests_total', mimir, 1);
  counter('cortex_distributor_received_samples_total', mimir, 90);
  counter('cortex_discarded_samples_total', 'user="team-a",reason="rate_limited"', 10);
  gauge('cortex_ingester_active_series', 'user="team-a",pod="ingester-0"', 3000);
  counter('mimir_edge_received_requests_total', 'user="team-b"', 2);
  counter('mimir_edge_received_samples_total', 'user="team-b"', 100, 1000);
  counter('mimir_edge_received_body_bytes_total', 'user="team-b"', 5000);
  const discarded = 'user="team-b",reason="per_user_series_limit"';
  counter('mimir_edge_discarded_requests_total', discarded, 0.5);
  counter('mimir_edge_discarded_samples_total', discarded, 5);
  gauge('mimir_edge_active_series', 'user="team-b",pod="edge-0"', 700);
  const file = join(folder, 'metrics.om');
  writeFileSync(file, `${lines.join('\n')}\n# EOF\n`);
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, data]);
  t.equal(made.status, 0, String(made.stderr));
  const url = await startPrometheus(t, folder);

  const range = { url, fromMs: begin * 1000, toMs: end * 1000 };
  const [a] = await readPrometheusHistory({ ...range, metrics: 'mimir' });
  t.match(a, { tenant: 'team-a', hours: { length: 3 } });
  t.match(a?.hours[1], {
    startMs: (begin + HOUR) * 1000,
    coveredSeconds: HOUR,
    resolutionSeconds: 60,
    offered: { requests: HOUR, items: 100 * HOUR },
    reasons: [{ reason: 'rate_limited', samples: 10 * HOUR }],
    peaks: { activeSeries: 1000 },
  });
  const [b] = await readPrometheusHistory({ ...range, metrics: 'edge' });
  t.match(b?.hours[1], {
    offered: { requests: 2 * HOUR, items: 100 * HOUR, bytes: 5000 * HOUR },
    reasons: [{ reason: 'per_user_series_limit', pushes: HOUR / 2, samples: 5 * HOUR }],
    peaks: { activeSeries: 700 },
  });
  const curve = b?.hours[0]?.curves.items ?? [];
  t.ok(Number.isNaN(curve[4]), '30 s are not known');
  const five = curve[7]!;
  t.ok(Math.abs(five - 300_000) < 3000, `${five}: five minutes of a thousand a second`);

  const token = join(folder, 'token');
  writeFileSync(token, 'a-token\n');
  const edge = await start(t, {
    'upstream.url': 'http://127.0.0.1:1',
    'usage.prometheus.url': url,
    'usage.prometheus.tenant': 'nobody',
    'usage.prometheus.bearer_token_file': token,
    'usage.prometheus.selector': 'user="team-b"',
    'usage.prometheus.replication_factor': '1',
  });
  const isDone = async () =>
    (await edge.json<{ before: { state: string } }>('fleet')).before.state === 'done';
  t.ok(await eventually(isDone, 90_000), JSON.stringify(await edge.json('fleet')));
  const { records } = await edge.json<{ records: { start: string }[] }>('usage?tenant=team-b');
  const known = records.find((one) => one.start === new Date((begin + HOUR) * 1000).toISOString());
  t.match(known, {
    resolutionSeconds: 60,
    offered: { items: 100 * HOUR, bytes: 5000 * HOUR, newSeries: null },
    curves: { items: { 0: null, 4: null, 5: Number } },
  });
  t.match(await edge.json('usage?tenant=team-a'), { records: [] }, 'it is not selected');
});
