import t, { type Test } from 'tap';
import type { RedisOptions } from '#src/shared/redis/options.js';
import { RedisUsage } from '#src/shared/redis/redis-usage.js';
import { eventually } from '../contract.js';
import { plainRedis } from '../fixtures.js';
import { leastPermittedUser, RedisServer, redisMissing } from '../redis-server.js';
import { usageContract } from '../usage-contract.js';

let tests = 0;

/** Each test has a prefix of its own. */
function contract(t: Test, options: RedisOptions): void {
  usageContract(t, async (t) => {
    const store = new RedisUsage({ ...options, keyPrefix: `test-${tests++}:` });
    t.teardown(() => store.close());
    await store.connect(5000);
    return store;
  });
}

t.test(
  'usage in a Redis, as a user who may do what docs/shared-state.md lists and no more',
  { skip: redisMissing },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const files = await leastPermittedUser(redis, t.testdir());
    contract(t, { ...plainRedis([redis.url]), ...files });
  },
);

t.test('usage in a cluster', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start([
    '--cluster-enabled',
    'yes',
    '--cluster-config-file',
    'nodes.conf',
    '--cluster-announce-ip',
    '127.0.0.1',
  ]);
  t.teardown(() => redis.stop());
  await redis.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => (await redis.admin.cluster('INFO')).includes('cluster_state:ok'));
  contract(t, { ...plainRedis([redis.url]), mode: 'cluster' });
});
