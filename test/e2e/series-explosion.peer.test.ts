import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { listen } from '../doors/http/fixtures.js';
import { startTenantNginx } from './nginx-folder.js';
import { answering, needs, startEdge } from './processes.js';
import { firstValue, queryUrl, startPrometheus } from './prometheus-processes.js';

/** Series of a job of ours, and those that Prometheus makes of a scrape (up, scrape_duration_seconds, ...). */
const OLD = 50;
const OF_A_SCRAPE = 5;
const EXPLOSION = 400;
/** So much room is left when the explosion begins. */
const ROOM = 10;

t.test(
  'of an exploding tenant old series flow on, new ones stay out until the limit is raised',
  async (t) => {
    if (![needs(t, 'prometheus'), needs(t, 'nginx', ['-v'])].every(Boolean)) return;
    const folder = t.testdir();
    let exploded = false;
    const exporter = createServer((req, res) => {
      const lines = Array.from({ length: OLD }, (_, i) => `old{i="${i}"} ${i}`);
      if (exploded && req.url === '/noisy') {
        lines.push(...Array.from({ length: EXPLOSION }, (_, i) => `new{i="${i}"} ${i}`));
      }
      res.end(`${lines.join('\n')}\n`);
    });
    const target = new URL(await listen(exporter)).host;
    t.teardown(() => exporter.close());

    const receiver = await startPrometheus(t, join(folder, 'receiver'));

    const overrides = join(folder, 'overrides.yaml');
    const limitNoisyTo = (series: number) =>
      writeFileSync(overrides, `overrides: { noisy: { max_global_series_per_user: ${series} } }`);
    limitNoisyTo(OLD + OF_A_SCRAPE + ROOM);
    const edge = await startEdge(t, [
      `--upstream.url=${receiver}`,
      '--push.paths=/api/v1/write',
      `--overrides.file=${overrides}`,
    ]);
    // The job is the tenant; each has a way of its own through nginx, which sets the header.
    const jobs = ['noisy', 'calm'];
    const nginx = await startTenantNginx(
      t,
      join(folder, 'nginx'),
      jobs.map((job) => ({ location: `= /${job}`, tenant: job, to: `${edge.proxy}/api/v1/write` })),
    );
    const sender = await startPrometheus(
      t,
      join(folder, 'sender'),
      `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
${jobs.map((job) => `  - { job_name: ${job}, metrics_path: /${job}, static_configs: [{ targets: ['${target}'] }] }`).join('\n')}
remote_write:
${jobs
  .map(
    (job) => `  - url: ${nginx}/${job}
    write_relabel_configs: [{ source_labels: [job], regex: ${job}, action: keep }]
    queue_config: { batch_send_deadline: 1s }
    metadata_config: { send: false }`,
  )
  .join('\n')}
`,
    );

    const reaches = (promql: string, atLeast: number) =>
      answering(queryUrl(receiver, promql), (text) => firstValue(text) >= atLeast, 60_000);
    const samplesOf = async (at: string, promql: string): Promise<Map<string, number[]>> => {
      const answer = (await (await fetch(queryUrl(at, promql))).json()) as {
        data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
      };
      return new Map(
        answer.data.result.map(({ metric, values }) => [
          JSON.stringify(metric),
          values.map(([seconds]) => seconds),
        ]),
      );
    };

    t.ok(
      await reaches('min(count_over_time(old{job="noisy"}[1m]))', 5),
      'the old series of the noisy tenant',
    );
    t.ok(await reaches('min(count_over_time(old{job="calm"}[1m]))', 5), 'and those of the calm one');

    exploded = true;
    t.ok(
      await answering(
        `${edge.admin}/metrics`,
        (text) => /mimir_edge_series_over_limit_total\{user="noisy"\} [1-9]\d{2}/.test(text),
        60_000,
      ),
      'the edge leaves new series out',
    );
    // Some scrapes more, so that a gap would show.
    const before = Date.now() / 1000;
    t.ok(await reaches(`count(timestamp(old{job="noisy"}) > ${before + 5})`, OLD), 'the old ones go on');
    t.equal(
      firstValue(await (await fetch(queryUrl(receiver, 'count(count by (i) (new))'))).text()),
      ROOM,
      'as many new ones as there was room for',
    );

    limitNoisyTo(10_000);
    t.ok(await reaches('count(new)', EXPLOSION), 'with the limit raised, all of them flow');

    for (const job of jobs) {
      const [sent, arrived] = [
        await samplesOf(sender, `old{job="${job}"}[10m]`),
        await samplesOf(receiver, `old{job="${job}"}[10m]`),
      ];
      t.equal(arrived.size, OLD);
      let gaps = 0;
      for (const [series, times] of sent) {
        const there = new Set(arrived.get(series));
        // The last second or two may be on their way.
        gaps += times.filter((time) => time < Date.now() / 1000 - 5 && !there.has(time)).length;
      }
      t.equal(gaps, 0, `${job}: every sample of every old series has arrived`);
    }
    const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
    t.notMatch(
      metrics,
      /mimir_edge_discarded_requests_total\{user="calm"/,
      'the calm tenant saw nothing of it',
    );
  },
);
