/** Each setting of the upstream's addresses, of the breaker and of fair shares, by what it makes of a running edge. */
import t, { type Test } from 'tap';
import { roomOf } from '#src/upstream/admission.js';
import { start } from '../admin/fixtures.js';
import { dnsServer } from '../dns-server.js';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';

interface Address {
  readonly address: string;
  readonly zone: string;
  readonly sentTo: string;
  readonly limit: number | null;
}

interface UpstreamStatus {
  readonly addresses: readonly Address[];
  readonly breaker: { readonly mode: string; readonly state: string } | null;
  readonly admission: {
    readonly mode: string;
    readonly limit: number | null;
    readonly waited: number;
  } | null;
}

/** An edge with these settings; `mimir` is the upstream unless they name another. */
async function edge(t: Test, flags: Record<string, string>, answer?: Parameters<typeof upstream>[0]) {
  const mimir = await upstream(answer);
  t.teardown(() => mimir.close());
  const given = await start(t, { 'upstream.url': mimir.url, ...flags });
  const status = async (): Promise<UpstreamStatus> =>
    ((await (await given.get('/api/v1/status')).json()) as { upstream: UpstreamStatus }).upstream;
  return { ...given, mimir, status, push: () => send(given.proxy) };
}

const well = (_req: unknown, res: { end(): void }): void => res.end();

t.test('where addresses come from, and how often they are asked for', async (t) => {
  const dns = await dnsServer();
  t.teardown(() => dns.close());
  dns.ttlSeconds = 3600;
  dns.set('A', 'mimir.test', ['127.0.0.1']);
  const given = await edge(t, {
    'upstream.url': 'dns:http://mimir.test:1',
    'upstream.dns_servers': dns.address,
    'upstream.resolve_interval': '1s',
  });
  t.ok(await eventually(async () => (await given.status()).addresses[0]?.address === 'http://127.0.0.1:1'));
  dns.set('A', 'mimir.test', ['127.0.0.2']);
  t.ok(
    await eventually(async () => (await given.status()).addresses[0]?.address === 'http://127.0.0.2:1'),
    'whatever longer time DNS gives',
  );
});

t.test("the edge's zone, and connections that are used for a time", async (t) => {
  const other = await upstream();
  t.teardown(() => other.close());
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  let connections = 0;
  mimir.server.on('connection', () => connections++);
  const given = await edge(t, {
    'upstream.url': `${other.url}#far,${mimir.url}#near`,
    'upstream.zone': 'near',
    'upstream.max_connection_age': '1ms',
  });
  for (let i = 0; i < 10; i++) t.equal((await given.push()).status, 200);
  t.equal(mimir.arrived.length, 10);
  t.ok(connections > 5, `${connections} connections`);
});

t.test('a push that was answered 503 goes elsewhere where that is set', async (t) => {
  for (const [retry, statuses] of [
    ['true', [200]],
    ['false', [200, 503]],
  ] as const) {
    const failing = await upstream((_req, res) => res.writeHead(503).end());
    const good = await upstream(well);
    t.teardown(() => Promise.all([failing.close(), good.close()]));
    const given = await edge(t, {
      'upstream.url': `${failing.url},${good.url}`,
      'upstream.retry_503': retry,
      'upstream.slow_start': '0s',
    });
    const seen = new Set<number>();
    for (let i = 0; i < 40; i++) seen.add((await given.push()).status);
    t.strictSame([...seen].sort(), statuses, retry);
  }
});

t.test('an address that is not ready, and how often it is asked', async (t) => {
  const asked: string[] = [];
  const notReady = await upstream((req, res) => {
    asked.push(req.url ?? '');
    res.writeHead(503).end();
  });
  t.teardown(() => notReady.close());
  const good = await upstream(well);
  t.teardown(() => good.close());
  const given = await edge(t, {
    'upstream.url': `${notReady.url},${good.url}`,
    'upstream.ready_path': '/ready?deep',
    'upstream.ready_interval': '100ms',
  });
  t.ok(await eventually(async () => (await given.status()).addresses[0]?.sentTo === 'out'));
  t.strictSame([...new Set(asked)], ['/ready?deep']);
});

t.test('what the breaker does', async (t) => {
  for (const [mode, reason] of [
    ['observe', null],
    ['act', 'upstream_open'],
    ['off', null],
  ] as const) {
    const given = await edge(t, { 'upstream.breaker': mode }, (_req, res) => res.writeHead(503).end());
    for (let i = 0; i < 20; i++) await given.push();
    t.equal((await given.push()).headers.get('x-mimir-edge-reason'), reason, mode);
    t.match((await given.status()).breaker, { mode, state: mode === 'off' ? 'closed' : 'open' });
  }
});

t.test(
  'fair shares: what an address may have, for how long it is watched, who waits and for how long',
  async (t) => {
    let holding = false;
    const given = await edge(
      t,
      {
        'upstream.fairness': 'act',
        'upstream.capacity_learning': '0s',
        'upstream.capacity_floor': '600',
        'upstream.fair_wait': '50ms',
        'upstream.fair_bytes': '1MiB',
      },
      (_req, res) => {
        if (!holding) res.end();
      },
    );
    t.equal((await given.status()).admission?.limit, null);
    t.ok(
      await eventually(async () => {
        await given.push();
        return (await given.status()).admission?.limit === 2 * roomOf(500);
      }),
    );
    holding = true;
    const held = [send(given.proxy), send(given.proxy)].map((one) => one.catch(() => undefined));
    t.ok(await eventually(() => given.mimir.arrived.length > 2));
    t.ok(await eventually(async () => (await given.status()).addresses[0]?.limit !== null));
    const away = await given.push();
    t.equal(away.headers.get('x-mimir-edge-reason'), 'edge_upstream_full');
    given.mimir.server.closeAllConnections();
    await Promise.all(held);

    const small = await edge(t, {
      'upstream.fairness': 'observe',
      'upstream.fair_bytes': String(PUSH_500.length),
    });
    t.match(await small.status(), { admission: { mode: 'observe', waited: 0 } });
    t.equal((await edge(t, {}).then(({ status }) => status())).admission, null);
  },
);
