/** One tenant's series beside a store that answers what a test wants it to. */
import t from 'tap';
import type { OnLoss } from '#src/enforce/ledger.js';
import type { SeriesAnswer } from '#src/enforce/series.js';
import type { Admitted, Announced, SeriesClient, Unheard } from '#src/series/series-client.js';
import { exportSeries } from '#src/series/series-metrics.js';
import type {
  AdmitCall,
  AnnounceCall,
  FleetState,
  ReserveCall,
  ReserveReply,
} from '#src/series/series-protocol.js';
import {
  countRows,
  KNOWN,
  NEW,
  NO_LIMIT,
  PENDING,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROW_WORDS,
  UNTRACKED,
} from '#src/series/series-rows.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { scraped } from '../telemetry/scraped.js';
import { answered, limitsOf, MINUTE_MS, pushOf, range, STATE, tracker } from './fixtures.js';

interface Asked<Call, Reply> {
  readonly call: Call;
  readonly alone?: boolean | undefined;
  readonly answer: (reply: Reply) => void;
}

interface Announcing {
  readonly call: AnnounceCall;
  readonly announced: Announced;
  readonly ended: (unannounced: number) => void;
}

const GENERATION_MS = 21 * MINUTE_MS;

function given({ onLoss = 'local-share' as OnLoss, replicas = 4, reserves = true, maxSeries = 1e6 } = {}) {
  const admits: Asked<AdmitCall, Admitted | Unheard>[] = [];
  const reserved: Asked<ReserveCall, ReserveReply | 'lost'>[] = [];
  const announces: Announcing[] = [];
  const store = { up: true };
  const client: SeriesClient = {
    onLoss,
    reservesHeadroom: reserves,
    replicas: () => replicas,
    admit: (_tenant, call) => (store.up ? new Promise((answer) => admits.push({ call, answer })) : undefined),
    reserve: (_tenant, call, alone) =>
      store.up && reserves ? new Promise((answer) => reserved.push({ call, alone, answer })) : undefined,
    announce: (_tenant, call, announced) =>
      new Promise((ended) => announces.push({ call, announced, ended })),
  };
  const clock = { nowMs: 0 };
  const tracked = tracker({ client, maxSeries, now: () => clock.nowMs });
  const series = tracked.tenant('a');
  const check = (numbers: readonly number[], limits = limitsOf(1000), allOrNothing = false) =>
    series.check(pushOf(numbers), undefined, limits, allOrNothing, clock.nowMs);
  const admitted = (outcomes: readonly number[], state: Partial<Admitted> = {}) =>
    admits.shift()!.answer({
      ...STATE,
      leftMs: 1000,
      observed: 0,
      ...state,
      outcomes: Uint8Array.from(outcomes),
    });
  const announced = (outcomes: readonly number[], state: Partial<FleetState> = {}) => {
    const one = announces.shift()!;
    one.announced(one.call.rows, { ...STATE, ...state, outcomes: Uint8Array.from(outcomes) }, clock.nowMs);
    one.ended(0);
  };
  return { admits, reserved, announces, store, clock, tracked, series, check, admitted, announced };
}

/** Answered at once, and not over any limit. */
const passes = (answer: SeriesAnswer | Promise<SeriesAnswer>) =>
  !(answer instanceof Promise) && answer.overLimit === undefined && answer.newAdmitted === 0;

t.test('the store says of each new series whether it may pass, and those that do are known', async (t) => {
  const { admits, series, check, admitted, tracked } = given();
  const answer = check([1, 2, 3, 4, 5], limitsOf(10, 7));
  t.match(admits[0]?.call, {
    announced: 0,
    mostOfTenant: 10,
    mostOfMetric: 7,
    allOrNothing: false,
    noFinalRefusals: true,
    generationMs: GENERATION_MS,
  });
  t.equal(countRows(admits[0]!.call.rows), 5);
  admitted([NEW, KNOWN, REFUSED_TENANT, UNTRACKED, REFUSED_METRIC], { total: 10, observed: 9 });
  t.strictSame(await answer, {
    newAdmitted: 1,
    overLimit: {
      rows: [2, 4],
      reasons: ['per_user_series_limit', 'per_metric_series_limit'],
      observed: 9,
    },
  });
  t.equal(series.active, 2);
  t.equal(series.fleet, 10);
  t.equal(tracked.status().untracked, 1);
  t.ok(passes(check([1, 2])));
  t.equal(admits.length, 0);
  void check([3]);
  t.match(admits[0]?.call, { mostOfTenant: 1000, mostOfMetric: NO_LIMIT });
});

