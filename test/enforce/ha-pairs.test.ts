import t from 'tap';
import type { Push } from '#src/payload/push.js';
import { admit, enforcer, FakeClock, judge, limits, push, samples, snapshot } from './fixtures.js';

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

t.test(
  'with a failover timeout for samples, a replica takes over once its samples are newer than the last note by that',
  async (t) => {
    const NOW = 1_700_000_000_000;
    for (const [sampleTimeout, lagMs, takesOverAfterMs] of [
      [0, 3_600_000, 30_000],
      [10_000, 0, 30_000],
      [10_000, 20_000, 30_000],
      [10_000, 20_001, 30_001],
      [30_000, 45_000, 75_000],
      [60_000, 0, 60_000],
      [60_000, -5000, 60_000],
    ] as const) {
      const clock = new FakeClock();
      const tenantLimits = limits({
        accept_ha_samples: true,
        ha_tracker_sample_failover_timeout: sampleTimeout,
      });
      const edge = enforcer({
        snapshot: snapshot({ a: tenantLimits }),
        now: clock.now,
        wallNow: () => NOW + clock.nowMs,
      });
      const { tenant } = admit(edge, 'a');
      judge(edge, tenant, fromReplica('one'));
      const kindAfter = (ms: number) => {
        clock.nowMs = ms;
        return judge(edge, tenant, { ...fromReplica('two'), leastTimestampMs: NOW + ms - lagMs }).kind;
      };
      const told = `timeout ${sampleTimeout}, ${lagMs} behind`;
      t.equal(kindAfter(takesOverAfterMs - 1), 'duplicate', told);
      t.equal(kindAfter(takesOverAfterMs), 'accept', told);
    }
  },
);

t.test('what Mimir takes for a duplicate costs nothing, and its election is followed', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: PAIRS }) });
  const { tenant } = admit(edge, 'a');
  const one = { cluster: 'prod', replica: 'one' };
  const verdict = judge(edge, tenant, fromReplica('one', 'prod', 100));
  t.match(verdict, { kind: 'accept', items: 100 });
  if (verdict.kind === 'accept') edge.deduplicated(tenant, one, verdict);
  t.match(judge(edge, tenant, fromReplica('two', 'prod', 100)), { kind: 'accept', items: 100 });
  edge.deduplicated(tenant, one, { items: 0, bytes: 0, price: 1 });
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
    t.equal(tenant.tally.accepted, 2);
  }
});

t.test('samples and histograms of duplicates are counted', async (t) => {
  const edge = enforcer({ snapshot: snapshot({ a: PAIRS }) });
  const { tenant } = admit(edge, 'a');
  judge(edge, tenant, fromReplica('one'));
  const ha = { cluster: 'prod', replica: 'two' };
  t.equal(judge(edge, tenant, { ...push([{ samples: 3, histograms: 2 }]), ha }).kind, 'duplicate');
  t.equal(tenant.tally.deduplicated, 5);
});

t.test('a tenant has so many HA clusters and not more', async (t) => {
  const two = limits({ accept_ha_samples: true, ha_max_clusters: 2 });
  const edge = enforcer({ snapshot: snapshot({ a: two }) });
  const { tenant } = admit(edge, 'a');
  for (const cluster of ['x', 'y']) t.equal(judge(edge, tenant, fromReplica('one', cluster)).kind, 'accept');
  t.match(judge(edge, tenant, fromReplica('one', 'z')), {
    kind: 'refuse',
    reason: 'too_many_ha_clusters',
    status: 400,
    message:
      /HA cluster z, and the tenant has 2 others already.*\(err-mimir-tenant-too-many-ha-clusters\)\. Raise ha_max_clusters/,
  });
  t.equal(judge(edge, tenant, fromReplica('two', 'x')).kind, 'duplicate', 'those that it has are served');
});
