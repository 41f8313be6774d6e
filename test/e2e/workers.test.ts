import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { eventually, listen, upstream } from '../doors/http/fixtures.js';
import { MAIN, metric, start } from './processes.js';
import { overrides, readily, readyz, Senders, startWorkers } from './worker-senders.js';

/** One that has ended and that nobody has waited for has no command line any more. */
function alive(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) && readFileSync(file, 'utf8') !== '';
}

t.test('workers enforce one limit, exactly, and refuse nobody within it', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 3, [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${overrides(
      t,
      'fixed: { ingestion_rate: 0, ingestion_burst_size: 50000 }, ' +
        'over: { ingestion_rate: 10000, ingestion_burst_size: 10000 }, ' +
        'within: { ingestion_rate: 1e9, ingestion_burst_size: 1e9 }',
    )}`,
  ]);
  const within = new Senders(t, edge, 4, 'within');
  within.run(20);

  const fixed = new Senders(t, edge, 6, 'fixed');
  for (let i = 0; i < 30; i++) await fixed.once();
  // What is left may be leased to a worker that nobody asks: it comes back when idle.
  await fixed.until(100);
  t.equal(fixed.accepted, 100, 'exactly the burst, over all workers');
  t.strictSame([...fixed.seen.keys()].sort(), ['200', '429']);

  const startMs = performance.now();
  const over = new Senders(t, edge, 6, 'over');
  over.run(5);
  t.ok(await eventually(() => over.accepted > 40), 'more than the burst, at the rate that is allowed');
  await over.stop();
  const possible = 10_000 + (10_000 * (performance.now() - startMs)) / 1000;
  t.ok(over.accepted * 500 <= possible, `${over.accepted * 500} of ${possible}`);

  await within.stop();
  t.strictSame([...within.seen.keys()], ['200'], 'no refusal below the limit');
  t.ok((await readyz(edge)).each.every(({ ledger }) => ledger.state === 'up'));
  const arrived = mimir.arrived.length;
  t.equal(arrived, fixed.accepted + over.accepted + within.accepted);
});

t.test('metrics and probes are those of all workers', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`, '--server.max_connections=16']);
  const senders = new Senders(t, edge, 4);
  for (let i = 0; i < 5; i++) await senders.once();
  t.strictSame([...senders.seen], [['200', 20]]);
  t.equal(await metric(edge, 'mimir_edge_received_requests_total{user="a"}'), 20);
  t.equal(await metric(edge, 'mimir_edge_received_samples_total{user="a"}'), 10_000);
  t.equal(await metric(edge, 'mimir_edge_decision_duration_seconds_count'), 20);
  t.equal(await metric(edge, 'mimir_edge_upstream_responses_total{class="2xx"}'), 20);
  t.equal(await metric(edge, 'mimir_edge_workers'), 2);
  t.equal(await metric(edge, 'mimir_edge_ready'), 1);
  t.equal(await metric(edge, 'mimir_edge_tenants'), 1);
  t.equal(await metric(edge, 'mimir_edge_ledger_replicas'), 2);
  t.equal(await metric(edge, 'mimir_edge_body_bytes_in_flight_limit'), 512 * 2 ** 20);
  t.equal((await fetch(`${edge.admin}/healthz`)).status, 200);
  const { ready, each } = await readyz(edge);
  t.ok(ready);
  t.strictSame(
    each.map(({ worker }) => worker),
    [1, 2],
  );
  t.match(edge.output(), /"worker":1,.*"msg":"serving"/);

  const tooMany = new Senders(t, edge, 24, 'late');
  await tooMany.once();
  t.ok(tooMany.accepted > 0);
  t.ok(tooMany.accepted <= 12, `${tooMany.accepted} of 12: connections are capped over all workers`);

  process.kill(each[1]!.pid, 'SIGSTOP');
  t.equal((await fetch(`${edge.admin}/healthz`)).status, 503, 'one that hangs makes the whole unhealthy');
  t.equal(
    await metric(edge, 'mimir_edge_received_requests_total{user="a"}'),
    20,
    'and what it said before stays in the sums',
  );
  process.kill(each[1]!.pid, 'SIGCONT');
  t.ok(await readily(edge, ({ ready }) => ready));
});

