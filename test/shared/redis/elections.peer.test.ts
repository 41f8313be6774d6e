import fc from 'fast-check';
import t from 'tap';
import { ElectionTable } from '#src/elections/election-table.js';
import type { ElectCall } from '#src/elections/shared-elections.js';
import type { ElectionRules } from '#src/enforce/ledger.js';
import { electionsKey } from '#src/shared/redis/keys.js';
import { RedisStore } from '#src/shared/redis/redis-store.js';
import { eventually } from '../contract.js';
import { plainRedis, redisClient } from '../fixtures.js';
import { RedisServer, redisMissing } from '../redis-server.js';

const now = (): number => performance.now();
const NEVER = 1e9;
const PATIENT: ElectionRules = {
  updateMs: NEVER,
  updateJitterMs: 0,
  failoverMs: NEVER,
  takeoverMs: NEVER,
  mostClusters: 100,
};

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const store = new RedisStore(plainRedis([redis.url]), 'model');
  t.teardown(() => store.close());
  await store.connect(5000);

  t.test('the script elects whom the table in JavaScript elects', async () => {
    // Times that are over at once, or never: so the server's clock decides nothing.
    const patience = fc.constantFrom(0, NEVER);
    const call = fc.record({
      ha: fc.record({
        cluster: fc.constantFrom('a', 'b', 'c', 'd e'),
        replica: fc.constantFrom('1', '2', ' 3', 'four 4'),
      }),
      updateMs: patience,
      takeoverMs: patience,
      mostClusters: fc.constantFrom(1, 3, 100),
      forgetMs: fc.constant(NEVER),
      resign: fc.boolean(),
    });
    let tenants = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 30 }), async (calls) => {
        const tenant = `model-${tenants++}`;
        const table = new ElectionTable();
        for (const one of calls) {
          const { resign, ...elect } = one;
          const { ha, updateMs, takeoverMs, mostClusters } = elect;
          if (resign) {
            await store.ask('resign', tenant, { ha });
            table.resign(ha);
            continue;
          }
          const reply = await store.ask('elect', tenant, elect);
          const expected = table.elect(ha, { updateMs, takeoverMs, mostClusters }, 0);
          if (reply?.replica !== expected?.replica) return false;
        }
        return true;
      }),
      { numRuns: 200 },
    );
  });

  t.test('silent clusters are forgotten for others, and no key is without an end', async (t) => {
    const call = (cluster: string, forgetMs: number): ElectCall => ({
      ha: { cluster, replica: 'one' },
      updateMs: NEVER,
      takeoverMs: NEVER,
      mostClusters: 2,
      forgetMs,
    });
    t.ok(await store.ask('elect', 'full', call('a', NEVER)));
    t.ok(await store.ask('elect', 'full', call('b', NEVER)));
    t.equal(await store.ask('elect', 'full', call('c', NEVER)), undefined);
    t.equal(await store.ask('elect', 'full', call('c', 3_600_000)), undefined);
    t.ok(await eventually(async () => (await store.ask('elect', 'full', call('c', 10))) !== undefined));
    t.ok((await redis.admin.pttl(electionsKey('mimir-edge:', 'full'))) <= 10);
    t.ok((await redis.admin.pttl(electionsKey('mimir-edge:', 'model-0'))) !== -1);
  });

  t.test(
    'a note from before the server’s clock stepped back is written anew, and delays no takeover',
    async (t) => {
      const call = (replica: string, takeoverMs: number): ElectCall => ({
        ha: { cluster: 'prod', replica },
        updateMs: NEVER,
        takeoverMs,
        mostClusters: 2,
        forgetMs: NEVER,
      });
      const key = electionsKey('mimir-edge:', 'stepped');
      const noted = async () => Number((await redis.admin.hget(key, 'prod'))!.split(' ')[0]);
      const serverNow = async () => Number((await redis.admin.time())[0]) * 1000;
      for (const heard of ['one', 'two']) {
        await redis.admin.hset(key, 'prod', `${(await serverNow()) + 3_600_000} one`);
        t.strictSame(await store.ask('elect', 'stepped', call(heard, NEVER)), { replica: 'one', ageMs: 0 });
        t.ok((await noted()) <= (await serverNow()) + 1000, heard);
      }
      t.match(await store.ask('elect', 'stepped', call('two', 0)), { replica: 'two' });
    },
  );

  t.test('replicas of the edge follow one election, and one that starts anew knows it', async (t) => {
    const open = async () => (await redisClient(t, redis.url)).client.elections('fleet');
    const [first, second] = [await open(), await open()];
    const pair = (replica: string) => ({ cluster: 'prod', replica });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? first : second).hear(pair(i % 4 < 2 ? 'one' : 'two'), PATIENT, now()),
      ),
    );
    const elected = await (await open()).hear(pair('one'), PATIENT, now());
    for (const [i, answer] of answers.entries()) {
      t.equal(answer === 'elected', i % 4 < 2 === (elected === 'elected'), `push ${i}`);
    }
  });

  t.test('a replica that falls silent is replaced, and every edge learns of it', async (t) => {
    const open = async () => (await redisClient(t, redis.url)).client.elections('takeover');
    const edges = [await open(), await open(), await open()];
    const hasty = { ...PATIENT, updateMs: 200, failoverMs: 400, takeoverMs: 400 };
    const hear = (edge: number, replica: string) =>
      edges[edge]?.hear({ cluster: 'prod', replica }, hasty, now());
    for (let edge = 0; edge < 3; edge++) t.equal(await hear(edge, 'one'), 'elected');
    for (let edge = 0; edge < 3; edge++) {
      t.ok(await eventually(async () => (await hear(edge, 'two')) === 'elected'), `edge ${edge}`);
    }
    t.match(await redis.admin.hget(electionsKey('mimir-edge:', 'takeover'), 'prod'), /^\d+ two$/);
  });

  t.test('while Redis is away the last election stays, and pushes do not wait', async (t) => {
    const own = await RedisServer.start();
    t.teardown(() => own.stop());
    const { client } = await redisClient(t, own.url, { commandTimeoutMs: 100 });
    const elections = client.elections('outage');
    const hear = (replica: string, cluster = 'prod') =>
      elections.hear({ cluster, replica }, { ...PATIENT, updateMs: 0 }, now());
    t.equal(await hear('one'), 'elected');
    await own.kill();
    t.ok(await eventually(async () => client.status().state === 'degraded'));
    t.equal(hear('one'), 'elected', 'at once');
    t.equal(hear('two'), 'other');
    t.equal(hear('two', 'unheard of'), 'unknown', 'for Mimir to decide');
    t.ok(Object.values(client.status().errors).some((count) => count > 0));
    await own.run();
    t.ok(await eventually(async () => client.status().state === 'up'));
    t.ok(await eventually(async () => (await hear('two', 'unheard of')) === 'elected'));
    t.equal(client.status().callsInFlight <= 1, true);
  });
});
