import t from 'tap';
import { admit, enforcer, FakeClock, judge, limits, samples, snapshot } from './fixtures.js';

t.test('within its rate and burst a tenant is never refused, over it always', async (t) => {
  const clock = new FakeClock();
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ ingestion_rate: 100, ingestion_burst_size: 500 }) }),
    now: clock.now,
  });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(500)).kind, 'accept');
  t.match(judge(edge, tenant, samples(1)), { kind: 'refuse', reason: 'rate_limited', status: 429 });
  for (let second = 1; second <= 100; second++) {
    clock.nowMs = second * 1000;
    t.equal(judge(edge, tenant, samples(100)).kind, 'accept');
  }
  t.equal(judge(edge, tenant, samples(1)).kind, 'refuse');
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
      'only 30 are left',
      'ingestion_rate',
    ]) {
      t.match(message, part);
    }
    t.match(message, / \(err-mimir-tenant-max-ingestion-rate\)\. Send [a-z ]+, or raise [a-z_ ]+\.$/);
  },
);

t.test(
  'a push larger than the burst is refused with the burst in its message, and never passes',
  async (t) => {
    const clock = new FakeClock();
    const edge = enforcer({
      snapshot: snapshot({ a: limits({ ingestion_rate: 1e9, ingestion_burst_size: 50 }) }),
      now: clock.now,
    });
    const { tenant } = admit(edge, 'a');
    for (const nowMs of [0, 1e6]) {
      clock.nowMs = nowMs;
      t.match(judge(edge, tenant, samples(51)), {
        reason: 'burst_exceeded',
        status: 429,
        message: /51 items.* burst of 50/,
      });
    }
    t.equal(judge(edge, tenant, samples(50)).kind, 'accept');
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
  const clock = new FakeClock();
  const edge = enforcer({
    snapshot: snapshot({ a: limits({ request_rate: 1, request_burst_size: 2 }) }),
    now: clock.now,
  });
  admit(edge, 'a');
  admit(edge, 'a');
  t.match(edge.admit('a'), {
    kind: 'refuse',
    reason: 'request_rate_limited',
    status: 429,
    retryAfterSeconds: 1,
  });
  clock.nowMs = 1000;
  t.equal(admit(edge, 'a').requests, 1);
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
    if (verdict.kind === 'accept') edge.giveBack(admitted, verdict);
  }
});

t.test('a push over the byte rate gives its items back', async (t) => {
  const tight = limits(
    { ingestion_rate: 0, ingestion_burst_size: 20 },
    { bytes_per_second: 1, bytes_burst_size: 150 },
  );
  const clock = new FakeClock();
  const edge = enforcer({ snapshot: snapshot({ a: tight }), now: clock.now });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(10)).kind, 'accept');
  t.match(judge(edge, tenant, samples(10)), { reason: 'edge_bytes_rate_limited', retryAfterSeconds: 50 });
  clock.nowMs = 50_000;
  t.equal(judge(edge, tenant, samples(10)).kind, 'accept');
});

t.test('more series than a request may hold are refused', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: limits({}, { max_series_per_request: 3 }) }) });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, samples(3)).kind, 'accept');
  t.match(judge(edge, tenant, samples(4)), {
    reason: 'edge_series_per_request',
    status: 413,
    observed: 4,
    allowed: 3,
    retryAfterSeconds: undefined,
  });
});
