import t from 'tap';
import type { Enforcer } from '#src/enforce/enforcer.js';
import { DISCARDED_REQUESTS, DISCARDED_SAMPLES, discarded } from '#src/enforce/tally.js';
import type { Tenant } from '#src/enforce/tenant.js';
import type { Admitted, Verdict } from '#src/enforce/verdict.js';
import type { Push } from '#src/remotewrite/push.js';
import { enforcer, limits, push, samples, snapshot } from './given.js';

function admit(edge: Enforcer, id: string, nowMs = 0): Admitted {
  const admission = edge.admit(id, nowMs);
  if (admission instanceof Promise || admission.kind !== 'admitted')
    throw new Error(`${id} was not admitted`);
  return admission;
}

function judge(edge: Enforcer, tenant: Tenant, one: Push, nowMs = 0): Verdict {
  const verdict = edge.judge(tenant, one, nowMs);
  if (verdict instanceof Promise) throw new Error('a memory ledger answers at once');
  return verdict;
}

t.test('within its rate and burst a tenant is never refused, over it always', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 100, ingestion_burst_size: 500 }) }),
  });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(500)).kind, 'accept');
  t.match(judge(edge, tenant, samples(1)), { kind: 'refuse', reason: 'rate_limited', status: 429 });
  for (let second = 1; second <= 100; second++) {
    t.equal(judge(edge, tenant, samples(100), second * 1000).kind, 'accept');
  }
  t.equal(judge(edge, tenant, samples(1), 100_000).kind, 'refuse');
});

t.test('a push is charged whole or not at all', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 100 }) }),
  });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(60)).kind, 'accept');
  t.equal(judge(edge, tenant, samples(60)).kind, 'refuse');
  t.equal(judge(edge, tenant, samples(40)).kind, 'accept', 'the refused push took nothing');
});

t.test(
  'a refusal names tenant, limit, what was observed, what is left, and when to come again',
  async (t) => {
    const edge = enforcer({
      snapshot: snapshot({ 'team-a': limits({ ingestion_rate: 10, ingestion_burst_size: 100 }) }),
    });
    const { tenant } = admit(edge, 'team-a');
    judge(edge, tenant, samples(70));
    const refusal = judge(edge, tenant, samples(60));
    t.match(refusal, { retryAfterSeconds: 3 });
    const message = refusal.kind === 'refuse' ? refusal.message : '';
    for (const part of [
      'team-a',
      '10 items/s',
      'burst of 100',
      '60 items',
      '30 are left',
      'ingestion_rate',
    ]) {
      t.match(message, part);
    }
    t.match(message, /\(err-mimir-tenant-max-ingestion-rate\)$/);
  },
);

t.test(
  'a push larger than the burst is refused with the burst in its message, and never passes',
  async (t) => {
    const edge = enforcer({
      snapshot: snapshot({ a: limits({ ingestion_rate: 1e9, ingestion_burst_size: 50 }) }),
    });
    const { tenant } = admit(edge, 'a');
    for (const nowMs of [0, 1e6]) {
      t.match(judge(edge, tenant, samples(51), nowMs), {
        reason: 'burst_exceeded',
        status: 429,
        message: /burst size.* 50/,
      });
    }
    t.equal(judge(edge, tenant, samples(50), 1e6).kind, 'accept');
  },
);

t.test("each of Mimir's distributors has a whole burst, and no push may pass one of them", async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 1, ingestion_burst_size: 100 }) }),
    distributors: 3,
  });
  const { tenant } = admit(edge, 'a');
  t.match(judge(edge, tenant, samples(101)), { reason: 'burst_exceeded' });
  for (let i = 0; i < 3; i++) t.equal(judge(edge, tenant, samples(100)).kind, 'accept');
  t.match(judge(edge, tenant, samples(100)), { reason: 'rate_limited' });
});

