import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { TrackedBook } from '#src/series/series-book.js';
import type { Learn, SeriesCall, SeriesReply, SeriesStore } from '#src/series/series-store.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import type { LeasedLedger } from '#src/shared/leased-ledger.js';
import { phaseOf } from '#src/shared/redis/keys.js';
import { eventually } from '../shared/contract.js';
import { redisLedger } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import {
  book,
  Dice,
  limitsOf,
  MINUTE_MS,
  MimirModel,
  now,
  pushOf,
  range,
  refusedRows,
  sharing,
} from './fixtures.js';

const PUSHES = 200_000;
const REPLICAS = 3;
/** Of real time; a minute or two for the replicas, whose clocks are faster. */
const GENERATION_MS = 2000;
/** Before a generation ends nothing is sent any more: whether it would come before or after is nobody's to know. */
const PAUSE_MS = 200;

/** Passes calls on, with generations that a test can wait for. */
class QuickStore implements SeriesStore {
  readonly onLoss = 'local-share';
  readonly #ledger: LeasedLedger;
  readonly #scale: number;
  readonly underWay = new Set<Promise<unknown>>();
  calls = 0;
  reserved = 0;

  constructor(ledger: LeasedLedger, scale: number) {
    this.#ledger = ledger;
    this.#scale = scale;
  }

  replicas(): number {
    return REPLICAS;
  }

  admit(tenant: string, call: SeriesCall): Promise<SeriesReply | 'lost'> | undefined {
    this.calls++;
    const asked = this.#ledger.series.admit(tenant, quick(call), performance.now());
    return asked && this.#follow(asked.then((reply) => this.#scaled(reply)));
  }

  reserve(tenant: string, call: SeriesCall): Promise<SeriesReply | 'lost'> | undefined {
    const asked = this.#ledger.series.reserve(tenant, quick(call), performance.now());
    const answer = asked?.then((reply) => {
      if (reply !== 'lost' && reply.slot !== '') this.reserved++;
      return this.#scaled(reply);
    });
    return answer && this.#follow(answer);
  }

  announce(tenant: string, call: SeriesCall, learn: Learn): Promise<number> {
    const told = this.#ledger.series.announce(tenant, quick(call), (words, reply, askedMs) => {
      learn(words, { ...reply, leftMs: reply.leftMs * this.#scale }, askedMs * this.#scale);
    });
    return this.#follow(told);
  }

  #scaled(reply: SeriesReply | 'lost'): SeriesReply | 'lost' {
    return reply === 'lost' ? reply : { ...reply, leftMs: reply.leftMs * this.#scale };
  }

  #follow<T>(answer: Promise<T>): Promise<T> {
    this.underWay.add(answer);
    void answer.then(() => this.underWay.delete(answer));
    return answer;
  }
}

function quick(call: SeriesCall): SeriesCall {
  return { ...call, generationMs: GENERATION_MS };
}

class Replica {
  readonly store: QuickStore;
  readonly book: TrackedBook;
  readonly tenants: TrackedSeries[];

