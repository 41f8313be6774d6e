/** The clock of Redis steps back: a failover to a host whose clock is late, or somebody sets it. */
import t from 'tap';
import { admitScript } from '#src/shared/redis/admit.js';
import { phaseOf } from '#src/shared/redis/keys.js';
import type { ScriptArguments } from '#src/shared/redis/script.js';
import { admitCall } from '../../series/fixtures.js';
import { RedisServer, redisMissing } from '../redis-server.js';

const GENERATION_MS = 60_000;

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  /** As if its clock were late by so much. Numbered series of a tenant that may have five. */
  const admit = async (tenant: string, series: readonly number[], lateMs = 0) => {
    const rows = Uint32Array.from(series.flatMap((one) => [one, one, 1, 0]));
    const call = admitCall(0, { rows, mostOfTenant: 5, generationMs: GENERATION_MS });
    const [args] = admitScript.encode('edge:', tenant, call);
    const [key, generation, phase, ...rest] = args as ScriptArguments;
    const late = String(Number(phase) - lateMs);
    const reply = await redis.admin.eval(admitScript.lua, 1, key, generation!, late, ...rest);
    return admitScript.decode([reply as unknown[]]);
  };
  let tenants = 0;
  /** A tenant whose generation ends in half of its length: what a test does is in one. */
  const tenant = () => {
    for (;;) {
      const name = `t${tenants++}`;
      const into = (Date.now() + Math.floor(phaseOf(name) * GENERATION_MS)) % GENERATION_MS;
      if (into > 0.4 * GENERATION_MS && into < 0.6 * GENERATION_MS) return name;
    }
  };

  for (const [what, lateMs] of [
    ['a generation', GENERATION_MS],
    ['two', 2 * GENERATION_MS],
    ['a day', 86_400_000],
  ] as const) {
    t.test(`by ${what}: what was known is known, and the limit holds`, async (t) => {
      const name = tenant();
      const before = await admit(name, [1, 2, 3, 4, 5]);
      t.equal(before.total, 5);
      const after = await admit(name, [1, 2, 3, 4, 5, 6], lateMs);
      t.strictSame([...after.outcomes], [1, 1, 1, 1, 1, 3]);
      t.match(after, { total: 5, epoch: before.epoch, generation: before.generation });
      t.ok(after.leftMs > before.leftMs && after.leftMs <= GENERATION_MS, 'it begins again');
      const later = await admit(name, [1], lateMs - GENERATION_MS);
      t.equal(later.generation, before.generation + 1, 'and then time goes on');
      t.equal(later.total, 5);
      t.match(await admit(name, [7], lateMs - 2 * GENERATION_MS), { total: 2 }, 'so series are forgotten');
    });
  }

  t.test('by a moment, over the end of a generation: nothing is forgotten early', async (t) => {
    const name = tenant();
    const { leftMs, generation } = await admit(name, [1, 2]);
    t.equal((await admit(name, [3], -leftMs - 1)).generation, generation + 1);
    const back = await admit(name, [1, 2, 3], -leftMs + 1000);
    t.match(back, { generation: generation + 1, total: 3 });
    t.ok(back.leftMs > GENERATION_MS - 1000);
    t.match(await admit(name, [], -leftMs + 3000), { generation: generation + 1, total: 3 });
  });

  t.test('what is kept for it has a time to live', async (t) => {
    await redis.admin.flushall();
    await admit('kept', [1], 0);
    await admit('kept', [2], 2 * GENERATION_MS);
    for (const key of await redis.admin.keys('*')) {
      const ms = await redis.admin.pttl(key);
      t.ok(ms > 0 && ms <= 3 * GENERATION_MS + 60_000, `${key}: ${ms}`);
    }
  });
});
