/** From limits to what is asked, and from outcomes to what the enforcer is told. */
import t from 'tap';
import { answerOf, countOutcome, isLimited, tableLimits } from '#src/series/series-answer.js';
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
    t.strictSame(tableLimits(limitsOf(perUser, perMetric)), { mostOfTenant, mostOfMetric });
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

t.test('outcomes are counted', async (t) => {
  const outcomes = Uint8Array.of(NEW, KNOWN, NEW);
  t.equal(countOutcome(outcomes, NEW), 2);
  t.equal(countOutcome(outcomes, SKIPPED), 0);
});
