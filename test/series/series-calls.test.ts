import t from 'tap';
import { SeriesCalls, type SeriesStoreCalls } from '#src/series/series-calls.js';
import type {
  AdmitCall,
  AdmitReply,
  AnnounceReply,
  ReserveCall,
  ReserveReply,
} from '#src/series/series-protocol.js';
import { KNOWN, NEW, PENDING, REFUSED_TENANT } from '#src/series/series-rows.js';
import { admitCall, announceCall, STATE } from './fixtures.js';

const ADMITTED: AdmitReply = { ...STATE, outcomes: new Uint8Array(), observed: 0 };
const RESERVED: ReserveReply = { ...STATE, reservation: 'reserved' };

interface Asked<Call, Reply> {
  readonly tenant: string;
  readonly call: Call;
  readonly answer: (reply: Reply | 'lost') => void;
}

/** A store that answers when the test says so. */
class Store implements SeriesStoreCalls {
  up = true;
  readonly admits: Asked<AdmitCall, AdmitReply>[] = [];
  readonly reserves: Asked<ReserveCall, ReserveReply>[] = [];
  announced = 0;

  readonly isUp = () => this.up;

  readonly admit = (tenant: string, call: AdmitCall) =>
    new Promise<AdmitReply | 'lost'>((answer) => this.admits.push({ tenant, call, answer }));

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
  return { store, clock, calls };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('so many series are in flight at one time; others wait in their order', async (t) => {
  const { store, calls } = given();
  const answers: string[] = [];
  const admit = (tenant: string, series: number) =>
    void calls
      .admit(tenant, admitCall(series))
      ?.then((reply) => answers.push(`${tenant} ${reply === 'lost' ? reply : reply.epoch}`));
  admit('large', 10_000);
  admit('second', 1000);
  admit('third', 10);
  t.strictSame(
    store.admits.map(({ tenant }) => tenant),
    ['large'],
  );
  store.admits[0]?.answer(ADMITTED);
  await settled();
  t.strictSame(
    store.admits.map(({ tenant }) => tenant),
    ['large', 'second', 'third'],
  );
  store.admits[1]?.answer('lost');
  store.admits[2]?.answer(ADMITTED);
  await settled();
  t.strictSame(answers, ['large one', 'second lost', 'third one']);
});

t.test('nobody waits for longer than for one answer, nor for a store that is down', async (t) => {
  const { store, clock, calls } = given();
  void calls.admit('first', admitCall(4096));
  const late = calls.admit('late', admitCall(1));
  clock.nowMs = 30;
  const other = calls.admit('other', admitCall(1));
  clock.nowMs = 49;
  calls.tick();
  clock.nowMs = 50;
  calls.tick();
  t.equal(await late, 'lost');
  store.up = false;
  t.equal(calls.admit('down', admitCall(1)), undefined);
  store.admits[0]?.answer(ADMITTED);
  t.equal(await other, 'lost');
  t.equal(store.admits.length, 1);
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

t.test('what is pending is asked again, a few times, and then for good', async (t) => {
  const { store, calls } = given();
  const reply = (...outcomes: number[]): AdmitReply => ({
    ...ADMITTED,
    outcomes: Uint8Array.from(outcomes),
  });
  const next = async (answer: AdmitReply | 'lost'): Promise<AdmitCall> => {
    while (store.admits.length === 0) await settled();
    const asked = store.admits.shift()!;
    asked.answer(answer);
    return asked.call;
  };
  const one = calls.admit('a', admitCall(3));
  await next(reply(NEW, PENDING, PENDING));
  await next(reply(KNOWN, KNOWN, PENDING));
  await next(reply(KNOWN, KNOWN, REFUSED_TENANT));
  t.match(await one, { outcomes: [NEW, KNOWN, REFUSED_TENANT] }, 'what was new is not said to be known');

  const never = calls.admit('a', admitCall(1));
  const noFinalRefusals: boolean[] = [];
  for (let i = 0; i < 5; i++) noFinalRefusals.push((await next(reply(PENDING))).noFinalRefusals);
  noFinalRefusals.push((await next(reply(REFUSED_TENANT))).noFinalRefusals);
  t.match(await never, { outcomes: [REFUSED_TENANT] });
  t.strictSame(noFinalRefusals, [true, true, true, true, true, false]);

  const lost = calls.admit('a', admitCall(1));
  await next(reply(PENDING));
  await next('lost');
  t.equal(await lost, 'lost');
});

t.test('bounds are bounds: so many, and not one more', async (t) => {
  const flying = given();
  void flying.calls.admit('a', admitCall(4000));
  void flying.calls.admit('b', admitCall(96));
  void flying.calls.admit('c', admitCall(1));
  t.equal(flying.store.admits.length, 2);
  flying.store.admits[1]?.answer(ADMITTED);
  await settled();
  t.equal(flying.store.admits.length, 3, 'what is answered makes place');

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

t.test('who comes later waits behind those who wait, however few series it has', async (t) => {
  const { store, calls } = given();
  void calls.admit('a', admitCall(4000));
  void calls.admit('b', admitCall(200));
  void calls.admit('c', admitCall(1));
  t.equal(store.admits.length, 1);
});

t.test('a call that may be refused for good is asked once', async (t) => {
  const { store, calls } = given();
  const reply = { ...ADMITTED, outcomes: Uint8Array.of(PENDING) };
  const asked = calls.admit('a', admitCall(1, { noFinalRefusals: false }));
  store.admits[0]?.answer(reply);
  t.equal(await asked, reply);
  t.equal(store.admits.length, 1);
});

t.test('what is pending is lost with the store', async (t) => {
  const { store, calls } = given();
  const asked = calls.admit('a', admitCall(1));
  store.up = false;
  store.admits[0]?.answer({ ...ADMITTED, outcomes: Uint8Array.of(PENDING) });
  t.equal(await asked, 'lost');
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
