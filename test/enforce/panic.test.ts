import fc from 'fast-check';
import t from 'tap';
import { type AdmittedParts, ALL_ADMITTED, isSameAdmitted, leastOf } from '#src/enforce/panic.js';
import { DISCARDED_REQUESTS, discarded } from '#src/enforce/tally.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { admit, enforcer, FakeClock, judge, limits, samples, snapshot } from './fixtures.js';
import { SlowStore } from './slow-store.js';

const PRIORITIES = ['critical', 'normal', 'low'] as const;

function all(part: number): AdmittedParts {
  return { critical: part, normal: part, low: part };
}

const LIMITED = limits(
  { request_rate: 10, request_burst_size: 40, ingestion_rate: 100, ingestion_burst_size: 400 },
  { bytes_per_second: 1000, bytes_burst_size: 4000 },
);

t.test('in a panic a tenant has the part of its rate and of its burst, and all of the part', async (t) => {
  for (const part of [0.9, 0.5, 1 / 3, 0.05]) {
    const clock = new FakeClock();
    const edge = enforcer({ snapshot: snapshot({ a: LIMITED }), now: clock.now });
    edge.setAdmitted(all(part));
    const { tenant } = admit(edge, 'a');
    const passed = { requests: 0, items: 0, bytes: 0 };
    for (let tick = 0; tick <= 1000; tick++) {
      clock.nowMs = tick * 100;
      for (;;) {
        const admission = edge.admit('a');
        if (!('kind' in admission) || admission.kind !== 'admitted') break;
        passed.requests++;
      }
      for (const kind of ['items', 'bytes'] as const) {
        while (edge.draw(tenant, tenant[kind] ?? tenant.items, 1) === undefined) passed[kind]++;
      }
    }
    const most = { requests: 1040 * part, items: 10_400 * part, bytes: 104_000 * part };
    for (const kind of ['requests', 'items', 'bytes'] as const) {
      t.ok(passed[kind] <= most[kind] + 1, `${part}: ${passed[kind]} of ${most[kind]} ${kind}`);
      t.ok(passed[kind] >= most[kind] - 2, `${part}: ${passed[kind]} of ${most[kind]} ${kind}`);
    }
  }
});

t.test('who is refused in a panic gets 503 and comes again later, at a time of its own', async (t) => {
  const rates = { ...LIMITED, service_overload_status_code_on_rate_limit_enabled: true };
  for (const [random, seconds] of [
    [0, 5],
    [0.5, 7],
    [1, 8],
  ] as const) {
    const edge = enforcer({ snapshot: snapshot({ a: rates }), random: () => random });
    edge.setAdmitted(all(0.5));
    const { tenant } = admit(edge, 'a');
    t.equal(judge(edge, tenant, samples(200)).kind, 'accept');
    const refusal = judge(edge, tenant, samples(1));
    t.match(refusal, {
      kind: 'refuse',
      reason: 'edge_panic',
      status: 503,
      retryAfterSeconds: seconds,
      message:
        /tenant a was refused: too much comes for Mimir, and tenants of priority normal may send 50 % of their rates and bursts/,
    });
    t.match(edge.draw(tenant, tenant.requests!, 40), { reason: 'edge_panic', status: 503 });
    t.match(edge.draw(tenant, tenant.bytes!, 4000), { reason: 'edge_panic', status: 503 });
  }
  const edge = enforcer({ snapshot: snapshot({ a: LIMITED }), random: () => 1 });
  edge.setAdmitted(all(0.1));
  const refusal = judge(edge, admit(edge, 'a').tenant, samples(400));
  t.match(refusal, { reason: 'edge_panic', retryAfterSeconds: 90 }, 'though no time is known when it passes');
});

t.test('a push that no burst of the tenant holds is refused for that, panic or not', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: LIMITED }) });
  edge.setAdmitted(all(0.5));
  t.match(judge(edge, admit(edge, 'a').tenant, samples(401)), { reason: 'burst_exceeded', status: 429 });
});

t.test('each priority has a part of its own, and a tenant the one of its priority', async (t) => {
  const tenants = Object.fromEntries(
    PRIORITIES.map((priority) => [priority, { ...LIMITED, edge: { ...LIMITED.edge, priority } }]),
  );
  const edge = enforcer({ snapshot: snapshot(tenants) });
  const before = admit(edge, 'low').tenant;
  edge.setAdmitted({ critical: 1, normal: 0.5, low: 0.25 });
  const prices = () => PRIORITIES.map((id) => admit(edge, id).tenant.price);
  t.strictSame(prices(), [1, 2, 4], 'those in memory and new ones');
  t.equal(before.price, 4);
  edge.apply(snapshot({ ...tenants, low: { ...LIMITED, edge: { ...LIMITED.edge, priority: 'critical' } } }));
  t.strictSame(prices(), [1, 2, 1], 'and at once the one of a new priority');
  edge.setAdmitted(ALL_ADMITTED);
  t.strictSame(prices(), [1, 1, 1]);
  t.same(edge.admitted, ALL_ADMITTED);
});

