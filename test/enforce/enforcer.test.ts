import t from 'tap';
import { Enforcer } from '#src/enforce/enforcer.js';
import type { Bucket } from '#src/enforce/ledger.js';
import type { SeriesAnswer, TenantSeries } from '#src/enforce/series.js';
import { DISCARDED_EXEMPLARS, DISCARDED_REQUESTS, DISCARDED_SAMPLES, discarded } from '#src/enforce/tally.js';
import type { Tenant } from '#src/enforce/tenant.js';
import type { Admitted, Verdict } from '#src/enforce/verdict.js';
import { type Push, RECORD_LABELS, RECORD_SAMPLES, RECORD_WORDS } from '#src/payload/push.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { pushOf, tracker } from '../series/fixtures.js';
import { enforcer, FakeClock, limits, push, samples, snapshot } from './fixtures.js';

function admit(edge: Enforcer, id: string): Admitted {
  const admission = edge.admit(id);
  if (admission instanceof Promise || admission.kind !== 'admitted')
    throw new Error(`${id} was not admitted`);
  return admission;
}

function judge(edge: Enforcer, tenant: Tenant, one: Push): Verdict {
  const verdict = edge.judge(tenant, one);
  if (verdict instanceof Promise) throw new Error('a memory ledger answers at once');
  return verdict;
}

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
    t.match(message, /\(err-mimir-tenant-max-ingestion-rate\)$/);
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
      message:
        /^all 2 series of tenant a were refused: 1 has no metric name \(series 0\) and 1 has more than 30 labels; /,
    });
    t.match(judge(edge, tenant, push([{ flags: 0 }, {}])), { kind: 'filter', items: 1 });
    t.match(
      judge(edge, tenant, push([{ flags: 0 }], 1)),
      { kind: 'filter', items: 1 },
      'its metadata is valid',
    );
    t.match(
      judge(edge, tenant, { ...push([{ flags: 0 }], 1), version: 2 }),
      { kind: 'refuse' },
      'in version 2 metadata goes with its series',
    );
  },
);

const MIXED = [
  { samples: 5 },
  { flags: 0, samples: 2, exemplars: 3 },
  { labels: 99 },
  { flags: 0, histograms: 4, samples: 0 },
];

t.test('series that may not pass are left out alone, named, counted and not charged', async (t) => {
  const edge = enforcer();
  const { tenant } = admit(edge, 'a');
  const verdict = judge(edge, tenant, push(MIXED, 1));
  t.match(verdict, {
    kind: 'filter',
    items: 6,
    refusal: {
      reason: 'missing_metric_name',
      status: 400,
      message:
        /^3 of 4 series of tenant a were refused and the rest was taken: 2 have no metric name \(series 1, series 3\) and 1 has more than 30 labels; .* \(err-mimir-missing-metric-name\)$/,
    },
  });
  const { tally } = tenant;
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_SAMPLES), 6);
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_EXEMPLARS), 3);
  t.equal(discarded(tally.refused, 'max_label_names_per_series', DISCARDED_SAMPLES), 1);
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_REQUESTS), 0, 'the push went on');
  t.match(tally, { accepted: 1, filtered: 1 });
});

t.test('a push that is refused after it lost series has each sample under its own reason', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: limits({ ingestion_burst_size: 5 }) }) });
  const { tenant } = admit(edge, 'a');
  t.match(judge(edge, tenant, push(MIXED, 1)), { kind: 'refuse', reason: 'burst_exceeded' });
  const { refused } = tenant.tally;
  t.equal(discarded(refused, 'burst_exceeded', DISCARDED_SAMPLES), 5);
  t.equal(discarded(refused, 'missing_metric_name', DISCARDED_SAMPLES), 6);
  t.equal(discarded(refused, 'max_label_names_per_series', DISCARDED_SAMPLES), 1);
});

