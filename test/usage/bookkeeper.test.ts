import fc from 'fast-check';
import t from 'tap';
import { MemoryUsage } from '#src/shared/memory/memory-usage.js';
import type { UsageCommit, UsageStore } from '#src/shared/usage-store.js';
import { HOUR_STEPS } from '#src/usage/arrival-curve.js';
import { Bookkeeper, LEASE_MS } from '#src/usage/bookkeeper.js';
import { STEP_MS } from '#src/usage/frame.js';
import { packFrame } from '#src/usage/frame-codec.js';
import { KeptUsage } from '#src/usage/kept-usage.js';
import { DAY_MS, HOUR_MS } from '#src/usage/records.js';
import { entryOf, frameOf } from './fixtures.js';

const SILENT = { info() {}, warn() {} };
const BEGIN_MS = 20_000 * DAY_MS;

class Clock {
  ms = BEGIN_MS;
  now = () => this.ms;
}

function keeper(
  store: UsageStore,
  clock: Clock,
  id = 'one',
  limits: { tenantsMax?: number; maxBytes?: number; names?: () => Set<string> } = {},
) {
  return new Bookkeeper({
    store,
    id,
    tenantsMax: 100,
    maxBytes: 1 << 20,
    now: clock.now,
    log: SILENT,
    ...limits,
  });
}

/** Passes on what it is asked, but for what the network loses: a question, or an answer. */
class Flaky implements UsageStore {
  fault: 'none' | 'question' | 'answer' = 'none';
  readonly #store: MemoryUsage;

  constructor(store: MemoryUsage) {
    this.#store = store;
  }

  connect = () => this.#store.connect();
  send = (frame: Buffer) => this.#lossy(() => this.#store.send(frame));
  elect = (id: string, leaseMs: number) => this.#lossy(() => this.#store.elect(id, leaseMs));
  resign = (id: string) => this.#lossy(() => this.#store.resign(id));
  frames = (after: string, most: number) => this.#lossy(() => this.#store.frames(after, most));
  state = () => this.#lossy(() => this.#store.state());
  pages = () => this.#lossy(() => this.#store.pages());
  steps: UsageStore['steps'] = (kind, steps) => this.#lossy(() => this.#store.steps(kind, steps));
  records: UsageStore['records'] = (kind, tenants) => this.#lossy(() => this.#store.records(kind, tenants));
  tenants: UsageStore['tenants'] = (kind) => this.#lossy(() => this.#store.tenants(kind));
  commit = (id: string, fence: number, commit: UsageCommit) =>
    this.#lossy(() => this.#store.commit(id, fence, commit));
  close = () => {};

  async #lossy<T>(ask: () => Promise<T>): Promise<T> {
    if (this.fault === 'question') throw new Error('the question was lost');
    const answer = await ask();
    if (this.fault === 'answer') throw new Error('the answer was lost');
    return answer;
  }
}

type Event =
  | { readonly do: 'frame'; readonly plane: number; readonly items: number; readonly second: number }
  | { readonly do: 'late'; readonly plane: number }
  | { readonly do: 'again'; readonly plane: number }
  | { readonly do: 'tick'; readonly who: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'crash'; readonly who: number }
  | { readonly do: 'fault'; readonly who: number; readonly fault: Flaky['fault'] };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('frame' as const),
      plane: fc.nat(2),
      items: fc.nat(1000),
      second: fc.nat(9),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('late' as const), plane: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), plane: fc.nat(2) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('tick' as const), who: fc.nat(1) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(3000), fc.nat(20_000), fc.constant(HOUR_MS / 2)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), who: fc.nat(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      who: fc.nat(1),
      fault: fc.constantFrom('none' as const, 'question' as const, 'answer' as const),
    }),
  },
);

