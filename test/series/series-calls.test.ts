import t from 'tap';
import { SeriesCalls, type SeriesStoreCalls } from '#src/series/series-calls.js';
import type {
  AdmitCall,
  AdmitReply,
  AnnounceReply,
  ReserveCall,
  ReserveReply,
} from '#src/series/series-protocol.js';
import {
  countRows,
  KNOWN,
  NEW,
  PENDING,
  REFUSED_METRIC,
  REFUSED_TENANT,
  ROW_WORDS,
  SKIPPED,
} from '#src/series/series-rows.js';
import { admitCall, announceCall, STATE } from './fixtures.js';

const RESERVED: ReserveReply = { ...STATE, reservation: 'reserved' };

interface Asked<Call, Reply> {
  readonly tenant: string;
  readonly call: Call;
  readonly answer: (reply: Reply) => void;
}

/** A store that answers when the test says so. */
class Store implements SeriesStoreCalls {
  up = true;
  readonly admits: Asked<AdmitCall, AdmitReply | 'lost' | 'moving'>[] = [];
  readonly reserves: Asked<ReserveCall, ReserveReply | 'lost'>[] = [];
  announced = 0;

  readonly isUp = () => this.up;

  readonly admit = (tenant: string, call: AdmitCall) =>
    new Promise<AdmitReply | 'lost' | 'moving'>((answer) => this.admits.push({ tenant, call, answer }));

  readonly reserve = (tenant: string, call: ReserveCall) =>
    new Promise<ReserveReply | 'lost'>((answer) => this.reserves.push({ tenant, call, answer }));

  readonly announce = () => {
    this.announced++;
    return new Promise<AnnounceReply | 'lost'>(() => {});
  };
}

