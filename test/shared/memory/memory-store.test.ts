/** The store of a process whose workers share it. */
import t from 'tap';
import { FORGET_MS } from '#src/elections/election-table.js';
import type { ElectReply } from '#src/elections/shared-elections.js';
import type { AdmitReply } from '#src/series/series-protocol.js';
import { KNOWN, NEW, UNTRACKED } from '#src/series/series-rows.js';
import { MemoryStore } from '#src/shared/memory/memory-store.js';
import type { StoreRequest } from '#src/shared/protocol.js';
import { leaseCall } from '../../buckets/fixtures.js';
import { admitCall, announceCall, MINUTE_MS } from '../../series/fixtures.js';

function given(maxTenants = 2, isKnown?: (tenant: string) => boolean) {
  let incarnations = 0;
  const store = new MemoryStore(() => `life.${incarnations++}`, maxTenants, 1000, isKnown);
  const elect = (tenant: string, replica: string, nowMs: number) => {
    const ha = { cluster: 'prod', replica };
    const call = { ha, updateMs: 15_000, takeoverMs: 30_000, mostClusters: 5, forgetMs: FORGET_MS };
    return store.answer({ kind: 'elect', tenant, call }, nowMs) as ElectReply;
  };
  return { store, elect };
}

t.test('it answers each call', async (t) => {
  const { store } = given();
  const generationMs = MINUTE_MS;
  const requests: [StoreRequest, object][] = [
    [
      { kind: 'lease', tenant: 'a', call: leaseCall({ need: 5 }) },
      { granted: 5, available: 95, incarnation: 'life.1' },
    ],
    [
      { kind: 'admit', tenant: 'a', call: admitCall(1, { generationMs }) },
      { outcomes: [NEW], total: 1, epoch: 'life.0' },
    ],
    [
      { kind: 'announce', tenant: 'a', call: announceCall(1, { generationMs }) },
      { outcomes: [KNOWN], total: 1 },
    ],
    [
      { kind: 'reserve', tenant: 'a', call: { series: 5, mostOfTenant: 900, generationMs } },
      { reservation: '', total: 1, generation: 1, leftMs: MINUTE_MS - 1000 },
    ],
  ];
  for (const [request, reply] of requests)
    t.match(store.answer(request, MINUTE_MS + 1000), reply, request.kind);
  t.equal(store.buckets, 1);
  t.equal(store.series, 1);
});

t.test('elections: the first is elected, by its age, until it resigns or falls silent', async (t) => {
  const { store, elect } = given();
  t.strictSame(elect('a', 'one', 1000), { replica: 'one', ageMs: 0 });
  t.strictSame(elect('a', 'two', 4000), { replica: 'one', ageMs: 3000 });
  t.strictSame(elect('b', 'two', 4000), { replica: 'two', ageMs: 0 }, 'each tenant has its own');
  const ha = { cluster: 'prod', replica: 'one' };
  t.equal(store.answer({ kind: 'resign', tenant: 'a', call: { ha } }, 5000), undefined);
  t.strictSame(elect('a', 'two', 5000), { replica: 'two', ageMs: 0 });
  t.strictSame(elect('a', 'three', 35_000), { replica: 'three', ageMs: 0 });
});

t.test('elections: too many clusters are told by no answer', async (t) => {
  const { store } = given();
  const elect = (cluster: string) =>
    store.answer(
      {
        kind: 'elect',
        tenant: 'a',
        call: {
          ha: { cluster, replica: 'one' },
          updateMs: 1000,
          takeoverMs: 2000,
          mostClusters: 1,
          forgetMs: FORGET_MS,
        },
      },
      0,
    );
  t.match(elect('x'), { replica: 'one' });
  t.equal(elect('y'), undefined);
});

t.test('elections of the tenant that was asked for least recently are forgotten for another', async (t) => {
  const { elect } = given(2);
  elect('a', 'one', 0);
  elect('b', 'one', 1);
  elect('a', 'two', 2);
  elect('c', 'one', 3);
  t.match(elect('a', 'two', 4), { replica: 'one' }, 'used since b was');
  t.match(elect('b', 'two', 5), { replica: 'two' }, 'forgotten');
});

t.test('names that nobody knows make no tenant leave that a document names', async (t) => {
  const { store, elect } = given(3, (tenant) => tenant.startsWith('known'));
  const admit = (tenant: string) =>
    (
      store.answer(
        { kind: 'admit', tenant, call: admitCall(1, { generationMs: MINUTE_MS }) },
        MINUTE_MS,
      ) as AdmitReply
    ).outcomes[0];
  elect('known-1', 'one', 0);
  elect('known-2', 'one', 0);
  t.strictSame([admit('known-1'), admit('known-2')], [NEW, NEW]);
  for (let i = 0; i < 50; i++) {
    elect(`made-up-${i}`, 'one', 1);
    admit(`made-up-${i}`);
  }
  for (const tenant of ['known-1', 'known-2']) {
    t.match(elect(tenant, 'two', 2), { replica: 'one' }, 'its election stands');
    t.equal(admit(tenant), KNOWN, 'and its series are remembered');
  }
  t.match(
    elect('made-up-49', 'two', 2),
    { replica: 'one' },
    'the last of the others has the room that is left',
  );

  elect('known-3', 'one', 3);
  admit('known-3');
  t.match(elect('made-up-49', 'two', 4), { replica: 'two' }, 'until a known one needs it');
  t.equal(admit('made-up-49'), UNTRACKED);
  t.match(elect('known-3', 'two', 4), { replica: 'one' });
  elect('known-4', 'one', 5);
  t.match(elect('known-1', 'two', 6), { replica: 'two' }, 'of known ones the least recently used one leaves');
});

t.test(
  'what nobody asks for expires: buckets when they are full again, elections after half an hour',
  async (t) => {
    const { store, elect } = given();
    store.answer({ kind: 'lease', tenant: 'a', call: leaseCall({ shape: { rate: 1, capacity: 60 } }) }, 0);
    elect('a', 'one', 0);
    store.expire(119_999);
    t.equal(store.buckets, 1);
    store.expire(120_000);
    t.equal(store.buckets, 0);
    const kept = given();
    kept.elect('a', 'one', 0);
    kept.store.expire(FORGET_MS - 1);
    // Its note is so old that another is elected in any case; who was is told by a patient call.
    const ask = (one: typeof kept) =>
      one.store.answer(
        {
          kind: 'elect',
          tenant: 'a',
          call: {
            ha: { cluster: 'prod', replica: 'two' },
            updateMs: 1e9,
            takeoverMs: 1e9,
            mostClusters: 5,
            forgetMs: 1e9,
          },
        },
        FORGET_MS,
      );
    t.match(ask(kept), { replica: 'one' });
    const gone = given();
    gone.elect('a', 'one', 0);
    gone.store.expire(FORGET_MS);
    t.match(ask(gone), { replica: 'two' });
  },
);

t.test('series that nobody announces are forgotten with the ticks', async (t) => {
  const { store } = given();
  const admit = (nowMs: number) =>
    store.answer(
      { kind: 'admit', tenant: 'a', call: admitCall(1, { generationMs: MINUTE_MS }) },
      nowMs,
    ) as AdmitReply;
  t.equal(admit(0).outcomes[0], NEW);
  for (let tick = 0; tick < 1200; tick++) store.tick(2 * MINUTE_MS);
  t.equal(store.series, 1, 'two generations');
  for (let tick = 0; tick < 1200; tick++) store.tick(3 * MINUTE_MS);
  t.equal(store.series, 0);
});