t.test(
  'the book has what replicas counted, exactly: over frames twice and late, bookkeepers that die, and answers that are lost',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 80 }), async (events) => {
        const clock = new Clock();
        const store = new MemoryUsage(clock.now);
        const views = [new Flaky(store), new Flaky(store)];
        const keepers = views.map((view, i) => keeper(view, clock, `keeper ${i}`));
        const planes = Array.from({ length: 3 }, () => ({
          seq: 0,
          last: undefined as Buffer | undefined,
          held: [] as Buffer[],
        }));
        let sent = 0;
        let refused = 0;
        const sendHeld = async (plane: number) => {
          for (const frame of planes[plane]!.held.splice(0)) await store.send(frame);
        };
        for (const one of events) {
          if (one.do === 'tick') await keepers[one.who]!.tick();
          else if (one.do === 'wait') clock.ms += one.ms;
          else if (one.do === 'fault') views[one.who]!.fault = one.fault;
          else if (one.do === 'crash')
            keepers[one.who] = keeper(views[one.who]!, clock, `keeper ${one.who} ${clock.ms}`);
          else if (one.do === 'late') await sendHeld(one.plane);
          else if (one.do === 'again') {
            const { last, held } = planes[one.plane]!;
            if (last !== undefined && held.length === 0) await store.send(last);
          } else {
            const plane = planes[one.plane]!;
            const step = Math.floor(clock.ms / STEP_MS);
            const entry = entryOf('t', one.items, one.second, one.items % 3);
            sent += one.items;
            refused += one.items % 3;
            plane.last = await packFrame(frameOf(`plane ${one.plane}`, ++plane.seq, step, entry));
            // In order, as whoever sends them does it.
            plane.held.push(plane.last);
            if (one.items % 4 > 0) await sendHeld(one.plane);
          }
        }
        for (const view of views) view.fault = 'none';
        for (const plane of planes.keys()) await sendHeld(plane);
        for (let i = 0; i < 4; i++) {
          clock.ms += LEASE_MS + STEP_MS;
          for (const one of keepers) await one.tick();
        }
        const { hours, days } = await new KeptUsage(store, clock.now).history('t');
        for (const [name, records] of [
          ['hours', hours],
          ['days', days],
        ] as const) {
          const total = records.reduce((sum, { offered }) => sum + offered.items, 0);
          if (total !== sent) throw new Error(`${name} have ${total} of ${sent}`);
          const lost = records
            .flatMap(({ reasons }) => reasons)
            .reduce((sum, { samples }) => sum + samples, 0);
          if (lost !== refused) throw new Error(`${name} have ${lost} of ${refused} refused`);
        }
      }),
      { numRuns: 300 },
    );
    t.pass();
  },
);

t.test(
  'another replica keeps the book within seconds when the bookkeeper dies, at once when it stops',
  async (t) => {
    const clock = new Clock();
    const store = new MemoryUsage(clock.now);
    const [one, two] = [keeper(store, clock, 'one'), keeper(store, clock, 'two')];
    await one.tick();
    await two.tick();
    t.same([one.status().keeping, two.status().keeping], [true, false]);
    clock.ms += LEASE_MS;
    await two.tick();
    t.ok(two.status().keeping, 'one was not heard of');
    t.strictSame(two.state?.keeper, { machine: 'two', sinceMs: clock.ms }, 'who it is by now is in the book');
    await one.tick();
    t.notOk(one.status().keeping, 'it is another one by now');
    await two.stop();
    clock.ms += 2000;
    await one.tick();
    t.ok(one.status().keeping);
  },
);

t.test('a bookkeeper that was asleep and is not it any more writes nothing', async (t) => {
  const clock = new Clock();
  const store = new MemoryUsage(clock.now);
  const asleep = keeper(store, clock, 'asleep');
  await asleep.tick();
  const fence = await store.elect('asleep', LEASE_MS);
  clock.ms += LEASE_MS;
  t.not(await store.elect('awake', LEASE_MS), fence);
  const commit = { state: '{}', pages: [], gonePages: [], steps: [], records: [], appliedId: '0-0' };
  t.notOk(await store.commit('asleep', fence!, commit));
  t.equal(await store.state(), undefined);
});