t.test('all or nothing is up to the store', async (t) => {
  const { admits, check, admitted } = given();
  const refused = check([1, 2], undefined, true);
  t.match(admits[0]?.call, { allOrNothing: true });
  admitted([NEW, REFUSED_TENANT]);
  t.match(await refused, { newAdmitted: 0, overLimit: { rows: [1] } });
  const passed = check([3, 4], undefined, true);
  admitted([NEW, NEW]);
  t.match(await passed, { newAdmitted: 2, overLimit: undefined });
});

t.test('a tenant without limits is counted here, and the store is not asked', async (t) => {
  const { admits, reserved, series, check } = given();
  t.match(check(range(0, 200), limitsOf(0)), { newAdmitted: 200, overLimit: undefined });
  t.strictSame([admits, reserved], [[], []]);
  t.equal(series.active, 200);
  t.equal(series.fleet, undefined);
});

t.test('what is known here is announced once in a generation', async (t) => {
  const { announces, clock, check, admitted, announced } = given();
  const first = check([1, 2]);
  admitted([NEW, NEW]);
  await first;
  clock.nowMs = 999;
  t.ok(passes(check([1, 2])));
  t.strictSame(announces, []);
  clock.nowMs = 1000;
  t.ok(passes(check([2])), 'nobody waits for it');
  t.match(announces, [
    { call: { reservation: '', countMetrics: false, generationMs: GENERATION_MS, rows: { length: 4 } } },
  ]);
  announced([NEW], { generation: 2, leftMs: 1000 });
  t.ok(passes(check([2])));
  t.strictSame(announces, [], 'it is announced');
  t.ok(passes(check([1, 2], limitsOf(1000, 5))));
  t.match(announces, [{ call: { countMetrics: true, rows: { length: 4 } } }], 'the other is not');
});

t.test('what went along and was not heard of is still to be announced', async (t) => {
  const { admits, announces, clock, check, admitted } = given();
  const first = check([1, 2]);
  admitted([NEW, NEW]);
  await first;
  clock.nowMs = 1000;
  const answer = check([1, 2, 7]);
  t.match(admits[0]?.call, { announced: 2 });
  admitted([NEW, PENDING, PENDING], { generation: 2, leftMs: 1000, unheard: 'busy' });
  t.match(await answer, { busy: true });
  t.ok(passes(check([1, 2])));
  t.match(announces, [{ call: { rows: { length: ROW_WORDS } } }], 'one of the two');
});

t.test('what is to be announced goes along with what is new, and is not new itself', async (t) => {
  const { admits, announces, clock, series, check, admitted, tracked } = given();
  const first = check([1, 2]);
  admitted([NEW, NEW]);
  await first;
  clock.nowMs = 1000;
  const answer = check([1, 7, 2, 8]);
  t.match(admits[0]?.call, { announced: 2, rows: { length: 16 } });
  admitted([NEW, NEW, NEW, REFUSED_TENANT], { generation: 2, observed: 3, total: 3 });
  t.strictSame(await answer, {
    newAdmitted: 1,
    overLimit: { rows: [3], reasons: ['per_user_series_limit'], observed: 3 },
  });
  t.equal(series.active, 3);
  tracked.tick(clock.nowMs);
  t.match(series.topMetrics('new'), [{ series: 3, newSeries: 3 }]);
  t.ok(passes(check([1, 7, 2])));
  t.strictSame(announces, [], 'all are announced');
});

