/** What advice rests on, in a real browser: days out of a real Prometheus, drawn beside what is in force and what is advised. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually, upstream } from '../doors/http/fixtures.js';
import { findings, open, overflow, picture, startBrowser } from './browser.js';
import { needs, startEdge } from './processes.js';
import { startPrometheus } from './prometheus-processes.js';

t.setTimeout(240_000);

const STEP = 150;
const HOUR = 3600;
const DAYS = 6;

/** A tenant that sends two hundred samples a second, and three hundred in each first hour of six. */
function history(endSeconds: number): string {
  const lines: string[] = [];
  const metric = (name: string, type: string, value: (at: number, before: number) => number): void => {
    lines.push(`# TYPE ${name.replace(/_total$/, '')} ${type}`);
    let last = 0;
    for (let at = endSeconds - DAYS * 24 * HOUR; at <= endSeconds; at += STEP) {
      last = value(at, last);
      lines.push(`${name}{user="team-a"} ${last} ${at}`);
    }
  };
  const samples = (at: number): number => (Math.floor(at / HOUR) % 6 === 0 ? 300 : 200);
  metric(
    'mimir_edge_received_requests_total',
    'counter',
    (at, before) => before + (samples(at) / 100) * STEP,
  );
  metric('mimir_edge_received_samples_total', 'counter', (at, before) => before + samples(at) * STEP);
  metric('mimir_edge_received_body_bytes_total', 'counter', (at, before) => before + samples(at) * 14 * STEP);
  metric('mimir_edge_active_series', 'gauge', () => 700);
  return `${lines.join('\n')}\n# EOF\n`;
}

t.test(
  'curve and days are read when somebody looks, with what is in force and what is advised',
  async (t) => {
    if (![needs(t, 'chromium'), needs(t, 'prometheus'), needs(t, 'promtool')].every(Boolean)) return;
    const folder = t.testdir();
    const data = join(folder, 'data');
    mkdirSync(data, { recursive: true });
    const file = join(folder, 'metrics.om');
    writeFileSync(file, history(Math.floor(Date.now() / 1000 / HOUR) * HOUR));
    const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, data]);
    t.equal(made.status, 0, String(made.stderr));
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    writeFileSync(
      join(folder, 'overrides.yaml'),
      'overrides: { team-a: { ingestion_rate: 100, ingestion_burst_size: 1000, max_global_series_per_user: 5000 } }',
    );
    const edge = await startEdge(t, [
      `--upstream.url=${mimir.url}`,
      `--overrides.file=${join(folder, 'overrides.yaml')}`,
      `--usage.prometheus.url=${await startPrometheus(t, folder)}`,
      '--usage.prometheus.replication_factor=1',
    ]);
    const isDone = async (): Promise<boolean> =>
      ((await (await fetch(`${edge.admin}/api/v1/fleet`)).json()) as { before: { state: string } }).before
        .state === 'done';
    t.ok(await eventually(isDone, 90_000));

    const browser = await startBrowser(t);
    const { page, complaints } = await open(t, browser, `${edge.admin}/#/advice`);
    const asked: string[] = [];
    page.on('request', (one) => asked.push(one.url()));
    const row = page.locator('#advice li', { hasText: 'team-a' });
    await row.getByText('↑ raise').first().waitFor();
    t.strictSame(
      asked.filter((url) => url.includes('step=1d')),
      [],
      'nobody has looked',
    );
    await row.getByRole('button', { name: 'Curve and days of team-a' }).click();
    const label = (name: RegExp): Promise<string | null> =>
      page.getByRole('img', { name }).getAttribute('aria-label');
    t.match(
      await label(/^Items within any window/),
      /arrived: not known, .*1\.1\sM; rate and burst now: .*361\sk; as advised: /,
      'the busiest hour against 3,600 times the rate, and the burst',
    );
    t.match(
      await label(/^Items a second, day by day/),
      /mean of the day: now \d+, at most 2\d\d; busiest hour: now [\d–]+, at most (29\d|300); as advised: now \d+.*; limit: 100/,
    );
    t.match(
      await label(/^Active series, day by day/),
      /most of the day: now (700|–), at most 700; .*; limit: 5\sk/,
    );
    t.match(page.url(), /open=team-a/);
    await page.reload();
    await page.getByRole('img', { name: /^Bytes within any window/ }).waitFor();
    for (const [width, colorScheme] of [
      [1440, 'light'],
      [380, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      t.equal(await overflow(page), 0, `${width}`);
      t.strictSame(await findings(page), [], `${width}, ${colorScheme}`);
      await picture(page, `advice-open-${width}-${colorScheme}`);
    }
    await page.goto(`${edge.admin}/#/tenants/team-a`);
    await page
      .locator('#tenant-advice')
      .getByRole('img', { name: /^Pushes within any window/ })
      .waitFor();
    t.strictSame(await findings(page), []);
    t.strictSame(complaints, []);
  },
);
