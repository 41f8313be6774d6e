import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bucketKey } from '#src/shared/redis/keys.js';
import { eventually, PUSH_500, send, upstream } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { startEdge } from './processes.js';

t.test(
  'two edges and one Redis enforce one limit, and each its share while Redis is away',
  { skip: redisMissing },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const overrides = join(t.testdir(), 'overrides.yaml');
    writeFileSync(
      overrides,
      'overrides: { a: { ingestion_rate: 0, ingestion_burst_size: 10000 }, b: { ingestion_rate: 0, ingestion_burst_size: 10000 } }',
    );
    const flags = [
      `--upstream.url=${mimir.url}`,
      `--overrides.file=${overrides}`,
      `--state.redis.url=${redis.url}`,
    ];
    const edges = [await startEdge(t, flags), await startEdge(t, flags)];
    const details = async (index: number) =>
      (await fetch(`${edges[index]!.admin}/readyz`)).json() as Promise<{
        ready: boolean;
        ledger: { state: string; replicas: number; tokensLeased: number };
      }>;
    for (const index of [0, 1]) {
      await eventually(async () => (await details(index)).ledger.replicas === 2);
      t.match(await details(index), { ready: true, ledger: { state: 'up', replicas: 2 } });
    }

    const accepted = async (tenant: string, pushes: number): Promise<number> => {
      let count = 0;
      for (let i = 0; i < pushes; i++) {
        const { status } = await send(edges[i % 2]!.proxy, PUSH_500, { 'X-Scope-OrgID': tenant });
        if (status === 200) count++;
        else t.equal(status, 429);
      }
      return count;
    };
    // Some of the bucket may be leased to the other edge at the end: that comes back when it is idle.
    let passed = await accepted('a', 40);
    t.ok(passed <= 20 && passed >= 18, `${passed} of 20 pushes that the bucket has`);
    const nothingIsLeased = async () => {
      const ledgers = await Promise.all([details(0), details(1)]);
      return ledgers.every(({ ledger }) => ledger.tokensLeased < 1);
    };
    t.ok(await eventually(nothingIsLeased));
    passed += await accepted('a', 4);
    t.equal(passed, 20, 'exactly the burst, over both');

    await redis.kill();
    t.ok(
      (await eventually(() => edges.every((edge) => edge.output().includes('does not answer')))) ||
        (await accepted('b', 2)) >= 0,
    );
    const alone = await accepted('b', 60);
    t.ok(alone > 0, 'pushes go on');
    t.ok(alone <= 40, `${alone} of at most twice the burst`);
    t.match(await details(0), { ready: true, ledger: { state: 'degraded' } });
    await redis.run();
    t.ok(await eventually(async () => (await details(0)).ledger.state === 'up'));
    const metrics = await (await fetch(`${edges[0]!.admin}/metrics`)).text();
    t.match(metrics, /mimir_edge_ledger_degraded 0/);
    for (const edge of edges) t.equal(await edge.stop(), 0);
  },
);

t.test(
  'an edge whose overrides are old leaves the limits of the others as they are, and goes by them',
  { skip: redisMissing },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const start = async (file: string, burst: number) => {
      const path = join(folder, file);
      writeFileSync(path, overrides(burst));
      return startEdge(t, [
        `--upstream.url=${mimir.url}`,
        `--overrides.file=${path}`,
        `--state.redis.url=${redis.url}`,
      ]);
    };
    const folder = t.testdir();
    const overrides = (burst: number) =>
      `overrides: { a: { ingestion_rate: 0, ingestion_burst_size: ${burst} } }`;
    const bucket = () => redis.admin.hgetall(bucketKey('mimir-edge:', 'a', 'items'));
    const push = (edge: { readonly proxy: string }) =>
      send(edge.proxy, PUSH_500, { 'X-Scope-OrgID': 'a' }).then(({ status }) => status);

    const one = await start('new.yaml', 1000);
    t.equal(await push(one), 200);
    t.match(await bucket(), { capacity: '1000' });
    writeFileSync(join(folder, 'new.yaml'), overrides(5000));
    t.ok(await eventually(async () => (await bucket())['capacity'] === '5000'), 'without any push');

    const stale = await start('old.yaml', 1000);
    t.equal(await push(stale), 200, 'the other half of what the bucket had before it was larger');
    t.match(await bucket(), { capacity: '5000' });
    writeFileSync(join(folder, 'old.yaml'), overrides(7000));
    t.ok(await eventually(async () => (await bucket())['capacity'] === '7000'), 'what is news is told');
    writeFileSync(join(folder, 'old.yaml'), overrides(5000));
    t.ok(await eventually(async () => (await bucket())['capacity'] === '5000'), 'and what is taken back');
    for (const edge of [one, stale]) t.equal(await edge.stop(), 0);
  },
);

t.test(
  'where no push may pass without the shared state, senders keep their data: 503',
  { skip: redisMissing },
  async (t) => {
    const mimir = await upstream();
    t.teardown(() => mimir.close());
    const edge = await startEdge(t, [
      `--upstream.url=${mimir.url}`,
      '--state.redis.url=redis://127.0.0.1:1',
      '--state.on_loss=refuse',
    ]);
    const refused = await send(edge.proxy);
    t.equal(refused.status, 503);
    t.match(refused.headers.get('retry-after'), /\d/);
    t.match(await refused.text(), /err-edge-state-lost/);
    t.equal(mimir.arrived.length, 0);
  },
);