t.test('without the store a replica has its part of the headroom that there was', async (t) => {
  const { store, series, check, admitted, tracked } = given();
  const first = check([1, 2]);
  admitted([NEW, NEW], { total: 980 });
  await first;
  store.up = false;
  t.match(check(range(10, 13)), { newAdmitted: 3, overLimit: undefined });
  t.equal(series.admittedOffline, 3);
  t.match(check(range(20, 24)), { newAdmitted: 2, overLimit: { rows: [2, 3], observed: 7 } });
  t.equal(series.admittedOffline, 5, '(1000 - 980) / 4');
  t.match(tracked.status(), { tenantsAlone: 1, admittedAlone: 5 });
  t.ok(passes(check([1, 2, 10])), 'what is known goes on');
  store.up = true;
  const back = check([10, 11, 30]);
  admitted([NEW, NEW, NEW], { total: 960 });
  await back;
  t.equal(series.admittedOffline, 3, 'it knows of two of them now');
  store.up = false;
  t.match(
    check(range(40, 50)),
    { newAdmitted: 7, overLimit: { rows: [7, 8, 9] } },
    '(1000 - 960) / 4, and three of them are taken',
  );
});

t.test('a call that is lost is decided here', async (t) => {
  for (const [onLoss, expected] of [
    ['local-share', { newAdmitted: 1, overLimit: { rows: [1] } }],
    ['allow', { newAdmitted: 2, overLimit: undefined }],
    ['refuse', { newAdmitted: 0, overLimit: undefined, lost: true }],
  ] as const) {
    const { admits, check, admitted } = given({ onLoss });
    const first = check([1]);
    admitted([NEW], { total: 996 });
    t.strictSame(await first, { newAdmitted: 1, overLimit: undefined });
    const answer = check([2, 3]);
    admits[0]?.answer('lost');
    t.match(await answer, expected, onLoss);
  }
});

t.test('without the store all or nothing is all or nothing, and a metric has its limit', async (t) => {
  const { store, series, check } = given();
  store.up = false;
  t.match(check([1, 2, 3, 4], limitsOf(0, 3), true), {
    newAdmitted: 0,
    overLimit: { rows: [3], reasons: ['per_metric_series_limit'] },
  });
  t.equal(series.active, 0);
  t.equal(series.admittedOffline, 0);
  t.match(check([1, 2, 3, 4], limitsOf(0, 3)), { newAdmitted: 3 });
});

t.test('of a store that has said nothing the whole limit is there', async (t) => {
  const { store, check } = given();
  store.up = false;
  t.match(check([1, 2, 3, 4], limitsOf(3)), { newAdmitted: 3, overLimit: { rows: [3], observed: 3 } });
});

t.test(
  'a hundred thousand series that headroom is reserved for are remembered as what they are',
  async (t) => {
    const { reserved, check, series, tracked } = given();
    const numbers = range(0, 100_000);
    const answer = check(numbers, limitsOf(1e6));
    reserved.shift()?.answer({ ...STATE, total: 0, leftMs: 1e6, reservation: 'one' });
    t.equal((await answer).overLimit, undefined);
    t.equal(series.active, 100_000);
    t.equal(tracked.table.metrics.size, 10_000);
    t.ok(passes(check(numbers, limitsOf(1e6))));
    t.equal(reserved.length, 0, 'all are known');
  },
);

t.test('headroom is reserved for many new series, well below the limit of the tenant', async (t) => {
  for (const [what, series, limits, total, isReserved] of [
    ['a hundred', 100, limitsOf(1000), 800, true],
    ['fewer', 99, limitsOf(1000), 800, false],
    ['near the limit', 100, limitsOf(1000), 801, false],
    ['with a limit for metrics', 100, limitsOf(1000, 500), 0, false],
    ['with a limit for metrics alone', 100, limitsOf(0, 500), 0, false],
  ] as const) {
    const { admits, reserved, check, admitted } = given();
    const first = check([9999]);
    admitted([NEW], { total });
    await first;
    void check(range(0, series), limits);
    t.equal(reserved.length, isReserved ? 1 : 0, what);
    t.equal(admits.length, isReserved ? 0 : 1, what);
    if (isReserved)
      t.strictSame(reserved[0]?.call, { series, mostOfTenant: 900, generationMs: GENERATION_MS });
  }
  const { reserved, check } = given();
  void check(range(0, 900));
  void check(range(0, 901));
  t.equal(reserved.length, 1, 'also before the store has said anything');
});

