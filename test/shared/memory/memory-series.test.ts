/** Workers that share their series through the process that started them. */
import t from 'tap';
import type { SeriesClient } from '#src/series/series-client.js';
import type { AdmitCall } from '#src/series/series-protocol.js';
import { KNOWN, NEW, REFUSED_TENANT, SKIPPED, UNTRACKED } from '#src/series/series-rows.js';
import type { SeriesTracker } from '#src/series/series-tracker.js';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import { MemorySeries } from '#src/shared/memory/memory-series.js';
import {
  Dice,
  limitsOf,
  MINUTE_MS,
  MimirModel,
  pushOf,
  refusedRows,
  tracker,
} from '../../series/fixtures.js';

const IDLE_MINUTES = 3;
const WORKERS = 3;

interface Worker {
  readonly tracker: SeriesTracker;
  readonly series: TrackedSeries;
}

function given(maxSeries = 100_000, maxTenants = 10) {
  const clock = { nowMs: 0 };
  const shared = new MemorySeries({ maxSeries, maxTenants, epoch: 'one' });
  const client: SeriesClient = {
    onLoss: 'local-share',
    reservesHeadroom: false,
    replicas: () => WORKERS,
    admit: async (tenant, call) => shared.admit(tenant, call, clock.nowMs),
    reserve: () => undefined,
    announce: async (tenant, call, announced) => {
      announced(call.rows, shared.announce(tenant, call, clock.nowMs), clock.nowMs);
      return 0;
    },
  };
  const worker = (): Worker => {
    const own = tracker({ idleTimeoutMs: IDLE_MINUTES * MINUTE_MS, client, now: () => clock.nowMs });
    return { tracker: own, series: own.tenant('a') };
  };
  /** Every table is looked through once a minute, as the timers do. */
  const pass = (workers: readonly Worker[]): void => {
    clock.nowMs += MINUTE_MS;
    for (let tick = 0; tick < 1000; tick++) shared.tick(clock.nowMs);
    for (const { tracker } of workers) tracker.sweep(tracker.table.segments, clock.nowMs);
  };
  return { clock, shared, worker, pass };
}

t.test('what all workers admit is what Mimir would admit', async (t) => {
  const { clock, shared, worker } = given();
  const workers = Array.from({ length: WORKERS }, worker);
  const model = new MimirModel(1);
  const dice = new Dice(42);
  let limits = limitsOf(800, 6);
  let base = 0;
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    if (dice.below(50) === 0) base += dice.below(12);
    if (dice.below(500) === 0) limits = limitsOf(500 + dice.below(1000), 3 + dice.below(8));
    if (dice.below(2000) === 0) workers[dice.below(WORKERS)] = worker();
    const series = Array.from({ length: 1 + dice.below(20) }, () => base + dice.below(900));
    const { series: mine } = workers[dice.below(WORKERS)]!;
    const answer = await mine.check(pushOf(series), undefined, limits, false, clock.nowMs);
    const expected = model.push(series, limits, 0);
    refused += expected.length;
    if (JSON.stringify(refusedRows(answer)) !== JSON.stringify(expected)) {
      t.fail(`push ${i}: refused ${refusedRows(answer)}, not ${expected}`);
      return;
    }
  }
  t.equal(shared.series, model.size);
  t.ok(refused > 1000);
});

