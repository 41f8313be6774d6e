import t from 'tap';
import { DISCARDED_REQUESTS, discarded } from '#src/enforce/tally.js';
import type { Admission, Admitted } from '#src/enforce/verdict.js';
import { type Push, RECORD_SAMPLES, RECORD_WORDS } from '#src/payload/push.js';
import { enforcer, FakeClock, limits, push, samples, snapshot } from './fixtures.js';
import { SlowStore, settled } from './slow-store.js';

const EVERYTHING = limits({ accept_ha_samples: true }, { bytes_per_second: 100, bytes_burst_size: 1000 });

function given(tenantLimits = EVERYTHING) {
  const store = new SlowStore();
  const clock = new FakeClock();
  const edge = enforcer({
    snapshot: snapshot({ a: tenantLimits }),
    ledger: store.ledger,
    series: store.series,
    now: clock.now,
  });
  return { store, clock, edge };
}

async function admit(admission: Admission | Promise<Admission>): Promise<Admitted> {
  const admitted = await admission;
  if (admitted.kind !== 'admitted') throw new Error(admitted.message);
  return admitted;
}

function ofPair(n: number): Push {
  return { ...samples(n), ha: { cluster: 'prod', replica: 'one' } };
}

t.test(
  'a step that comes after a wait has the time at which it is asked, not the one of the push',
  async (t) => {
    const { store, clock, edge } = given();
    clock.nowMs = 1000;
    const { tenant } = await admit(edge.admit('a'));
    const judging = edge.judge(tenant, ofPair(10));
    clock.nowMs = 1030;
    store.elect('elected');
    await settled();
    clock.nowMs = 1070;
    store.grant();
    await settled();
    clock.nowMs = 1110;
    store.grant();
    await settled();
    store.count();
    t.match(await judging, { kind: 'accept', items: 10, bytes: 100 });
    t.strictSame(store.asked, [
      { what: 'election', nowMs: 1000, n: 0 },
      { what: 'items', nowMs: 1030, n: 10 },
      { what: 'bytes', nowMs: 1070, n: 100 },
      { what: 'series', nowMs: 1110, n: 0 },
    ]);
    t.strictSame(store.givenBack, []);
  },
);

t.test('the time that a door has just read holds until the first wait, and no longer', async (t) => {
  const { store, clock, edge } = given(limits());
  const { tenant } = await admit(edge.admit('a'));
  clock.nowMs = 20;
  const judging = edge.judge(tenant, samples(10), false, 15);
  clock.nowMs = 30;
  store.grant();
  await settled();
  store.count();
  await judging;
  t.strictSame(store.asked, [
    { what: 'items', nowMs: 15, n: 10 },
    { what: 'series', nowMs: 30, n: 0 },
  ]);
});

t.test('a push that is judged after a wait is the one that came, copied once', async (t) => {
  const { store, edge } = given();
  const { tenant } = await admit(edge.admit('a'));
  // A view on a larger memory, as a decoder's is.
  const memory = new Uint8Array([9, 1, 2, 3, 9]);
  const view = { ...push([{ samples: 5 }, { flags: 0 }]), body: memory.subarray(1, 4) };
  const judging = edge.judge(tenant, view);
  memory.fill(0);
  view.records.fill(0);
  store.grant();
  await settled();
  store.grant();
  await settled();
  store.count();
  const verdict = await judging;
  if (verdict.kind !== 'filter') throw new Error(verdict.kind);
  t.strictSame([...verdict.push.body], [1, 2, 3]);
  t.equal(verdict.push.records[RECORD_SAMPLES], 5);
  t.equal(verdict.push.records[RECORD_WORDS + RECORD_SAMPLES], 1);
});

t.test(
  'what earlier steps charged comes back when a later one refuses, at the time of its answer',
  async (t) => {
    const cases: [string, (store: SlowStore) => void, object[]][] = [
      ['edge_bytes_rate_limited', (store) => store.deny(), [{ what: 'items', nowMs: 40, n: 10 }]],
      [
        'edge_state_lost',
        (store) => {
          store.grant();
          return settled().then(() => store.count({ lost: true }));
        },
        [
          { what: 'items', nowMs: 40, n: 10 },
          { what: 'bytes', nowMs: 40, n: 100 },
        ],
      ],
    ];
    for (const [reason, answerTheRest, givenBack] of cases) {
      const { store, clock, edge } = given();
      const { tenant } = await admit(edge.admit('a'));
      const judging = edge.judge(tenant, samples(10));
      store.grant();
      await settled();
      clock.nowMs = 40;
      await answerTheRest(store);
      t.match(await judging, { kind: 'refuse', reason });
      t.strictSame(store.givenBack, givenBack);
    }
  },
);

t.test('a bucket that was asked and has nothing is not given anything back', async (t) => {
  const { store, edge } = given();
  const { tenant } = await admit(edge.admit('a'));
  const judging = edge.judge(tenant, samples(10));
  store.deny();
  t.match(await judging, { kind: 'refuse', reason: 'rate_limited', observed: 10, allowed: 3 });
  t.strictSame(store.givenBack, []);
  t.equal(store.waitsFor, undefined, 'and no later step is asked');
});