t.test('where none can be reserved each series is asked for, or decided here', async (t) => {
  const { reserved, admits, check, admitted, series } = given();
  const push = range(0, 100);
  const none = check(push);
  reserved.shift()?.answer({ ...STATE, total: 50, reservation: '' });
  await new Promise(setImmediate);
  t.equal(series.fleet, 50);
  t.equal(countRows(admits[0]!.call.rows), 100);
  admitted(Array(100).fill(REFUSED_TENANT), { observed: 1000, total: 1000 });
  t.match(await none, { overLimit: { observed: 1000 } });

  const late = given();
  const asked = late.check(push);
  late.reserved[0]?.answer('lost');
  await new Promise(setImmediate);
  t.equal(late.admits.length, 1, 'a call that is late is no outage');
  late.admitted(Array(100).fill(NEW));
  t.match(await asked, { newAdmitted: 100 });
  t.equal(late.series.admittedOffline, 0);

  const lost = given();
  const answer = lost.check(push);
  lost.store.up = false;
  lost.reserved[0]?.answer('lost');
  t.match(await answer, { newAdmitted: 100 });
  t.equal(lost.series.admittedOffline, 100);

  const never = given({ reserves: false });
  void never.check(push);
  t.equal(never.admits.length, 1);
});

t.test('with headroom all pass at once, are known, and are announced with its reservation', async (t) => {
  const { reserved, announces, series, check, tracked, store, clock } = given();
  const first = check(range(0, 100));
  reserved.shift()?.answer({ ...STATE, total: 0, leftMs: 1000, reservation: 'one' });
  const answer = await first;
  t.match(answer, { newAdmitted: 0, overLimit: undefined });
  t.equal(series.active, 100);
  t.match(announces, [
    { call: { reservation: 'one', rows: { length: 400 }, countMetrics: false, generationMs: GENERATION_MS } },
  ]);
  t.ok(passes(check(range(0, 100))));
  t.equal(announces.length, 1);

  // What is still to be announced is part of what this replica may admit by itself: 1000 / 4.
  store.up = false;
  t.match(check(range(1000, 1200)), { newAdmitted: 150 });
  store.up = true;

  const { call, announced, ended } = announces.shift()!;
  const outcomes = new Uint8Array(60).fill(KNOWN);
  outcomes.fill(NEW, 0, 25);
  announced(call.rows.subarray(0, 240), { ...STATE, leftMs: 1000, outcomes }, clock.nowMs);
  t.equal(series.admittedOffline, 150, 'what was admitted without it is not announced');
  ended(40);
  t.equal(await answer.newLater, 25 + 40, 'the store was not told of forty');
  t.equal(series.admittedOffline, 190);
  t.match(tracked.status(), { tenantsAlone: 1, admittedAlone: 190 });
  t.ok(passes(check(range(0, 60))));
  t.strictSame(announces, []);
  t.ok(passes(check(range(0, 100))));
  t.match(
    announces,
    [{ call: { reservation: '', rows: { length: 160 } } }],
    'they are announced with the next push',
  );
  store.up = false;
  t.match(check(range(2000, 2100)), { newAdmitted: 59 }, '(1000 - 1) / 4 without 190');
});

t.test('what is known goes to the store beside what headroom is reserved for', async (t) => {
  const { reserved, announces, clock, check, admitted } = given();
  const first = check([5000, 5001]);
  admitted([NEW, NEW]);
  await first;
  clock.nowMs = 1000;
  void check([5000, ...range(0, 100)]);
  reserved[0]?.answer({ ...STATE, generation: 2, leftMs: 1000, reservation: 'one' });
  await new Promise(setImmediate);
  t.match(announces, [
    { call: { reservation: '', rows: { length: 4 } } },
    { call: { reservation: 'one', rows: { length: 400 } } },
  ]);
});