t.test('a series that is pushed stays known over generations, one that is not makes room', async (t) => {
  const { clock, shared, worker, pass } = given();
  const workers = [worker(), worker()];
  const [one, other] = workers as [Worker, Worker];
  const limits = limitsOf(2);
  const push = (who: Worker, series: number[]) =>
    who.series.check(pushOf(series), undefined, limits, false, clock.nowMs);
  await push(one, [1, 2]);
  t.strictSame(refusedRows(await push(other, [3])), [0], 'no room');
  for (let minute = 0; minute < 30; minute++) {
    pass(workers);
    t.strictSame(refusedRows(await push(one, [1])), [], 'never refused');
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(shared.series, 1, 'the other one is forgotten');
  t.strictSame(refusedRows(await push(other, [1, 3, 4])), [2], 'known to all, and room for one');
});

t.test('all or nothing leaves nothing behind', async (t) => {
  const { clock, shared, worker } = given();
  const one = worker();
  const push = (series: number[]) =>
    one.series.check(pushOf(series), undefined, limitsOf(3), true, clock.nowMs);
  t.equal((await push([1, 2])).newAdmitted, 2);
  const refused = await push([1, 3, 4, 5]);
  t.equal(refused.newAdmitted, 0);
  t.equal(refused.overLimit?.rows.length, 2);
  t.equal(shared.series, 2);
  t.equal((await push([1, 3])).newAdmitted, 1);
});

t.test('tenants and series are bounded: the tenant used least recently is forgotten', async (t) => {
  const { clock, shared } = given(1000, 2);
  const call = (series: number): AdmitCall => ({
    rows: Uint32Array.of(series, series, 1, 1),
    announced: 0,
    mostOfTenant: 1,
    mostOfMetric: 0xffffffff,
    allOrNothing: false,
    noFinalRefusals: true,
    generationMs: MINUTE_MS,
  });
  for (const tenant of ['a', 'b', 'a', 'c']) t.equal(shared.admit(tenant, call(1), clock.nowMs).total, 1);
  t.equal(shared.admit('a', call(2), clock.nowMs).total, 1, 'still full');
  t.equal(shared.admit('b', call(2), clock.nowMs).total, 1, 'empty again, so there was room');
});

t.test('what is announced is taken whatever the limits, and is not new to anybody twice', async (t) => {
  const { shared } = given();
  const rows = Uint32Array.of(1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1);
  const announced = shared.announce(
    'a',
    { rows, reservation: '', countMetrics: true, generationMs: MINUTE_MS },
    0,
  );
  t.strictSame([...announced.outcomes], [NEW, NEW, KNOWN]);
  const admitted = shared.admit(
    'a',
    {
      rows: Uint32Array.of(1, 1, 1, 1, 3, 3, 1, 1, 4, 4, 1, 1),
      announced: 2,
      mostOfTenant: 1,
      mostOfMetric: 1,
      allOrNothing: false,
      noFinalRefusals: false,
      generationMs: MINUTE_MS,
    },
    0,
  );
  t.strictSame([...admitted.outcomes], [KNOWN, NEW, REFUSED_TENANT]);
  t.match(admitted, { total: 3, observed: 3 });
});

t.test('all or nothing: what was known is not told to be, when something is refused', async (t) => {
  const { shared } = given();
  const call = (series: number[], mostOfTenant: number): AdmitCall => ({
    rows: Uint32Array.from(series.flatMap((one) => [one, one, 1, 1])),
    announced: 0,
    mostOfTenant,
    mostOfMetric: 0xffffffff,
    allOrNothing: true,
    noFinalRefusals: false,
    generationMs: MINUTE_MS,
  });
  shared.admit('a', call([1], 2), 0);
  const refused = shared.admit('a', call([1, 2, 3], 2), 0);
  t.strictSame([...refused.outcomes], [SKIPPED, SKIPPED, REFUSED_TENANT]);
  t.match(refused, { total: 1, observed: 2 });
  t.strictSame([...shared.admit('a', call([1, 2], 2), 0).outcomes], [KNOWN, NEW]);
});

t.test('a table that is full lets series pass, and says so', async (t) => {
  const { shared } = given(2, 1);
  const rows = (series: number[]) => Uint32Array.from(series.flatMap((one) => [one, one, 1, 1]));
  const announce = (tenant: string, series: number[]) =>
    shared.announce(
      tenant,
      { rows: rows(series), reservation: '', countMetrics: false, generationMs: MINUTE_MS },
      0,
    );
  t.strictSame([...announce('a', [1, 2, 3]).outcomes], [NEW, NEW, UNTRACKED]);
  // The two that left keep their indexes until they are swept.
  announce('b', [1]);
  const none = announce('c', [1]);
  t.strictSame([...none.outcomes], [UNTRACKED]);
  t.equal(none.total, 0);
  t.match(shared.reserve('c', { series: 1, mostOfTenant: 9, generationMs: MINUTE_MS }, 0), {
    reservation: '',
    total: 0,
  });
});

t.test('generations are as long as the call says, and it knows how much of one is left', async (t) => {
  const { shared } = given();
  const state = (nowMs: number) =>
    shared.reserve('a', { series: 1, mostOfTenant: 9, generationMs: 1000 }, nowMs);
  t.match(state(0), { generation: 0, leftMs: 1000, epoch: 'one' });
  t.match(state(1999), { generation: 1, leftMs: 1 });
  t.match(state(2000), { generation: 2, leftMs: 1000 });
});