t.test('a burst factor replaces the burst size, and is shared out over the distributors', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({
      a: limits({ ingestion_rate: 100, ingestion_burst_size: 1e6, ingestion_burst_factor: 2 }),
    }),
    distributors: 2,
  });
  const { tenant } = admit(edge, 'a');
  t.match(judge(edge, tenant, samples(101)), { reason: 'burst_exceeded', message: /ingestion_burst_factor/ });
  t.equal(judge(edge, tenant, samples(100)).kind, 'accept');
  t.equal(judge(edge, tenant, samples(100)).kind, 'accept');
  t.equal(judge(edge, tenant, samples(100)).kind, 'refuse');
});

t.test('the request rate is checked before the body', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: limits({ request_rate: 1, request_burst_size: 2 }) }) });
  admit(edge, 'a');
  admit(edge, 'a');
  t.match(edge.admit('a', 0), {
    kind: 'refuse',
    reason: 'request_rate_limited',
    status: 429,
    retryAfterSeconds: 1,
  });
  t.equal(admit(edge, 'a', 1000).requests, 1);
});

t.test('a request rate without a burst, and a burst factor below 1, are off, as in Mimir', async (t) => {
  const loose = limits({
    request_rate: 1,
    request_burst_size: 0,
    ingestion_burst_factor: 0.5,
    ingestion_burst_size: 20_000,
  });
  const edge = enforcer({ snapshot: snapshot({ a: loose }) });
  for (let i = 0; i < 100; i++) admit(edge, 'a');
  t.equal(judge(edge, admit(edge, 'a').tenant, samples(20_000)).kind, 'accept');
});

t.test('a tenant may ask for 529 in place of 429', async (t) => {
  const overloaded = limits({
    ingestion_burst_size: 1,
    service_overload_status_code_on_rate_limit_enabled: true,
  });
  const edge = enforcer({ snapshot: snapshot({ a: overloaded }) });
  t.match(judge(edge, admit(edge, 'a').tenant, samples(2)), { status: 529 });
});

t.test('what is given back can be sent again', async (t) => {
  const tight = limits(
    { ingestion_rate: 0, ingestion_burst_size: 10, request_rate: 1e-9, request_burst_size: 1 },
    { bytes_per_second: 1e-9, bytes_burst_size: 100 },
  );
  const edge = enforcer({ snapshot: snapshot({ a: tight }) });
  for (let attempt = 0; attempt < 5; attempt++) {
    const admitted = admit(edge, 'a');
    const verdict = judge(edge, admitted.tenant, samples(10));
    t.match(verdict, { kind: 'accept', items: 10, bytes: 100 });
    if (verdict.kind === 'accept') edge.giveBack(admitted, verdict, 0);
  }
});

t.test('a push over the byte rate gives its items back', async (t) => {
  const tight = limits(
    { ingestion_rate: 0, ingestion_burst_size: 20 },
    { bytes_per_second: 1, bytes_burst_size: 150 },
  );
  const edge = enforcer({ snapshot: snapshot({ a: tight }) });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(10)).kind, 'accept');
  t.match(judge(edge, tenant, samples(10)), { reason: 'edge_bytes_rate_limited', retryAfterSeconds: 50 });
  t.equal(judge(edge, tenant, samples(10), 50_000).kind, 'accept');
});

t.test('more series than a request may hold are refused', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: limits({}, { max_series_per_request: 3 }) }) });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(3)).kind, 'accept');
  t.match(judge(edge, tenant, samples(4)), {
    reason: 'edge_series_per_request',
    status: 413,
    retryAfterSeconds: undefined,
  });
});

t.test(
  'a push is refused for its labels only when none of it is valid; Mimir leaves out single series',
  async (t) => {
    const edge = enforcer();
    const { tenant } = admit(edge, 'a');
    t.match(judge(edge, tenant, push([{ flags: 0 }, { labels: 99 }])), {
      kind: 'refuse',
      reason: 'missing_metric_name',
      status: 400,
      message: /series 0 \(err-mimir-missing-metric-name\)$/,
    });
    t.match(judge(edge, tenant, push([{ flags: 0 }, {}])), { kind: 'accept', items: 1 });
    t.match(
      judge(edge, tenant, push([{ flags: 0 }], 1)),
      { kind: 'accept', items: 1 },
      'its metadata is valid',
    );
  },
);

