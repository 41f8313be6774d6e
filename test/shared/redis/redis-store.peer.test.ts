import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import type { LeaseCall } from '#src/buckets/lease-protocol.js';
import { MemoryBuckets } from '#src/shared/memory/memory-buckets.js';
import { LIVE_MS, MemoryLimits } from '#src/shared/memory/memory-limits.js';
import { bucketKey, limitsKey } from '#src/shared/redis/keys.js';
import { limitsScript } from '#src/shared/redis/limits.js';
import { RedisStore } from '#src/shared/redis/redis-store.js';
import { limitsOf, pushOf, tracker } from '../../series/fixtures.js';
import { charge, eventually, ledgerContract } from '../contract.js';
import { plainRedis, redisClient } from '../fixtures.js';
import { RedisServer, redisMissing } from '../redis-server.js';

const now = (): number => performance.now();

/** All that a user needs: docs/shared-state.md says the same. */
const PERMISSIONS = [
  ...['~mimir-edge:*', '+@connection', '+@scripting', '+info', '+time', '+hmget', '+hset', '+pexpire'],
  ...['+zadd', '+zrem', '+zremrangebyscore', '+zcard', '+hget', '+hdel', '+hlen', '+hgetall'],
  ...['+get', '+set', '+sadd', '+srem', '+smove', '+sismember', '+smembers'],
];

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  ledgerContract(t, { name: 'redis', open: async (t) => (await redisClient(t, redis.url)).client });

  t.test('the script does what the store in JavaScript does, to the last digit', async (t) => {
    const call = fc.record({
      bucket: fc.constant<'items'>('items'),
      shape: fc.record({
        rate: fc.constantFrom(0, 0.1, 333.333, 1e6),
        capacity: fc.constantFrom(0, 1, 12.5, 1e5, 1e12),
      }),
      version: fc.constantFrom(0, 1, 2, 3),
      returned: fc.oneof(fc.constant(0), fc.float({ min: 0, max: 1000, noNaN: true })),
      debit: fc.oneof(fc.constant(0), fc.float({ min: 0, max: 1000, noNaN: true })),
      need: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2000, noNaN: true })),
      leastReserve: fc.double({ min: 0, max: 50, noNaN: true }),
      mostReserve: fc.double({ min: 0, max: 500, noNaN: true }),
      incarnation: fc.constantFrom('', 'known', 'other'),
      ceiling: fc.double({ min: -100, max: 1000, noNaN: true }),
    });
    let key = 0;
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 30 }), async (calls) => {
        const name = bucketKey('model:', `tenant-${key++}`, 'items');
        const model = new MemoryBuckets(() => 'model');
        let incarnation = '';
        for (const call of calls) {
          const known = (mine: string) => (call.incarnation === 'known' ? mine : call.incarnation);
          const reply = await runScript(redis, name, { ...call, incarnation: known(incarnation) });
          const at = Number(reply[5]);
          const expected = model.lease(
            'tenant',
            {
              ...call,
              incarnation: incarnation === '' && call.incarnation === 'known' ? '' : known('model'),
            },
            at,
          );
          incarnation = reply[4] ?? '';
          granted += expected.granted;
          const got = [...reply.slice(0, 4), reply[6]].map(Number);
          const { rate, capacity } = expected.shape;
          if (`${got}` !== `${[expected.granted, expected.available, rate, capacity, expected.version]}`) {
            throw new Error(`the script answered ${got}, the model ${JSON.stringify(expected)}`);
          }
          if ((await redis.admin.pttl(name)) <= 0) throw new Error('the key has no time to live');
        }
      }),
      { numRuns: 300 },
    );
    t.ok(granted > 0);
  });

  t.test('two replicas spend from one bucket, exactly', async (t) => {
    const clients = [await redisClient(t, redis.url), await redisClient(t, redis.url)];
    const shape = { rate: 0, capacity: 5000 };
    const buckets = clients.map(({ client }) => client.bucket('shared', 'items', shape, now()));
    let granted = 0;
    for (let i = 0; i < 3000; i++) {
      // Badly skewed.
      const bucket = buckets[i % 10 === 0 ? 1 : 0]!;
      if ((await charge(bucket, 2)).granted) granted += 2;
    }
    const leased = clients.reduce((sum, { client }) => sum + client.status().tokensLeased, 0);
    t.equal(granted + leased, 5000);
    t.ok(leased <= 50, `${leased} tokens are left in leases`);
  });

  t.test('what is held comes back when idle, when released, and on close', async (t) => {
    const tokensOf = async (tenant: string) =>
      Math.round(Number(await redis.admin.hget(bucketKey('mimir-edge:', tenant, 'items'), 'tokens')));
    const shape = { rate: 0, capacity: 10_000 };
    const { client } = await redisClient(t, redis.url);
    for (const tenant of ['idle', 'released', 'closed']) {
      const bucket = client.bucket(tenant, 'items', shape, now());
      for (let i = 0; i < 500; i++) await charge(bucket, 1);
      t.ok((await tokensOf(tenant)) < 9500, 'a lease is out');
      if (tenant === 'released') bucket.release(now());
      if (tenant === 'closed') await client.close();
      t.ok(await eventually(async () => (await tokensOf(tenant)) === 9500), tenant);
    }
  });

  t.test('a limit that one replica learns of is in force everywhere', async (t) => {
    const { client: first } = await redisClient(t, redis.url);
    const { client: second } = await redisClient(t, redis.url);
    for (const client of [first, second]) client.limitsAre({ documents: 'old', all: 'old' });
    const old = { rate: 0, capacity: 10_000 };
    const here = first.bucket('relimited', 'items', old, now());
    const there = second.bucket('relimited', 'items', old, now());
    await charge(here, 1);
    await charge(there, 1);
    first.limitsAre({ documents: 'new', all: 'new' });
    here.reshape({ rate: 0, capacity: 100 }, now());
    t.ok(
      await eventually(
        async () =>
          (await redis.admin.hget(bucketKey('mimir-edge:', 'relimited', 'items'), 'capacity')) === '100',
      ),
      'without any push',
    );
    let granted = 0;
    for (let i = 0; i < 50; i++) if ((await charge(there, 10)).granted) granted += 10;
    t.ok(granted <= 110, `${granted} tokens: the new bucket and what was leased before`);
    t.equal((await charge(there, 101)).waitSeconds, Number.POSITIVE_INFINITY);
  });

  t.test('whose limits are the newest: the script does what the store in JavaScript does', async (t) => {
    const content = fc.record({
      hash: fc.constantFrom('', 'a', 'b', 'c', ...Array.from({ length: 80 }, (_, n) => `h${n}`)),
      place: fc.constantFrom(0, 0, 0, 1, 2, 5),
      before: fc.constantFrom(0, 0, 0, 1, 3, 60),
    });
    const call = fc.record({
      documents: content,
      all: content,
      version: fc.constantFrom(0, 0, 3, 70),
    });
    const lua = readFileSync('src/shared/redis/limits.lua', 'utf8');
    let key = 0;
    let newest = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 150 }), async (calls) => {
        const name = `limits-model-${key++}`;
        const model = new MemoryLimits();
        for (const call of calls) {
          const [, ...args] = limitsScript.encode('', '', call)[0] ?? [];
          const reply = (await redis.admin.eval(lua, 1, name, ...args)) as number[];
          const got = limitsScript.decode([reply]);
          const expected = model.stand(call, 0);
          if (got.areNewest) newest++;
          if (JSON.stringify(got) !== JSON.stringify(expected)) {
            throw new Error(`the script answered ${reply}, the model ${JSON.stringify(expected)}`);
          }
        }
        if ((await redis.admin.pttl(name)) <= 0) throw new Error('the key has no time to live');
      }),
      { numRuns: 60 },
    );
    t.ok(newest > 0);
  });

  t.test('limits that no replica has any more are in nobody’s way', async (t) => {
    const stores = ['one', 'other'].map((replica) => new RedisStore(plainRedis([redis.url]), replica));
    t.teardown(() => Promise.all(stores.map((store) => store.close())));
    for (const store of stores) await store.connect(5000);
    const stand = (hash: string, before = 0) => {
      const content = { hash, place: 0, before };
      return stores[0]!.ask('limits', 'aged', { documents: content, all: content, version: 0 });
    };
    const old = await stand('old');
    const key = limitsKey('mimir-edge:', 'aged');
    t.match(await stand('new', old.documents), { areNewest: true });
    t.match(await stand('old'), { areNewest: false });
    for (const part of ['d', 'a']) {
      const [place] = (await redis.admin.hget(key, `${part} new`))!.split(' ');
      const [seconds] = (await redis.admin.time()).map(Number);
      await redis.admin.hset(key, `${part} new`, `${place} ${seconds! * 1000 - LIVE_MS}`);
    }
    t.match(await stand('old'), { areNewest: true, version: old.version + 2 });
  });

  t.test('fractions of a token are not lost', async (t) => {
    const { client } = await redisClient(t, redis.url);
    const bucket = client.bucket('fractions', 'items', { rate: 0, capacity: 1 }, now());
    let granted = 0;
    for (let i = 0; i < 30; i++) if ((await charge(bucket, 0.0625)).granted) granted++;
    t.equal(granted, 16);
  });

  t.test('replicas are counted, and one that has left for a while is not', async (t) => {
    let aheadMs = 0;
    const settings = { keyPrefix: 'counted:', now: () => performance.now() + aheadMs };
    const { client: first } = await redisClient(t, redis.url, settings);
    const { client: second } = await redisClient(t, redis.url, settings);
    t.equal(second.status().replicas, 2);
    t.ok(await eventually(() => first.status().replicas === 2));
    await redis.admin.del('counted:{#0}:replicas');
    const beats = () => first.status().calls;
    const before = beats();
    t.ok(await eventually(() => beats() > before + 1), 'heartbeats on an emptied Redis');
    t.equal(first.status().replicas, 2, 'it counts anew, and nobody is lost');
    await second.close();
    t.ok(
      await eventually(() => {
        aheadMs += 1000;
        return first.status().replicas === 1;
      }),
    );
  });

  t.test('credentials come from files, and are read again', async (t) => {
    const file = `${redis.folder}/password`;
    await redis.admin.call('ACL', 'SETUSER', 'edge', 'on', '>first', ...PERMISSIONS);
    writeFileSync(file, 'first\n');
    const url = redis.url.replace('//', '//edge@');
    const { client } = await redisClient(t, url, { passwordFile: file });
    t.equal(client.status().state, 'up');
    // Every command that series take: known and new ones, with and without headroom, in sets that are split.
    const series = Array.from({ length: 2 }, () =>
      tracker({ client: client.series, now }).tenant('permitted'),
    );
    for (const limit of [1000, 1100]) {
      for (const one of series) {
        const push = pushOf(Array.from({ length: 2000 }, (_, n) => n));
        t.equal(
          (await one.check(push, undefined, limitsOf(limit), false, now())).overLimit?.rows.length,
          2000 - limit,
        );
      }
    }
    t.equal(series[1]?.admittedOffline, 0);
    const ample = tracker({ client: client.series, now }).tenant('ample');
    const push = pushOf(Array.from({ length: 1000 }, (_, n) => n));
    const { newLater } = await ample.check(push, undefined, limitsOf(10_000), false, now());
    t.equal(await newLater, 1000, 'headroom is reserved and given back');
    t.equal(ample.admittedOffline, 0);
    await redis.admin.call('ACL', 'SETUSER', 'edge', 'resetpass', '>second');
    writeFileSync(file, 'second\n');
    await redis.admin.client('KILL', 'USER', 'edge');
    const bucket = client.bucket('rotated', 'items', { rate: 0, capacity: 10 }, now());
    t.ok(
      await eventually(async () => (await charge(bucket, 0.001)).granted && client.status().state === 'up'),
    );
    t.ok(await eventually(() => client.status().bucketsAlone === 0));
    t.ok((await redis.admin.exists(bucketKey('mimir-edge:', 'rotated', 'items'))) === 1);
    const elections = client.elections('rotated');
    const rules = { updateMs: 1000, updateJitterMs: 0, failoverMs: 2000, takeoverMs: 2000, mostClusters: 1 };
    t.equal(await elections.hear({ cluster: 'x', replica: 'a' }, rules, now()), 'elected');
    t.equal(await elections.hear({ cluster: 'y', replica: 'a' }, rules, now()), 'too_many_clusters');
    elections.resign({ cluster: 'x', replica: 'a' }, now());
    t.equal(await elections.hear({ cluster: 'x', replica: 'b' }, rules, now()), 'elected');
    t.same(client.status().errors.refused, 0);
  });

  t.test('calls of one moment leave together, and no key is without an end', async (t) => {
    const { client } = await redisClient(t, redis.url);
    const buckets = Array.from({ length: 100 }, (_, i) =>
      client.bucket(`together-${i}`, 'items', { rate: 1, capacity: 10 }, now()),
    );
    const answers = await Promise.all(buckets.map((bucket) => charge(bucket, 5)));
    t.ok(answers.every(({ granted }) => granted));
    for (const key of await redis.admin.keys('*')) t.ok((await redis.admin.pttl(key)) > 0, key);
  });

  t.test('replicas agree on one secret for hashes, and put it back when the data is lost', async (t) => {
    const stores = ['one', 'other'].map((replica) => new RedisStore(plainRedis([redis.url]), replica));
    t.teardown(() => Promise.all(stores.map((store) => store.close())));
    for (const store of stores) await store.connect(5000);
    const [one, other] = stores as [RedisStore, RedisStore];
    await redis.admin.flushall();
    const [first, second] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
    t.same(await one.ask('hashKey', '', { own: first }), first);
    t.same(await other.ask('hashKey', '', { own: second }), first);
    await redis.admin.flushall();
    t.same(await other.ask('hashKey', '', { own: first }), first);
    t.same(await one.ask('hashKey', '', { own: first }), first);
  });

  t.test('a store that is closed leaves no socket', async (t) => {
    const store = new RedisStore(plainRedis([redis.url]), 'someone');
    await store.connect(5000);
    t.ok((await store.heartbeat(0)) >= 1);
    await store.close();
    await t.rejects(store.heartbeat(0));
  });
});

async function runScript(redis: RedisServer, key: string, call: LeaseCall): Promise<string[]> {
  const lua = readFileSync('src/shared/redis/lease.lua', 'utf8');
  return (await redis.admin.eval(
    lua,
    1,
    key,
    String(call.shape.rate),
    String(call.shape.capacity),
    String(call.version),
    ...[call.returned, call.debit, call.need, call.leastReserve, call.mostReserve].map(String),
    call.incarnation,
    String(call.ceiling),
  )) as string[];
}
