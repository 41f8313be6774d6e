import t from 'tap';
import { DISCARDED_REQUESTS, DISCARDED_SAMPLES, DISCARDED_SERIES, discarded } from '#src/enforce/tally.js';
import { admit, enforcer, FakeClock, judge, limits, samples, snapshot } from './fixtures.js';

t.test('lowered limits take effect at once, raised ones mint nothing', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 100 }) }),
  });
  const { tenant } = admit(edge, 'a');
  edge.apply(snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 10 }) }));
  t.match(judge(edge, tenant, samples(11)), { reason: 'burst_exceeded' });
  edge.apply(snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 1000 }) }));
  t.match(judge(edge, tenant, samples(11)), { reason: 'rate_limited' });
  t.equal(judge(edge, tenant, samples(10)).kind, 'accept');
  edge.apply(snapshot({}, limits({ ingestion_rate: 0, ingestion_burst_size: 7 })));
  t.match(
    judge(edge, tenant, samples(8)),
    { message: /tenant a .* burst of 7,/ },
    'a removed tenant has the defaults',
  );
});

t.test('shadow mode decides and counts, charges nothing for a refusal, and lets pass', async (t) => {
  const shadowed = limits({ ingestion_rate: 0, ingestion_burst_size: 10 }, { mode: 'shadow' });
  const edge = enforcer({ snapshot: snapshot({ a: shadowed }) });
  const { tenant } = admit(edge, 'a');
  judge(edge, tenant, samples(8));
  const verdict = judge(edge, tenant, samples(5));
  t.match(verdict, { kind: 'accept', items: 0, shadowed: { reason: 'rate_limited' } });
  t.equal(discarded(tenant.tally.shadowed, 'rate_limited', DISCARDED_SAMPLES), 5);
  t.equal(discarded(tenant.tally.shadowed, 'rate_limited', DISCARDED_SERIES), 5);
  t.equal(tenant.tally.refused, undefined);
  t.equal(tenant.tally.accepted, 2);
});

t.test('mode off is not judged; a tenant has its own mode, but the global off beats it', async (t) => {
  const none = { ingestion_rate: 0, ingestion_burst_size: 0 };
  const noRequests = { ...none, request_rate: 1e-9, request_burst_size: 1 };
  const edge = enforcer({
    snapshot: snapshot({
      off: limits(noRequests, { mode: 'off' }),
      on: limits(none, { mode: 'enforce' }),
      plain: limits(none),
    }),
    mode: 'shadow',
  });
  const verdicts = () => ['off', 'on', 'plain'].map((id) => judge(edge, admit(edge, id).tenant, samples(1)));
  t.match(verdicts(), [
    { kind: 'accept', shadowed: undefined },
    { kind: 'refuse' },
    { kind: 'accept', shadowed: { reason: 'burst_exceeded' } },
  ]);
  t.match(edge.tenants.get('off')?.tally, { requests: 1, samples: 1, accepted: 1 }, 'but counted');
  edge.setMode('off');
  t.match(verdicts(), [
    { kind: 'accept', shadowed: undefined },
    { kind: 'accept', shadowed: undefined },
    { kind: 'accept', shadowed: undefined },
  ]);
  t.match(admit(edge, 'off'), { requests: 0, shadowed: undefined }, 'nor are its requests');
});

t.test('unknown tenants get the defaults, are refused, or pass, by setting', async (t) => {
  const some = snapshot({ known: limits() }, limits({ ingestion_burst_size: 5 }));
  const byDefaults = enforcer({ snapshot: some });
  t.match(judge(byDefaults, admit(byDefaults, 'new').tenant, samples(6)), { reason: 'burst_exceeded' });
  const refusing = enforcer({ snapshot: some, unknownTenants: 'refuse' });
  t.match(refusing.admit('new'), { reason: 'edge_unknown_tenant', status: 403 });
  t.equal(admit(refusing, 'known').kind, 'admitted');
  refusing.apply(snapshot({}));
  t.match(refusing.admit('known'), { reason: 'edge_unknown_tenant' }, 'a tenant that was removed is unknown');
  const passing = enforcer({ snapshot: some, unknownTenants: 'pass' });
  t.equal(admit(passing, 'new').tenant.mode, 'off');
});

