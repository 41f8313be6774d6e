import t from 'tap';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import { eventually } from '../shared/contract.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { limitsOf, now, pushOf, range, refusedRows, sharing } from './fixtures.js';
import { keysForEver } from './fleet-model.js';

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  t.test('a replica that starts knows what the fleet knows', async (t) => {
    const limits = limitsOf(1000);
    const [first] = await sharing(t, redis, 'restarted');
    t.equal((await first!.check(pushOf(range(0, 1000)), undefined, limits, false, now())).newAdmitted, 1000);
    const [second] = await sharing(t, redis, 'restarted');
    const answer = await second!.check(pushOf(range(0, 1010)), undefined, limits, false, now());
    t.match(answer, { newAdmitted: 0, overLimit: { observed: 1000 } });
    t.strictSame(refusedRows(answer), range(1000, 1010));
    t.equal(second!.active, 1000);
    t.equal(second!.fleet, 1000);
    const known = second!.check(pushOf(range(0, 1000)), undefined, limits, false, now());
    t.notOk(known instanceof Promise, 'and asks no more');
  });

  t.test(
    'replicas admit as many active series as the tenant may have, whatever the other limit is',
    async (t) => {
      const limits = { ...limitsOf(10), max_active_series_per_user: 150 };
      const [first, second] = await sharing(t, redis, 'active', 2);
      const check = async (series: typeof first, from: number, to: number) =>
        refusedRows(await series!.check(pushOf(range(from, to)), undefined, limits, false, now())).length;
      t.equal(await check(first, 0, 100), 0);
      t.equal(await check(second, 50, 170), 20);
      t.equal(await check(first, 200, 210), 10);
      t.equal(second!.fleet, 150);
    },
  );

  t.test('all or nothing leaves nothing behind', async (t) => {
    const limits = limitsOf(100, 8);
    const [series] = await sharing(t, redis, 'whole');
    const check = async (from: number, to: number) =>
      series!.check(pushOf(range(from, to)), undefined, limits, true, now());
    t.match(await check(0, 10), {
      newAdmitted: 0,
      overLimit: { observed: 8 },
    });
    t.equal(series!.active, 0);
    t.equal((await check(0, 8)).newAdmitted, 8);
    t.match(await check(2, 12), { newAdmitted: 0, overLimit: { rows: [6, 7] } });
    t.equal((await check(20, 28)).newAdmitted, 8);
    t.equal(series!.fleet, 16);
  });

  t.test(
    'without a limit nothing is asked; with one, what is known is announced and keeps flowing',
    async (t) => {
      const [first, second] = await sharing(t, redis, 'unlimited', 2);
      const before = first!.check(pushOf(range(0, 50)), undefined, limitsOf(0), false, now());
      t.notOk(before instanceof Promise);
      t.equal(
        (await first!.check(pushOf(range(0, 51)), undefined, limitsOf(20), false, now())).overLimit?.rows
          .length,
        1,
      );
      t.equal(
        (await second!.check(pushOf(range(0, 51)), undefined, limitsOf(20), false, now())).overLimit?.rows
          .length,
        1,
      );
      t.equal(second!.fleet, 50);
    },
  );

  t.test('buckets stay small: at most 12 bytes a series', async (t) => {
    const [series] = await sharing(t, redis, 'bytes');
    const bytes = async () => Number(/used_memory:(\d+)/.exec(await redis.admin.info('memory'))?.[1]);
    await redis.admin.flushall();
    const before = await bytes();
    for (let from = 0; from < 100_000; from += 2000) {
      const push = pushOf(range(from, from + 2000));
      await (await series!.check(push, undefined, limitsOf(1e6), false, now())).newLater;
    }
    const each = ((await bytes()) - before) / 100_000;
    t.equal(series!.fleet, 100_000);
    t.ok(each <= 12, `${each} bytes`);
    t.equal(await keysForEver(redis), 0);
  });

  t.test('Redis is lost, comes back, and has lost its data', async (t) => {
    const lost = await RedisServer.start();
    t.teardown(() => lost.stop());
    const limits = limitsOf(1000);
    const [first, second] = await sharing(t, lost, 'lost', 2);
    const check = async (series: TrackedSeries, from: number, to: number) =>
      series.check(pushOf(range(from, to)), undefined, limits, false, now());
    /** Who announces last hears of all. */
    const heard = () => Math.max(first!.fleet ?? 0, second!.fleet ?? 0);
    // What is still being announced when the store goes counts as alone.
    for (const series of [first!, second!]) await (await check(series, 0, 600)).newLater;
    t.ok(await eventually(() => first!.fleet === 600 && second!.fleet === 600));

    await lost.kill();
    const alone = await check(first!, 0, 2000);
    t.equal(alone.newAdmitted, 200, 'half of the headroom that there was');
    t.strictSame(refusedRows(alone), range(800, 2000), 'known series flow');
    t.equal((await check(first!, 1000, 2000)).newAdmitted, 0);
    t.equal((await check(second!, 3000, 4000)).newAdmitted, 200, 'together no more than there was');
    t.equal(first!.admittedOffline, 200);

    await lost.run();
    const back = async () => {
      // Known series, which are announced again, as soon as the store answers.
      const answers = [
        await check(first!, 0, 800),
        await check(second!, 0, 600),
        await check(second!, 3000, 3200),
      ];
      if (answers.some(({ overLimit }) => overLimit !== undefined))
        throw new Error('a known series is refused');
      return (await lost.admin.exists('mimir-edge:{lost}:active')) === 1;
    };
    t.ok(await eventually(back));
    t.ok(
      await eventually(async () => {
        await back();
        await check(first!, 5000, 5001);
        return heard() >= 1000 && first!.admittedOffline + second!.admittedOffline === 0;
      }),
      'what was admitted alone is counted',
    );
    t.equal((await check(first!, 6000, 6100)).newAdmitted, 0);

    await lost.admin.flushall();
    t.ok(
      await eventually(async () => {
        // Each learns of it when it asks for something new.
        await check(first!, 0, 801);
        await check(second!, 3000, 3201);
        return heard() >= 1000;
      }),
      'and again when the data was lost without anybody being told',
    );
  });
});