t.test('a push of another replica ends there, and of one that nobody can tell goes on', async (t) => {
  const { store, edge } = given();
  const { tenant } = await admit(edge.admit('a'));
  const other = edge.judge(tenant, ofPair(10));
  store.elect('other');
  t.match(await other, { kind: 'duplicate' });
  void edge.judge(tenant, ofPair(10));
  store.elect('unknown');
  await settled();
  t.equal(store.waitsFor, 'items');
  t.equal(store.asked.length, 3);
});

t.test('limits that change while a push waits hold for the steps that are still to come', async (t) => {
  const { store, edge } = given();
  const { tenant } = await admit(edge.admit('a'));
  const freed = edge.judge(tenant, samples(10));
  edge.apply(snapshot({ a: limits({ accept_ha_samples: true }) }));
  store.grant();
  await settled();
  t.equal(store.waitsFor, 'series', 'no bytes are charged any more');
  store.count();
  t.match(await freed, { kind: 'accept', items: 10, bytes: 0 });

  edge.apply(snapshot({ a: EVERYTHING }));
  const refused = edge.judge(tenant, samples(10));
  store.grant();
  await settled();
  edge.apply(snapshot({ a: limits() }));
  store.deny();
  t.match(
    await refused,
    { reason: 'edge_bytes_rate_limited', message: /burst of 1000/ },
    'by the limit it was asked for',
  );
});

t.test('a request waits for its token, too, and passes in shadow mode without one', async (t) => {
  const tight = { request_rate: 1, request_burst_size: 1 };
  const { store, clock, edge } = given(limits(tight));
  clock.nowMs = 7;
  const admitted = edge.admit('a');
  t.strictSame(store.asked, [{ what: 'requests', nowMs: 7, n: 1 }]);
  store.grant();
  t.equal((await admit(admitted)).requests, 1);
  const refused = edge.admit('a');
  store.deny(5);
  t.match(await refused, { kind: 'refuse', reason: 'request_rate_limited', retryAfterSeconds: 5 });
  const lost = edge.admit('a');
  store.deny(1, true);
  t.match(await lost, { kind: 'refuse', reason: 'edge_state_lost', status: 503 });
  edge.setMode('shadow');
  const shadowed = edge.admit('a');
  store.deny();
  t.match(await shadowed, { kind: 'admitted', requests: 0, shadowed: { reason: 'request_rate_limited' } });
  const { tally } = edge.tenants.get('a')!;
  t.equal(tally.requests, 4);
  t.equal(discarded(tally.refused, 'request_rate_limited', DISCARDED_REQUESTS), 1);
  t.equal(discarded(tally.shadowed, 'request_rate_limited', DISCARDED_REQUESTS), 1);
});

t.test('series that turn out to be new after the answer count, too', async (t) => {
  const { store, edge } = given(limits());
  const { tenant } = await admit(edge.admit('a'));
  const judging = edge.judge(tenant, samples(3));
  store.grant();
  await settled();
  store.count({ newAdmitted: 1, newLater: Promise.resolve(2) });
  t.match(await judging, { kind: 'accept' });
  t.equal(tenant.tally.newSeries, 3);
});

t.test('of pushes that wait at one time each counts its new series', async (t) => {
  const { store, edge } = given(limits());
  const { tenant } = await admit(edge.admit('a'));
  const later: ((newSeries: number) => void)[] = [];
  for (let push = 0; push < 2; push++) {
    const judging = edge.judge(tenant, samples(3));
    store.grant();
    await settled();
    store.count({ newLater: new Promise((resolve) => later.push(resolve)) });
    await judging;
  }
  later[1]?.(5);
  await settled();
  t.equal(tenant.tally.newSeries, 5);
  later[0]?.(2);
  await settled();
  t.equal(tenant.tally.newSeries, 7);
});

t.test('a push whose series nobody could look at comes again, and costs nothing', async (t) => {
  const { store, edge } = given(limits());
  const { tenant } = await admit(edge.admit('a'));
  const judging = edge.judge(tenant, samples(3));
  store.grant();
  await settled();
  store.count({ busy: true });
  t.match(await judging, { kind: 'refuse', reason: 'edge_series_busy', status: 503, retryAfterSeconds: 1 });
  t.match(store.givenBack, [{ what: 'items', n: 3 }]);
});

t.test('what is in a push is counted once, by the limits of then, and charged once', async (t) => {
  const { store, edge } = given();
  const { tenant } = await admit(edge.admit('a'));
  const judging = edge.judge(tenant, push([{ samples: 1, exemplars: 5, uncharged: 5 }]));
  store.grant();
  await settled();
  t.equal(store.waitsFor, 'bytes');
  edge.apply(snapshot({ a: { ...EVERYTHING, max_global_exemplars_per_user: 100 } }));
  store.grant();
  await settled();
  t.equal(store.waitsFor, 'series', 'and not its items again');
  store.count();
  t.match(await judging, { kind: 'accept', items: 1, bytes: 100 });
});
