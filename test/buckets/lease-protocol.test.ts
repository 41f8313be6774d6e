import fc from 'fast-check';
import t from 'tap';
import { Fleet, type Replica } from './fleet.js';

/** What the schedules are made of: [what, which replica, how much]. */
type Step = readonly [kind: string, replica: number, amount: number];

const ROUNDING = 1e-6;

const calm = [
  'ask',
  'ask',
  'ask',
  'ask',
  'arrive',
  'answer',
  'both',
  'both',
  'pass',
  'pass',
  'sweep',
] as const;
const faults = ['late', 'lose', 'cut', 'mend', 'forget'] as const;

/** Even over 0 to 1, which fc.double is not. */
const amounts = fc.nat({ max: 10_000 }).map((n) => n / 10_000);

function schedules(kinds: readonly string[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat({ max: 3 }), amounts), {
    minLength: 20,
    maxLength: 80,
  });
}

const shapes = fc.record({
  rate: fc.constantFrom(0, 1, 10, 333.25, 5000),
  capacity: fc.constantFrom(1, 10, 500.5, 10_000),
});

async function run(fleet: Fleet, steps: readonly Step[], check: (step: Step) => void): Promise<void> {
  for (const step of steps) {
    const [kind, index, amount] = step;
    const replica = fleet.replicas[index % fleet.replicaCount]!;
    perform(fleet, replica, kind, amount);
    // Pushes that were answered count themselves in microtasks.
    await Promise.resolve();
    await Promise.resolve();
    check(step);
  }
}

function perform(fleet: Fleet, replica: Replica, kind: string, amount: number): void {
  const { bucket } = replica;
  switch (kind) {
    case 'ask':
      // Mostly small pushes, some larger than any lease, a few larger than the bucket.
      void replica.ask(fleet.shape.capacity * (amount < 0.8 ? amount / 50 : (amount - 0.8) * 5.5));
      break;
    case 'arrive':
      replica.arrive();
      break;
    case 'answer':
      replica.answer();
      break;
    case 'both':
      replica.arrive();
      replica.answer();
      break;
    case 'pass':
      fleet.pass(amount < 0.9 ? amount * 50 : (amount - 0.9) * 50_000);
      break;
    case 'sweep':
      bucket.sweep(fleet.nowMs);
      break;
    case 'giveBack':
      // An admitted push that did not reach Mimir.
      if (fleet.admitted > 0) {
        const n = fleet.admitted * amount * 0.1;
        fleet.admitted -= n;
        bucket.giveBack(n, fleet.nowMs);
      }
      break;
    case 'reshape':
      replica.reshape({ rate: fleet.shape.rate * amount * 2, capacity: fleet.shape.capacity * amount * 2 });
      break;
    case 'late':
      replica.late();
      break;
    case 'lose':
      replica.lose();
      break;
    case 'cutIdle':
      while (replica.flight !== undefined) {
        replica.arrive();
        replica.answer();
      }
      replica.connected = false;
      break;
    case 'cut':
      replica.connected = false;
      break;
    case 'mend':
      replica.connected = true;
      break;
    case 'forget':
      fleet.forget();
      break;
  }
}

t.test('tokens are never created, and what is leased and returned balances', async (t) => {
  let admitted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      shapes,
      schedules(calm),
      async (replicas, shape, steps) => {
        const fleet = new Fleet(replicas, shape);
        await run(fleet, steps, () => {
          if (fleet.admitted > fleet.earned + ROUNDING) throw new Error('more was admitted than was earned');
          const out = fleet.held() + fleet.returning() + fleet.admitted;
          if (Math.abs(fleet.leased - out) > ROUNDING)
            throw new Error(`${fleet.leased} are leased, ${out} are out`);
        });
        admitted += fleet.admitted;
      },
    ),
    { numRuns: 4000 },
  );
  t.ok(admitted > 0, 'the schedules admit pushes');
});

