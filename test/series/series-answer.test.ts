/** From limits to what is asked, and from outcomes to what the enforcer is told. */
import t from 'tap';
import type { LimitReason } from '#src/enforce/series.js';
import {
  answerOf,
  countOutcome,
  isLimited,
  joinAnswers,
  passesWhole,
  tableLimits,
} from '#src/series/series-answer.js';
import {
  KNOWN,
  NEW,
  NO_LIMIT,
  PENDING,
  REFUSED_METRIC,
  REFUSED_TENANT,
  RowList,
  SKIPPED,
  UNTRACKED,
} from '#src/series/series-rows.js';
import { limitsOf, pushOf, range } from './fixtures.js';

/** Rows 10, 11, 12 and so on of a push. */
function unknown(count: number): RowList {
  const rows = new RowList();
  rows.append(pushOf(range(0, 10 + count)), 10, Uint32Array.from(range(0, count)));
  return rows;
}

t.test('in Mimir 0 is no limit', async (t) => {
  for (const [perUser, perMetric, limited, mostOfTenant, mostOfMetric] of [
    [0, 0, false, NO_LIMIT, NO_LIMIT],
    [5, 0, true, 5, NO_LIMIT],
    [0, 6, true, NO_LIMIT, 6],
    [1, 1, true, 1, 1],
    [1e12, -1, true, NO_LIMIT, NO_LIMIT],
  ] as const) {
    t.equal(isLimited(limitsOf(perUser, perMetric)), limited);
    const mayFill = limited;
    t.strictSame(tableLimits(limitsOf(perUser, perMetric)), { mostOfTenant, mostOfMetric, mayFill });
    const active = { ...limitsOf(7, perMetric), max_active_series_per_user: perUser };
    t.equal(tableLimits(active).mostOfTenant, perUser > 0 ? mostOfTenant : 7, 'active series come first');
    t.equal(isLimited(active), true);
  }
});

t.test('refused rows are named by their numbers in the push, with the limit that each is over', async (t) => {
  const outcomes = Uint8Array.of(
    KNOWN,
    REFUSED_METRIC,
    NEW,
    REFUSED_TENANT,
    SKIPPED,
    NEW,
    UNTRACKED,
    PENDING,
  );
  t.strictSame(answerOf(unknown(8), outcomes, 70, false), {
    newAdmitted: 2,
    overLimit: {
      rows: [11, 13],
      reasons: ['per_metric_series_limit', 'per_user_series_limit'],
      observed: 70,
    },
  });
});

t.test('all or nothing: when one is refused none is new', async (t) => {
  t.match(answerOf(unknown(2), Uint8Array.of(NEW, REFUSED_TENANT), 1, true), { newAdmitted: 0 });
  t.strictSame(answerOf(unknown(2), Uint8Array.of(NEW, NEW), 0, true), {
    newAdmitted: 2,
    overLimit: undefined,
  });
});

t.test('of two parts of a push the refused rows are in the order of the push', async (t) => {
  const overLimit = (rows: readonly number[], observed: number) => ({
    rows,
    reasons: rows.map(
      (row) => (row % 2 ? 'per_metric_series_limit' : 'per_user_series_limit') as LimitReason,
    ),
    observed,
  });
  const one = { newAdmitted: 0, overLimit: overLimit([1, 8], 5) };
  const newLater = Promise.resolve(1);
  const other = { newAdmitted: 2, newLater, overLimit: overLimit([0, 3, 12], 7) };
  t.strictSame(joinAnswers(one, other), {
    newAdmitted: 2,
    newLater,
    overLimit: overLimit([0, 1, 3, 8, 12], 5),
  });
  t.strictSame(joinAnswers(one, { newAdmitted: 2, overLimit: undefined }), { ...one, newAdmitted: 2 });
  t.strictSame(joinAnswers({ newAdmitted: 3, overLimit: undefined }, other), { ...other, newAdmitted: 5 });
  for (const none of [{ lost: true }, { busy: true }] as const) {
    const answer = { newAdmitted: 1, overLimit: undefined, ...none };
    t.strictSame(joinAnswers(one, answer), answer, 'what can not be decided is not');
    t.notOk(passesWhole(answer));
  }
  t.notOk(passesWhole(one));
  t.ok(passesWhole({ newAdmitted: 1, overLimit: undefined }));
});

t.test('outcomes are counted', async (t) => {
  const outcomes = Uint8Array.of(NEW, KNOWN, NEW);
  t.equal(countOutcome(outcomes, NEW), 2);
  t.equal(countOutcome(outcomes, SKIPPED), 0);
});