t.test('a tenant that left while the store was asked is not remembered', async (t) => {
  const { admits, series, check, admitted, tracked } = given();
  const one = check([1, 2]);
  const lost = check([3]);
  series.release();
  admitted([NEW, NEW]);
  t.match(await one, { newAdmitted: 2 });
  admits[0]?.answer('lost');
  t.match(await lost, { newAdmitted: 0, overLimit: undefined, busy: true }, 'nor let past its limit');
  t.equal(series.active, 0);
  t.equal(tracked.table.series, 0);

  const allowed = given({ onLoss: 'allow' });
  const passed = allowed.check([1]);
  allowed.series.release();
  allowed.admits[0]?.answer('lost');
  t.strictSame(await passed, { newAdmitted: 0, overLimit: undefined }, 'unless all are');
});

t.test('while replies are lost in turns a replica stays within the limit', async (t) => {
  const { admits, store, series, check } = given({ replicas: 1 });
  const limit = 1000;
  let known = 0;
  for (let push = 0; push < 60; push++) {
    const answer = check(range(push * 50, push * 50 + 50), limitsOf(limit));
    const asked = admits.shift();
    if (push % 2 === 0) {
      store.up = false;
      asked?.answer('lost');
      await answer;
      store.up = true;
      continue;
    }
    const granted = Math.min(50, asked!.call.mostOfTenant - known);
    known += granted;
    const outcomes = new Uint8Array(50).fill(REFUSED_TENANT).fill(NEW, 0, granted);
    asked!.answer({ ...STATE, leftMs: 1e6, total: known, observed: known, outcomes });
    await answer;
  }
  t.equal(series.active, limit);
  t.equal(series.admittedOffline, limit - known, 'all that the store does not know of');
});

t.test('what the store does not know of counts against the limit until it is announced', async (t) => {
  const { admits, store, check, admitted } = given({ replicas: 1 });
  store.up = false;
  check(range(0, 30), limitsOf(100));
  store.up = true;
  void check([500], limitsOf(100));
  t.equal(admits[0]?.call.mostOfTenant, 70);
  admitted([REFUSED_TENANT], { total: 70, observed: 70 });
  void check([...range(0, 20), 501], limitsOf(100));
  t.match(admits[0]?.call, { announced: 20, mostOfTenant: 90 }, 'but for what goes along');
  admitted([...Array(20).fill(NEW), REFUSED_TENANT], { total: 90, observed: 90 });
  await new Promise(setImmediate);
  const answer = check([502], limitsOf(100));
  admitted([REFUSED_TENANT], { total: 90, observed: 90 });
  t.match(await answer, { overLimit: { observed: 100 } }, 'the sentence says how many there are');
  const metric = check([503], limitsOf(100, 5));
  t.match(admits[0]?.call, { mostOfTenant: 90, mostOfMetric: 5 });
  admitted([REFUSED_METRIC], { total: 90, observed: 5 });
  t.match(await metric, { overLimit: { observed: 5 } }, 'of the metric');
  void check([504], limitsOf(0, 5));
  t.match(admits[0]?.call, { mostOfTenant: NO_LIMIT });
});

t.test('nor is headroom reserved that is taken by what the store does not know of', async (t) => {
  const { admits, reserved, store, check } = given();
  store.up = false;
  check(range(0, 200));
  store.up = true;
  void check(range(1000, 1720));
  t.strictSame(reserved[0]?.call, { series: 720, mostOfTenant: 720, generationMs: GENERATION_MS });
  void check(range(2000, 2721));
  t.equal(reserved.length, 1);
  t.equal(admits.length, 1, 'one more is asked for one by one');
});

t.test('an answer that is lost says nothing of the store', async (t) => {
  const { reserved, series, check, admitted } = given();
  const first = check([1]);
  admitted([NEW], { total: 7 });
  await first;
  void check(range(100, 200));
  reserved[0]?.answer('lost');
  await new Promise(setImmediate);
  t.equal(series.fleet, 7);
});

