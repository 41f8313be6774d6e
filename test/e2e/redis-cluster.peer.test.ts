import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { CLUSTER_SHARDS, clusterShardOf, seriesKey } from '#src/shared/redis/keys.js';
import { limitsOf, now, pushOf, range, tracker } from '../series/fixtures.js';
import { eventually } from '../shared/contract.js';
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
    for (const tenant of tenants) {
      // Each replica that is cut off for a moment has its half of the headroom, and the other goes on.
      const total = await totalOf(to, tenant);
      t.ok(total > 1000 && total <= 1.5 * limit, `${total} series of ${tenant}`);
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
