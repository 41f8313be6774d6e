import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { dnsServer } from '../dns-server.js';
import { eventually, listen, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { answering, MAIN, start, startEdge } from './processes.js';

const OTHER_PUSH_500 = readFileSync(
  new URL('../../../test/data/prom-2.42-samples-500b.snappy', import.meta.url),
);

t.test('limits from a file are enforced, and follow the file', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const file = join(t.testdir(), 'overrides.yaml');
  writeFileSync(file, 'overrides: { a: { ingestion_rate: 0, ingestion_burst_size: 500 } }');
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`, `--overrides.file=${file}`]);
  t.equal((await send(edge.proxy)).status, 200);
  t.equal((await send(edge.proxy)).status, 429);
  t.equal(
    (await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'b' })).status,
    200,
    'others have the defaults',
  );
  writeFileSync(file, 'overrides: { a: { ingestion_rate: 1e6, ingestion_burst_size: 1e6 } }');
  t.ok(
    await eventually(
      () => edge.output().includes('limits changed') && edge.output().split('limits changed').length > 2,
    ),
  );
  // A raised limit mints nothing: what is there now was earned since.
  let status = 0;
  for (let attempt = 0; attempt < 50 && status !== 200; attempt++) status = (await send(edge.proxy)).status;
  t.equal(status, 200);
  t.match(edge.output(), /"reason":"rate_limited"/);
  t.notMatch(edge.output(), /authorization/i);
});

const warnings = (output: string) => output.match(/"level":40.*push\.unjudged is pass/g)?.length ?? 0;

t.test('an edge that lets writes pass unjudged says so at its start', async (t) => {
  const lenient = await startEdge(t, ['--upstream.url=http://127.0.0.1:1', '--push.unjudged=pass']);
  t.equal(warnings(lenient.output()), 1);
});

t.test('probes and metrics', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`]);
  t.equal(warnings(edge.output()), 0, 'it lets nothing pass unjudged');
  await send(edge.proxy);
  await send(edge.proxy, Buffer.from('broken'));
  await send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'a|b' });
  t.equal((await fetch(`${edge.admin}/healthz`)).status, 200);
  t.match(await (await fetch(`${edge.admin}/readyz`)).json(), {
    ready: true,
    mode: 'enforce',
    limits: { loaded: true },
  });
  t.equal((await fetch(`${edge.admin}/nothing`)).status, 404);
  t.equal((await fetch(`${edge.admin}/metrics`, { method: 'POST' })).status, 405);
  const text = await (await fetch(`${edge.admin}/metrics`)).text();
  for (const line of [
    'mimir_edge_received_requests_total{user="a"} 2',
    'mimir_edge_accepted_requests_total{user="a"} 1',
    'mimir_edge_received_samples_total{user="a"} 500',
    `mimir_edge_received_body_bytes_total{user="a"} ${PUSH_500.length}`,
    'mimir_edge_discarded_requests_total{user="a",reason="edge_malformed_body"} 1',
    'mimir_edge_discarded_requests_total{user="(none)",reason="edge_invalid_tenant"} 1',
    'mimir_edge_decode_duration_seconds_count 2',
    'mimir_edge_upstream_responses_total{class="2xx"} 1',
    'mimir_edge_body_bytes_in_flight 0',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
});

t.test('a DNS that hangs does not keep the edge from its start, and that is said', async (t) => {
  const [mimir, dns] = [await upstream(), await dnsServer()];
  t.teardown(() => Promise.all([mimir.close(), dns.close()]));
  dns.hang(true);
  const name = 'srv:http://_http._tcp.mimir.test';
  const edge = await startEdge(t, [
    `--upstream.url=${name},${mimir.url}`,
    `--upstream.dns_servers=${dns.address}`,
    // DNS is asked for as long as a connection may take: much longer than the start waits.
    '--upstream.connect_timeout=20s',
  ]);
  t.match(await (await fetch(`${edge.admin}/readyz`)).json(), {
    ready: true,
    upstream: { unresolved: [name] },
  });
  t.match(edge.output(), `${name} can not be resolved: nobody said within`);
  t.equal((await send(edge.proxy)).status, 200, 'what needs no name is sent to');
  edge.child.kill('SIGTERM');
  t.equal(await edge.exit, 0);
});

t.test('not ready before the overrides are read, where that is asked for', async (t) => {
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const file = join(t.testdir(), 'overrides.yaml');
  const edge = await startEdge(t, [
    `--upstream.url=${mimir.url}`,
    `--overrides.file=${file}`,
    '--overrides.required=true',
  ]);
  t.equal((await fetch(`${edge.admin}/readyz`)).status, 503);
  writeFileSync(file, 'overrides: {}');
  t.ok(await answering(`${edge.admin}/readyz`, () => true));
});

