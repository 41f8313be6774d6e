/** Tenants that say more of themselves: items and series are counted for each of what they say, all else for the tenant. */
import t from 'tap';
import { byteLimit } from '#src/enforce/limited-bucket.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { pushOf, tracker } from '../series/fixtures.js';
import { admit, enforcer, FakeClock, judge, limits, push, samples, snapshot } from './fixtures.js';

const SPENT_FOR_GOOD = { ingestion_rate: 0, ingestion_burst_size: 10 };

t.test('each has items of its own, by the limits that are selected for it', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({
      a: limits(SPENT_FOR_GOOD),
      ':source=test': limits({ ingestion_rate: 1e-9, ingestion_burst_size: 20 }),
    }),
  });
  for (const [name, burst] of [
    ['a', 10],
    ['a:source=prod', 10],
    ['a:source=prod:z=1', 10],
    ['a:source=test', 20],
  ] as const) {
    t.equal(judge(edge, admit(edge, name).tenant, samples(burst)).kind, 'accept', name);
    t.match(
      judge(edge, admit(edge, name).tenant, samples(1)),
      { reason: 'rate_limited', message: new RegExp(`tenant ${name} .* burst of ${burst} `) },
      name,
    );
  }
  t.equal(admit(edge, 'a:source=test').tenant, admit(edge, 'a:source=test|a:source=test').tenant);
  t.equal(admit(edge, 'a:broken').tenant, admit(edge, 'a').tenant, 'what breaks the rules selects nothing');
});

t.test('each has series of its own', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({
      a: limits({ max_global_series_per_user: 3 }),
      'a:k=1': limits({ max_active_series_per_user: 4 }),
    }),
    series: tracker(),
  });
  t.match(judge(edge, admit(edge, 'a').tenant, pushOf([1, 2, 3, 4])), {
    leftOut: { series: 1 },
    answer: { reason: 'per_user_series_limit' },
  });
  t.match(judge(edge, admit(edge, 'a:k=1').tenant, pushOf([1, 2, 3, 4, 5, 6])), {
    leftOut: { series: 2 },
    answer: { reason: 'max_active_series' },
  });
  t.match(judge(edge, admit(edge, 'a:k=2').tenant, pushOf([1, 2, 3, 4])), { leftOut: { series: 1 } });
  t.equal(edge.tenants.get('a')?.series?.active, 3);
  t.equal(edge.tenants.get('a:k=1')?.series?.active, 4);
});

t.test('the request rate and the byte rate are those of the tenant, whatever it says', async (t) => {
  const clock = new FakeClock();
  const own = limits(
    { request_rate: 1e-9, request_burst_size: 3 },
    { bytes_per_second: 1e-9, bytes_burst_size: 250 },
  );
  const edge = enforcer({ snapshot: snapshot({ a: own }), now: clock.now });
  const first = admit(edge, 'a:k=1');
  t.equal(judge(edge, first.tenant, push([{}], 0, 100)).kind, 'accept');
  const second = admit(edge, 'a');
  t.equal(judge(edge, second.tenant, push([{}], 0, 100)).kind, 'accept');
  const third = admit(edge, 'a:k=2');
  t.match(judge(edge, third.tenant, push([{}], 0, 100)), { reason: 'edge_bytes_rate_limited' });
  t.match(edge.admit('a:k=3'), { kind: 'refuse', reason: 'request_rate_limited' });
  edge.giveBack(first, { items: 1, bytes: 100, price: 1 });
  t.equal(edge.tenants.get('a')?.requests?.bucket.left(0), 1);
  t.equal(edge.tenants.get('a')?.bytes?.bucket.left(0), 150);
  t.match(byteLimit(own), { capacity: 250 });
});

t.test(
  'what a part shares goes on where it was, though the tenant has left memory and come back',
  async (t) => {
    const own = limits({ request_rate: 1e-9, request_burst_size: 4 });
    const clock = new FakeClock();
    const edge = enforcer({
      snapshot: snapshot({ a: own, 'a:k=1': own, b: own }),
      ledger: new MemoryLedger(),
      maxTenants: 2,
      now: clock.now,
    });
    admit(edge, 'a:k=1');
    t.equal(edge.tenants.get('a')?.requests?.bucket.left(0), 3);
    clock.nowMs += 2000;
    edge.tenants.use('a:k=1', clock.nowMs);
    admit(edge, 'b');
    t.equal(edge.tenants.get('a'), undefined);
    admit(edge, 'a:k=1');
    t.equal(
      Math.floor(edge.tenants.get('a')?.requests?.bucket.left(0) ?? 0),
      2,
      'and nothing was spent twice',
    );
  },
);

t.test(
  'metadata that nobody named takes no memory from others: where there is none, the tenant counts',
  async (t) => {
    const edge = enforcer({
      snapshot: snapshot({ a: limits(SPENT_FOR_GOOD), 'a:known=1': limits(SPENT_FOR_GOOD) }),
      maxUnknownTenants: 2,
      ledger: Object.assign(new MemoryLedger(), { remembersEvicted: () => false }),
    });
    for (const name of ['a:made=1', 'a:made=2']) {
      t.equal(judge(edge, admit(edge, name).tenant, samples(10)).kind, 'accept');
    }
    t.equal(admit(edge, 'a:made=3').tenant.id, 'a');
    t.equal(judge(edge, admit(edge, 'a:made=3').tenant, samples(10)).kind, 'accept');
    t.match(judge(edge, admit(edge, 'a:made=4').tenant, samples(1)), { reason: 'rate_limited' });
    t.equal(admit(edge, 'a:known=1').tenant.id, 'a:known=1', 'what a document names always has room');
    t.equal(admit(edge, 'a:made=1').tenant.id, 'a:made=1');
  },
);

t.test('who is refused, in shadow mode, or off, is so whatever it says', async (t) => {
  const known = snapshot({ a: limits({}, { mode: 'off' }), b: limits(SPENT_FOR_GOOD, { mode: 'shadow' }) });
  const edge = enforcer({ snapshot: known, unknownTenants: 'refuse' });
  t.match(judge(edge, admit(edge, 'a:k=1').tenant, samples(1)), { items: 0, shadowed: undefined });
  t.match(judge(edge, admit(edge, 'b:k=1').tenant, samples(11)), { shadowed: { reason: 'burst_exceeded' } });
  t.match(edge.admit('c:k=1'), { reason: 'edge_unknown_tenant', message: /names tenant c / });
  edge.apply(snapshot({ b: limits({ ingestion_rate: 0, ingestion_burst_size: 5 }) }));
  t.equal(edge.tenants.get('a:k=1'), undefined, 'a tenant that is no longer known goes with all its parts');
  t.match(judge(edge, admit(edge, 'b:k=1').tenant, samples(6)), { reason: 'burst_exceeded' });
});
