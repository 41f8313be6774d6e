import t from 'tap';
import { clusterShardOf } from '#src/shared/redis/keys.js';
import { limitsOf, pushOf, tracker } from '../series/fixtures.js';
import { eventually } from '../shared/contract.js';
import { redisClient } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { SharedLoad } from './shared-load.js';

t.setTimeout(120_000);

const MASTERS = 3;
const SLOTS = 16384;

t.test(
  'a cluster that lost one of three masters goes on with the others',
  { skip: redisMissing },
  async (t) => {
    const nodes: RedisServer[] = [];
    for (let i = 0; i < MASTERS; i++) {
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
      const from = Math.floor((i * SLOTS) / MASTERS);
      const to = Math.floor(((i + 1) * SLOTS) / MASTERS) - 1;
      await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      if (node !== first) await node.admin.cluster('MEET', '127.0.0.1', first!.port);
    }
    t.ok(
      await eventually(async () => {
        const infos = await Promise.all(nodes.map((node) => node.admin.cluster('INFO')));
        return infos.every(
          (info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3'),
        );
      }),
      'the cluster stands',
    );

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

    const now = () => performance.now();
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
