/** Several workers as one edge: one limit, one set of metrics, and none of it lost with one of them. */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { eventually, upstream } from '../doors/http/fixtures.js';
import { metric } from './processes.js';
import { overrides, readily, readyz, Senders, startWorkers } from './worker-senders.js';

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
  t.equal(await metric(edge, 'mimir_edge_push_own_duration_seconds_count'), 20);
  const { pushTimes, upstream: mimirs } = (await (await fetch(`${edge.admin}/api/v1/status`)).json()) as {
    pushTimes: { count: number };
    upstream: { times: { count: number } };
  };
  t.strictSame([pushTimes.count, mimirs.times.count], [20, 20], 'times are of all workers');
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
  senders.run(20);
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