t.test('without the store a tenant with a limit may fill the table', async (t) => {
  const { store, series, check } = given({ maxSeries: 100 });
  store.up = false;
  t.match(check(range(0, 150)), { newAdmitted: 100 });
  t.equal(series.admittedOffline, 100);
});

t.test('series that go are not counted as admitted offline any more', async (t) => {
  const { store, series, tracked, check, clock } = given();
  store.up = false;
  check([1, 2, 3, 4], limitsOf(3), true);
  t.equal(series.admittedOffline, 0, 'taken back');
  check([1, 2, 3]);
  t.equal(series.admittedOffline, 3);
  clock.nowMs = 30 * MINUTE_MS;
  tracked.sweep(tracked.table.segments, clock.nowMs);
  t.equal(series.admittedOffline, 0);
  t.equal(series.active, 0);
});

t.test('series that the store was not told of are exported, until it has been told', async (t) => {
  const { store, announces, announced, tracked, check } = given();
  const metrics = new Metrics();
  exportSeries(metrics, tracked);
  const alone = async () => {
    const seen = await scraped(metrics);
    return ['mimir_edge_series_tenants_alone', 'mimir_edge_series_admitted_alone'].map((name) =>
      seen.get(name),
    );
  };
  t.strictSame(await alone(), [0, 0]);
  store.up = false;
  check([1, 2, 3]);
  t.strictSame(await alone(), [1, 3]);
  const other = tracked.tenant('b');
  answered(other.check(pushOf([1, 2]), undefined, limitsOf(1000), false, 0));
  t.strictSame(await alone(), [2, 5]);
  other.release();
  store.up = true;
  check([1, 2, 3]);
  t.equal(announces.length, 1);
  announced([NEW, NEW, NEW]);
  t.strictSame(await alone(), [0, 0]);
});

t.test('a push that can not be looked at is to come again, and nothing of it is admitted', async (t) => {
  const { admits, series, check } = given();
  const answer = check([1, 2]);
  admits.shift()?.answer('busy');
  t.strictSame(await answer, { newAdmitted: 0, overLimit: undefined, busy: true });
  t.equal(series.active, 0);
});

t.test('of a push that was heard in part, the rest is decided here, or comes again', async (t) => {
  const state = { ...STATE, leftMs: 1000, total: 999, observed: 7 };
  const outcomes = Uint8Array.of(NEW, REFUSED_METRIC, PENDING, PENDING);
  const partly = async (unheard: Unheard, onLoss: OnLoss = 'local-share') => {
    const { admits, series, check } = given({ onLoss, replicas: 1 });
    const answer = check([1, 2, 3, 4]);
    admits[0]?.answer({ ...state, outcomes, unheard });
    return { answer: await answer, series };
  };
  const lost = await partly('lost');
  t.match(lost.answer, { newAdmitted: 2, overLimit: { rows: [1, 3], observed: 7 } }, 'one of two is left');
  t.equal(lost.series.admittedOffline, 1);
  const busy = await partly('busy');
  t.strictSame(busy.answer, { newAdmitted: 1, overLimit: undefined, busy: true });
  t.equal(busy.series.active, 1, 'what was admitted stays so');
  t.match((await partly('lost', 'refuse')).answer, { newAdmitted: 1, lost: true });
  t.match((await partly('lost', 'allow')).answer, { newAdmitted: 3, overLimit: { rows: [1] } });
});

