import t from 'tap';
import { Debts } from '#src/buckets/debts.js';
import type { Enforcer } from '#src/enforce/enforcer.js';
import { Tenant } from '#src/enforce/tenant.js';
import type { Verdict } from '#src/enforce/verdict.js';
import type { TenantLimits } from '#src/limits/limits.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { admit, enforcer, FakeClock, judge, limits, push, samples, snapshot } from './fixtures.js';

function tenant(edge: Enforcer, id: string): Tenant {
  const found = edge.tenant(id);
  if (!(found instanceof Tenant)) throw new Error(found.message);
  return found;
}

function send(edge: Enforcer, id: string, items: number): Verdict {
  return judge(edge, tenant(edge, id), samples(items));
}

const SPENT = limits({ ingestion_rate: 2, ingestion_burst_size: 1000 });

/** Tenants that a document names. */
function named(prefix: string, count: number): Record<string, TenantLimits> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}-${index}`, SPENT]));
}

t.test('a tenant that leaves memory comes back with what it had left, and what came in since', async (t) => {
  const clock = new FakeClock();
  const documents = snapshot({ a: SPENT, ...named('other', 6000) });
  const edge = enforcer({ snapshot: documents, maxTenants: 100, now: clock.now });
  t.match(send(edge, 'a', 900), { kind: 'accept' });
  for (let i = 0; i < 6000; i++) tenant(edge, `other-${i}`);
  t.equal(edge.tenants.get('a'), undefined, 'it is out of memory');
  t.equal(tenant(edge, 'a').items.bucket.left(clock.nowMs), 100);

  for (let i = 0; i < 200; i++) tenant(edge, `other-${i}`);
  clock.nowMs = 50_000;
  t.equal(tenant(edge, 'a').items.bucket.left(clock.nowMs), 200);

  for (let i = 0; i < 200; i++) tenant(edge, `other-${i}`);
  clock.nowMs = 1_000_000;
  t.equal(tenant(edge, 'a').items.bucket.left(clock.nowMs), 1000, 'no more than it holds');
});

t.test(
  'made-up names push out no tenant that a document names, however many of both there are',
  async (t) => {
    for (const count of [1, 99, 100]) {
      const clock = new FakeClock();
      const edge = enforcer({ snapshot: snapshot(named('a', count)), maxTenants: 100, now: clock.now });
      for (let i = 0; i < 100; i++) tenant(edge, `early-${i}`);
      for (let i = 0; i < count; i++) send(edge, `a-${i}`, 900);
      for (let i = 0; i < 6000; i++) {
        clock.nowMs = 100 + i;
        tenant(edge, `made-up-${i}`);
      }
      const held = [...edge.tenants.values()].map(({ id }) => id);
      t.equal(held.filter((id) => id.startsWith('a-')).length, count);
      t.equal(held.length, 100);
    }
  },
);

t.test('who is known changes with the documents', async (t) => {
  const edge = enforcer({ snapshot: snapshot(named('a', 2)), maxTenants: 2 });
  for (const id of ['a-0', 'a-1', 'made-up']) tenant(edge, id);
  edge.apply(snapshot({ 'a-1': SPENT }));
  tenant(edge, 'b');
  t.strictSame(
    [...edge.tenants.values()].map(({ id }) => id),
    ['a-1', 'b'],
  );
  edge.apply(snapshot({ 'a-1': SPENT, b: SPENT }));
  tenant(edge, 'c');
  t.strictSame(
    [...edge.tenants.values()].map(({ id }) => id),
    ['a-1', 'b'],
  );
});

t.test(
  'names that no document knows have all the room that others leave, or so much as is set',
  async (t) => {
    for (const [maxUnknownTenants, held] of [
      [Number.POSITIVE_INFINITY, 90],
      [25, 25],
      [0, 0],
    ] as const) {
      const edge = enforcer({ snapshot: snapshot(named('a', 10)), maxTenants: 100, maxUnknownTenants });
      for (let i = 0; i < 10; i++) tenant(edge, `a-${i}`);
      for (let i = 0; i < 500; i++) tenant(edge, `made-up-${i}`);
      t.equal(edge.tenants.size, 10 + held);
    }
  },
);

t.test('of unknown tenants one whose buckets are full leaves before one that owes', async (t) => {
  const clock = new FakeClock();
  const edge = enforcer({ snapshot: snapshot({}, SPENT), maxTenants: 10, now: clock.now });
  for (let i = 0; i < 7; i++) send(edge, `spent-${i}`, 900);
  for (let i = 0; i < 6000; i++) tenant(edge, `made-up-${i}`);
  for (let i = 0; i < 7; i++) {
    t.equal(edge.tenants.get(`spent-${i}`)?.items.bucket.left(clock.nowMs), 100, 'it never left');
  }
});

/** All unknown tenants are in debt, those in memory and those that are remembered. */
function fullOfDebts(more: Parameters<typeof enforcer>[0] = {}) {
  const clock = new FakeClock();
  const ledger = new MemoryLedger(new Debts(20));
  const edge = enforcer({
    snapshot: snapshot({ a: SPENT }, SPENT),
    maxTenants: 10,
    ledger,
    now: clock.now,
    ...more,
  });
  for (let i = 0; i < 30; i++) send(edge, `spent-${i}`, 900);
  return { clock, edge };
}

t.test('where no debt can be forgotten, new unknown tenants share one bucket', async (t) => {
  const { clock, edge } = fullOfDebts();
  const passed = new Map<string, number>();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 500; i++) {
      const id = `made-up-${i % 100}`;
      if (send(edge, id, 100).kind === 'accept') passed.set(id, (passed.get(id) ?? 0) + 100);
    }
  }
  const all = [...passed.values()].reduce((sum, items) => sum + items, 0);
  t.equal(all, 1000, '100 tenants pass what one may');
  t.match(send(edge, 'made-up-again', 100), {
    reason: 'rate_limited',
    message:
      /of tenant made-up-again .* none are left of the ingestion rate of 2 items.* shares .*tenants\.unknown_max/,
  });
  t.equal(edge.tenants.size, 10);
  clock.nowMs = 50_000;
  t.match(send(edge, 'made-up-again', 100), { kind: 'accept' }, 'it has its rate');
  t.match(send(edge, 'made-up-again', 1), { kind: 'refuse' });

  clock.nowMs = 1_000_000;
  t.match(send(edge, 'made-up-again', 1000), { kind: 'accept' });
  t.ok(edge.tenants.get('made-up-again'), 'there is room again when debts are paid');
});

t.test('nobody passes more than the debts allow, in whatever order tenants come', async (t) => {
  const { edge } = fullOfDebts();
  let passed = 0;
  for (let i = 0; i < 2000; i++)
    if (send(edge, `spent-${(i * 7) % 30}`, 100).kind === 'accept') passed += 100;
  t.equal(passed, 30 * 100, 'what they had left');
});

t.test('a tenant that a document names has room among debts, and its own limit', async (t) => {
  const { edge } = fullOfDebts();
  send(edge, 'made-up', 1000);
  t.match(send(edge, 'a', 1000), { kind: 'accept' });
  t.ok(edge.tenants.get('a'));
});

t.test('tenants that share a bucket share nothing else, and are counted', async (t) => {
  const HA = limits({ ingestion_rate: 2, ingestion_burst_size: 1000, accept_ha_samples: true });
  const { edge } = fullOfDebts({ snapshot: snapshot({}, HA) });
  const before = edge.tenants.departed.samples;
  for (const [id, replica] of [
    ['one', 'r1'],
    ['two', 'r2'],
  ] as const) {
    const replicated = { ...push([{}]), ha: { cluster: 'prod', replica } };
    t.match(judge(edge, tenant(edge, id), replicated), { kind: 'accept' });
  }
  t.equal(edge.tenants.departed.samples, before + 2);
});

t.test('new default limits hold for those that share a bucket', async (t) => {
  const { edge } = fullOfDebts();
  send(edge, 'made-up', 1000);
  edge.apply(snapshot({}, limits({ ingestion_rate: 3, ingestion_burst_size: 500 })));
  t.match(send(edge, 'made-up', 1), { message: /ingestion rate of 3 items\/s with a burst of 500/ });
});

t.test('with a store that has the buckets a tenant that owes leaves, and everyone has his own', async (t) => {
  class Remembering extends MemoryLedger {
    override remembersEvicted(): boolean {
      return true;
    }
  }
  const { edge } = fullOfDebts({ ledger: new Remembering(new Debts(20)) });
  for (let i = 0; i < 100; i++) t.match(send(edge, `made-up-${i}`, 900), { kind: 'accept' });
  t.equal(edge.tenants.size, 10);
});

t.test(
  'tenants that share buckets share those for requests and bytes, and get back what did not reach Mimir',
  async (t) => {
    const defaults = limits(
      { request_rate: 1, request_burst_size: 3 },
      { bytes_per_second: 1, bytes_burst_size: 250 },
    );
    const edge = enforcer({ snapshot: snapshot({}, defaults), maxUnknownTenants: 0 });
    const sent = ['one', 'two', 'three'].map((id) => {
      const admitted = admit(edge, id);
      return { admitted, verdict: judge(edge, admitted.tenant, samples(1)) };
    });
    t.match(
      sent.map(({ verdict }) => verdict),
      [
        { kind: 'accept' },
        { kind: 'accept' },
        { reason: 'edge_bytes_rate_limited', message: /three .* shares/ },
      ],
    );
    t.match(edge.admit('four'), { reason: 'request_rate_limited', message: /four .* shares/ });
    const [first] = sent;
    if (first?.verdict.kind !== 'accept') throw new Error('the first has passed');
    edge.giveBack(first.admitted, first.verdict);
    t.match(judge(edge, admit(edge, 'five').tenant, samples(1)), { kind: 'accept' });
    t.equal(edge.tenants.departed.requests, 5);
    t.equal(edge.tenants.size, 0);
  },
);

t.test('who sent again a second later leaves after who did not', async (t) => {
  let nowMs = 0;
  const tenants = snapshot({ a: limits(), b: limits(), c: limits() });
  const edge = enforcer({ maxTenants: 2, snapshot: tenants, now: () => nowMs });
  for (const id of ['a', 'b']) edge.admit(id);
  nowMs = 1000;
  for (const id of ['a', 'c']) edge.admit(id);
  t.strictSame(
    [...edge.tenants.values()].map(({ id }) => id),
    ['a', 'c'],
  );
});