t.test('by setting all of a push is refused for one series', async (t) => {
  const edge = enforcer({ overLimit: 'refuse' });
  const { tenant } = admit(edge, 'a');
  t.match(judge(edge, tenant, push(MIXED, 1)), {
    kind: 'refuse',
    reason: 'missing_metric_name',
    message: /^the push of tenant a was refused whole .*series.over_limit.* 3 of its 4 series may not pass: /,
  });
  t.equal(judge(edge, tenant, samples(3)).kind, 'accept');
});

t.test('a tenant may have it otherwise than the setting', async (t) => {
  const edge = enforcer({
    overLimit: 'refuse',
    snapshot: snapshot({ a: limits({}, { over_limit: 'filter' }), b: limits({}) }),
  });
  t.equal(judge(edge, admit(edge, 'a').tenant, push(MIXED)).kind, 'filter');
  t.equal(judge(edge, admit(edge, 'b').tenant, push(MIXED)).kind, 'refuse');
});

t.test('in shadow mode nothing is left out, only counted; what is valid is charged', async (t) => {
  const edge = enforcer({ mode: 'shadow' });
  const { tenant } = admit(edge, 'a');
  t.match(judge(edge, tenant, push(MIXED)), {
    kind: 'accept',
    items: 5,
    shadowed: { reason: 'missing_metric_name' },
  });
  t.equal(discarded(tenant.tally.shadowed, 'missing_metric_name', DISCARDED_SAMPLES), 6);
  t.match(tenant.tally, { refused: undefined, filtered: 0, accepted: 1 });
});

t.test('a door that can not leave series out has the push refused whole', async (t) => {
  const edge = enforcer();
  const { tenant } = admit(edge, 'a');
  const verdict = edge.judge(tenant, push(MIXED), true);
  t.match(verdict, { kind: 'refuse', reason: 'missing_metric_name', message: /was refused whole/ });
  t.match(tenant.tally, { filtered: 0, accepted: 0 });
});

t.test('a push that waits for the ledger is copied, if it is to be filtered then', async (t) => {
  const slow: Bucket = {
    take: () => false,
    ask: async () => ({ granted: true, available: 0, waitSeconds: 0 }),
    left: () => 0,
    giveBack() {},
    reshape() {},
    release() {},
  };
  class SlowLedger extends MemoryLedger {
    override bucket(): Bucket {
      return slow;
    }
  }
  const edge = enforcer({
    ledger: new SlowLedger(),
    snapshot: snapshot({ a: limits({}, { bytes_per_second: 1 }) }),
  });
  const { tenant } = admit(edge, 'a');
  const memory = new Uint8Array([9, 1, 2, 3, 9]);
  const view = { ...push(MIXED), body: memory.subarray(1, 4) };
  const judging = edge.judge(tenant, view);
  memory.fill(0);
  view.records.fill(0);
  const verdict = await judging;
  if (verdict.kind !== 'filter') throw new Error(verdict.kind);
  t.strictSame([...verdict.push.body], [1, 2, 3]);
  t.not(verdict.push.records[RECORD_WORDS + RECORD_SAMPLES], 0);
});

const PAIRS = limits({ accept_ha_samples: true, ingestion_rate: 0, ingestion_burst_size: 100 });

function fromReplica(replica: string, cluster = 'prod', n = 10): Push {
  return { ...samples(n), ha: { cluster, replica } };
}

t.test(
  'of an HA pair the first replica is taken and charged, the other answered and charged nothing',
  async (t) => {
    const edge = enforcer({ snapshot: snapshot({ a: PAIRS }) });
    const { tenant } = admit(edge, 'a');
    for (let i = 0; i < 5; i++) {
      t.match(judge(edge, tenant, fromReplica('one')), { kind: 'accept', items: 10 });
      t.match(judge(edge, tenant, fromReplica('two')), {
        kind: 'duplicate',
        message: /of tenant a was dropped as a duplicate: replica two of HA cluster prod is not elected/,
      });
    }
    t.match(judge(edge, tenant, fromReplica('two', 'test')), { kind: 'accept', items: 10 }, 'another pair');
    t.match(judge(edge, tenant, samples(10)), { kind: 'accept', items: 10 }, 'no replica at all');
    t.equal(tenant.tally.deduplicated, 50);
    t.equal(tenant.tally.accepted, 7);
    t.equal(tenant.tally.refused, undefined);
  },
);

