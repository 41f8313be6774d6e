import t from 'tap';
import type { ElectionAnswer, Elections } from '#src/enforce/ledger.js';
import {
  FAULT,
  type HaLabels,
  type Push,
  RECORD_FLAG_NAMED,
  RECORD_LEAST_TIMESTAMP,
  RECORD_WORDS,
} from '#src/payload/push.js';
import { hasRow } from '#src/payload/rows.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { admit, enforcer, FakeClock, type GivenSeries, judge, limits, push, snapshot } from './fixtures.js';

const EACH = limits({
  accept_ha_samples: true,
  ha_tracker_per_sample_dedupe: true,
  ingestion_rate: 0,
  ingestion_burst_size: 100,
});

/** A series of `cluster/replica`, or of none. */
type Sent = GivenSeries & { of?: string };

function mixed(series: Sent[], metadata = 0): Push {
  const names = [...new Set(series.flatMap(({ of }) => of ?? []))];
  const rows = series.map(({ of, ...one }) => {
    const number = of === undefined ? 0 : names.indexOf(of) + 1;
    return { flags: RECORD_FLAG_NAMED | (number > 0 ? (number << 16) | 4 : 0), ...one };
  });
  const pairs = names.map((name): HaLabels => {
    const [cluster = '', replica = ''] = name.split('/');
    return { cluster, replica };
  });
  return { ...push(rows, metadata), ...(pairs.length > 0 && { pairs }) };
}

function given(tenant = EACH, options: Parameters<typeof enforcer>[0] = {}) {
  const edge = enforcer({ snapshot: snapshot({ a: tenant }), ...options });
  return { edge, tenant: admit(edge, 'a').tenant };
}

/** Rows that a verdict leaves out. */
function leftOut(verdict: ReturnType<typeof judge>, of: Push): number[] {
  if (verdict.kind !== 'filter') return [];
  return Array.from({ length: of.series }, (_, row) => row).filter((row) =>
    hasRow(verdict.leftOut.rows, row),
  );
}

t.test(
  'series of replicas that are not elected are left out and not charged; the answer is 202',
  async (t) => {
    const { edge, tenant } = given();
    t.match(judge(edge, tenant, mixed([{ of: 'x/1' }, { of: 'y/2' }, {}])), { kind: 'accept', items: 3 });
    const second = mixed([
      { of: 'x/1' },
      { of: 'x/2', samples: 5, histograms: 2 },
      {},
      { of: 'y/2' },
      { of: 'y/1' },
      { of: 'x/2' },
    ]);
    const verdict = judge(edge, tenant, second);
    t.match(verdict, {
      kind: 'filter',
      items: 3,
      answer: {
        kind: 'duplicate',
        message: /^3 of 6 series of tenant a were dropped as duplicates and the rest was taken/,
      },
    });
    t.strictSame(leftOut(verdict, second), [1, 4, 5]);
    t.equal(tenant.tally.deduplicated, 9);
    t.equal(tenant.tally.accepted, 2);
    t.equal(tenant.tally.refused, undefined);
  },
);

t.test('a push of which no replica is elected is a duplicate whole, with its metadata', async (t) => {
  const { edge, tenant } = given();
  judge(edge, tenant, mixed([{ of: 'x/1' }, { of: 'y/1' }]));
  const verdict = judge(edge, tenant, mixed([{ of: 'x/2' }, { of: 'y/2' }], 5));
  t.match(verdict, { kind: 'duplicate', message: /replica 2 of HA cluster x is not elected/ });
  t.equal(tenant.tally.deduplicated, 2);
});

t.test(
  'clusters that are too many are left out with their reason, which is before that of duplicates',
  async (t) => {
    const two = { ...EACH, ha_max_clusters: 2 };
    const { edge, tenant } = given(two);
    judge(edge, tenant, mixed([{ of: 'x/1' }, { of: 'y/1' }]));
    const some = mixed([{ of: 'x/1' }, { of: 'z/1' }, { of: 'y/2' }, {}]);
    const verdict = judge(edge, tenant, some);
    t.match(verdict, {
      kind: 'filter',
      items: 2,
      answer: {
        kind: 'refuse',
        reason: 'too_many_ha_clusters',
        status: 400,
        message:
          /^1 of 4 series of tenant a was refused and the rest was taken: it is of an HA cluster that is new, and the tenant has as many as it may \(2\) \(series 1\) \(err-mimir-tenant-too-many-ha-clusters\)\. Raise ha_max_clusters/,
      },
    });
    t.strictSame(leftOut(verdict, some), [1, 2]);
    t.match(judge(edge, tenant, mixed([{ of: 'z/1' }, { of: 'y/2' }], 3)), {
      kind: 'refuse',
      reason: 'too_many_ha_clusters',
    });
    const strict = given({ ...two, edge: { ...two.edge, over_limit: 'refuse' } });
    judge(strict.edge, strict.tenant, mixed([{ of: 'x/1' }, { of: 'y/1' }]));
    t.equal(judge(strict.edge, strict.tenant, some).kind, 'refuse', 'where the tenant wants all or nothing');
  },
);

