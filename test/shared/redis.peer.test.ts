import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { LeaseStore } from '#src/shared/memory/lease-store.js';
import { bucketKey } from '#src/shared/redis/keys.js';
import { RedisTransport } from '#src/shared/redis/redis-transport.js';
import { book, limitsOf, pushOf } from '../series/fixtures.js';
import { charge, eventually, ledgerContract } from './contract.js';
import { plainRedis, redisLedger } from './fixtures.js';
import { RedisServer, redisMissing } from './redis-server.js';

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

  ledgerContract(t, { name: 'redis', open: async (t) => (await redisLedger(t, redis.url)).ledger });

  t.test('the script does what the store in JavaScript does, to the last digit', async (t) => {
    const call = fc.record({
      shape: fc.record({
        rate: fc.constantFrom(0, 0.1, 333.333, 1e6),
        capacity: fc.constantFrom(0, 1, 12.5, 1e5, 1e12),
      }),
      reshape: fc.boolean(),
      give: fc.oneof(fc.constant(0), fc.float({ min: 0, max: 1000, noNaN: true })),
      debit: fc.oneof(fc.constant(0), fc.float({ min: 0, max: 1000, noNaN: true })),
      need: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2000, noNaN: true })),
      least: fc.double({ min: 0, max: 50, noNaN: true }),
      most: fc.double({ min: 0, max: 500, noNaN: true }),
      generation: fc.constantFrom('', 'known', 'other'),
      bound: fc.double({ min: -100, max: 1000, noNaN: true }),
    });
    let key = 0;
    let granted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 30 }), async (calls) => {
        const name = bucketKey('model:', `tenant-${key++}`, 'items');
        const model = new LeaseStore(() => 'model');
        let generation = '';
        for (const call of calls) {
          const known = (mine: string) => (call.generation === 'known' ? mine : call.generation);
          const reply = await runScript(redis, name, { ...call, generation: known(generation) });
          const at = Number(reply[5]);
          const expected = model.apply(
            'bucket',
            { ...call, generation: generation === '' && call.generation === 'known' ? '' : known('model') },
            at,
          );
          generation = reply[4] ?? '';
          granted += expected.granted;
          const got = reply.slice(0, 4).map(Number);
          const { rate, capacity } = expected.shape;
          if (`${got}` !== `${[expected.granted, expected.available, rate, capacity]}`) {
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
    const ledgers = [await redisLedger(t, redis.url), await redisLedger(t, redis.url)];
    const shape = { rate: 0, capacity: 5000 };
    const buckets = ledgers.map(({ ledger }) => ledger.bucket('shared', 'items', shape, now()));
    let granted = 0;
    for (let i = 0; i < 3000; i++) {
      // Badly skewed.
      const bucket = buckets[i % 10 === 0 ? 1 : 0]!;
      if ((await charge(bucket, 2)).granted) granted += 2;
    }
    const leased = ledgers.reduce((sum, { ledger }) => sum + ledger.status().tokensLeased, 0);
    t.equal(granted + leased, 5000);
    t.ok(leased <= 50, `${leased} tokens are left in leases`);
  });

  t.test('what is held comes back when idle, when released, and on close', async (t) => {
    const tokensOf = async (tenant: string) =>
      Math.round(Number(await redis.admin.hget(bucketKey('mimir-edge:', tenant, 'items'), 'tokens')));
    const shape = { rate: 0, capacity: 10_000 };
    const { ledger } = await redisLedger(t, redis.url);
    for (const tenant of ['idle', 'released', 'closed']) {
      const bucket = ledger.bucket(tenant, 'items', shape, now());
      for (let i = 0; i < 500; i++) await charge(bucket, 1);
      t.ok((await tokensOf(tenant)) < 9500, 'a lease is out');
      if (tenant === 'released') bucket.release(now());
      if (tenant === 'closed') await ledger.close();
      t.ok(await eventually(async () => (await tokensOf(tenant)) === 9500), tenant);
    }
  });

  t.test('a limit that one replica learns of is in force everywhere', async (t) => {
    const { ledger: first } = await redisLedger(t, redis.url);
    const { ledger: second } = await redisLedger(t, redis.url);
    const old = { rate: 0, capacity: 10_000 };
    const here = first.bucket('relimited', 'items', old, now());
    const there = second.bucket('relimited', 'items', old, now());
    await charge(here, 1);
    await charge(there, 1);
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

  t.test('fractions of a token are not lost', async (t) => {
    const { ledger } = await redisLedger(t, redis.url);
    const bucket = ledger.bucket('fractions', 'items', { rate: 0, capacity: 1 }, now());
    let granted = 0;
    for (let i = 0; i < 30; i++) if ((await charge(bucket, 0.0625)).granted) granted++;
    t.equal(granted, 16);
  });

  t.test('replicas are counted, and one that leaves is not', async (t) => {
    const settings = { keyPrefix: 'counted:' };
    const { ledger: first } = await redisLedger(t, redis.url, settings);
    const { ledger: second } = await redisLedger(t, redis.url, settings);
    t.equal(second.status().replicas, 2);
    t.ok(await eventually(() => first.status().replicas === 2));
    await second.close();
    t.ok(await eventually(() => first.status().replicas === 1));
  });

  t.test('credentials come from files, and are read again', async (t) => {
    const { writeFileSync } = await import('node:fs');
    const file = `${redis.folder}/password`;
    await redis.admin.call('ACL', 'SETUSER', 'edge', 'on', '>first', ...PERMISSIONS);
    writeFileSync(file, 'first\n');
    const url = redis.url.replace('//', '//edge@');
    const { ledger } = await redisLedger(t, url, { passwordFile: file });
    t.equal(ledger.status().state, 'up');
    // Every command that series take: known and new ones, with and without room, in buckets that are split.
    const series = Array.from({ length: 2 }, () => book({ store: ledger.series, now }).tenant('permitted'));
    for (const limit of [1000, 1100]) {
      for (const one of series) {
        const push = pushOf(Array.from({ length: 2000 }, (_, n) => n));
        t.equal(
          (await one.check(push, undefined, limitsOf(limit), false, now())).overLimit?.rows.length,
          2000 - limit,
        );
      }
    }
    t.equal(series[1]?.alone, 0);
    const roomy = book({ store: ledger.series, now }).tenant('roomy');
    const push = pushOf(Array.from({ length: 1000 }, (_, n) => n));
    const { newLater } = await roomy.check(push, undefined, limitsOf(10_000), false, now());
    t.equal(await newLater, 1000, 'room is reserved and given back');
    t.equal(roomy.alone, 0);
    await redis.admin.call('ACL', 'SETUSER', 'edge', 'resetpass', '>second');
    writeFileSync(file, 'second\n');
    await redis.admin.client('KILL', 'USER', 'edge');
    const bucket = ledger.bucket('rotated', 'items', { rate: 0, capacity: 10 }, now());
    t.ok(
      await eventually(async () => (await charge(bucket, 0.001)).granted && ledger.status().state === 'up'),
    );
    t.ok(await eventually(() => ledger.status().bucketsAlone === 0));
    t.ok((await redis.admin.exists(bucketKey('mimir-edge:', 'rotated', 'items'))) === 1);
    const elections = ledger.elections('rotated');
    const rules = { updateMs: 1000, updateJitterMs: 0, failoverMs: 2000, mostClusters: 1 };
    t.equal(await elections.hear({ cluster: 'x', replica: 'a' }, rules, now()), 'elected');
    t.equal(await elections.hear({ cluster: 'y', replica: 'a' }, rules, now()), 'too_many_clusters');
    elections.resign({ cluster: 'x', replica: 'a' }, now());
    t.equal(await elections.hear({ cluster: 'x', replica: 'b' }, rules, now()), 'elected');
    t.same(ledger.status().errors.refused, 0);
  });

  t.test('calls of one moment leave together, and no key is without an end', async (t) => {
    const { ledger } = await redisLedger(t, redis.url);
    const buckets = Array.from({ length: 100 }, (_, i) =>
      ledger.bucket(`together-${i}`, 'items', { rate: 1, capacity: 10 }, now()),
    );
    const answers = await Promise.all(buckets.map((bucket) => charge(bucket, 5)));
    t.ok(answers.every(({ granted }) => granted));
    await delay(0);
    for (const key of await redis.admin.keys('*')) t.ok((await redis.admin.pttl(key)) > 0, key);
  });

  t.test('a transport that is closed leaves no socket', async (t) => {
    const transport = new RedisTransport(plainRedis([redis.url]), 'someone');
    await transport.connect(5000);
    t.ok((await transport.heartbeat(0)) >= 1);
    await transport.close();
    await t.rejects(transport.heartbeat(0));
  });
});

async function runScript(
  redis: RedisServer,
  key: string,
  call: Parameters<LeaseStore['apply']>[1],
): Promise<string[]> {
  const { readFileSync } = await import('node:fs');
  const lua = readFileSync('src/shared/redis/lease.lua', 'utf8');
  return (await redis.admin.eval(
    lua,
    1,
    key,
    String(call.shape.rate),
    String(call.shape.capacity),
    call.reshape ? '1' : '0',
    ...[call.give, call.debit, call.need, call.least, call.most].map(String),
    call.generation,
    String(call.bound),
  )) as string[];
}