t.test('a replica that takes over is charged from its first push on', async (t) => {
  const clock = new FakeClock();
  const edge = enforcer({ snapshot: snapshot({ a: PAIRS }), now: clock.now });
  const { tenant } = admit(edge, 'a');
  judge(edge, tenant, fromReplica('one'));
  clock.nowMs = 29_999;
  t.equal(judge(edge, tenant, fromReplica('two')).kind, 'duplicate');
  clock.nowMs = 30_000;
  t.match(judge(edge, tenant, fromReplica('two')), { kind: 'accept', items: 10 });
  clock.nowMs = 30_001;
  t.equal(judge(edge, tenant, fromReplica('one')).kind, 'duplicate', 'the old one comes back');
});

t.test('what Mimir takes for a duplicate costs nothing, and its election is followed', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: PAIRS }) });
  const { tenant } = admit(edge, 'a');
  const one = { cluster: 'prod', replica: 'one' };
  const verdict = judge(edge, tenant, fromReplica('one', 'prod', 100));
  t.match(verdict, { kind: 'accept', items: 100 });
  if (verdict.kind === 'accept') edge.deduplicated(tenant, one, verdict);
  t.match(judge(edge, tenant, fromReplica('two', 'prod', 100)), { kind: 'accept', items: 100 });
  edge.deduplicated(tenant, one, { items: 0, bytes: 0 });
  t.equal(
    judge(edge, tenant, fromReplica('one')).kind,
    'duplicate',
    'who is not elected resigns from nothing',
  );
});

t.test('duplicates are forwarded uncharged in shadow mode, and by setting', async (t) => {
  for (const options of [{ mode: 'shadow' }, { dropDuplicates: false }] as const) {
    const edge = enforcer({ snapshot: snapshot({ a: PAIRS }), ...options });
    const { tenant } = admit(edge, 'a');
    judge(edge, tenant, fromReplica('one'));
    t.match(judge(edge, tenant, fromReplica('two', 'prod', 1000)), { kind: 'accept', items: 0, bytes: 0 });
    t.equal(tenant.tally.deduplicated, 1000);
  }
});

t.test('a tenant has so many HA clusters and not more; pairs of others are no pairs', async (t) => {
  const two = limits({ accept_ha_samples: true, ha_max_clusters: 2, max_label_value_length: 20 });
  const edge = enforcer({ snapshot: snapshot({ a: two, b: limits() }) });
  const { tenant } = admit(edge, 'a');
  for (const cluster of ['x', 'y']) t.equal(judge(edge, tenant, fromReplica('one', cluster)).kind, 'accept');
  t.match(judge(edge, tenant, fromReplica('one', 'z')), {
    kind: 'refuse',
    reason: 'too_many_ha_clusters',
    status: 400,
    message: /HA cluster z, and the tenant has 2 others already.*\(err-mimir-tenant-too-many-ha-clusters\)$/,
  });
  t.equal(judge(edge, tenant, fromReplica('two', 'x')).kind, 'duplicate', 'those that it has are served');
  t.equal(
    judge(edge, tenant, fromReplica('x'.repeat(21), 'z')).kind,
    'accept',
    'not a label that Mimir takes',
  );
  const other = admit(edge, 'b').tenant;
  for (const replica of ['one', 'two']) t.equal(judge(edge, other, fromReplica(replica)).kind, 'accept');
});

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
  edge.setMode('off');
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
  t.match(refusing.admit('new'), { reason: 'edge_unknown_tenant', status: 403 });
  t.equal(admit(refusing, 'known').kind, 'admitted');
  refusing.apply(snapshot({}));
  t.match(refusing.admit('known'), { reason: 'edge_unknown_tenant' }, 'a tenant that was removed is unknown');
  const passing = enforcer({ snapshot: some, unknownTenants: 'pass' });
  t.equal(admit(passing, 'new').tenant.mode, 'off');
});