t.test(
  'what is wrong with the series that are left is the answer, and of duplicates nobody asks',
  async (t) => {
    const { edge, tenant } = given();
    judge(edge, tenant, mixed([{ of: 'x/1' }]));
    const broken = { fault: FAULT.labelValueTooLong };
    const some = mixed([{ of: 'x/1' }, { of: 'x/1', ...broken }, { of: 'x/2', ...broken }]);
    const verdict = judge(edge, tenant, some);
    t.match(verdict, { kind: 'filter', items: 1, answer: { reason: 'label_value_too_long' } });
    t.strictSame(leftOut(verdict, some), [1, 2]);
    t.match(judge(edge, tenant, mixed([{ of: 'x/1', ...broken }, { of: 'x/2' }])), {
      kind: 'refuse',
      reason: 'label_value_too_long',
    });
    const fine = judge(edge, tenant, mixed([{ of: 'x/1' }, { of: 'x/2', ...broken }]));
    t.match(fine, { kind: 'filter', answer: { kind: 'duplicate' } });
  },
);

t.test('a push over the rate is refused for what of it is not a duplicate', async (t) => {
  const { edge, tenant } = given({ ...EACH, ingestion_burst_size: 10 });
  judge(edge, tenant, mixed([{ of: 'x/1' }]));
  t.match(
    judge(
      edge,
      tenant,
      mixed([
        { of: 'x/1', samples: 9 },
        { of: 'x/2', samples: 1000 },
      ]),
    ),
    {
      kind: 'filter',
      items: 9,
    },
  );
  t.match(judge(edge, tenant, mixed([{ of: 'x/1' }, { of: 'x/2' }])), {
    reason: 'rate_limited',
    observed: 1,
  });
});

t.test('where nothing can be left out, duplicates go to Mimir, uncharged', async (t) => {
  for (const options of [{ mode: 'shadow' }, { dropDuplicates: false }, {}] as const) {
    const { edge, tenant } = given(EACH, options);
    judge(edge, tenant, mixed([{ of: 'x/1' }]));
    const verdict = edge.judge(
      tenant,
      mixed([{ of: 'x/1' }, { of: 'x/2' }]),
      Object.keys(options).length === 0,
    );
    t.match(verdict, { kind: 'accept', items: 1, shadowed: undefined });
    t.equal(tenant.tally.deduplicated, 1);
  }
});

/** Elections that answer later, one call at a time. */
function slowElections(answers: Record<string, ElectionAnswer>) {
  const heard: string[] = [];
  const elections: Elections = {
    hear: async ({ cluster, replica }) => {
      heard.push(`${cluster}/${replica}`);
      await new Promise(setImmediate);
      return answers[`${cluster}/${replica}`] ?? 'elected';
    },
    resign: () => {},
  };
  class Ledger extends MemoryLedger {
    override elections(): Elections {
      return elections;
    }
  }
  return { ledger: new Ledger(), heard };
}

t.test('each pair is asked for once, one after the other; what nobody knows of passes', async (t) => {
  const { ledger, heard } = slowElections({ 'y/1': 'other', 'z/1': 'unknown' });
  const { edge, tenant } = given(EACH, { ledger });
  const sent = mixed([{ of: 'x/1' }, { of: 'y/1' }, { of: 'x/1' }, { of: 'z/1' }]);
  const verdict = await edge.judge(tenant, sent);
  t.strictSame(heard, ['x/1', 'y/1', 'z/1']);
  t.match(verdict, { kind: 'filter', items: 3 });
  t.strictSame(leftOut(verdict, sent), [1]);
});

t.test('with a failover timeout for samples each pair has its own oldest sample', async (t) => {
  const NOW = 1_700_000_000_000;
  const clock = new FakeClock();
  const { edge, tenant } = given(
    { ...EACH, ha_tracker_sample_failover_timeout: 10_000 },
    { now: clock.now, wallNow: () => NOW },
  );
  judge(edge, tenant, mixed([{ of: 'x/1' }, { of: 'y/1' }]));
  clock.nowMs = 31_000;
  const late = mixed([{ of: 'x/2' }, { of: 'y/2' }, { of: 'x/2' }]);
  const at = (row: number, ms: number) => {
    const word = row * RECORD_WORDS + RECORD_LEAST_TIMESTAMP;
    late.records[word] = ms % 2 ** 32;
    late.records[word + 1] = Math.floor(ms / 2 ** 32);
  };
  at(0, NOW);
  at(1, NOW - 21_000);
  at(2, NOW - 21_001);
  const verdict = judge(edge, tenant, late);
  t.strictSame(leftOut(verdict, late), [0, 2], 'x lags too much, y does not');
});
