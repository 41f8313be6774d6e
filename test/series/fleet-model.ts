/**
 * Pushes of four tenants at three replicas that share a real Redis, under limits that change, with replicas that start
 * anew: what is admitted is what Mimir would admit. Generations are so short that a test can wait for them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
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
import { redisClient } from '../shared/fixtures.js';
import { RedisServer } from '../shared/redis-server.js';
import { Dice, limitsOf, MINUTE_MS, MimirModel, pushOf, refusedRows, tracker } from './fixtures.js';

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

/** The seed makes the pushes: with another one they are others. */
export async function compareWithMimir(t: Test, seed: number, pushes: number): Promise<void> {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const clients: StoreClient[] = [];
  for (let i = 0; i < REPLICAS; i++) {
    clients.push((await redisClient(t, redis.url, { commandTimeoutMs: 20_000 })).client);
  }
  const dice = new Dice(seed);
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

  for (let i = 0; i < pushes; i++) {
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
  t.ok(counted.refused > pushes / 20, `${counted.refused} series were refused`);
  t.ok(counted.forgotten > pushes / 200, `${counted.forgotten} were forgotten`);
  t.ok(counted.reserved > pushes / 2000, `headroom was reserved ${counted.reserved} times`);
  t.ok(counted.restarts > 0);
  t.ok(clients.every((client) => client.status().state === 'up'));
  t.equal(await keysForEver(redis), 0);
}

export async function keysForEver(redis: RedisServer): Promise<number> {
  const keys = await redis.admin.keys('*');
  const times = await Promise.all(keys.map((key) => redis.admin.pttl(key)));
  // -2: it went meanwhile.
  return times.filter((ms) => ms === -1).length;
}