t.test('hours are filed and days are made of them; what is too old goes', async (t) => {
  const clock = new Clock();
  const store = new MemoryUsage(clock.now);
  const one = keeper(store, clock);
  let seq = 0;
  const HOURS = 24 * 37;
  for (let hour = 0; hour < HOURS; hour++) {
    clock.ms = BEGIN_MS + hour * HOUR_MS;
    const step = Math.floor(clock.ms / STEP_MS);
    await store.send(await packFrame(frameOf('p', ++seq, step, entryOf('t', 10))));
    if (hour === 0) await store.send(await packFrame(frameOf('q', 1, step, entryOf('once', 1))));
    clock.ms += 20_000;
    await one.tick();
  }
  const { hours, days } = await new KeptUsage(store, clock.now).history('t');
  t.equal(hours.length, 48);
  t.equal(days.length, 35);
  t.match(hours.at(-1), { offered: { items: 10 }, coveredSeconds: 10 });
  t.match(days.at(-2), { offered: { items: 240 }, coveredSeconds: 240, seconds: 86_400 });
  t.same(await store.tenants('hours'), ['t'], 'one that is silent for long is forgotten');
});

t.test('records beyond the most bytes are not kept, and that is said', async (t) => {
  const clock = new Clock();
  const store = new MemoryUsage(clock.now);
  const one = keeper(store, clock, 'one', { maxBytes: 1 });
  const step = Math.floor(clock.ms / STEP_MS);
  await store.send(
    await packFrame(frameOf('p', 1, step, ...Array.from({ length: 80 }, (_, i) => entryOf(`t${i}`, 1)))),
  );
  await store.send(await packFrame(frameOf('p', 2, step + HOUR_STEPS, entryOf('t1', 1))));
  clock.ms += HOUR_MS + 20_000;
  await one.tick();
  const state = await new KeptUsage(store, clock.now).state();
  t.equal(state.withoutRoom, 79);
  t.ok(state.bytes > 1);
});

t.test('some of the room for records is kept for tenants that a document names', async (t) => {
  const clock = new Clock();
  const store = new MemoryUsage(clock.now);
  const maxBytes = 4000;
  const one = keeper(store, clock, 'one', { maxBytes, names: () => new Set(['team']) });
  let seq = 0;
  const hour = async (...ids: string[]) => {
    const step = Math.floor(clock.ms / STEP_MS);
    await store.send(await packFrame(frameOf('p', ++seq, step, ...ids.map((id) => entryOf(id, 5)))));
    clock.ms += HOUR_MS;
    await one.tick();
  };
  for (let i = 0; i < 20; i++) await hour(...Array.from({ length: 90 }, (_, n) => `made-up-${i}-${n}`));
  await hour('made-up', 'team');
  await hour();
  const kept = new KeptUsage(store, clock.now);
  t.ok((await kept.state()).withoutRoom > 0);
  t.ok((await kept.history('team')).hours.length > 0);
  t.equal((await kept.history('made-up')).hours.length, 0);
});

t.test('a frame that can not be read is left out, and said; the others count', async (t) => {
  const clock = new Clock();
  const store = new MemoryUsage(clock.now);
  const warnings: string[] = [];
  const one = new Bookkeeper({
    store,
    id: 'one',
    tenantsMax: 10,
    maxBytes: 1 << 20,
    now: clock.now,
    log: { info() {}, warn: (_, message) => warnings.push(message) },
  });
  const step = Math.floor(clock.ms / STEP_MS);
  await store.send(Buffer.from('no frame'));
  await store.send(await packFrame(frameOf('p', 1, step, entryOf('t', 5))));
  clock.ms += 20_000;
  await one.tick();
  t.match(warnings, ['a frame of usage can not be read, and is left out']);
  t.equal(one.status().damaged, 1);
  const { hours } = await new KeptUsage(store, clock.now).history('t');
  t.equal(hours[0]?.offered.items, 5);
});