t.test('what the store has refused is refused again without asking, for a while', async (t) => {
  const { admits, announces, clock, check, admitted } = given();
  const refused = check([1, 2, 3], limitsOf(10));
  admitted([NEW, REFUSED_TENANT, REFUSED_TENANT], { total: 10, observed: 10, leftMs: 1e6 });
  await refused;
  const over = (rows: readonly number[]) => ({
    newAdmitted: 0,
    overLimit: { rows, reasons: rows.map(() => 'per_user_series_limit'), observed: 10 },
  });
  t.match(check([1, 3, 2], limitsOf(10)), over([1, 2]));
  t.match(check([9, 3], limitsOf(10), true), over([1]), 'nor of a push that passes whole or not at all');
  t.strictSame(admits, []);
  const some = check([4, 2, 5, 3], limitsOf(10));
  t.equal(countRows(admits[0]!.call.rows), 2, 'the others are asked for');
  admitted([NEW, REFUSED_TENANT], { total: 10, observed: 10, leftMs: 1e6 });
  t.strictSame(await some, {
    newAdmitted: 1,
    overLimit: { rows: [1, 2, 3], reasons: Array(3).fill('per_user_series_limit'), observed: 10 },
  });
  void check([2], limitsOf(11));
  t.equal(admits.length, 1, 'another limit');
  admitted([REFUSED_TENANT], { total: 11, observed: 11, leftMs: 1e6 });
  clock.nowMs = 31_000;
  void check([2], limitsOf(11));
  t.equal(admits.length, 1, 'another time');
  admitted([REFUSED_TENANT], { total: 11, observed: 11, leftMs: 500 });
  await new Promise(setImmediate);
  clock.nowMs += 600;
  void check([2], limitsOf(11));
  t.equal(admits.length, 1, 'another generation');
  admitted([REFUSED_TENANT], { generation: 2, total: 15, observed: 15, leftMs: 500 });
  await new Promise(setImmediate);
  t.match(check([1, 2], limitsOf(11)), { overLimit: { rows: [1], observed: 15 } }, 'as many as there are');
  t.match(announces, [{ call: { rows: { length: 4 } } }], 'what is known is announced beside it');
});

t.test('a metric that is full is remembered, too', async (t) => {
  const { admits, check, admitted } = given();
  const refused = check([1, 2], limitsOf(100, 5));
  admitted([REFUSED_METRIC, NEW], { total: 7, observed: 5, leftMs: 1e6 });
  await refused;
  t.match(check([2, 1], limitsOf(100, 5)), {
    overLimit: { rows: [1], reasons: ['per_metric_series_limit'], observed: 5 },
  });
  t.strictSame(admits, []);
});

t.test('a push that is refused whole does not keep its series alive', async (t) => {
  const { admits, announces, clock, series, check, admitted, tracked } = given();
  const first = check([1, 2], limitsOf(2), true);
  admitted([NEW, NEW], { total: 2, leftMs: 1 });
  await first;
  clock.nowMs = 15 * MINUTE_MS;
  const refused = check([1, 2, 3], limitsOf(2), true);
  t.equal(admits[0]?.call.announced, 0, 'nor is it announced');
  admitted([REFUSED_TENANT], { generation: 2, total: 2, observed: 2, leftMs: 1 });
  t.match(await refused, { overLimit: { rows: [2] } });
  t.strictSame(announces, []);
  await check([1], limitsOf(2), true);
  t.match(announces, [{ call: { rows: { length: 4 } } }], 'what passes is');
  const more = check([1, 4], limitsOf(2), true);
  admitted([NEW], { generation: 2, total: 2, observed: 2, leftMs: 1 });
  await more;
  t.equal(announces.length, 2, 'beside what is new, too');
  clock.nowMs = 25 * MINUTE_MS;
  tracked.sweep(tracked.table.segments, clock.nowMs);
  t.equal(series.active, 2, 'the one that did not pass is forgotten');
});

t.test('nor does it without a store', async (t) => {
  const clock = { nowMs: 0 };
  const tracked = tracker({ now: () => clock.nowMs });
  const series = tracked.tenant('a');
  const check = (numbers: readonly number[]) =>
    series.check(pushOf(numbers), undefined, limitsOf(20_000), true, clock.nowMs);
  check(range(0, 20_000));
  clock.nowMs = 15 * MINUTE_MS;
  t.match(check(range(0, 20_001)), { overLimit: { rows: [20_000] } });
  t.match(check(range(0, 10_000)), { overLimit: undefined });
  clock.nowMs = 25 * MINUTE_MS;
  tracked.sweep(tracked.table.segments, clock.nowMs);
  t.equal(series.active, 10_000);
});

