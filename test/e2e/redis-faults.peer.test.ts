import t, { type Test } from 'tap';
import { bucketKey } from '#src/shared/redis/keys.js';
import { charge, eventually } from '../shared/contract.js';
import { redisClient } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { SHAPE, SharedLoad } from './shared-load.js';
import { TcpProxy } from './tcp-proxy.js';

t.setTimeout(120_000);

const now = (): number => performance.now();
const KEY = bucketKey('mimir-edge:', 'tenant', 'items');

async function loadThroughProxy(t: Test): Promise<{ load: SharedLoad; proxy: TcpProxy }> {
  const redis = await RedisServer.start();
  const proxy = await TcpProxy.start(redis.port);
  t.teardown(async () => {
    proxy.stop();
    await redis.stop();
  });
  return { load: await SharedLoad.start(t, proxy.url), proxy };
}

t.test('faults of a single Redis', { skip: redisMissing }, async (t) => {
  t.test('killed and restarted, its data gone: local shares, then exact again', async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const load = await SharedLoad.start(t, redis.url);
    t.ok(await load.flows());
    await redis.kill();
    t.ok(await load.state('degraded'), 'seen');
    t.ok(await load.flows(), 'pushes go on');
    const [first] = load.replicas;
    t.equal(first?.client.status().replicas, 2, 'the shares are for the replicas that were counted');
    t.equal(first?.client.status().lastError?.kind, 'connection');
    await redis.run();
    t.ok(await load.recovered(), 'recovered');
    t.ok(await load.flows());
    t.equal(await redis.admin.exists(KEY), 1, 'the bucket is in the new server');
    load.check(t, 1);
    load.checkLog(t, 2);
  });

  t.test('a connection that is reset in the middle of an answer', async (t) => {
    const { load, proxy } = await loadThroughProxy(t);
    for (let i = 0; i < 5; i++) {
      t.ok(await load.flows());
      proxy.cutNextAnswer = true;
      t.ok(await eventually(() => !proxy.cutNextAnswer), 'an answer was cut');
    }
    t.ok(await load.recovered());
    load.check(t);
  });

  t.test('answers that come after 200 ms are too late, but their tokens are not lost', async (t) => {
    const { load, proxy } = await loadThroughProxy(t);
    t.ok(await load.flows());
    proxy.delayMs = 200;
    t.ok(await load.state('degraded'));
    t.ok(await load.flows());
    t.equal(load.replicas[0]?.client.status().lastError?.kind, 'timeout');
    proxy.delayMs = 0;
    t.ok(await load.recovered());
    load.check(t);
    load.checkLog(t, 2);
  });

  t.test('out of memory', async (t) => {
    const redis = await RedisServer.start(['--maxmemory-policy', 'noeviction']);
    t.teardown(() => redis.stop());
    const load = await SharedLoad.start(t, redis.url);
    t.ok(await load.flows());
    await redis.admin.config('SET', 'maxmemory', '1');
    t.ok(await load.state('degraded'));
    t.ok(await load.flows());
    t.equal(load.replicas[0]?.client.status().lastError?.kind, 'memory');
    await redis.admin.config('SET', 'maxmemory', '0');
    t.ok(await load.recovered());
    load.check(t);
    load.checkLog(t, 2);
  });

  t.test('a replica that can only be read', async (t) => {
    const redis = await RedisServer.start();
    const primary = await RedisServer.start();
    t.teardown(async () => {
      await redis.stop();
      await primary.stop();
    });
    const load = await SharedLoad.start(t, redis.url);
    t.ok(await load.flows());
    await redis.admin.replicaof('127.0.0.1', primary.port);
    t.ok(await load.state('degraded'));
    t.ok(await load.flows());
    t.ok((load.replicas[0]?.client.status().errors.read_only ?? 0) > 0);
    await redis.admin.replicaof('NO', 'ONE');
    t.ok(await load.recovered());
    load.check(t, 1);
  });

  t.test('scripts flushed: nobody notices', async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const load = await SharedLoad.start(t, redis.url);
    for (let i = 0; i < 5; i++) {
      t.ok(await load.flows());
      await redis.admin.script('FLUSH');
    }
    t.ok(await load.flows());
    load.check(t);
    for (const { client } of load.replicas) t.equal(client.status().errors.other, 0);
  });

  // The server's clock is not ours to step. A step back looks to the script like a bucket that was last touched
  // in the future, a step ahead like one that was not touched for long: so that is what is put there.
  t.test(
    'a clock that steps back by 5 s goes on refilling, one that steps ahead gives 5 s once',
    async (t) => {
      const redis = await RedisServer.start();
      t.teardown(() => redis.stop());
      const load = await SharedLoad.start(t, redis.url);
      for (const stepMs of [-5000, 5000]) {
        t.ok(await load.flows());
        const at = Number(await redis.admin.hget(KEY, 'at'));
        await redis.admin.hset(KEY, 'at', String(at - stepMs));
        t.ok(await load.flows(), 'pushes go on');
      }
      load.check(t, 1);
      load.checkLog(t, 0);
    },
  );

  t.test('a Redis that is not there at the start', async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    await redis.kill();
    const { client, lines } = await redisClient(t, redis.url, { replicas: 4, connectTimeoutMs: 200 });
    t.equal(client.status().state, 'degraded');
    const bucket = client.bucket('tenant', 'items', { rate: 0, capacity: 100 }, now());
    t.ok((await charge(bucket, 25)).granted, 'its share of a full bucket');
    t.notOk((await charge(bucket, 1)).granted);
    await redis.run();
    t.ok(await eventually(() => client.status().state === 'up' && client.status().bucketsAlone === 0));
    let granted = 0;
    for (let i = 0; i < 100; i++) if ((await charge(bucket, 1)).granted) granted++;
    t.equal(granted, 75, 'what was spent alone is paid for');
    t.strictSame(
      lines.map(({ level }) => level),
      ['warn', 'info'],
    );
  });

  t.test('without Redis, on_loss allow lets pass and refuse refuses', async (t) => {
    const url = 'redis://127.0.0.1:1';
    const shape = { rate: 0, capacity: 10 };
    const settings = { connectTimeoutMs: 100 } as const;
    const allow = await redisClient(t, url, { ...settings, onLoss: 'allow' });
    const refuse = await redisClient(t, url, { ...settings, onLoss: 'refuse' });
    const open = allow.client.bucket('tenant', 'items', shape, now());
    const shut = refuse.client.bucket('tenant', 'items', shape, now());
    for (let i = 0; i < 50; i++) {
      t.ok((await charge(open, 1)).granted);
      const answer = await charge(shut, 1);
      t.notOk(answer.granted);
      t.ok(answer.waitSeconds > 0 && Number.isFinite(answer.waitSeconds));
    }
  });

  t.test('a down Redis costs a push nothing: no command is tried for it', async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const { client } = await redisClient(t, redis.url);
    await redis.kill();
    const buckets = Array.from({ length: 500 }, (_, i) =>
      client.bucket(`tenant-${i}`, 'items', SHAPE, now()),
    );
    for (const bucket of buckets.slice(0, 10)) await charge(bucket, 10);
    t.equal(client.status().state, 'degraded');
    const { calls } = client.status();
    for (const bucket of buckets) {
      for (let i = 0; i < 10; i++) t.notOk(bucket.ask(10, now()) instanceof Promise, 'answered at once');
    }
    t.equal(client.status().calls, calls);
  });
});
