import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { Admitted, Announced, SeriesClient, Unheard } from '#src/series/series-client.js';
import type {
  AdmitCall,
  AnnounceCall,
  FleetState,
  ReserveCall,
  ReserveReply,
} from '#src/series/series-protocol.js';
import type { SeriesTracker } from '#src/series/series-tracker.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import type { StoreClient } from '#src/shared/client.js';
import { phaseOf } from '#src/shared/redis/keys.js';
import { eventually } from '../shared/contract.js';
import { redisClient } from '../shared/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import {
  Dice,
  limitsOf,
  MINUTE_MS,
  MimirModel,
  now,
  pushOf,
  range,
  refusedRows,
  sharing,
  tracker,
} from './fixtures.js';

const PUSHES = 200_000;
const REPLICAS = 3;
/** Of real time; a minute or two for the replicas, whose clocks are faster. */
const GENERATION_MS = 2000;
/** Before a generation ends nothing is sent any more: whether it would come before or after is nobody's to know. */
const PAUSE_MS = 200;

/** Passes calls on, with generations that a test can wait for. */
class QuickClient implements SeriesClient {
  readonly onLoss = 'local-share';
  readonly reservesHeadroom = true;
  readonly #client: StoreClient;
  readonly #scale: number;
  readonly underWay = new Set<Promise<unknown>>();
  calls = 0;
  reserved = 0;

  constructor(client: StoreClient, scale: number) {
    this.#client = client;
    this.#scale = scale;
  }

  replicas(): number {
    return REPLICAS;
  }

  admit(tenant: string, call: AdmitCall): Promise<Admitted | Unheard> | undefined {
    this.calls++;
    const asked = this.#client.series.admit(tenant, quick(call));
    return (
      asked && this.#follow(asked.then((reply) => (typeof reply === 'string' ? reply : this.#scaled(reply))))
    );
  }

  reserve(tenant: string, call: ReserveCall): Promise<ReserveReply | 'lost'> | undefined {
    const asked = this.#client.series.reserve(tenant, quick(call));
    const answer = asked?.then((reply) => {
      if (reply !== 'lost' && reply.reservation !== '') this.reserved++;
      return reply === 'lost' ? reply : this.#scaled(reply);
    });
    return answer && this.#follow(answer);
  }

  announce(tenant: string, call: AnnounceCall, announced: Announced): Promise<number> {
    const ended = this.#client.series.announce(tenant, quick(call), (rows, reply, askedMs) => {
      announced(rows, { ...reply, leftMs: reply.leftMs * this.#scale }, askedMs * this.#scale);
    });
    return this.#follow(ended);
  }

  #scaled<R extends FleetState>(reply: R): R {
    return { ...reply, leftMs: reply.leftMs * this.#scale };
  }

  #follow<T>(answer: Promise<T>): Promise<T> {
    this.underWay.add(answer);
    void answer.then(() => this.underWay.delete(answer));
    return answer;
  }
}

function quick<C extends { readonly generationMs: number }>(call: C): C {
  return { ...call, generationMs: GENERATION_MS };
}

class Replica {
  readonly client: QuickClient;
  readonly tracker: SeriesTracker;
  readonly now: () => number;
  readonly tenants: TrackedSeries[];

  constructor(client: StoreClient, tenants: readonly string[]) {
    // Idle for a minute is a generation of two.
    const scale = (2 * MINUTE_MS) / GENERATION_MS;
    this.now = () => performance.now() * scale;
    this.client = new QuickClient(client, scale);
    this.tracker = tracker({ idleTimeoutMs: MINUTE_MS, client: this.client, now: this.now });
    this.tenants = tenants.map((id) => this.tracker.tenant(id));
  }
}

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  t.test(`${PUSHES} pushes at three replicas: admitted is what Mimir would admit`, async (t) => {
    const clients: StoreClient[] = [];
    for (let i = 0; i < REPLICAS; i++) {
      clients.push((await redisClient(t, redis.url, { commandTimeoutMs: 20_000 })).client);
    }
    const dice = new Dice(4711);
    const names = ['churning', 'metrics', 'calm', 'growing'];
    const growing = names.indexOf('growing');
    // All tenants change their generation at one time here.
    const phases = names.map((name) => Math.floor(phaseOf(name) * GENERATION_MS));
    const generationOf = (tenant: number) => Math.floor((Date.now() + phases[tenant]!) / GENERATION_MS);
    const leftMs = (tenant: number) => GENERATION_MS - ((Date.now() + phases[tenant]!) % GENERATION_MS);

    let replicas = clients.map((client) => new Replica(client, names));
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
      for (const { client } of replicas) await Promise.all(client.underWay);
      await redis.admin.flushall();
      replicas = clients.map((client) => new Replica(client, names));
      models = names.map(() => new MimirModel(1));
    };

    for (let i = 0; i < PUSHES; i++) {
      const tenant = dice.below(names.length);
      if (leftMs(tenant) < PAUSE_MS) {
        const ending = generationOf(tenant);
        for (const { client } of replicas) await Promise.all(client.underWay);
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
        await Promise.all(replicas[restarted]!.client.underWay);
        counted.calls += replicas[restarted]!.client.calls;
        counted.reserved += replicas[restarted]!.client.reserved;
        replicas[restarted] = new Replica(clients[restarted]!, names);
        counted.restarts++;
      }
      const replica = replicas[dice.below(REPLICAS)]!;
      if (dice.below(20) === 0) replica.tracker.tick(replica.now());
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
        replica.now(),
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
    for (const { client } of replicas) {
      counted.calls += client.calls;
      counted.reserved += client.reserved;
    }
    t.comment(JSON.stringify(counted));
    t.ok(counted.refused > 10_000, `${counted.refused} series were refused`);
    t.ok(counted.forgotten > 1000, `${counted.forgotten} were forgotten`);
    t.ok(counted.reserved > 100, `headroom was reserved ${counted.reserved} times`);
    t.ok(counted.restarts > 5);
    t.ok(clients.every((client) => client.status().state === 'up'));
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

async function keysForEver(redis: RedisServer): Promise<number> {
  const keys = await redis.admin.keys('*');
  const times = await Promise.all(keys.map((key) => redis.admin.pttl(key)));
  // -2: it went meanwhile.
  return times.filter((ms) => ms === -1).length;
}
