import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import t from 'tap';
import { freePort } from '../free-port.js';
import { eventually } from '../shared/contract.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { SharedLoad } from './shared-load.js';

t.setTimeout(120_000);

const sentinelMissing: string | false =
  redisMissing ||
  (spawnSync('redis-sentinel', ['--version']).status === 0 || process.env['REQUIRE_PEERS'] === '1'
    ? false
    : 'redis-sentinel is not installed');

t.test(
  'a failover by sentinels: the new primary is found, and the limit holds',
  { skip: sentinelMissing },
  async (t) => {
    const primary = await RedisServer.start();
    const replica = await RedisServer.start();
    await replica.admin.replicaof('127.0.0.1', primary.port);
    t.teardown(() => Promise.all([primary.stop(), replica.stop()]).then(() => {}));

    const sentinels: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      const port = await freePort();
      const config = `${primary.folder}/sentinel-${i}.conf`;
      writeFileSync(
        config,
        [
          `sentinel monitor primary 127.0.0.1 ${primary.port} 2`,
          'sentinel down-after-milliseconds primary 500',
          'sentinel failover-timeout primary 3000',
        ].join('\n'),
      );
      const sentinel = new RedisServer(port, [], 'redis-sentinel', config);
      t.teardown(() => sentinel.stop());
      await sentinel.run();
      sentinels.push(sentinel);
    }
    const sentinel = new Redis(sentinels[0]!.port, '127.0.0.1');
    t.teardown(() => sentinel.disconnect());
    // A failover needs sentinels that know each other and the replica.
    t.ok(
      await eventually(async () => {
        const info = await sentinel.info('sentinel');
        return info.includes('slaves=1') && info.includes('sentinels=3');
      }),
    );

    const load = await SharedLoad.start(
      t,
      sentinels.map(({ url }) => url),
      { mode: 'sentinel', sentinelMaster: 'primary' },
    );
    t.ok(await load.flows());
    await primary.kill();
    t.ok(await load.state('degraded'), 'the loss is seen');
    t.ok(await load.flows(), 'pushes go on');
    t.ok(await load.recovered(), 'the new primary is used');
    t.ok(await load.flows());
    t.match(await replica.admin.info('replication'), /role:master/);
    load.check(t, 1);
  },
);
