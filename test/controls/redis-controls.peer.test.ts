import t from 'tap';
import { eventually } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { ask, replica } from './fixtures.js';

t.test('with Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  await t.test(
    'a control reaches every replica, ends everywhere, and outlives restarts until then',
    async (t) => {
      const [one, two] = [await replica(t, redis), await replica(t, redis)];
      t.equal(await one.controls.write(ask({ untilMs: Date.now() + 4000 })), true);
      t.ok(await eventually(() => two.controls.mode() === 'off'));
      t.match(two.received, [{ by: 'alice', value: 'off' }]);
      const restarted = await replica(t, redis);
      t.equal(restarted.controls.mode(), 'off', 'as soon as it is started');
      for (const { controls, ended } of [one, two, restarted]) {
        t.ok(await eventually(() => controls.mode() === undefined));
        t.equal(ended.length, 1);
      }
      const left = async () => redis.admin.keys('*');
      t.ok(
        await eventually(async () => (await left()).every((key) => key.endsWith(':readers'))),
        'nothing is left in Redis but who reads',
      );
      for (const { controls } of [one, two, restarted]) await controls.stop();
      t.strictSame(await left(), [], 'and nothing at all when they have left');
    },
  );

  await t.test('what is taken back is taken back everywhere', async (t) => {
    const [one, two] = [await replica(t, redis), await replica(t, redis)];
    await one.controls.write(ask({ tenant: 'a', name: 'ingestion_rate', value: 5 }));
    t.ok(await eventually(() => two.controls.get('a', 'ingestion_rate') !== undefined));
    t.equal(await two.controls.write(ask({ tenant: 'a', name: 'ingestion_rate', value: null })), true);
    t.ok(await eventually(() => one.controls.get('a', 'ingestion_rate') === undefined));
  });

  await t.test('a write beats what it replaces, though its clock is behind', async (t) => {
    const one = await replica(t, redis);
    const two = await replica(t, redis, () => Date.now() - 30_000);
    await one.controls.write(ask({ value: 'off' }));
    t.ok(await eventually(() => two.controls.mode() === 'off'));
    await two.controls.write(ask({ value: 'shadow' }));
    t.ok(await eventually(() => one.controls.mode() === 'shadow'));
    await one.controls.write(ask({ value: null }));
  });

  await t.test(
    'while Redis is away controls stay, and what is written then comes to the others later',
    async (t) => {
      const [one, two] = [await replica(t, redis), await replica(t, redis)];
      await one.controls.write(ask({ tenant: 'a', name: 'request_rate', value: 1 }));
      t.ok(await eventually(() => two.controls.get('a', 'request_rate') !== undefined));
      await redis.kill();
      t.equal(await one.controls.write(ask({ value: 'shadow' })), false);
      t.equal(one.controls.mode(), 'shadow', 'in force here');
      t.ok(await eventually(() => !two.controls.status().reachable));
      t.ok(two.controls.get('a', 'request_rate'), 'nothing is taken back');
      // Without persistence: it comes back empty, and what was in it is lost.
      await redis.run();
      t.ok(await eventually(() => two.controls.mode() === 'shadow'), 'in force there, too');
      t.ok(one.controls.get('a', 'request_rate'));
      const restarted = await replica(t, redis);
      t.ok(
        await eventually(() => restarted.controls.get('a', 'request_rate') !== undefined),
        'what Redis forgot is there again',
      );
    },
  );

  await t.test('who has not obeyed yet is named, whether it is slow, deaf or gone', async (t) => {
    await redis.admin.flushall();
    const one = await replica(t, redis, undefined, 'one');
    const two = await replica(t, redis, undefined, 'two');
    t.strictSame(await one.controls.behind(2000), []);
    t.equal(await one.controls.write(ask()), true);
    t.strictSame(await one.controls.behind(2000), [], 'within the time it has read it');
    await redis.admin.hset(
      'mimir-edge:{#controls}:controls:readers',
      'gone',
      `${String(Date.now()).padStart(15, '0')}some-version three`,
    );
    await one.controls.write(ask({ value: 'shadow' }));
    t.strictSame(await one.controls.behind(1500), ['three']);
    await redis.admin.hset(
      'mimir-edge:{#controls}:controls:readers',
      'gone',
      `${String(Date.now() - 61_000).padStart(15, '0')}some-version three`,
    );
    t.strictSame(await one.controls.behind(2000), [], 'for a minute');
    await two.controls.stop();
    await one.controls.write(ask({ value: null }));
    t.strictSame(await one.controls.behind(0), []);
  });

  await t.test('after a partition an ended kill switch does not come back', async (t) => {
    await redis.admin.flushall();
    let partitioned = false;
    const one = await replica(t, redis);
    const two = await replica(
      t,
      redis,
      () => Date.now(),
      'two',
      () => partitioned,
    );
    await one.controls.write(ask({ untilMs: Date.now() + 60_000 }));
    t.ok(await eventually(() => two.controls.mode() === 'off'));
    partitioned = true;
    await one.controls.write(ask({ untilMs: Date.now() + 1000 }));
    t.ok(await eventually(() => one.controls.mode() === undefined), 'it has ended here');
    t.equal(two.controls.mode(), 'off');
    partitioned = false;
    t.ok(await eventually(() => two.controls.mode() === undefined), 'and ends there');
    t.equal(one.controls.mode(), undefined);
    t.strictSame(one.received, [], 'nor was it back here in between');
  });

  await t.test('what is not understood is passed over', async (t) => {
    await redis.admin.flushall();
    const one = await replica(t, redis);
    await one.controls.write(ask({ tenant: 'a', name: 'request_rate', value: 1 }));
    await redis.admin.hset('mimir-edge:{#controls}:controls', 'odd', 'what is this');
    const two = await replica(t, redis);
    t.ok(two.controls.get('a', 'request_rate'));
    t.equal(two.controls.status().active, 1);
    t.ok(two.controls.status().reachable);
  });
});
