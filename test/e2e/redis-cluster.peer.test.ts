import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { bucketKey, CLUSTER_SHARDS, clusterShardOf, seriesKey } from '#src/shared/redis/keys.js';
import { limitsOf, now, pushOf, range, tracker } from '../series/fixtures.js';
import { charge, eventually } from '../shared/contract.js';
import { redisClient } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { SharedLoad } from './shared-load.js';

t.setTimeout(120_000);

const SLOTS = 16384;

/** So many masters, of which the first `serving` have all slots between them. */
async function startCluster(t: Test, masters: number, serving = masters): Promise<RedisServer[]> {
  const nodes: RedisServer[] = [];
  for (let i = 0; i < masters; i++) {
    const node = await RedisServer.start([
      '--cluster-enabled',
      'yes',
      '--cluster-config-file',
      'nodes.conf',
      '--cluster-require-full-coverage',
      'no',
      '--cluster-node-timeout',
      '1000',
    ]);
    t.teardown(() => node.stop());
    nodes.push(node);
  }
  const [first] = nodes;
  for (const [i, node] of nodes.entries()) {
    await node.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
    if (node !== first) await node.admin.cluster('MEET', '127.0.0.1', first!.port);
    if (i >= serving) continue;
    const from = Math.floor((i * SLOTS) / serving);
    const to = Math.floor(((i + 1) * SLOTS) / serving) - 1;
    await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
  }
  const stands = async () => {
    const infos = await Promise.all(nodes.map((node) => node.admin.cluster('INFO')));
    return infos.every(
      (info) => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${masters}`),
    );
  };
  t.ok(await eventually(stands), 'the cluster stands');
  return nodes;
}

t.test(
  'a cluster that lost one of three masters goes on with the others',
  { skip: redisMissing },
  async (t) => {
    const nodes = await startCluster(t, 3);
    const [first] = nodes;

    const tenants = ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f', 'team-g', 'team-h'];
    // The last third of the slots is lost.
    const lost = tenants.filter((tenant) => clusterShardOf(tenant) > 10);
    const kept = tenants.filter((tenant) => clusterShardOf(tenant) < 10);
    t.ok(lost.length > 0 && kept.length > 0);

    const load = await SharedLoad.start(t, first!.url, { mode: 'cluster' }, [lost[0]!, kept[0]!]);
    t.ok(await load.flows());
    await nodes[2]!.kill();
    t.ok(await load.state('degraded'));
    t.ok(await load.flows());
    for (const { client } of load.replicas) {
      t.ok(
        await eventually(() => client.status().bucketsAlone === 1),
        'the lost tenant only is served alone',
      );
      t.ok(client.status().partsDown < client.status().parts);
    }
    await nodes[2]!.run();
    t.ok(await load.recovered(), 'recovered');
    t.ok(await load.flows());
    // Two tenants, two buckets.
    load.admitted /= 2;
    load.check(t, 1);

    const patient = { mode: 'cluster', commandTimeoutMs: 5000 } as const;
    const replicas = [await redisClient(t, first!.url, patient), await redisClient(t, first!.url, patient)];
    for (const tenant of tenants) {
      for (const [replica, { client }] of replicas.entries()) {
        const series = tracker({ client: client.series, now }).tenant(tenant);
        const check = (count: number) =>
          series.check(
            pushOf(Array.from({ length: count }, (_, n) => n)),
            undefined,
            limitsOf(1500, 8),
            false,
            now(),
          );
        // Connections to the nodes are made when they are needed.
        t.ok(await eventually(async () => (await check(1)) && series.fleet !== undefined));
        t.equal((await check(2000)).overLimit?.rows.length, 500, `series of ${tenant} at replica ${replica}`);
        t.equal(series.fleet, 1500);
      }
    }
  },
);

/** Nodes' ids, by which CLUSTER names them. */
function idOf(node: RedisServer): Promise<string> {
  return node.admin.call('CLUSTER', 'MYID') as Promise<string>;
}

for (const [what, serving] of [
  ['to a node that had no slots', 1],
  ['between two nodes that serve', 2],
] as const) {
  t.test(
    `a tenant that is moved key by key ${what}, under load: no shard is given up, and limits hold exactly`,
    { skip: redisMissing },
    async (t) => {
      const [from, to] = (await startCluster(t, 2, serving)) as [RedisServer, RedisServer];
      const tenant = range(0, 100)
        .map((n) => `team-${n}`)
        .find((one) => clusterShardOf(one) < CLUSTER_SHARDS / 2)!;
      const [limit, capacity] = [3000, 20_000];
      const settings = { mode: 'cluster', commandTimeoutMs: 250, replicas: 2 } as const;
      const replicas = [await redisClient(t, from.url, settings), await redisClient(t, from.url, settings)];
      let [pushes, admitted, alone] = [true, 0, 0];
      const running = replicas.flatMap(({ client }, replica) => {
        const series = tracker({ client: client.series, now }).tenant(tenant);
        const charging = (['items', 'bytes', 'requests'] as const).map((kind) => {
          const bucket = client.bucket(tenant, kind, { rate: 0, capacity }, now());
          return async () => {
            for (; pushes; await delay(2)) {
              if ((await charge(bucket, 10)).granted) admitted += 10;
              alone += client.status().bucketsAlone;
            }
          };
        });
        return [
          ...charging,
          async () => {
            for (let n = 0; pushes; n++) {
              const push = pushOf(range(n * 40, n * 40 + 60).map((one) => one * 2 + replica));
              await (await series.check(push, undefined, limitsOf(limit), false, now())).newLater;
              await delay(2);
            }
          },
        ].map((push) => push());
      });

      const slot = Number(await from.admin.cluster('KEYSLOT', bucketKey('', tenant, 'items')));
      const keysIn = (node: RedisServer) => node.admin.cluster('GETKEYSINSLOT', slot, 10_000);
      t.ok(await eventually(async () => (await keysIn(from)).length > 10));
      await to.admin.cluster('SETSLOT', slot, 'IMPORTING', await idOf(from));
      await from.admin.cluster('SETSLOT', slot, 'MIGRATING', await idOf(to));
      let moved = 0;
      for (let keys = await keysIn(from); keys.length > 0; keys = await keysIn(from)) {
        for (const key of keys) {
          const answer = await from.admin.call('MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000');
          if (answer === 'OK') moved++;
          else t.equal(answer, 'NOKEY', key);
          await delay(100);
        }
      }
      for (const node of [to, from]) await node.admin.cluster('SETSLOT', slot, 'NODE', await idOf(to));
      t.ok(moved > 10, `${moved} keys`);

      t.ok(await eventually(async () => (await totalOf(to, tenant)) === limit), 'the limit is reached');
      t.ok(await eventually(() => admitted === 3 * capacity), 'and all that its buckets have is admitted');
      pushes = false;
      await Promise.all(running);
      t.equal(await totalOf(to, tenant), limit, 'but not one series more');
      t.equal(admitted, 3 * capacity, 'nor one token');
      t.equal(alone, 0, 'no bucket served its local share');
      for (const { lines } of replicas) t.strictSame(lines, [], 'the store answered all the while');
    },
  );
}

t.test(
  'a real reshard to a node that had no slots, under load: it ends, and so do the limits where they should',
  { skip: redisMissing },
  async (t) => {
    const [from, to] = (await startCluster(t, 2, 1)) as [RedisServer, RedisServer];
    const slotsMoved = SLOTS / CLUSTER_SHARDS;
    // All in the slots that are moved.
    const tenants = range(0, 1000)
      .map((n) => `team-${n}`)
      .filter((tenant) => clusterShardOf(tenant) === 0)
      .slice(0, 6);
    const limit = 10_000;
    const load = await SharedLoad.start(t, from.url, { mode: 'cluster', commandTimeoutMs: 1000 }, tenants);
    const pushing = load.replicas.flatMap(({ client }, replica) =>
      tenants.map((tenant) => {
        const series = tracker({ client: client.series, now }).tenant(tenant);
        // Both have every other series of each push.
        const push = (n: number) => pushOf(range(n * 100, n * 100 + 200).map((one) => one * 2 + replica));
        return async () => {
          for (let n = 0; pushes; n = (n + 1) % 150) {
            await (await series.check(push(n), undefined, limitsOf(limit), false, now())).newLater;
            await delay(5);
          }
        };
      }),
    );
    let pushes = true;
    const running = pushing.map((push) => push());
    t.ok(await load.flows());
    const reshard = spawn('redis-cli', [
      ...['--cluster', 'reshard', `127.0.0.1:${from.port}`, '--cluster-yes'],
      ...['--cluster-from', await idOf(from), '--cluster-to', await idOf(to)],
      ...['--cluster-slots', String(slotsMoved)],
    ]);
    let said = '';
    for (const stream of [reshard.stdout, reshard.stderr]) stream.on('data', (text) => (said += text));
    const [code] = await once(reshard, 'exit');
    t.equal(code, 0, said.slice(-500));
    t.ok(await load.recovered());
    t.ok(await load.flows());
    pushes = false;
    await Promise.all(running);
    await load.stop();
    for (const { lines } of load.replicas) t.strictSame(lines, [], 'no shard was given up');
    for (const tenant of tenants) {
      const total = await totalOf(to, tenant);
      t.ok(total > 1000 && total <= limit, `${total} series of ${tenant}`);
    }
  },
);

/** Series of both generations. */
async function totalOf(node: RedisServer, tenant: string): Promise<number> {
  const keys = await node.admin.keys(`${seriesKey('mimir-edge:', tenant)}:*`);
  let total = 0;
  for (const key of keys) {
    if ((await node.admin.type(key)) === 'hash') total += Number(await node.admin.hget(key, 'series'));
  }
  return total;
}
