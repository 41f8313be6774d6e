import t, { type Test } from 'tap';
import {
  MOST_ANSWER_BYTES,
  MOST_MEMBERS,
  MOST_QUESTION_BYTES,
  MOST_QUESTIONS,
  MOST_START_BYTES,
  MOST_STARTS,
} from '#src/shared/fleet-store.js';
import type { RedisOptions } from '#src/shared/redis/options.js';
import { RedisFleet } from '#src/shared/redis/redis-fleet.js';
import { eventually } from '../contract.js';
import { plainRedis } from '../fixtures.js';
import { leastPermittedUser, RedisServer, redisMissing } from '../redis-server.js';

const FIRST = '0-0';

let tests = 0;

/** Each test has a prefix of its own. */
function contract(t: Test, options: RedisOptions, redis: RedisServer): void {
  const opened = async (t: Test) => {
    const keyPrefix = `test-${tests++}:`;
    const store = new RedisFleet({ ...options, keyPrefix });
    t.teardown(() => store.close());
    await store.connect(5000);
    return { store, key: (name: string) => `${keyPrefix}{#fleet}:${name}` };
  };

  t.test('those that are alive know each other, until they leave', async (t) => {
    const { store } = await opened(t);
    t.strictSame(await store.announce({ id: 'a', name: 'edge-a:1' }), [{ id: 'a', name: 'edge-a:1' }]);
    const both = await store.announce({ id: 'b', name: 'edge-b:1' });
    t.strictSame(both.map(({ name }) => name).sort(), ['edge-a:1', 'edge-b:1']);
    await store.leave('a');
    t.strictSame(await store.announce({ id: 'b', name: 'edge-b:1' }), [{ id: 'b', name: 'edge-b:1' }]);
  });

  t.test('one that was not heard of for long, or is no such thing, is not told of', async (t) => {
    const { store, key } = await opened(t);
    const [seconds] = (await redis.admin.time()) as unknown as [string];
    const ms = (ago: number) => String(Number(seconds) * 1000 - ago).padStart(15, '0');
    await redis.admin.hset(key('members'), {
      old: `${ms(20_000)}x`,
      ahead: `${ms(-20_000)}x`,
      odd: 'no time',
      alive: `${ms(1000)}x`,
      long: ms(0) + 'x'.repeat(100_000),
      ['y'.repeat(100_000)]: `${ms(0)}x`,
    });
    const names = (await store.announce({ id: 'a', name: 'a' })).map(({ id }) => id);
    t.strictSame(names.sort(), ['a', 'alive']);
    const made = Object.fromEntries(
      Array.from({ length: 20 * MOST_MEMBERS }, (_, i) => [`m${i}`, `${ms(0)}x`]),
    );
    await redis.admin.hset(key('members'), made);
    t.ok((await store.announce({ id: 'a', name: 'a' })).length <= MOST_MEMBERS);
    t.ok((await redis.admin.hlen(key('members'))) <= 16 * MOST_MEMBERS);
  });

  t.test('questions are read in their order, each once, and are gone after some seconds', async (t) => {
    const { store, key } = await opened(t);
    t.equal(await store.questions(FIRST), undefined);
    for (const text of ['one', 'two']) await store.ask(text);
    const found = (await store.questions(FIRST)) ?? [];
    t.strictSame(
      found.map(({ text }) => text),
      ['one', 'two'],
    );
    await store.ask('three');
    const more = await store.questions(found[1]!.id);
    t.strictSame(
      more?.map(({ text }) => text),
      ['three'],
    );
    const left = await redis.admin.pttl(key('questions'));
    t.ok(left > 0 && left <= 2500);
    for (let i = 0; i < 100; i++) await store.ask(`${i}`);
    t.equal(await redis.admin.xlen(key('questions')), MOST_QUESTIONS);
    await redis.admin.xadd(key('questions'), '*', 'question', 'x'.repeat(MOST_QUESTION_BYTES + 1));
    await store.ask('after');
    t.equal((await store.questions(FIRST))?.at(-1)?.text, 'after', 'one that is too long is not read');
  });

  t.test('an answer is handed out once, and one that is too long is empty', async (t) => {
    const { store, key } = await opened(t);
    await store.answer('q', 'a', Buffer.from([0, 255, 1]));
    await redis.admin.set(key('answer:q:b'), Buffer.alloc(MOST_ANSWER_BYTES + 1), 'PX', 5000);
    const found = await store.answers('q', ['a', 'b', 'c']);
    t.strictSame(found, [Buffer.from([0, 255, 1]), Buffer.alloc(0), undefined]);
    t.strictSame(await store.answers('q', ['a', 'b', 'c']), [undefined, undefined, undefined]);
    t.strictSame(await store.answers('q', []), []);
    await store.answer('q', 'd', Buffer.alloc(1));
    t.ok((await redis.admin.pttl(key('answer:q:d'))) <= 2500, 'nobody has to fetch it');
  });

  t.test('of answers that are more than may be read at once the rest comes later', async (t) => {
    const { store } = await opened(t);
    const members = Array.from({ length: 12 }, (_, i) => `m${i}`);
    const large = Buffer.alloc(MOST_ANSWER_BYTES);
    await Promise.all(members.map((member) => store.answer('q', member, large)));
    const first = await store.answers('q', members);
    t.equal(first.filter((bytes) => bytes !== undefined).length, 8);
    const second = await store.answers('q', members);
    t.strictSame(
      first.map((bytes, i) => (bytes ?? second[i])?.length),
      members.map(() => MOST_ANSWER_BYTES),
    );
  });

  t.test('starts are kept, the newest two hundred of them', async (t) => {
    const { store, key } = await opened(t);
    await redis.admin.xadd(key('starts'), '*', 'start', 'x'.repeat(MOST_START_BYTES + 1));
    for (let i = 0; i < MOST_STARTS + 5; i++) await store.addStart(`start ${i}`);
    const starts = await store.starts();
    t.strictSame(
      [starts.length, starts[0], starts.at(-1)],
      [MOST_STARTS, 'start 5', `start ${MOST_STARTS + 4}`],
    );
    t.equal(await redis.admin.pttl(key('starts')), -1);
  });
}

t.test(
  'replicas ask each other as a user who may do what docs/shared-state.md lists and no more',
  { skip: redisMissing },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const files = await leastPermittedUser(redis, t.testdir());
    contract(t, { ...plainRedis([redis.url]), ...files }, redis);
  },
);

t.test('and in a cluster', { skip: redisMissing }, async (t) => {
  const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
  const redis = await RedisServer.start([...args, '--cluster-announce-ip', '127.0.0.1']);
  t.teardown(() => redis.stop());
  await redis.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually(async () => (await redis.admin.cluster('INFO')).includes('cluster_state:ok'));
  contract(t, { ...plainRedis([redis.url]), mode: 'cluster' }, redis);
});