t.test('limits that change are those of every worker', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const file = overrides(t, 'a: { ingestion_rate: 0, ingestion_burst_size: 1e6 }');
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`, `--overrides.file=${file}`]);
  const senders = new Senders(t, edge, 4);
  await senders.once();
  t.equal(senders.accepted, 4);
  const before = (await readyz(edge)).each[0]!.limits.hash;
  writeFileSync(file, 'overrides: { a: { ingestion_rate: 0, ingestion_burst_size: 400 } }');
  t.ok(await readily(edge, ({ each }) => each.every(({ limits }) => limits.hash !== before)));
  await senders.once();
  t.equal(senders.accepted, 4, 'no worker lets a push through that is larger than the new burst');
});

t.test('a worker that is killed is replaced, and no token is counted twice', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${overrides(t, 'a: { ingestion_rate: 20000, ingestion_burst_size: 20000 }')}`,
  ]);
  const startMs = performance.now();
  const senders = new Senders(t, edge, 6);
  senders.run(5);
  await eventually(() => senders.accepted > 20);
  for (let kills = 1; kills <= 3; kills++) {
    const before = await metric(edge, 'mimir_edge_received_requests_total{user="a"}');
    const { each } = await readyz(edge);
    const victim = each[kills % each.length]!;
    process.kill(victim.pid, 'SIGKILL');
    t.ok(await readily(edge, ({ workers }) => workers.serving === 2 && workers.restarts === kills));
    const after = await metric(edge, 'mimir_edge_received_requests_total{user="a"}');
    t.ok(after >= before, `${after} is not less than ${before}`);
    const accepted = senders.accepted;
    t.ok(await eventually(() => senders.accepted > accepted + 10), 'pushes go on');
  }
  await senders.stop();
  const possible = 20_000 + (20_000 * (performance.now() - startMs)) / 1000;
  // A push that was cut off with its worker may have reached Mimir, and was charged.
  t.ok(mimir.arrived.length * 500 <= possible, `${mimir.arrived.length * 500} of ${possible}`);
  t.equal(await metric(edge, 'mimir_edge_worker_restarts_total'), 3);
  t.equal(await edge.stop(), 0);
});

t.test('a worker that hangs and is killed leaves no sender waiting', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`]);
  const { each } = await readyz(edge);
  process.kill(each[0]!.pid, 'SIGSTOP');
  const senders = new Senders(t, edge, 6);
  const pushes = senders.once();
  t.ok(await eventually(() => senders.accepted === 5), 'the other worker serves what comes after');
  process.kill(each[0]!.pid, 'SIGKILL');
  await pushes;
  t.equal(senders.accepted, 5);
  t.notOk(senders.seen.has('UND_ERR_HEADERS_TIMEOUT'), `seen: ${JSON.stringify([...senders.seen])}`);
  t.ok(await readily(edge, ({ workers }) => workers.serving === 2));
  await senders.once();
  t.equal(senders.accepted, 11);
});

t.test('a worker that ends by a bug, or is told to end, returns what it had leased', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(
    t,
    2,
    [
      `--upstream.url=${mimir.url}`,
      `--overrides.file=${overrides(t, 'a: { ingestion_rate: 0, ingestion_burst_size: 100000 }')}`,
    ],
    { NODE_OPTIONS: "--import data:text/javascript,process.on('SIGUSR2',()=>{throw(Error('a_bug'))})" },
  );
  for (const [restarts, signal] of [
    [1, 'SIGUSR2'],
    [2, 'SIGTERM'],
  ] as const) {
    const senders = new Senders(t, edge, 4);
    for (let i = 0; i < 10; i++) await senders.once();
    t.equal(senders.accepted, 40);
    const { each } = await readyz(edge);
    const holder = each.find(({ ledger }) => ledger.tokensLeased > 0);
    t.ok(holder, 'some worker holds a lease');
    process.kill(holder!.pid, signal);
    t.ok(await readily(edge, ({ workers }) => workers.serving === 2 && workers.restarts === restarts));
    t.equal(await metric(edge, 'mimir_edge_received_requests_total{user="a"}'), restarts * 40);
  }
  t.match(edge.output(), /a_bug/);
  const rest = new Senders(t, edge, 4);
  await rest.until(120);
  t.equal(rest.accepted, 120, 'all that the burst has');
});

for (const balanced of [true, false]) {
  const name = balanced ? 'whose senders follow its readiness' : 'whose senders do not look';
  t.test(
    `SIGTERM under load, ${name}: all that was accepted arrived, and the whole ends with 0`,
    async (t) => {
      let n = 0;
      const mimir = await upstream((_req, res) => {
        // Some are under way for longer than the delay.
        setTimeout(() => res.end(), n++ % 10 === 0 ? 1500 : 10);
      });
      t.teardown(() => mimir.close());
      const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`, '--shutdown.delay=1s']);
      const { each } = await readyz(edge);
      const senders = new Senders(t, edge, 12);
      senders.run();
      await eventually(() => senders.accepted > 50);
      edge.child.kill('SIGTERM');
      await eventually(() => edge.output().includes('stopping'));
      t.equal((await fetch(`${edge.admin}/readyz`)).status, 503);
      if (balanced) await senders.stop();
      t.equal(await edge.exit, 0);
      await senders.stop();
      t.equal(mimir.arrived.length, senders.accepted, 'nothing is lost, and nothing twice');
      // Who connects at the very end finds nobody, and comes again.
      const allowed = ['200', '429', ...(balanced ? [] : ['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET'])];
      const others = [...senders.seen.keys()].filter((outcome) => !allowed.includes(outcome));
      t.strictSame(others, [], `seen: ${JSON.stringify([...senders.seen])}`);
      t.notOk(each.some(({ pid }) => alive(pid)));
    },
  );
}