t.test('where nothing is admitted no bucket is asked, and no body is read', async (t) => {
  const store = new SlowStore();
  const edge = enforcer({ ledger: store.ledger, snapshot: snapshot({ a: LIMITED, b: limits() }) });
  const found = edge.tenant('a');
  edge.setAdmitted(all(0));
  for (const id of ['a', 'b']) {
    t.match(
      edge.admit(id),
      { kind: 'refuse', reason: 'edge_panic', status: 503 },
      'with a request rate or not',
    );
  }
  if (!('items' in found)) throw new Error('a is a tenant');
  t.match(judge(edge, found, samples(0)), { reason: 'edge_panic' }, 'nor for one that was admitted before');
  t.match(edge.draw(found, found.items, 1), { reason: 'edge_panic' });
  t.strictSame(store.asked, []);
});

t.test('in shadow mode a panic is counted and lets pass, in mode off it is not there', async (t) => {
  for (const part of [0.5, 0]) {
    const shadow = { ...LIMITED, edge: { ...LIMITED.edge, mode: 'shadow' as const } };
    const off = { ...LIMITED, edge: { ...LIMITED.edge, mode: 'off' as const } };
    const edge = enforcer({ snapshot: snapshot({ shadow, off }) });
    edge.setAdmitted(all(part));
    const { tenant } = admit(edge, 'shadow');
    for (let n = 0; n < 2; n++) judge(edge, tenant, samples(150));
    t.match(judge(edge, tenant, samples(150)), {
      kind: 'accept',
      shadowed: { reason: 'edge_panic', status: 503 },
    });
    const counted = discarded(tenant.tally.shadowed, 'edge_panic', DISCARDED_REQUESTS);
    t.equal(counted, part === 0 ? 3 : 2, 'each push once');
    t.match(judge(edge, admit(edge, 'off').tenant, samples(400)), { kind: 'accept', shadowed: undefined });
    t.match(judge(edge, admit(edge, 'off').tenant, samples(400)), { kind: 'accept', shadowed: undefined });
  }
});

t.test('what comes back is what was taken, though a panic began or ended meanwhile', async (t) => {
  const part = fc.constantFrom(1, 0.9, 0.5, 1 / 3);
  fc.assert(
    fc.property(part, part, fc.integer({ min: 1, max: 130 }), (first, second, n) => {
      const edge = enforcer({
        snapshot: snapshot({
          a: {
            ...LIMITED,
            request_rate: 1e-9,
            ingestion_rate: 0,
            edge: { ...LIMITED.edge, bytes_per_second: 1e-9 },
          },
        }),
      });
      edge.setAdmitted(all(first));
      const admission = admit(edge, 'a');
      const { tenant } = admission;
      const left = () =>
        [tenant.requests, tenant.items, tenant.bytes].map((one) =>
          Math.round((one?.bucket.left(0) ?? 0) * 1e6),
        );
      const verdict = judge(edge, tenant, samples(n));
      if (verdict.kind !== 'accept') throw new Error('there is room for it');
      t.equal(verdict.items, n, 'what it holds, not what it costs');
      t.equal(left()[1], Math.round((400 - n / first) * 1e6));
      edge.setAdmitted(all(second));
      edge.giveBack(admission, verdict);
      t.strictSame(left(), [40e6, 400e6, 4000e6]);
    }),
    { numRuns: 30 },
  );
});

t.test('a push that waits for the store pays what it would have when it came', async (t) => {
  const store = new SlowStore();
  const edge = enforcer({ ledger: store.ledger, snapshot: snapshot({ a: LIMITED }) });
  edge.setAdmitted(all(0.5));
  const tenant = edge.tenant('a');
  if (!('items' in tenant)) throw new Error('a is a tenant');
  const verdict = edge.judge(tenant, samples(10));
  edge.setAdmitted(all(0.1));
  store.grant();
  await new Promise(setImmediate);
  store.grant();
  t.match(await verdict, { kind: 'accept', items: 10, bytes: 100, price: 2 });
  t.strictSame(
    store.asked.map(({ what, n }) => [what, n]),
    [
      ['items', 20],
      ['bytes', 200],
    ],
  );
});

t.test('of two that say what is admitted the one holds that admits less, for each priority', async (t) => {
  const one = { critical: 1, normal: 0.5, low: 0.1 };
  const other = { critical: 0.9, normal: 0.2, low: 0.3 };
  for (const both of [leastOf(one, other), leastOf(other, one)]) {
    t.same(both, { critical: 0.9, normal: 0.2, low: 0.1 });
  }
});

t.test('admitted parts are the same when each priority has the same', async (t) => {
  for (const priority of PRIORITIES) {
    const some = { ...ALL_ADMITTED, [priority]: 0.5 };
    t.notOk(isSameAdmitted(some, ALL_ADMITTED), priority);
    t.ok(isSameAdmitted(some, { ...some }), priority);
  }
});

t.test('tenants of whom one bucket is held for all have the same part', async (t) => {
  const edge = enforcer({
    ledger: new MemoryLedger(),
    maxTenants: 1,
    snapshot: snapshot({ known: LIMITED }, LIMITED),
  });
  edge.setAdmitted(all(0.5));
  admit(edge, 'known');
  t.equal(admit(edge, 'unknown').tenant.price, 2);
});
