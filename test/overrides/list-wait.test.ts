import t from 'tap';
import { ApiError } from '#src/overrides/kubernetes/api.js';
import { listWaitMs } from '#src/overrides/kubernetes/list-wait.js';

const broken = new Error('ECONNRESET');
const gone = new ApiError(410, 'too old');
const busy = (retryAfterMs: number) => new ApiError(429, 'too many', retryAfterMs);

t.test('the wait for the next list', async (t) => {
  const cases: [string, unknown, number, number, number][] = [
    ['begins with 250 ms, give or take half', broken, 0, 0, 125],
    ['and as much more', broken, 0, 1, 375],
    ['doubles with each failure', broken, 3, 0.5, 2000],
    ['up to the poll interval', broken, 6, 0.5, 10_000],
    ['however many there were', broken, 5000, 0.5, 10_000],
    ['is none when what was watched is gone', gone, 0, 1, 0],
    ['but only the first time', gone, 1, 0.5, 500],
    ['is what the server asks for', busy(30_000), 0, 0, 30_000],
    ['and up to a quarter more, so that not all come at once', busy(30_000), 0, 1, 37_500],
    ['even when the backoff is longer', busy(100), 6, 0.5, 10_000],
  ];
  for (const [name, error, failures, random, expected] of cases) {
    t.equal(listWaitMs(error, failures, { pollIntervalMs: 10_000, random: () => random }), expected, name);
  }
});