function given(reservesHeadroom = true) {
  const store = new Store();
  const clock = { nowMs: 0 };
  const calls = new SeriesCalls(store, {
    onLoss: 'local-share',
    replicas: () => 1,
    reservesHeadroom,
    timeoutMs: 50,
    now: () => clock.nowMs,
  });
  /** Answers the call that has waited longest: all its rows became the same, or these. */
  const next = async (
    outcome: number | readonly number[] | 'lost' | 'moving',
    state: Partial<AdmitReply> = {},
  ) => {
    while (store.admits.length === 0) await settled();
    const { tenant, call, answer } = store.admits.shift()!;
    const outcomes =
      typeof outcome === 'object' ? Uint8Array.from(outcome) : new Uint8Array(countRows(call.rows));
    if (typeof outcome === 'number') outcomes.fill(outcome);
    answer(typeof outcome === 'string' ? outcome : { ...STATE, observed: 0, ...state, outcomes });
    await settled();
    return { tenant, call, series: countRows(call.rows) };
  };
  return { store, clock, calls, next };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('a push is looked at in parts, one after the other', async (t) => {
  const { store, calls, next } = given();
  const rows = Uint32Array.from({ length: 4 * 1100 }, (_, word) => Math.floor(word / 4));
  const asked = calls.admit('a', admitCall(0, { rows, announced: 600 }));
  const parts = [];
  for (const [outcome, observed, total] of [
    [KNOWN, 0, 1],
    [REFUSED_TENANT, 70, 2],
    [REFUSED_METRIC, 80, 3],
  ] as const) {
    t.equal(store.admits.length, 1);
    const { call, series } = await next(outcome, { observed, total });
    parts.push([series, call.rows[0], call.announced]);
  }
  t.strictSame(parts, [
    [512, 0, 512],
    [512, 512, 88],
    [76, 1024, 0],
  ]);
  const reply = await asked;
  if (typeof reply !== 'object') throw new Error(`it is ${reply}`);
  t.match(reply, { observed: 70, total: 3, unheard: undefined }, 'the first that was refused');
  t.strictSame(
    [511, 512, 1023, 1024].map((row) => reply.outcomes[row]),
    [KNOWN, REFUSED_TENANT, REFUSED_TENANT, REFUSED_METRIC],
  );
  const none = calls.admit('a', admitCall(0));
  t.equal((await next(KNOWN)).series, 0, 'no series: still one call');
  t.match(await none, { total: 1, outcomes: { length: 0 } });
});

t.test('parts of all pushes take turns', async (t) => {
  const { store, calls, next } = given();
  for (const tenant of ['many', 'many', 'many', 'one']) void calls.admit(tenant, admitCall(1024));
  t.strictSame(
    store.admits.map(({ tenant }) => tenant),
    ['many', 'many'],
    'so many are in flight',
  );
  const order: string[] = [];
  for (let i = 0; i < 8; i++) order.push((await next(NEW)).tenant);
  t.equal(order.filter((tenant) => tenant === 'many').length, 6);
  t.ok(order.indexOf('one') <= 4, `${order}`);
});

t.test('too much at once is no outage: whoever can not be looked at in time is to come again', async (t) => {
  const { clock, calls, store, next } = given();
  void calls.admit('first', admitCall(512));
  void calls.admit('first', admitCall(512));
  const late = calls.admit('late', admitCall(1));
  clock.nowMs = 999;
  calls.tick();
  await next(NEW);
  await next(NEW);
  t.equal((await next(NEW)).tenant, 'late', 'it is waited for');
  t.match(await late, { outcomes: [NEW] });

  void calls.admit('first', admitCall(512));
  void calls.admit('first', admitCall(512));
  void calls.admit('first', admitCall(512));
  const busy = calls.admit('late', admitCall(1));
  clock.nowMs += 1000;
  calls.tick();
  t.equal(await busy, 'busy', 'twenty times the time of a call');
  store.up = false;
  t.equal(calls.admit('down', admitCall(1)), undefined);
});

t.test('a part that is lost is asked for again while the store is up', async (t) => {
  const { store, clock, calls, next } = given();
  const again = calls.admit('a', admitCall(1));
  await next('lost');
  await next('lost');
  await next(NEW);
  t.match(await again, { outcomes: [NEW], unheard: undefined });

  const down = calls.admit('a', admitCall(1));
  store.up = false;
  await next('lost');
  t.equal(await down, 'lost');

  store.up = true;
  const busy = calls.admit('a', admitCall(1));
  clock.nowMs += 1000;
  await next('lost');
  t.equal(await busy, 'busy', 'not for ever');
  t.equal(store.admits.length, 0);
});

t.test('who waits for its turn when the store goes down is not kept waiting', async (t) => {
  const { store, clock, calls, next } = given();
  const first = calls.admit('a', admitCall(512));
  void calls.admit('a', admitCall(512));
  const waiting = calls.admit('b', admitCall(500));
  const later = calls.admit('c', admitCall(512));
  store.up = false;
  await next('lost');
  t.equal(await first, 'lost');
  clock.nowMs = 1000;
  calls.tick();
  t.strictSame(await Promise.all([waiting, later]), ['lost', 'lost']);
  t.equal(store.admits.length, 1, 'it is not asked');
});

t.test('a tenant that a cluster is moving is waited for, as long as a push may wait', async (t) => {
  const { store, clock, calls, next } = given();
  const moved = calls.admit('a', admitCall(3));
  await next('moving');
  await next('moving');
  await next(NEW);
  t.match(await moved, { outcomes: [NEW, NEW, NEW] });

  const moving = calls.admit('a', admitCall(3));
  await next('moving');
  while (store.admits.length === 0) await settled();
  clock.nowMs = 20 * 50;
  await next('moving');
  t.equal(await moving, 'lost', 'then it has its share of the headroom: that is no congestion');

  for (let i = 0; i < 10; i++) {
    const other = calls.admit('b', admitCall(2048));
    clock.nowMs += 1;
    t.equal((await next(KNOWN)).series, 512, 'nobody else is asked for less at a time');
    for (let part = 1; part < 4; part++) await next(KNOWN);
    await other;
  }
});

t.test('whose turn comes when the store is down is not sent', async (t) => {
  const { store, calls, next } = given();
  void calls.admit('a', admitCall(512));
  void calls.admit('a', admitCall(512));
  const waiting = calls.admit('b', admitCall(500));
  store.up = false;
  await next(NEW);
  t.equal(await waiting, 'lost');
  t.equal(store.admits.length, 1, 'the one that was sent before');
});

t.test('what was heard of a push before the store was lost holds', async (t) => {
  const { store, clock, calls, next } = given();
  const lost = calls.admit('a', admitCall(1000));
  await next(NEW, { total: 7, observed: 5 });
  store.up = false;
  await next('lost');
  const reply = await lost;
  t.match(reply, { unheard: 'lost', total: 7, observed: 5, outcomes: { length: 1000 } });
  t.strictSame(typeof reply === 'object' && [reply.outcomes[511], reply.outcomes[512]], [NEW, PENDING]);

  store.up = true;
  const busy = calls.admit('a', admitCall(1000));
  await next(NEW);
  clock.nowMs = 5000;
  await next('lost');
  t.match(await busy, { unheard: 'busy' });
});

t.test('all or nothing is one part, up to a bound, and ends where something is refused', async (t) => {
  const { calls, next, store } = given();
  const whole = calls.admit('a', admitCall(10_000, { allOrNothing: true }));
  t.equal((await next(NEW)).series, 4096);
  t.equal((await next([...Array(4095).fill(SKIPPED), REFUSED_METRIC], { observed: 9 })).series, 4096);
  const reply = await whole;
  t.match(reply, { observed: 9 });
  t.strictSame(typeof reply === 'object' && [reply.outcomes[8191], reply.outcomes[8192]], [
    REFUSED_METRIC,
    SKIPPED,
  ]);
  t.strictSame(store.admits, [], 'the rest is not looked at');

  const lost = calls.admit('a', admitCall(5000, { allOrNothing: true }));
  await next(NEW);
  store.up = false;
  await next('lost');
  t.equal(await lost, 'lost', 'nothing of it holds');

  const local = given(false);
  void local.calls.admit('a', admitCall(10_000, { allOrNothing: true }));
  t.equal((await local.next(NEW)).series, 10_000, 'where a call costs next to nothing it is one');
});

for (const [name, outcome] of [
  ['is refused for the tenant', REFUSED_TENANT],
  ['is refused for its metric', REFUSED_METRIC],
  ['can not be decided yet', PENDING],
] as const) {
  t.test(`of all or nothing the rest is not looked at once one series ${name}`, async (t) => {
    const { calls, next, store } = given();
    const rows = Uint32Array.from({ length: ROW_WORDS * 5000 }, (_, word) => Math.floor(word / ROW_WORDS));
    const whole = calls.admit('a', admitCall(0, { rows, allOrNothing: true }));
    await next([outcome, ...Array(4095).fill(SKIPPED)]);
    if (outcome !== PENDING) {
      t.match(await whole, { outcomes: { 0: outcome, 4096: SKIPPED } });
      t.strictSame(store.admits, []);
      return;
    }
    const { call } = await next(NEW);
    t.equal(call.rows[0], 0, 'all is asked again');
    await next(NEW);
    t.match(await whole, { outcomes: { 0: NEW, 4999: NEW } });
  });
}

t.test(
  'a store that loses calls is asked for less at a time, and for more when it answers soon',
  async (t) => {
    const { clock, calls, next } = given();
    clock.nowMs = 1e6;
    const parts = async (tookMs: number) => {
      const asked = calls.admit('a', admitCall(700));
      const sizes: number[] = [];
      while (sizes.reduce((sum, size) => sum + size, 0) < 700) {
        await settled();
        clock.nowMs += tookMs;
        sizes.push((await next(KNOWN)).series);
      }
      await asked;
      return sizes;
    };
    t.strictSame(await parts(1), [512, 188]);
    const lost = calls.admit('a', admitCall(1));
    for (let times = 0; times < 3; times++) await next('lost');
    await next(KNOWN);
    await lost;
    t.strictSame(await parts(25), [150, 188, 235, 127]);
    t.strictSame(await parts(26), [326, 163, 81, 64, 64, 2], 'late is as good as lost');
  },
);

t.test('who comes again to a store that is down by then is not kept waiting by others', async (t) => {
  const { store, calls, next } = given();
  const again = calls.admit('a', admitCall(1));
  await next('lost');
  for (const tenant of ['b', 'c']) void calls.admit(tenant, admitCall(512));
  store.up = false;
  t.equal(await again, 'lost');

  store.up = true;
  const late = given();
  const down = late.calls.admit('a', admitCall(1));
  late.store.up = false;
  late.clock.nowMs = 1000;
  await late.next('lost');
  t.equal(await down, 'lost', 'nor told that the store is busy');
});

t.test(
  'what is only announced waits for the next push, when enough is to be announced already',
  async (t) => {
    const { store, calls } = given();
    const ignore = () => {};
    void calls.announce('first', announceCall(5000), ignore);
    t.equal(await calls.announce('second', announceCall(200), ignore), 200, 'not told of one');
    t.equal(calls.unannounced, 5000);
    void calls.announce('third', announceCall(200, { reservation: 'reserved' }), ignore);
    t.equal(calls.unannounced, 5200, 'what headroom is reserved for is announced in any case');
    t.equal(store.announced, 1, 'one call at a time');
  },
);

t.test('headroom is reserved while what is to be announced is bounded', async (t) => {
  const { store, calls } = given();
  const reserve = (series: number) => calls.reserve('a', { series, mostOfTenant: 1e6, generationMs: 1000 });
  t.equal(reserve(20_000), undefined, 'too many at once');
  const first = reserve(10_000);
  t.equal(reserve(10_000), undefined, 'too many in flight');
  store.reserves[0]?.answer(RESERVED);
  t.equal(await first, RESERVED);
  void calls.announce('a', announceCall(10_000, { reservation: 'reserved' }), () => {});
  t.equal(reserve(10_000), undefined, 'too many to announce');
  t.ok(reserve(1000));
  store.up = false;
  t.equal(reserve(1000), undefined);
  t.equal(
    given(false).calls.reserve('a', { series: 1, mostOfTenant: 10, generationMs: 1000 }),
    undefined,
    'not in this store',
  );
});

t.test('one push may be larger than all that may be announced: then it goes alone', async (t) => {
  const { store, calls } = given();
  const reserve = (series: number, alone: boolean) =>
    calls.reserve('a', { series, mostOfTenant: 1e6, generationMs: 1000 }, alone);
  t.ok(reserve(16_385, true));
  t.equal(reserve(1, true), undefined, 'not beside another');
  store.reserves[0]?.answer(RESERVED);
  await settled();
  t.equal(reserve(16_385, false), undefined);
  void calls.announce('a', announceCall(1), () => {});
  t.equal(reserve(16_385, true), undefined, 'nor while anything is to be announced');
});

t.test('what is pending is asked again, a few times, and then for good', async (t) => {
  const { calls, next } = given();
  const one = calls.admit('a', admitCall(3));
  await next([NEW, PENDING, PENDING]);
  await next([KNOWN, KNOWN, PENDING]);
  await next([KNOWN, KNOWN, REFUSED_TENANT]);
  t.match(await one, { outcomes: [NEW, KNOWN, REFUSED_TENANT] }, 'what was new is not said to be known');

  const never = calls.admit('a', admitCall(1));
  const noFinalRefusals: boolean[] = [];
  for (let i = 0; i < 5; i++) noFinalRefusals.push((await next(PENDING)).call.noFinalRefusals);
  noFinalRefusals.push((await next(REFUSED_TENANT)).call.noFinalRefusals);
  t.match(await never, { outcomes: [REFUSED_TENANT] });
  t.strictSame(noFinalRefusals, [true, true, true, true, true, false]);
});

t.test('rows that were admitted stay so when the retry for the others is lost', async (t) => {
  const { store, calls, next } = given();
  const lost = calls.admit('a', admitCall(3));
  await next([NEW, KNOWN, PENDING]);
  store.up = false;
  t.match(await lost, { outcomes: [NEW, KNOWN, PENDING], unheard: 'lost' });
  store.up = true;
  const whole = calls.admit('a', admitCall(2, { allOrNothing: true }));
  await next([SKIPPED, PENDING]);
  store.up = false;
  t.equal(await whole, 'lost', 'of all or nothing nothing was');
});

t.test('bounds are bounds: so many, and not one more', async (t) => {
  const reserving = given();
  const reserve = (series: number) =>
    reserving.calls.reserve('a', { series, mostOfTenant: 1e6, generationMs: 1000 });
  t.ok(reserve(16_384));
  t.equal(reserve(1), undefined);
  reserving.store.reserves[0]?.answer('lost');
  await settled();
  t.ok(reserve(16_384));

  const telling = given();
  void telling.calls.announce('a', announceCall(4095), () => {});
  void telling.calls.announce('a', announceCall(1), () => {});
  t.equal(telling.calls.unannounced, 4096);
  t.equal(await telling.calls.announce('a', announceCall(1), () => {}), 1);
});

t.test('a call that may be refused for good is asked once', async (t) => {
  const { store, calls, next } = given();
  const asked = calls.admit('a', admitCall(1, { noFinalRefusals: false }));
  await next(PENDING);
  t.match(await asked, { outcomes: [PENDING] });
  t.equal(store.admits.length, 0);
});

t.test('announcements that were lost go on with a tick', async (t) => {
  const store = new Store();
  const answers: ((reply: 'lost') => void)[] = [];
  const client = {
    ...store,
    announce: () => new Promise<AnnounceReply | 'lost'>((one) => answers.push(one)),
  };
  const options = { onLoss: 'refuse', replicas: () => 3, reservesHeadroom: true, timeoutMs: 50 } as const;
  const calls = new SeriesCalls(client, { ...options, now: () => 0 });
  t.match([calls.onLoss, calls.replicas()], ['refuse', 3]);
  void calls.announce('a', announceCall(1), () => {});
  answers[0]?.('lost');
  await settled();
  t.equal(answers.length, 1);
  calls.tick();
  t.equal(answers.length, 2);
});
