import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { DEFAULTS, type LoadOptions } from '#src/loadtest/options.js';
import type { LoadReport } from '#src/loadtest/report.js';
import { htmlReport } from '#src/loadtest/report-html.js';
import { compareReports, describeReport, differingOptions } from '#src/loadtest/report-text.js';
import { startLoad } from '#src/loadtest/run.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { eventually, upstream } from '../doors/http/fixtures.js';
import { freePort } from '../free-port.js';

type Answer = (req: IncomingMessage, res: ServerResponse, body: Buffer) => void;

/** Ten tenants with 20 series each, 100 pushes a second over all. */
const SMALL = {
  ...DEFAULTS,
  series: 200,
  seriesPerPush: 20,
  intervalMs: 100,
  durationMs: 1000,
  timeoutMs: 5000,
};

async function load(t: Test, options: Partial<LoadOptions>, answer?: Answer) {
  const target = await upstream(answer);
  t.teardown(() => target.close());
  const report = await startLoad({ ...SMALL, target: target.url, ...options }).done;
  return { report, target };
}

function isSound(body: Buffer, version: 1 | 2): boolean {
  const decoded = new InlineDecoder(1 << 24).decode([body], body.length, {
    protocol: `rw${version}`,
    maxUncompressedBytes: 1 << 24,
    maxSeries: 10_000,
    excludeLabel: '',
  });
  return decoded.kind === 'push' && decoded.series === 20;
}

for (const mode of ['open', 'closed'] as const) {
  t.test(`${mode}: a warm-up is sent, steadily, and in no figure`, async (t) => {
    const target = await upstream((_req, res) => {
      // All of the warm-up is refused, and nothing of the rest.
      res.statusCode = run.recorder() === warmup ? 500 : 200;
      res.end();
    });
    t.teardown(() => target.close());
    const options = { ...SMALL, target: target.url, mode, warmupMs: 500, durationMs: 500 } as const;
    const run = startLoad({ ...options, profile: 'ramp' });
    const warmup = run.recorder();
    const report = await run.done;
    t.ok(warmup.totals.refused >= 20, `${warmup.totals.refused} refused to warm up`);
    t.equal(warmup.totals.accepted, 0);
    t.ok(report.totals.accepted >= 20, `${report.totals.accepted} accepted then`);
    t.equal(report.totals.refused, 0);
    t.match(report.options, { warmupMs: 500, durationMs: 500, profile: 'ramp' });
  });
}

for (const gzip of [false, true]) {
  for (const mode of ['open', 'closed'] as const) {
    t.test(`OTLP${gzip ? ' as gzip' : ''}, ${mode}: what is sent is sound, and of now`, async (t) => {
      const beforeMs = Date.now();
      const { report, target } = await load(t, { version: 'otlp', gzip, mode, durationMs: 500 });
      t.ok(report.totals.accepted >= 10, `${report.totals.accepted} accepted`);
      t.match(target.arrived[0], {
        url: '/otlp/v1/metrics',
        headers: { 'content-type': 'application/x-protobuf', ...(gzip && { 'content-encoding': 'gzip' }) },
      });
      const decoder = new InlineDecoder(1 << 24);
      for (const { body } of target.arrived.slice(0, 50)) {
        const decoded = decoder.decode([body], body.length, {
          protocol: 'otlp',
          maxUncompressedBytes: 1 << 24,
          maxSeries: 10_000,
          excludeLabel: '',
          source: { form: 'otlp', encoding: gzip ? 'gzip' : 'identity', json: false },
        });
        t.match(decoded, {
          kind: 'push',
          series: 20,
          samples: 20,
          otlp: { dataPoints: 20, skippedPoints: 0 },
        });
        if (decoded.kind !== 'push') continue;
        t.ok(decoded.leastTimestampMs >= beforeMs - 1000 && decoded.greatestTimestampMs <= Date.now() + 1000);
      }
    });
  }
}