t.test('a tenant is charged under every name that Mimir takes for it, and held once', async (t) => {
  const edge = enforcer({
    snapshot: snapshot({ few: limits({ request_rate: 0.001, request_burst_size: 4 }) }),
    unknownTenants: 'refuse',
  });
  for (const name of ['few|few', 'few', 'few:product=k6', 'few:x|few']) {
    t.equal(admit(edge, name).tenant.id, 'few', name);
  }
  t.match(edge.admit('few|few'), { kind: 'refuse', reason: 'request_rate_limited' });
  t.match(edge.admit('few|many'), { kind: 'refuse', reason: 'edge_invalid_tenant' });
  t.equal(edge.tenants.size, 1);
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
    for (let i = 0; i < 10_000; i++) admit(edge, `random-${i}`);
    t.equal(edge.tenants.size, 3);
    t.equal(edge.tenants.departed.samples, 10, 'all that a, b, c and d sent');
  },
);

t.test('new series over a limit are left out alone, and what they were charged comes back', async (t) => {
  const limited = limits({
    ingestion_rate: 0,
    ingestion_burst_size: 20,
    max_label_names_per_series: 2,
    max_global_series_per_user: 5,
    max_global_series_per_metric: 2,
  });
  const edge = enforcer({ snapshot: snapshot({ a: limited }), series: tracker() });
  const { tenant } = admit(edge, 'a');
  t.equal(judge(edge, tenant, pushOf([1, 2, 11, 12])).kind, 'accept');
  const verdict = judge(edge, tenant, pushOf([1, 3, 2, 13, 21, 22]));
  t.match(verdict, {
    kind: 'filter',
    items: 3,
    leftOut: { series: 3 },
    refusal: {
      status: 400,
      reason: 'per_metric_series_limit',
      message:
        /^3 of 6 .*: 2 are new and over the limit of 2 active series for a metric \(series 1, series 3\) and 1 is new and over the tenant's limit of 5 active series; .* \(err-mimir-max-series-per-metric\)$/,
      retryAfterSeconds: undefined,
    },
  });
  t.equal(discarded(tenant.tally.refused, 'per_metric_series_limit', DISCARDED_SAMPLES), 2);
  t.equal(discarded(tenant.tally.refused, 'per_user_series_limit', DISCARDED_SAMPLES), 1);
  t.equal(tenant.tally.newSeries, 5);
  t.equal(tenant.tally.seriesOverLimit, 3);
  t.match(judge(edge, tenant, pushOf([31, 32])), {
    kind: 'refuse',
    message: /^all 2 series of tenant a were refused: /,
  });
  t.equal(judge(edge, tenant, samples(14)).kind, 'refuse', '7 of 20 items are spent');

  const broken = pushOf([1, 33, 2]);
  broken.records[RECORD_WORDS * 2 + RECORD_LABELS] = 3;
  const both = judge(edge, tenant, { ...broken, mostLabels: 3 });
  t.match(
    both,
    { kind: 'filter', items: 1, refusal: { reason: 'per_user_series_limit' } },
    'Mimir’s last word',
  );
  t.match(both, { leftOut: { groups: [{ reason: 'max_label_names_per_series' }, { series: 1 }] } });
});

t.test(
  'with series.over_limit: refuse a push with new series over a limit leaves nothing behind',
  async (t) => {
    const limited = limits({ ingestion_rate: 0, ingestion_burst_size: 10, max_global_series_per_user: 4 });
    const edge = enforcer({ snapshot: snapshot({ a: limited }), series: tracker(), overLimit: 'refuse' });
    const { tenant } = admit(edge, 'a');
    judge(edge, tenant, pushOf([1, 2]));
    const refused = judge(edge, tenant, pushOf([1, 3, 4, 5]));
    t.match(refused, {
      kind: 'refuse',
      reason: 'per_user_series_limit',
      message: /series.over_limit.*series 3/,
    });
    t.equal(tenant.series?.active, 2);
    t.equal(tenant.tally.newSeries, 2);
    t.equal(judge(edge, tenant, pushOf([1, 2, 3, 4, 1, 2, 3, 4])).kind, 'accept', '8 of 10 items are left');
  },
);