t.test('SIGTERM lets a push under way end, tells its connection to close, and exits 0', async (t) => {
  let answer = () => {};
  const mimir = await upstream((_req, res) => {
    answer = () => res.end('late');
  });
  t.teardown(() => mimir.close());
  const edge = await startEdge(t, [`--upstream.url=${mimir.url}`]);
  const push = send(edge.proxy);
  await eventually(() => mimir.arrived.length === 1);
  edge.child.kill('SIGTERM');
  await eventually(() => edge.output().includes('stopping'));
  t.equal((await fetch(`${edge.admin}/readyz`)).status, 503);
  answer();
  const response = await push;
  t.equal(response.status, 200);
  t.equal(await response.text(), 'late');
  t.equal(await edge.exit, 0);
  t.match(edge.output(), /"msg":"stopped"/);
});

t.test(
  'a rolling restart under load: no accepted push is lost, and senders see 2xx, 429 or 503 alone',
  async (t) => {
    let received = 0;
    const mimir = await upstream((_req, res) => {
      received++;
      res.end();
    });
    t.teardown(() => mimir.close());
    const flags = [`--upstream.url=${mimir.url}`, '--shutdown.delay=1s', '--log.level=info'];
    const edges = [await startEdge(t, flags), await startEdge(t, flags)];
    // What a load balancer does: looks at readiness, and sends where it is good.
    const ready = [true, true];
    const watching = setInterval(() => {
      edges.forEach(async (edge, index) => {
        ready[index] = await fetch(`${edge.admin}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      });
    }, 50);
    t.teardown(() => clearInterval(watching));
    const seen = new Map<string, number>();
    let accepted = 0;
    let stop = false;
    const sender = async (turn: number): Promise<void> => {
      for (let n = turn; !stop; n++) {
        const index = ready[n % 2] ? n % 2 : 1 - (n % 2);
        const outcome = await send(edges[index]!.proxy).then(
          async (response) => {
            await response.arrayBuffer();
            return String(response.status);
          },
          (error: Error) => `no answer: ${error.cause ?? error}`,
        );
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
        if (outcome === '200') accepted++;
        await delay(10);
      }
    };
    const senders = Array.from({ length: 8 }, (_, turn) => sender(turn));
    for (const index of [0, 1]) {
      await eventually(() => ready[0]! && ready[1]!);
      const before = accepted;
      await eventually(() => accepted > before + 50);
      t.equal(await edges[index]!.stop(), 0);
      edges[index] = await startEdge(t, flags);
    }
    await eventually(() => ready[0]! && ready[1]!);
    stop = true;
    await Promise.all(senders);
    const unexpected = [...seen.keys()].filter((outcome) => !['200', '429', '503'].includes(outcome));
    t.strictSame(unexpected, [], `seen: ${JSON.stringify([...seen])}`);
    t.ok(accepted > 100);
    t.equal(received, accepted, 'all that was accepted arrived, and nothing twice');
  },
);

t.test(
  'new series over the limit are left out, known ones flow, and a raised limit lets them in',
  async (t) => {
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const file = join(t.testdir(), 'overrides.yaml');
    writeFileSync(file, 'overrides: { a: { max_global_series_per_user: 510 } }');
    const edge = await startEdge(t, [`--upstream.url=${mimir.url}`, `--overrides.file=${file}`]);
    t.equal((await send(edge.proxy)).status, 200);
    // 402 of its 500 series are those of the first.
    const other = await send(edge.proxy, OTHER_PUSH_500);
    t.equal(other.status, 400);
    t.match(await other.text(), /^88 of 500 series of tenant a .*err-mimir-max-series-per-user/);
    t.equal((await send(edge.proxy)).status, 200, 'known series flow');
    const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
    for (const line of [
      'mimir_edge_active_series{user="a"} 510',
      'mimir_edge_new_series_total{user="a"} 510',
      'mimir_edge_series_over_limit_total{user="a"} 88',
      'mimir_edge_discarded_samples_total{user="a",reason="per_user_series_limit"} 88',
    ]) {
      t.ok(metrics.split('\n').includes(line), line);
    }
    t.match(await (await fetch(`${edge.admin}/readyz`)).json(), { series: { series: 510, tenantsAlone: 0 } });

    writeFileSync(file, 'overrides: { a: { max_global_series_per_user: 5000 } }');
    t.ok(await eventually(() => edge.output().split('limits changed').length > 2));
    t.equal((await send(edge.proxy, OTHER_PUSH_500)).status, 200);
  },
);

t.test('an address that is in use is said with its setting, and nothing else', async (t) => {
  const taken = createServer();
  t.teardown(() => taken.close());
  const { host } = new URL(await listen(taken));
  for (const setting of ['listen.proxy', 'listen.admin']) {
    const second = start(t, process.execPath, [
      MAIN,
      'serve',
      '--upstream.url=http://127.0.0.1:1',
      '--log.level=error',
      '--listen.proxy=127.0.0.1:0',
      '--listen.admin=127.0.0.1:0',
      `--${setting}=${host}`,
    ]);
    t.equal(await second.exit, 1);
    t.equal(second.output(), `mimir-edge: ${setting}: can not listen on ${host}: the address is in use\n`);
  }
});
