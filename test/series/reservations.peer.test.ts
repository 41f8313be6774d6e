/** Series that are admitted first and announced later, by replicas that share a real Redis. */
import t from 'tap';
import type { ReserveReply } from '#src/series/series-protocol.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import type { StoreClient } from '#src/shared/client.js';
import { eventually } from '../shared/contract.js';
import { redisClient } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import {
  announceCall,
  Dice,
  limitsOf,
  MINUTE_MS,
  now,
  pushOf,
  range,
  refusedRows,
  sharing,
  tracker,
} from './fixtures.js';

/** What is late is not what these are about. */
const PATIENT = { commandTimeoutMs: 5000 };
/** As long as those of the trackers. */
const GENERATION_MS = 21 * MINUTE_MS;

/** Calls to scripts that Redis has answered. */
async function scriptsRun({ admin }: RedisServer): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1]);
}

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  for (const whole of [false, true]) {
    const name = whole ? 'whole pushes' : 'series';
    t.test(
      `${name}: replicas that race for the last of the headroom fill it, and not one more`,
      async (t) => {
        const dice = new Dice(whole ? 1 : 2);
        for (let round = 0; round < 12; round++) {
          const limit = 1000 + dice.below(3000);
          const replicas = await sharing(t, redis, `race-${whole}-${round}`, 4, PATIENT);
          const admitted = new Set<number>();
          let refused = 0;
          let found = 0;
          let reserved = 0;
          const push = async (replica: TrackedSeries, series: readonly number[]): Promise<void> => {
            const answer = await replica.check(pushOf(series), undefined, limitsOf(limit), whole, now());
            const rows = new Set(refusedRows(answer));
            refused += rows.size;
            if (answer.newLater) reserved++;
            found += answer.newAdmitted;
            const later = await answer.newLater;
            found += later ?? 0;
            if (whole && rows.size > 0) return;
            for (const [row, one] of series.entries()) if (!rows.has(row)) admitted.add(one);
          };
          const pushAll = async (replica: TrackedSeries): Promise<void> => {
            for (let i = 0; i < 12; i++) {
              // Others push many of them at the same time.
              const from = dice.below(1.5 * limit);
              const length = dice.below(2) === 0 ? 1 + dice.below(30) : 100 + dice.below(400);
              await push(replica, range(from, from + length));
            }
          };
          // Two of each replica at one time.
          await Promise.all([...replicas, ...replicas].map(pushAll));
          if (admitted.size > limit) t.fail(`${admitted.size} were admitted of ${limit}`);
          if (refused > 0 && !whole && admitted.size < limit)
            t.fail(`refused with ${admitted.size} of ${limit}`);
          if (found !== admitted.size) t.fail(`${found} were new of ${admitted.size}`);
          t.ok(reserved > 0, `headroom was reserved ${reserved} times for ${admitted.size} of ${limit}`);

          t.equal(await redisReserved(redis, `race-${whole}-${round}`), 0, 'all of it came back');
          const left = limit - admitted.size;
          const more = range(100_000, 100_000 + left + 1);
          if (left > 0) await push(replicas[0]!, more.slice(1));
          t.equal(admitted.size, limit, 'the rest is there for anybody');
          const before = refused;
          await push(replicas[1]!, more.slice(0, 1));
          t.equal(refused, before + 1);
          for (const one of replicas) t.equal(one.admittedOffline, 0);
        }
      },
    );
  }

  t.test('whole pushes of more series than a script decides: the limit holds, whoever pushes', async (t) => {
    const limit = 20_000;
    const replicas = await sharing(t, redis, 'large', 3, PATIENT);
    const dice = new Dice(3);
    const admitted = new Set<number>();
    let found = 0;
    let refused = 0;
    const push = async (replica: TrackedSeries, series: readonly number[]): Promise<void> => {
      const answer = await replica.check(pushOf(series), undefined, limitsOf(limit), true, now());
      const later = await answer.newLater;
      found += answer.newAdmitted + (later ?? 0);
      if (answer.busy) return push(replica, series);
      if (answer.overLimit !== undefined) refused++;
      else for (const one of series) admitted.add(one);
    };
    const pushAll = async (replica: TrackedSeries): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        const from = dice.below(30_000);
        await push(replica, range(from, from + 1000 + dice.below(1000)));
      }
    };
    await Promise.all([...replicas, ...replicas].map(pushAll));
    t.ok(refused > 0, `${refused} pushes were refused`);
    t.ok(admitted.size <= limit, `${admitted.size} were admitted of ${limit}`);
    t.equal(found, admitted.size);
    t.equal(await redisReserved(redis, 'large'), 0);
    const left = limit - admitted.size;
    const answer = await replicas[0]!.check(
      pushOf(range(100_000, 100_001 + left)),
      undefined,
      limitsOf(limit),
      true,
      now(),
    );
    t.match(answer, { newAdmitted: 0, overLimit: { rows: [left] } }, 'one more than there is headroom for');
    await push(replicas[1]!, range(100_000, 100_000 + left));
    t.equal(admitted.size, limit);
    const known = replicas[2]!.check(pushOf([...admitted]), undefined, limitsOf(limit), true, now());
    t.match(await known, { newAdmitted: 0, overLimit: undefined }, 'known ones pass at the limit');
  });

  t.test(
    'what was reserved by a replica that died is missing for a while, and nothing else is',
    async (t) => {
      const { client } = await redisClient(t, redis.url);
      const [series] = await sharing(t, redis, 'died', 1, PATIENT);
      const check = async (from: number, to: number) =>
        series!.check(pushOf(range(from, to)), undefined, limitsOf(1000), false, now());
      t.not((await reserve(client, 'died', 300, 900)).reservation, '');
      t.equal((await check(0, 650)).newAdmitted, 650, 'looked at one by one');
      t.strictSame(
        refusedRows(await check(600, 710)),
        range(100, 110),
        'known ones and those below the limit pass',
      );
      t.equal((await reserve(client, 'died', 100, 900)).reservation, '', 'no more headroom');

      const keys = await redis.admin.keys('mimir-edge:{died}:active:reserved:*');
      t.equal(keys.length, 1);
      const leftMs = await redis.admin.pttl(keys[0]!);
      t.ok(leftMs > 0 && leftMs <= 20_000, `it lapses in ${leftMs} ms`);
      await redis.admin.pexpire(keys[0]!, 1);
      t.ok(await eventually(async () => (await redis.admin.exists(keys[0]!)) === 0));
      t.strictSame(refusedRows(await check(690, 1010)), range(310, 320));
    },
  );

  t.test('a series that two replicas have reserved headroom for keeps nobody out', async (t) => {
    const { client } = await redisClient(t, redis.url);
    const [series] = await sharing(t, redis, 'twice', 1, PATIENT);
    const check = async (from: number, to: number) =>
      series!.check(pushOf(range(from, to)), undefined, limitsOf(1000), false, now());
    await (await check(0, 500)).newLater;
    const { reservation } = await reserve(client, 'twice', 400, 900);
    const before = await scriptsRun(redis);
    const last = check(100, 1000);
    // The other one's are among those that are known.
    const rows = new Uint32Array(4 * 400);
    for (let row = 0; row < 400; row++) rows.set(pushOf([row]).records.subarray(2, 6), 4 * row);
    const call = announceCall(400, { rows, reservation, generationMs: GENERATION_MS });
    t.ok(await eventually(async () => (await scriptsRun(redis)) > before));
    const totals: number[] = [];
    await client.series.announce('twice', call, (_rows, { total }) => totals.push(total));
    t.strictSame(totals, [600, 600, 600, 600], 'the headroom that there was is taken meanwhile');
    t.equal((await last).overLimit, undefined);
    t.equal(series!.fleet, 1000);
  });

  t.test('Redis loses its data between reservation and announcement', async (t) => {
    const { client } = await redisClient(t, redis.url);
    const { reservation } = await reserve(client, 'flushed', 300, 900);
    await redis.admin.flushall();
    await reserve(client, 'flushed', 500, 900);
    const rows = new Uint32Array(4 * 300).map((_, at) => at);
    const heard: number[] = [];
    const call = announceCall(300, { rows, reservation, generationMs: GENERATION_MS });
    await client.series.announce('flushed', call, (_rows, { total }) => heard.push(total));
    t.strictSame(heard, [100, 200, 300], 'they are counted');
    t.equal(await redisReserved(redis, 'flushed'), 500, 'and what another has reserved since is untouched');
  });

  t.test('Redis is lost between reservation and announcement', async (t) => {
    const lost = await RedisServer.start();
    t.teardown(() => lost.stop());
    const [series, other] = await sharing(t, lost, 'lost', 2, PATIENT);
    const check = async (one: TrackedSeries, from: number, to: number) =>
      one.check(pushOf(range(from, to)), undefined, limitsOf(10_000), false, now());
    const { newLater } = await check(series!, 0, 5000);
    await lost.kill();
    const { newAdmitted } = await check(series!, 6000, 9000);
    t.ok(newAdmitted <= 2500, `${newAdmitted} of its half of the headroom are there`);
    t.equal(await newLater, 5000, 'whoever does not answer knows none of them');
    t.ok(series!.admittedOffline > 0);
    await lost.run();
    t.ok(
      await eventually(async () => {
        const { overLimit } = await check(series!, 0, 5000);
        if (overLimit) throw new Error('a known series is refused');
        return series!.fleet === 5000 && series!.admittedOffline === 0;
      }),
      'all are announced with the pushes that have them',
    );
    t.ok(await eventually(async () => (await check(other!, 4000, 5001)) && other!.fleet === 5001));
  });

  t.test('a replica that stops announces what is left', async (t) => {
    const { client } = await redisClient(t, redis.url);
    const series = tracker({ client: client.series, now }).tenant('stopped');
    await series.check(pushOf(range(0, 5000)), undefined, limitsOf(10_000), false, now());
    t.ok(client.series.unannounced > 0);
    await client.close();
    t.equal(series.fleet, 5000);
    t.equal(await redisReserved(redis, 'stopped'), 0);
  });

  t.test('with a limit for metrics every series is looked at', async (t) => {
    const [series] = await sharing(t, redis, 'metrics', 1, PATIENT);
    const answer = await series!.check(pushOf(range(0, 500)), undefined, limitsOf(10_000, 9), false, now());
    t.equal(answer.newAdmitted, 450);
    t.equal(answer.overLimit?.rows.length, 50);
  });
});

async function reserve(
  client: StoreClient,
  tenant: string,
  series: number,
  mostOfTenant: number,
): Promise<ReserveReply> {
  const call = { series, mostOfTenant, generationMs: GENERATION_MS };
  const reply = await client.series.reserve(tenant, call);
  if (reply === undefined || reply === 'lost') throw new Error('Redis does not answer');
  return reply;
}

async function redisReserved(redis: RedisServer, tenant: string): Promise<number> {
  let reserved = 0;
  for (const key of await redis.admin.keys(`mimir-edge:{${tenant}}:active:reserved:*`)) {
    reserved += Number(await redis.admin.get(key));
  }
  return reserved;
}