t.test('of whole pushes no lease keeps a fraction, so a bucket gives its last push, too', async (t) => {
  let returned = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), schedules(calm), async (replicas, steps) => {
      const fleet = new Fleet(replicas, { rate: 0, capacity: 10_000 });
      const whole = steps.map(([kind, one, amount]) => [kind, one, kind === 'ask' ? 0.25 : amount] as const);
      await run(fleet, whole, () => {
        for (const { bucket, flight } of fleet.replicas) {
          returned += flight?.call.returned ?? 0;
          if (!Number.isInteger(bucket.held)) throw new Error(`${bucket.held} are held`);
        }
      });
    }),
    { numRuns: 2000 },
  );
  t.ok(returned > 0, 'some goes back on the way');
});

t.test('limits that change and charges that are given back create no tokens either', async (t) => {
  const kinds = [...calm, 'reshape', 'giveBack'];
  let admitted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      shapes,
      schedules(kinds),
      async (replicas, shape, steps) => {
        const fleet = new Fleet(replicas, shape);
        await run(fleet, steps, () => {
          if (fleet.admitted > fleet.earned + ROUNDING) throw new Error('more was admitted than was earned');
          const out = fleet.held() + fleet.returning() + fleet.admitted;
          if (out > fleet.leased + ROUNDING) throw new Error(`${fleet.leased} are leased, ${out} are out`);
        });
        admitted += fleet.admitted;
      },
    ),
    { numRuns: 3000 },
  );
  t.ok(admitted > 0);
});

t.test(
  'replicas cut off admit at most the limit again, a store that lost its data one more bucket',
  async (t) => {
    const kinds = [...calm, ...faults];
    let onShare = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        shapes,
        schedules(kinds),
        async (replicas, shape, steps) => {
          const fleet = new Fleet(replicas, shape);
          await run(fleet, steps, () => {
            if (fleet.admitted > 2 * (fleet.earned + fleet.forgotten) + ROUNDING)
              throw new Error('more than the limit and the shares');
            for (const { bucket } of fleet.replicas) if (bucket.onLocalShare) onShare++;
          });
        },
      ),
      { numRuns: 3000 },
    );
    t.ok(onShare > 0, 'the schedules drive replicas into their local shares');
  },
);

t.test('one replica creates no token however often it loses the store, or the store its data', async (t) => {
  const kinds = [...calm, 'cutIdle', 'mend', 'mend', 'forget'];
  let onShare = 0;
  await fc.assert(
    fc.asyncProperty(shapes, schedules(kinds), async (shape, steps) => {
      const fleet = new Fleet(1, shape);
      await run(fleet, steps, () => {
        if (fleet.admitted > fleet.earned + ROUNDING) throw new Error('more was admitted than was earned');
        for (const { bucket } of fleet.replicas) if (bucket.onLocalShare) onShare++;
      });
    }),
    { numRuns: 3000 },
  );
  t.ok(onShare > 0, 'the schedules drive it into its local share');
});

t.test('a fleet that loses the store at one moment goes on with what the bucket held', async (t) => {
  const fleet = new Fleet(4, { rate: 100, capacity: 1000 });
  const everybody = async (n: number) => {
    for (const replica of fleet.replicas) {
      for (let i = 0; i < 50; i++) {
        void replica.ask(n);
        replica.arrive();
        replica.answer();
        await Promise.resolve();
        await Promise.resolve();
      }
    }
  };
  await everybody(2);
  t.equal(fleet.admitted, 400);
  for (const replica of fleet.replicas) {
    replica.bucket.sweep(fleet.nowMs);
    fleet.pass(3000);
    replica.bucket.sweep(fleet.nowMs);
    replica.arrive();
    replica.answer();
  }
  for (const replica of fleet.replicas) replica.connected = false;
  fleet.forget();
  await everybody(2);
  await everybody(2);
  fleet.pass(1000);
  await everybody(2);
  t.ok(fleet.admitted <= fleet.earned + ROUNDING, `${fleet.admitted} of ${fleet.earned}`);
  t.ok(fleet.admitted > 600, 'but it goes on');

  for (const replica of fleet.replicas) replica.connected = true;
  for (const replica of fleet.replicas) replica.bucket.sweep(fleet.nowMs);
  for (const replica of fleet.replicas) {
    replica.arrive();
    replica.answer();
    t.notOk(replica.bucket.onLocalShare);
  }
  await everybody(2);
  t.ok(fleet.admitted <= fleet.earned + ROUNDING, 'and when it is back, without its data, nothing is minted');
});