for (const version of [1, 2] as const) {
  t.test(`version ${version}: what is due is sent, is sound, and is accounted for`, async (t) => {
    const { report, target } = await load(t, { version });
    const { totals, slots, tenants } = report;
    t.ok(totals.due >= 95 && totals.due <= 105, `${totals.due} of about 100`);
    t.equal(totals.accepted, totals.due);
    t.equal(target.arrived.length, totals.due);
    t.equal(totals.samplesAccepted, 20 * totals.due);
    t.strictSame(report.answers, { 200: totals.due });
    t.ok(target.arrived.every(({ body }) => isSound(body, version)));
    const type = version === 1 ? 'application/x-protobuf' : /proto=io.prometheus.write.v2.Request/;
    t.match(target.arrived[0], { method: 'POST', url: '/api/v1/push', headers: { 'content-type': type } });
    const sum = (of: readonly number[]) => of.reduce((all, one) => all + one, 0);
    t.equal(sum(slots.map(({ accepted }) => accepted)), totals.due);
    t.equal(sum(tenants.map(({ accepted }) => accepted)), totals.due);
    t.equal(sum(report.latency.buckets.map(([, count]) => count)), totals.due);
    const ids = new Set(target.arrived.map(({ headers }) => headers['x-scope-orgid']));
    t.strictSame(
      [...ids].sort(),
      tenants.map(({ id }) => id),
    );
  });
}

t.test('a target that stalls is charged for every push that it kept waiting', async (t) => {
  const stallMs = 600;
  let stalledUntil = 0;
  const { report } = await load(t, { connections: 2 }, async (_req, res) => {
    if (stalledUntil === 0) stalledUntil = performance.now() + stallMs;
    await delay(Math.max(0, stalledUntil - performance.now()));
    res.end();
  });
  t.ok(report.totals.due >= 95, 'the plan goes on while the target stalls');
  t.equal(report.totals.accepted, report.totals.due);
  t.ok(report.latency.p90 > report.service.p90, 'from when they were due, not from when they went out');
  const waited = report.latency.buckets.filter(([upToMs]) => upToMs > stallMs / 3);
  t.ok(waited.reduce((sum, [, count]) => sum + count, 0) > 20, 'not only the two that were out');
});

t.test('what is due beyond the most that may be out is not sent, and said', async (t) => {
  const { report } = await load(t, { maxInFlight: 5, timeoutMs: 200, durationMs: 500 }, () => {});
  const { totals } = report;
  t.ok(totals.notSent > 0);
  t.equal(totals.due, totals.sent + totals.notSent);
  t.match(describeReport(report).warnings.join(), /were not sent, because 5 were out/);
});

t.test('retries wait as long as Retry-After says, and deliver everything', async (t) => {
  const refusedAt = new Map<string, number>();
  const early: number[] = [];
  const { report } = await load(
    t,
    { tenants: 5, series: 5, seriesPerPush: 1, intervalMs: 1000, retry: true },
    (req, res) => {
      const tenant = String(req.headers['x-scope-orgid']);
      const before = refusedAt.get(tenant);
      if (before === undefined) {
        refusedAt.set(tenant, performance.now());
        res.writeHead(429, { 'retry-after': '1' }).end();
        return;
      }
      // Timers may fire a millisecond before their time.
      if (performance.now() - before < 990) early.push(performance.now() - before);
      res.end();
    },
  );
  t.strictSame(early, []);
  t.match(report.totals, { due: 5, retries: 5, accepted: 5, refused: 5, givenUp: 0 });
  t.strictSame(report.answers, { 200: 5, 429: 5 });
  t.ok(report.latency.p50 >= 990, 'the wait is part of what a sender sees');
});

t.test('without retries a refusal is final', async (t) => {
  const { report } = await load(t, {}, (_req, res) => {
    res.writeHead(429).end();
  });
  t.match(report.totals, { accepted: 0, retries: 0, refused: report.totals.due, givenUp: report.totals.due });
  t.equal(report.refusal.count, report.totals.due);
  t.equal(report.latency.count, 0);
});

