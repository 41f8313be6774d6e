import t from 'tap';
import type { Bucket } from '#src/enforce/ledger.js';
import type { Reason } from '#src/enforce/reasons.js';
import {
  DISCARDED_EXEMPLARS,
  DISCARDED_REQUESTS,
  DISCARDED_SAMPLES,
  DISCARDED_SERIES,
  discarded,
} from '#src/enforce/tally.js';
import { RECORD_FLAG_INFO, RECORD_FLAG_NAMED, RECORD_SAMPLES, RECORD_WORDS } from '#src/payload/push.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { admit, enforcer, judge, limits, push, samples, snapshot } from './fixtures.js';

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
        /^all 2 series of tenant a were refused: 1 has no metric name \(series 0\) and 1 has more than 30 labels \(err-mimir-missing-metric-name\)\. Give /,
    });
    t.match(judge(edge, tenant, push([{ flags: 0 }, {}])), { kind: 'filter', items: 1 });
    t.match(
      judge(edge, tenant, push([{ flags: 0 }], 1)),
      { kind: 'filter', items: 1 },
      'its metadata is valid',
    );
    t.match(
      judge(edge, tenant, { ...push([{ flags: 0 }], 1), protocol: 'rw2' }),
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
    answer: {
      reason: 'missing_metric_name',
      status: 400,
      message:
        /^3 of 4 series of tenant a were refused and the rest was taken: 2 have no metric name \(series 1, series 3\) and 1 has more than 30 labels \(err-mimir-missing-metric-name\)\. Give every series a label __name__\.$/,
    },
  });
  const { tally } = tenant;
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_SAMPLES), 6);
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_EXEMPLARS), 3);
  t.equal(discarded(tally.refused, 'max_label_names_per_series', DISCARDED_SAMPLES), 1);
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_SERIES), 2);
  t.equal(discarded(tally.refused, 'max_label_names_per_series', DISCARDED_SERIES), 1);
  t.equal(discarded(tally.refused, 'missing_metric_name', DISCARDED_REQUESTS), 0, 'the push went on');
  t.match(tally, { accepted: 1, filtered: 1 });
});

t.test(
  'a push that is refused after it lost series has each sample and series under its own reason',
  async (t) => {
    const edge = enforcer({ snapshot: snapshot({ a: limits({ ingestion_burst_size: 5 }) }) });
    const { tenant } = admit(edge, 'a');
    t.match(judge(edge, tenant, push(MIXED, 1)), { kind: 'refuse', reason: 'burst_exceeded' });
    const { refused } = tenant.tally;
    t.equal(discarded(refused, 'burst_exceeded', DISCARDED_SAMPLES), 5);
    t.equal(discarded(refused, 'missing_metric_name', DISCARDED_SAMPLES), 6);
    t.equal(discarded(refused, 'max_label_names_per_series', DISCARDED_SAMPLES), 1);
    const series = (reason: Reason) => discarded(refused, reason, DISCARDED_SERIES);
    t.equal(series('burst_exceeded'), 1);
    t.equal(series('missing_metric_name'), 2);
    t.equal(series('max_label_names_per_series'), 1);
  },
);

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
  t.equal(discarded(tenant.tally.shadowed, 'missing_metric_name', DISCARDED_SERIES), 2);
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

t.test('an info series that has more labels than others may have passes whole, and is charged', async (t) => {
  const edge = enforcer();
  const { tenant } = admit(edge, 'a');
  const info = { labels: 60, flags: RECORD_FLAG_NAMED | RECORD_FLAG_INFO };
  t.strictSame(judge(edge, tenant, push([info, {}], 1)), {
    kind: 'accept',
    items: 3,
    bytes: 0,
    price: 1,
    shadowed: undefined,
  });
});