t.test('a primary that is stopped for a while holds up no push, and all is shared again later', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${overrides(t, 'a: { ingestion_rate: 1e6, ingestion_burst_size: 2e6 }')}`,
  ]);
  const senders = new Senders(t, edge, 4);
  await senders.once();
  senders.run(5);
  edge.child.kill('SIGSTOP');
  // Longer than any call to it may take: workers that need nothing from it say nothing of it.
  await delay(3000);
  const before = senders.accepted;
  t.ok(await eventually(() => senders.accepted > before + 100), 'each worker serves its share');
  edge.child.kill('SIGCONT');
  t.ok(
    await readily(edge, ({ each }) => each.length === 2 && each.every(({ ledger }) => ledger.state === 'up')),
  );
  await senders.stop();
  t.strictSame([...senders.seen.keys()], ['200']);
});

t.test('workers whose primary is killed let pushes under way end, and are gone', async (t) => {
  const answers: (() => void)[] = [];
  const mimir = await upstream((_req, res) => {
    answers.push(() => res.end());
  });
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`]);
  const { each } = await readyz(edge);
  const senders = new Senders(t, edge, 6);
  const pushes = senders.once();
  await eventually(() => answers.length === 6);
  edge.child.kill('SIGKILL');
  await edge.exit;
  const orphaned = () => edge.output().split('the primary process is gone').length - 1;
  t.ok(await eventually(() => orphaned() === 2), 'both know');
  for (const answer of answers) answer();
  await pushes;
  t.strictSame([...senders.seen], [['200', 6]]);
  t.ok(await eventually(() => !each.some(({ pid }) => alive(pid)), 30_000), 'no worker is left behind');
});

t.test('a second signal ends the primary and its workers at once', async (t) => {
  const mimir = await upstream(() => {});
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [`--upstream.url=${mimir.url}`]);
  const { each } = await readyz(edge);
  const senders = new Senders(t, edge, 2);
  const pushes = senders.once();
  await eventually(() => mimir.arrived.length === 2);
  edge.child.kill('SIGTERM');
  await eventually(() => edge.output().includes('stopping'));
  edge.child.kill('SIGTERM');
  t.equal(await edge.exit, 1);
  t.ok(await eventually(() => !each.some(({ pid }) => alive(pid)), 30_000));
  await pushes;
  t.notOk(senders.seen.has('200'));
});

t.test('workers that can not start end the start, and say why', async (t) => {
  const taken = createServer();
  const { port } = new URL(await listen(taken));
  t.teardown(() => taken.close());
  const edge = start(t, process.execPath, [
    MAIN,
    'serve',
    '--workers=2',
    `--listen.proxy=127.0.0.1:${port}`,
    '--listen.admin=127.0.0.1:0',
    '--upstream.url=http://127.0.0.1:1',
  ]);
  t.equal(await edge.exit, 1);
  t.match(edge.output(), /listen.proxy: can not listen on .*: the address is in use/);
});
