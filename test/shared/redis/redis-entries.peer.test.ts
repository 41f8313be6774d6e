/** Entries that replicas share through a real Redis. */
import t, { type Test } from 'tap';
import type { Entry } from '#src/shared/entries.js';
import { RedisEntries } from '#src/shared/redis/redis-entries.js';
import { eventually } from '../contract.js';
import { plainRedis } from '../fixtures.js';
import { RedisServer, redisMissing } from '../redis-server.js';

const IDS = ['00000000', '11111111', '22222222'].map((start) => `${start}-0000-4000-8000-000000000000`);

function entry(given: Partial<Entry> = {}): Entry {
  return {
    name: 'one',
    atMs: 1,
    id: IDS[0]!,
    untilMs: Date.now() + 60_000,
    over: false,
    text: 'text',
    ...given,
  };
}

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const open = async (t: Test, name: string, most = 3) => {
    const entries = new RedisEntries(plainRedis([redis.url]), name, most);
    t.teardown(() => entries.close());
    await entries.connect(1000);
    return entries;
  };

  t.test('of two versions of an entry the later stays, whichever is written last', async (t) => {
    const entries = await open(t, 'versions');
    t.equal(await entries.version(), null, 'there are none');
    await entries.write(entry({ atMs: 100, text: 'first' }), 0);
    const version = await entries.version();
    for (const older of [{ atMs: 99 }, { atMs: 9, id: IDS[2]! }]) {
      await entries.write(entry({ ...older, text: 'older' }), 0);
    }
    t.strictSame(await entries.read(), ['first']);
    t.equal(await entries.version(), version, 'nothing was written');
    await entries.write(entry({ atMs: 100, id: IDS[1]!, text: 'of the same moment' }), 0);
    t.strictSame(await entries.read(), ['of the same moment']);
    await entries.write(entry({ atMs: 1000, text: 'later' }), 0);
    t.strictSame(await entries.read(), ['later']);
    t.not(await entries.version(), version);
  });

  t.test('there are no more than so many; those whose time is over do not count', async (t) => {
    const entries = await open(t, 'few');
    for (const name of ['1', '2']) await entries.write(entry({ name, text: name }), Date.now());
    await entries.write(entry({ name: '3', untilMs: Date.now() - 1 }), Date.now());
    await entries.write(entry({ name: '4', text: '4' }), Date.now());
    t.strictSame((await entries.read()).sort(), ['1', '2', '4']);
    await t.rejects(entries.write(entry({ name: '5' }), Date.now()), /too many entries/);
    await entries.write(entry({ name: '4', atMs: 2, text: 'again' }), Date.now());
    t.strictSame((await entries.read()).sort(), ['1', '2', 'again'], 'one that is there may change');
  });

  t.test('what says that something is over goes when there is no room, the oldest first', async (t) => {
    const entries = await open(t, 'over');
    for (const [name, atMs, over] of [
      ['new', 9, true],
      ['old', 5, true],
      ['in force', 1, false],
    ] as const) {
      await entries.write(entry({ name, atMs, over, text: name }), Date.now());
    }
    await entries.write(entry({ name: '4', text: '4' }), Date.now());
    t.strictSame((await entries.read()).sort(), ['4', 'in force', 'new']);
    await entries.write(entry({ name: '5', text: '5' }), Date.now());
    await t.rejects(entries.write(entry({ name: '6' }), Date.now()), { name: 'EntryRefused' });
    t.strictSame((await entries.read()).sort(), ['4', '5', 'in force']);
    await entries.write(entry({ name: '5', over: true, text: 'over' }), Date.now());
    await entries.write(entry({ name: '6', text: '6' }), Date.now());
    t.strictSame((await entries.read()).sort(), ['4', '6', 'in force'], 'one that came to be over');
  });

  t.test('nothing is left of them when the last has ended', async (t) => {
    const entries = await open(t, 'short');
    await entries.write(entry({ name: 'long', untilMs: Date.now() + 200 }), Date.now());
    await entries.write(entry({ name: 'short', untilMs: Date.now() + 1 }), Date.now());
    const leftMs = await redis.admin.pttl('mimir-edge:{#short}:short');
    t.ok(leftMs > 1 && leftMs <= 200, `${leftMs} ms`);
    t.ok(await eventually(async () => (await entries.version()) === null));
  });
});

t.test('a Redis that is not there is not waited for long, and a write says so', async (t) => {
  const entries = new RedisEntries({ ...plainRedis(['redis://127.0.0.1:1']) }, 'nowhere', 3);
  t.teardown(() => entries.close());
  await entries.connect(50);
  await t.rejects(entries.write(entry(), 0));
});