  constructor(ledger: LeasedLedger, tenants: readonly string[]) {
    // Idle for a minute is a generation of two.
    const scale = (2 * MINUTE_MS) / GENERATION_MS;
    this.store = new QuickStore(ledger, scale);
    this.book = book({ idleTimeoutMs: MINUTE_MS, store: this.store, now: () => performance.now() * scale });
    this.tenants = tenants.map((id) => this.book.tenant(id));
  }
}

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  t.test(`${PUSHES} pushes at three replicas: admitted is what Mimir would admit`, async (t) => {
    const ledgers: LeasedLedger[] = [];
    for (let i = 0; i < REPLICAS; i++) {
      ledgers.push((await redisLedger(t, redis.url, { commandTimeoutMs: 20_000 })).ledger);
    }
    const dice = new Dice(4711);
    const names = ['churning', 'metrics', 'calm', 'growing'];
    const growing = names.indexOf('growing');
    // All tenants change their generation at one time here.
    const phases = names.map((name) => Math.floor(phaseOf(name) * GENERATION_MS));
    const generationOf = (tenant: number) => Math.floor((Date.now() + phases[tenant]!) / GENERATION_MS);
    const leftMs = (tenant: number) => GENERATION_MS - ((Date.now() + phases[tenant]!) % GENERATION_MS);

    let replicas = ledgers.map((ledger) => new Replica(ledger, names));
    let models = names.map(() => new MimirModel(1));
    // A limit for metrics is there from the start: until it is, the store does not count them.
    let limits = [limitsOf(800), limitsOf(800, 5), limitsOf(1500), limitsOf(20_000)];
    let base = 0;
    const counted = {
      refused: 0,
      calls: 0,
      reserved: 0,
      restarts: 0,
      spoilt: 0,
      forgotten: 0,
    };
    const generations = names.map(() => -1);

    /** The machine stood still for longer than the pause: nobody knows what fell into which generation. */
    const beginAnew = async () => {
      counted.spoilt++;
      for (const { store } of replicas) await Promise.all(store.underWay);
      await redis.admin.flushall();
      replicas = ledgers.map((ledger) => new Replica(ledger, names));
      models = names.map(() => new MimirModel(1));
    };

    for (let i = 0; i < PUSHES; i++) {
      const tenant = dice.below(names.length);
      if (leftMs(tenant) < PAUSE_MS) {
        const ending = generationOf(tenant);
        for (const { store } of replicas) await Promise.all(store.underWay);
        if (generationOf(tenant) !== ending) await beginAnew();
        await delay(leftMs(tenant) + 5);
      }
      if (dice.below(50) === 0) base += dice.below(12);
      if (dice.below(500) === 0) {
        limits = [
          limitsOf(500 + dice.below(1000)),
          limitsOf(700 + dice.below(600), 3 + dice.below(8)),
          limitsOf(1500),
          limitsOf(15_000 + dice.below(10_000)),
        ];
      }
      if (dice.below(10_000) === 0) {
        const restarted = dice.below(REPLICAS);
        await Promise.all(replicas[restarted]!.store.underWay);
        counted.calls += replicas[restarted]!.store.calls;
        counted.reserved += replicas[restarted]!.store.reserved;
        replicas[restarted] = new Replica(ledgers[restarted]!, names);
        counted.restarts++;
      }
      const replica = replicas[dice.below(REPLICAS)]!;
      if (dice.below(20) === 0) replica.book.tick(replica.book.now());
      // So many, now and then, that room is reserved for them, where there is enough.
      const isLarge = tenant === growing && dice.below(10) === 0;
      const from = base + dice.below(tenant === growing ? 40_000 : 900);
      const length = isLarge ? 100 + dice.below(100) : 1 + dice.below(24);
      const series = Array.from({ length }, (_, n) =>
        dice.below(10) === 0 ? base + dice.below(1300) : from + n,
      );
      const generation = generationOf(tenant);
      const model = models[tenant]!;
      const before = model.size;
      if (generation !== generations[tenant]) model.forgetIdle(generation);
      generations[tenant] = generation;
      counted.forgotten += before - model.size;
      const answer = await replica.tenants[tenant]!.check(
        pushOf(series),
        undefined,
        limits[tenant]!,
        false,
        replica.book.now(),
      );
      if (generationOf(tenant) !== generation) {
        await beginAnew();
        continue;
      }
      const expected = model.push(series, limits[tenant]!, generation);
      const got = refusedRows(answer);
      counted.refused += got.length;
      if (`${got}` !== `${expected}`) {
        t.fail(`push ${i} of ${names[tenant]}: rows ${got} are refused, not ${expected}`);
        return;
      }
    }
    for (const { store } of replicas) {
      counted.calls += store.calls;
      counted.reserved += store.reserved;
    }
    t.comment(JSON.stringify(counted));
    t.ok(counted.refused > 10_000, `${counted.refused} series were refused`);
    t.ok(counted.forgotten > 1000, `${counted.forgotten} were forgotten`);
    t.ok(counted.reserved > 100, `room was reserved ${counted.reserved} times`);
    t.ok(counted.restarts > 5);
    t.ok(ledgers.every((ledger) => ledger.status().state === 'up'));
    t.equal(await keysForEver(redis), 0);
  });

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
    t.equal(alone.newAdmitted, 200, 'half of the room that there was');
    t.strictSame(refusedRows(alone), range(800, 2000), 'known series flow');
    t.equal((await check(first!, 1000, 2000)).newAdmitted, 0);
    t.equal((await check(second!, 3000, 4000)).newAdmitted, 200, 'together no more than there was');
    t.equal(first!.alone, 200);

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
      return (await lost.admin.exists('mimir-edge:{lost}:series')) === 1;
    };
    t.ok(await eventually(back));
    t.ok(
      await eventually(async () => {
        await back();
        await check(first!, 5000, 5001);
        return heard() >= 1000 && first!.alone + second!.alone === 0;
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

async function keysForEver(redis: RedisServer): Promise<number> {
  const keys = await redis.admin.keys('*');
  const times = await Promise.all(keys.map((key) => redis.admin.pttl(key)));
  // -2: it went meanwhile.
  return times.filter((ms) => ms === -1).length;
}