t.test('all or nothing of many: first which are known, then headroom for the others', async (t) => {
  const known = range(0, 300);
  const push = range(0, 700);
  const outcomes = [...known.map(() => KNOWN), ...range(300, 700).map(() => REFUSED_TENANT)];
  const asked = async () => {
    const one = given();
    const first = one.check([9999], limitsOf(1000));
    one.admitted([NEW], { total: 500 });
    await first;
    const answer = one.check(push, limitsOf(1000), true);
    t.match(one.admits[0]?.call, {
      lookOnly: true,
      announced: 0,
      allOrNothing: false,
      noFinalRefusals: false,
      rows: { length: 2800 },
    });
    one.admitted(outcomes, { total: 500 });
    await new Promise(setImmediate);
    return { ...one, answer: answer as Promise<SeriesAnswer> };
  };

  const passed = await asked();
  t.strictSame(passed.reserved[0]?.call, { series: 400, mostOfTenant: 1000, generationMs: GENERATION_MS });
  t.equal(passed.reserved[0]?.alone, true, 'it may be larger than all that may be announced');
  passed.reserved[0]?.answer({ ...STATE, total: 500, leftMs: 1000, reservation: 'one' });
  t.match(await passed.answer, { newAdmitted: 0, overLimit: undefined, newLater: {} });
  t.equal(passed.series.active, 701);
  t.strictSame(
    passed.announces.map(({ call }) => [call.reservation, countRows(call.rows)]),
    [
      ['one', 400],
      ['', 300],
    ],
  );

  const refused = await asked();
  refused.reserved[0]?.answer({ ...STATE, total: 700, reservation: '' });
  t.match(await refused.answer, {
    newAdmitted: 0,
    overLimit: { rows: range(600, 700), observed: 1000 },
  });
  t.equal(refused.series.active, 1);
  t.strictSame(refused.announces, []);

  const later = await asked();
  later.reserved[0]?.answer({ ...STATE, total: 600, reservation: '' });
  t.match(await later.answer, { busy: true }, 'others have reserved it, and may give it back');
  const lost = await asked();
  lost.reserved[0]?.answer('lost');
  t.match(await lost.answer, { busy: true });
});

t.test('all or nothing of many, where all are known or none can be asked', async (t) => {
  const push = range(0, 700);
  const ask = async (onLoss: OnLoss = 'local-share', limit = 750) => {
    const one = given({ onLoss });
    const answer = one.check(push, limitsOf(limit), true);
    await new Promise(setImmediate);
    return { ...one, answer };
  };
  const known = await ask();
  known.admitted(Array(700).fill(KNOWN), { total: 700 });
  t.match(await known.answer, { newAdmitted: 0, overLimit: undefined });
  t.equal(known.series.active, 700);
  t.match(known.announces, [{ call: { reservation: '', rows: { length: 2800 } } }]);
  t.strictSame(known.reserved, []);

  const busy = await ask();
  busy.admits[0]?.answer('busy');
  t.match(await busy.answer, { busy: true });
  const partly = await ask();
  const outcomes = new Uint8Array(700).fill(PENDING);
  partly.admits[0]?.answer({ ...STATE, observed: 0, outcomes, unheard: 'lost' });
  t.match(await partly.answer, { busy: true });
  const lost = await ask();
  lost.admits[0]?.answer('lost');
  t.match(await lost.answer, { newAdmitted: 700 });
  t.equal(lost.series.admittedOffline, 700);

  const none = await ask('local-share', 699);
  none.admits[0]?.answer('lost');
  t.match(await none.answer, { newAdmitted: 0, overLimit: { rows: [699] } }, 'offline, too');
  const gone = await ask();
  gone.store.up = false;
  gone.admitted(Array(700).fill(REFUSED_TENANT));
  t.match(await gone.answer, { busy: true });
  const down = given();
  down.store.up = false;
  t.match(await down.check(push, limitsOf(750), true), { newAdmitted: 700 });

  for (const [what, series, limits] of [
    ['few', 512, limitsOf(512)],
    ['with a limit for metrics', 513, limitsOf(513, 20)],
  ] as const) {
    const { admits, check } = given();
    void check(range(0, series), limits, true);
    t.match(admits[0]?.call, { allOrNothing: true, lookOnly: undefined }, `${what}: one script`);
  }
});
