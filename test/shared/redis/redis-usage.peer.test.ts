import t from 'tap';
import { RedisUsage } from '#src/shared/redis/redis-usage.js';
import { plainRedis } from '../fixtures.js';
import { RedisServer, redisMissing } from '../redis-server.js';
import { usageContract } from '../usage-contract.js';

t.test('usage in Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  let tests = 0;
  usageContract(t, async (t) => {
    const store = new RedisUsage({ ...plainRedis([redis.url]), keyPrefix: `test-${tests++}:` });
    t.teardown(() => store.close());
    await store.connect(5000);
    return store;
  });
});