t.test('nobody there: every push fails by name', async (t) => {
  const target = `http://127.0.0.1:${await freePort()}`;
  const { totals, answers } = await startLoad({ ...SMALL, target, durationMs: 300 }).done;
  t.equal(totals.failed, totals.due);
  t.strictSame(answers, { ECONNREFUSED: totals.due });
});

t.test('broken bodies are broken, and as many as was said', async (t) => {
  const { report, target } = await load(t, { profile: 'broken-bodies', share: 0.5 });
  const broken = target.arrived.filter(({ body }) => !isSound(body, 1)).length / report.totals.sent;
  t.ok(broken > 0.25 && broken < 0.75, `${broken}`);
});

t.test('slow senders hold up nobody else, and their bodies arrive whole', async (t) => {
  const { report, target } = await load(t, {
    tenants: 1,
    series: 40,
    intervalMs: 200,
    durationMs: 500,
    connections: 1,
    profile: 'slow-senders',
    share: 0.5,
    timeoutMs: 10_000,
  });
  t.equal(target.arrived.length, report.totals.due);
  t.ok(target.arrived.every(({ body }) => isSound(body, 1)));
  t.ok(report.service.max >= 4000, 'five seconds for a body');
  t.ok(report.service.buckets.some(([upToMs]) => upToMs < 4000));
});

t.test('the closed loop sends the same bodies, as fast as they are answered', async (t) => {
  const { report, target } = await load(t, { mode: 'closed', connections: 2, headers: [['x-more', 'yes']] });
  t.ok(report.totals.accepted > 0);
  t.ok(target.arrived.every(({ body }) => isSound(body, 1)));
  t.match(target.arrived[0]?.headers, { 'x-more': 'yes', 'content-encoding': 'snappy' });
  t.ok(report.tenants.every(({ accepted }) => accepted > 0));
});

t.test('a stop ends the sending and still gives a report', async (t) => {
  for (const mode of ['open', 'closed'] as const) {
    const target = await upstream();
    t.teardown(() => target.close());
    const run = startLoad({ ...SMALL, target: target.url, mode, durationMs: 3_600_000 });
    t.ok(await eventually(() => target.arrived.length > 0), mode);
    run.stop();
    t.ok((await run.done).totals.accepted > 0, mode);
  }
});

t.test('no report tells a header, and the page needs nothing else and runs nothing', async (t) => {
  const { report } = await load(t, {
    headers: [['authorization', 'Bearer hush-hush']],
    tenantPrefix: '<script>alert(1)</script>',
  });
  const page = htmlReport(report);
  t.notMatch(JSON.stringify(report), /hush-hush/);
  t.notMatch(page, /hush-hush|<script|<link|<img|src=|@import|url\(/);
  t.match(page, /&lt;script&gt;/);
  t.match(page, /<polyline/);
  t.notMatch(page, /NaN|undefined|Infinity/);
});

t.test('a page can be made of a run in which nothing was accepted', async (t) => {
  const { report } = await load(t, { durationMs: 200 }, (_req, res) => {
    res.writeHead(503).end();
  });
  t.match(htmlReport(report), /No push was accepted/);
  t.notMatch(htmlReport(report), /NaN|undefined|Infinity/);
});

t.test('a comparison tells what changed, and in what the runs differ', async (t) => {
  const { report } = await load(t, { durationMs: 300 });
  const slower: LoadReport = {
    ...report,
    options: { ...report.options, connections: 7 },
    latency: { ...report.latency, p99: report.latency.p99 * 2 },
  };
  const rows = compareReports(report, slower);
  t.equal(rows.find(([name]) => name === 'accepted p99 ms')?.[3], '+100.0 %');
  t.equal(rows.find(([name]) => name === 'requests/s')?.[3], '=');
  t.strictSame(differingOptions(report, slower), ['connections: 64 and 7']);
});