t.test('lowered limits take effect at once, raised ones mint nothing', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 100 }) }),
  });
  const { tenant } = admit(edge, 'a');
  edge.apply(snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 10 }) }), 0);
  t.match(judge(edge, tenant, samples(11)), { reason: 'burst_exceeded' });
  edge.apply(snapshot({ a: limits({ ingestion_rate: 0, ingestion_burst_size: 1000 }) }), 0);
  t.match(judge(edge, tenant, samples(11)), { reason: 'rate_limited' });
  t.equal(judge(edge, tenant, samples(10)).kind, 'accept');
  edge.apply(snapshot({}, limits({ ingestion_rate: 0, ingestion_burst_size: 7 })), 0);
  t.match(
    judge(edge, tenant, samples(8)),
    { message: /burst size of tenant a is 7/ },
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
  t.equal(tenant.tally.refused, undefined);
  t.equal(tenant.tally.accepted, 2);
});

t.test('mode off is not judged; a tenant has its own mode, but the global off beats it', async (t) => {
  const none = { ingestion_rate: 0, ingestion_burst_size: 0 };
  const edge = enforcer({
    snapshot: snapshot({
      off: limits(none, { mode: 'off' }),
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
  edge.setMode('off', 0);
  t.match(verdicts(), [
    { kind: 'accept', shadowed: undefined },
    { kind: 'accept', shadowed: undefined },
    { kind: 'accept', shadowed: undefined },
  ]);
});

t.test('unknown tenants get the defaults, are refused, or pass, by setting', async (t) => {
  const some = snapshot({ known: limits() }, limits({ ingestion_burst_size: 5 }));
  const byDefaults = enforcer({ snapshot: some });
  t.match(judge(byDefaults, admit(byDefaults, 'new').tenant, samples(6)), { reason: 'burst_exceeded' });
  const refusing = enforcer({ snapshot: some, unknownTenants: 'refuse' });
  t.match(refusing.admit('new', 0), { reason: 'edge_unknown_tenant', status: 403 });
  t.equal(admit(refusing, 'known').kind, 'admitted');
  refusing.apply(snapshot({}), 0);
  t.match(
    refusing.admit('known', 0),
    { reason: 'edge_unknown_tenant' },
    'a tenant that was removed is unknown',
  );
  const passing = enforcer({ snapshot: some, unknownTenants: 'pass' });
  t.equal(admit(passing, 'new').tenant.mode, 'off');
});

t.test('pushes without a valid tenant are refused and counted apart', async (t) => {
  const edge = enforcer();
  t.match(edge.admit(undefined, 0), { status: 401, reason: 'edge_missing_tenant' });
  t.match(edge.admit('a|b', 0), { status: 400, reason: 'edge_invalid_tenant', message: /more than one/ });
  t.match(edge.admit('..', 0), { status: 400 });
  t.equal(edge.tenants.size, 0);
  t.equal(edge.nobody.requests, 3);
  t.equal(discarded(edge.nobody.refused, 'edge_invalid_tenant', DISCARDED_REQUESTS), 2);
});

t.test(
  'at most so many tenants are held, the least recently used goes, and the totals never fall',
  async (t) => {
    const edge = enforcer({ maxTenants: 3 });
    ['a', 'b', 'c', 'a', 'd'].forEach((id, second) => {
      judge(edge, admit(edge, id, second * 1000).tenant, samples(2), second * 1000);
    });
    t.strictSame(
      [...edge.tenants.values()].map(({ id }) => id),
      ['c', 'a', 'd'],
    );
    t.equal(edge.tenants.evictions, 1);
    t.equal(edge.tenants.departed.samples, 2);
    for (let i = 0; i < 10_000; i++) admit(edge, `random-${i}`, 5000);
    t.equal(edge.tenants.size, 3);
    t.equal(edge.tenants.departed.samples, 10, 'all that a, b, c and d sent');
  },
);