t.test(
  'a push that is refused for its rate, and series that break a rule, leave nothing behind',
  async (t) => {
    const limited = limits({ ingestion_rate: 0, ingestion_burst_size: 10, max_label_names_per_series: 2 });
    const edge = enforcer({ snapshot: snapshot({ a: limited }), series: tracker() });
    const { tenant } = admit(edge, 'a');
    judge(edge, tenant, pushOf(Array.from({ length: 11 }, (_, series) => series)));
    t.equal(tenant.series?.active, 0);
    judge(edge, tenant, push([{ labels: 2 }, { labels: 3 }]));
    t.equal(tenant.series?.active, 1);
  },
);

t.test('in shadow mode series over a limit are counted and pass', async (t) => {
  for (const overLimit of ['filter', 'refuse'] as const) {
    const shadowed = limits({ max_global_series_per_user: 2 }, { mode: 'shadow' });
    const edge = enforcer({ snapshot: snapshot({ a: shadowed }), series: tracker(), overLimit });
    const { tenant } = admit(edge, 'a');
    const verdict = judge(edge, tenant, pushOf([1, 2, 3]));
    t.match(verdict, { kind: 'accept', shadowed: { reason: 'per_user_series_limit' } });
    t.equal(tenant.series?.active, 2);
    t.ok(discarded(tenant.tally.shadowed, 'per_user_series_limit', DISCARDED_SAMPLES) > 0);
  }
});

t.test('a push that waits for its series is judged by what it held when it came', async (t) => {
  const waiting: ((answer: SeriesAnswer) => void)[] = [];
  const series: TenantSeries = {
    active: 0,
    fleet: undefined,
    check: () => new Promise((answer) => waiting.push(answer)),
    topMetrics: () => [],
    release: () => {},
  };
  const edge = new Enforcer(
    {
      snapshot: snapshot(),
      ledger: new MemoryLedger(),
      mode: 'enforce',
      unknownTenants: 'defaults',
      maxTenants: 10,
      distributors: 1,
      series: { tenant: () => series },
      overLimit: 'filter',
      dropDuplicates: true,
      random: () => 0,
      now: () => 0,
    },
    ({ body }, rows) => rows.map((row) => `${body[0]} in row ${row}`),
  );
  const { tenant } = admit(edge, 'a');
  // A view on a larger memory, as a decoder's is.
  const memory = new Uint8Array([7, 0, 0]);
  const decoded = { ...pushOf([1, 2]), body: memory.subarray(0, 1) };
  const verdict = edge.judge(tenant, decoded);
  memory[0] = 8;
  waiting.shift()?.({
    newAdmitted: 0,
    overLimit: { rows: [1], reasons: ['per_user_series_limit'], observed: 5 },
  });
  t.match(await verdict, { kind: 'filter', items: 1, refusal: { message: /7 in row 1/ } });

  const soon = edge.judge(tenant, decoded);
  waiting.shift()?.({ newAdmitted: 1, newLater: Promise.resolve(2), overLimit: undefined });
  t.match(await soon, { kind: 'accept' });
  t.equal(tenant.tally.newSeries, 3, 'those that are found to be new after the answer count, too');

  const lost = edge.judge(tenant, decoded);
  waiting.shift()?.({ newAdmitted: 0, overLimit: undefined, lost: true });
  t.match(await lost, { reason: 'edge_state_lost', status: 503, retryAfterSeconds: 1 });

  const unasked = edge.judge(tenant, decoded);
  waiting.shift()?.({ newAdmitted: 0, overLimit: undefined, busy: true });
  t.match(await unasked, { reason: 'edge_series_busy', status: 503, retryAfterSeconds: 1 });
});
