import t from 'tap';
import {
  countedIn,
  mergedLedger,
  mergedMeasures,
  mergedSeries,
  NOTHING_COUNTED,
  sumOfCounts,
} from '#src/app/merged-status.js';
import type { LedgerStatus } from '#src/shared/client.js';
import { planeStatus } from './fixtures.js';

function ledger(given: Partial<LedgerStatus> = {}): LedgerStatus {
  return {
    state: 'up',
    sinceSeconds: 10,
    partsDown: 0,
    parts: 2,
    replicas: 3,
    buckets: 1,
    bucketsAlone: 0,
    tokensLeased: 5,
    callsInFlight: 1,
    calls: 7,
    errors: { timeout: 1 } as LedgerStatus['errors'],
    lastError: undefined,
    ...given,
  };
}

t.test('what was counted is added up, class by class', async (t) => {
  const one = planeStatus({
    upstream: {
      responses: { '2xx': 5, '5xx': 1 },
      failures: 2,
      recentTimes: [],
      addresses: [],
      unresolved: [],
      breaker: undefined,
      admission: undefined,
    },
    evictions: 3,
  });
  const other = planeStatus({
    upstream: {
      responses: { '2xx': 1, '4xx': 4 },
      failures: 1,
      recentTimes: [],
      addresses: [],
      unresolved: [],
      breaker: undefined,
      admission: undefined,
    },
    evictions: 0,
  });
  t.strictSame(sumOfCounts([NOTHING_COUNTED, countedIn(one), countedIn(other)]), {
    responses: { '2xx': 6, '5xx': 1, '4xx': 4 },
    failures: 3,
    evictions: 3,
  });
});

t.test('shared state is as bad as it is for the worst of them, since it was first', async (t) => {
  t.equal(mergedLedger([]), undefined);
  t.match(mergedLedger([ledger({ sinceSeconds: 10 }), ledger({ sinceSeconds: 4 })]), {
    state: 'up',
    sinceSeconds: 4,
  });
  const down = { state: 'degraded', sinceSeconds: 3, partsDown: 1, replicas: 2, bucketsAlone: 4 } as const;
  t.match(mergedLedger([ledger(), ledger(down), ledger({ ...down, sinceSeconds: 8, partsDown: 2 })]), {
    state: 'degraded',
    sinceSeconds: 8,
    partsDown: 2,
    parts: 2,
    replicas: 3,
    buckets: 3,
    bucketsAlone: 8,
    tokensLeased: 15,
    callsInFlight: 3,
    calls: 21,
    errors: { timeout: 3 },
  });
});

t.test('the last error is the one that is least long ago', async (t) => {
  const error = (secondsAgo: number) =>
    ledger({ lastError: { secondsAgo, message: `${secondsAgo}` } as LedgerStatus['lastError'] });
  t.equal(mergedLedger([ledger()])?.lastError, undefined);
  t.match(mergedLedger([error(9), ledger(), error(2), error(5)])?.lastError, { secondsAgo: 2 });
});

t.test('what is known of series is added up', async (t) => {
  t.equal(mergedSeries([]), undefined);
  const one = { series: 5, metrics: 2, tableBytes: 10, untracked: 0, tenantsAlone: 1, admittedAlone: 7 };
  t.strictSame(mergedSeries([one, one]), {
    series: 10,
    metrics: 4,
    tableBytes: 20,
    untracked: 0,
    tenantsAlone: 2,
    admittedAlone: 14,
  });
});

t.test(
  'what guards look at is added up: pushes, and answers by sender and by the time that they took',
  async (t) => {
    const one = { pushes: { requests: 10, failed: 2 }, answers: [{ sender: 'a', counts: [1, 2, 3] }] };
    const other = {
      pushes: { requests: 5, failed: 0 },
      answers: [
        { sender: 'b', counts: [4, 1, 0] },
        { sender: 'a', counts: [0, 1, 0] },
      ],
    };
    t.strictSame(mergedMeasures([one, other]), {
      pushes: { requests: 15, failed: 2 },
      answers: [
        { sender: 'a', counts: [1, 3, 3] },
        { sender: 'b', counts: [4, 1, 0] },
      ],
    });
    t.strictSame(mergedMeasures([]), { pushes: { requests: 0, failed: 0 }, answers: [] });
  },
);
