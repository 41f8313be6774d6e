import t from 'tap';
import { Enforcer } from '#src/enforce/enforcer.js';
import type { SeriesAnswer, TenantSeries } from '#src/enforce/series.js';
import { DISCARDED_SAMPLES, discarded } from '#src/enforce/tally.js';
import { FAULT, RECORD_FAULT, RECORD_WORDS } from '#src/payload/push.js';
import { MemoryLedger } from '#src/shared/memory/memory-ledger.js';
import { pushOf, tracker } from '../series/fixtures.js';
import { admit, enforcer, judge, limits, push, samples, snapshot } from './fixtures.js';

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
    answer: {
      status: 400,
      reason: 'per_metric_series_limit',
      message:
        /^3 of 6 .*: 2 are new and over the limit of 2 active series for a metric \(series 1, series 3\) and 1 is new and over the tenant's limit of 5 active series \(err-mimir-max-series-per-metric\)\. Drop a label of the metric, or raise max_global_series_per_metric\.$/,
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
  broken.records[RECORD_WORDS * 2 + RECORD_FAULT] = FAULT.tooManyLabels;
  const both = judge(edge, tenant, { ...broken, faultySeries: 1 });
  t.match(
    both,
    { kind: 'filter', items: 1, answer: { reason: 'per_user_series_limit' } },
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
    const limited = limits({ ingestion_rate: 0, ingestion_burst_size: 10 });
    const edge = enforcer({ snapshot: snapshot({ a: limited }), series: tracker() });
    const { tenant } = admit(edge, 'a');
    judge(edge, tenant, pushOf(Array.from({ length: 11 }, (_, series) => series)));
    t.equal(tenant.series?.active, 0);
    judge(edge, tenant, push([{ labels: 30 }, { labels: 31 }]));
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
    t.equal(tenant.series?.active, overLimit === 'filter' ? 2 : 0, 'those that enforce would have let in');
    t.ok(discarded(tenant.tally.shadowed, 'per_user_series_limit', DISCARDED_SAMPLES) > 0);
  }
});

t.test('the limit of active series, where it is set, stands in for that of series in memory', async (t) => {
  const verdictOf = (own: Parameters<typeof limits>[0], series: number[], overLimit?: 'refuse') => {
    const known = snapshot({ a: limits({ max_global_series_per_user: 3, ...own }) });
    const edge = enforcer({ snapshot: known, series: tracker(), ...(overLimit && { overLimit }) });
    const { tenant } = admit(edge, 'a');
    return { tenant, verdict: judge(edge, tenant, pushOf(series)) };
  };
  const { tenant, verdict } = verdictOf({ max_active_series_per_user: 5 }, [1, 2, 3, 4, 5, 6, 7]);
  t.match(verdict, {
    kind: 'filter',
    items: 5,
    leftOut: { series: 2, groups: [{ reason: 'max_active_series', series: 2, samples: 2 }] },
    answer: {
      status: 429,
      reason: 'max_active_series',
      message:
        "2 of 7 series of tenant a were refused and the rest was taken: they are new and over the tenant's limit of 5 " +
        'active series (series 5, series 6) (err-mimir-max-active-series). ' +
        'Send fewer series, or raise max_active_series_per_user.',
      retryAfterSeconds: Number,
    },
  });
  t.equal(discarded(tenant.tally.refused, 'max_active_series', DISCARDED_SAMPLES), 2);
  t.equal(discarded(tenant.tally.refused, 'per_user_series_limit', DISCARDED_SAMPLES), 0);
  t.equal(tenant.series?.active, 5);
  t.match(
    verdictOf({ max_active_series_per_user: 2 }, [1, 2, 3], 'refuse').verdict,
    { kind: 'refuse', reason: 'max_active_series', status: 429 },
    'refused whole',
  );
  t.match(verdictOf({ max_active_series_per_user: 0 }, [1, 2, 3, 4]).verdict, {
    answer: { reason: 'per_user_series_limit', status: 400 },
  });
  t.match(verdictOf({ max_active_series_per_user: 9, max_global_series_per_metric: 2 }, [1, 2, 3]).verdict, {
    answer: { reason: 'per_metric_series_limit', status: 400 },
  });
});

t.test(
  'a refusal is soft where the rest of the push was taken, as by an ingester, or there was no rest',
  async (t) => {
    for (const [what, own, series, overLimit, isSoft] of [
      ['some are over the limit', { max_global_series_per_user: 1 }, [1, 2], 'filter', true],
      ['all are', { max_global_series_per_user: 1 }, [2, 3], 'filter', true],
      ['the push is refused whole for some', { max_global_series_per_user: 1 }, [1, 2], 'refuse', false],
      ['and for all', { max_global_series_per_user: 1 }, [2, 3], 'refuse', true],
      ['of a metric', { max_global_series_per_metric: 1 }, [1, 2], 'filter', true],
      ['a usage tracker refuses', { max_active_series_per_user: 1 }, [1, 2], 'filter', false],
    ] as const) {
      const edge = enforcer({ snapshot: snapshot({ a: limits(own) }), series: tracker(), overLimit });
      const { tenant } = admit(edge, 'a');
      judge(edge, tenant, pushOf([1]));
      const verdict = judge(edge, tenant, pushOf([...series]));
      const refusal = verdict.kind === 'filter' ? verdict.answer : verdict;
      t.match(refusal, { kind: 'refuse', isSoft }, what);
    }
  },
);

t.test('too many active series have the status that the tenant asks for', async (t) => {
  for (const [code, status, retries] of [
    [429, 429, true],
    [400, 400, false],
    [503, 503, true],
    [202, 202, false],
    [599, 599, true],
    // No answer that a sender could read.
    [0, 429, true],
    [-1, 429, true],
    [101, 429, true],
    [1000, 429, true],
  ] as const) {
    const own = limits({ max_active_series_per_user: 1, active_series_limit_response_code: code });
    const edge = enforcer({ snapshot: snapshot({ a: own }), series: tracker() });
    const verdict = judge(edge, admit(edge, 'a').tenant, pushOf([1, 2]));
    t.match(verdict, { kind: 'filter', answer: { status } }, String(code));
    t.equal(
      verdict.kind === 'filter' &&
        'reason' in verdict.answer &&
        verdict.answer.retryAfterSeconds !== undefined,
      retries,
      String(code),
    );
  }
  const other = limits({ max_global_series_per_user: 1, active_series_limit_response_code: 503 });
  const edge = enforcer({ snapshot: snapshot({ a: other }), series: tracker() });
  t.match(judge(edge, admit(edge, 'a').tenant, pushOf([1, 2])), { answer: { status: 400 } });
});

t.test('where Mimir has a usage tracker that answers for either limit', async (t) => {
  const own = limits({ max_global_series_per_user: 2, active_series_limit_response_code: 400 });
  const edge = enforcer({ snapshot: snapshot({ a: own }), series: tracker(), usageTracker: true });
  t.match(judge(edge, admit(edge, 'a').tenant, pushOf([1, 2, 3])), {
    answer: {
      status: 400,
      reason: 'max_active_series',
      message:
        /limit of 2 active series .*\(err-mimir-max-active-series\)\. .* raise max_global_series_per_user\.$/,
    },
  });
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
      maxUnknownTenants: 10,
      distributors: 1,
      series: { tenant: () => series },
      overLimit: 'filter',
      dropDuplicates: true,
      usageTracker: false,
      random: () => 0,
      now: () => 0,
      wallNow: () => 0,
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
  t.match(await verdict, { kind: 'filter', items: 1, answer: { message: /7 in row 1/ } });

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