t.test(
  'names that no document knows have one place among those who share, wherever any name is known',
  async (t) => {
    const edge = enforcer({ snapshot: snapshot({ known: limits() }), maxTenants: 3, maxUnknownTenants: 2 });
    const placeOf = (name: string) => admit(edge, name).tenant.place;
    t.equal(placeOf('known'), 'known');
    t.equal(placeOf('known:team=x'), 'known');
    for (const name of ['made-up-1', 'made-up-2', 'made-up-3:team=x', 'made-up-4'])
      t.equal(placeOf(name), '', name);
    edge.apply(snapshot({ known: limits(), 'made-up-4': limits() }));
    t.equal(placeOf('made-up-4'), 'made-up-4', 'until a document names it');
    edge.apply(snapshot({ ':team=x': limits() }));
    t.equal(placeOf('made-up-1'), 'made-up-1', 'where none names anybody each has its own');
    edge.apply(snapshot({ another: limits() }));
    t.equal(placeOf('known'), '');
  },
);

t.test('a tenant is charged under every name that Mimir takes for it, and held once', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ few: limits({ request_rate: 0.001, request_burst_size: 4 }) }),
    unknownTenants: 'refuse',
  });
  for (const name of ['few|few', 'few', 'few:product=k6', 'few:x|few']) {
    t.equal(admit(edge, name).tenant.whole, 'few', name);
  }
  t.match(edge.admit('few|few'), { kind: 'refuse', reason: 'request_rate_limited' });
  t.match(edge.admit('few|many'), { kind: 'refuse', reason: 'edge_invalid_tenant' });
  t.strictSame(
    [...edge.tenants.values()].map(({ id }) => id),
    ['few', 'few:product=k6'],
  );
});

t.test('pushes without a valid tenant are refused and counted apart', async (t) => {
  const edge = enforcer();
  t.match(edge.admit(undefined), { status: 401, reason: 'edge_missing_tenant' });
  t.match(edge.admit('a|b'), { status: 400, reason: 'edge_invalid_tenant', message: /more than one/ });
  t.match(edge.admit('..'), { status: 400 });
  t.equal(edge.tenants.size, 0);
  t.equal(edge.unattributed.requests, 3);
  t.equal(discarded(edge.unattributed.refused, 'edge_invalid_tenant', DISCARDED_REQUESTS), 2);
  t.equal(edge.unattributed.shadowed, undefined);

  const shadow = enforcer({ mode: 'shadow' });
  shadow.admit(undefined);
  t.equal(discarded(shadow.unattributed.shadowed, 'edge_missing_tenant', DISCARDED_REQUESTS), 1);
  t.equal(shadow.unattributed.refused, undefined, 'nothing is refused in shadow mode');
});

t.test(
  'at most so many tenants are held, the least recently used goes, and the totals never fall',
  async (t) => {
    const clock = new FakeClock();
    const edge = enforcer({ maxTenants: 3, now: clock.now });
    ['a', 'b', 'c', 'a', 'd'].forEach((id, second) => {
      clock.nowMs = second * 1000;
      judge(edge, admit(edge, id).tenant, samples(2));
    });
    t.strictSame(
      [...edge.tenants.values()].map(({ id }) => id),
      ['c', 'a', 'd'],
    );
    t.equal(edge.tenants.evictions, 1);
    t.equal(edge.tenants.departed.samples, 2);
    clock.nowMs += 1;
    for (let i = 0; i < 10_000; i++) admit(edge, `random-${i}`);
    t.equal(edge.tenants.size, 3);
    t.equal(edge.tenants.departed.samples, 10, 'all that a, b, c and d sent');
  },
);
