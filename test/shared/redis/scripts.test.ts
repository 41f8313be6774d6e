/** What calls look like to the scripts, and what their answers mean. That the scripts do it is tested with a Redis. */
import t from 'tap';
import {
  KNOWN,
  NEW,
  NO_LIMIT,
  PENDING,
  REFUSED_METRIC,
  REFUSED_TENANT,
  SKIPPED,
} from '#src/series/series-rows.js';
import { admitScript } from '#src/shared/redis/admit.js';
import { announceScript } from '#src/shared/redis/announce.js';
import { electScript, resignScript } from '#src/shared/redis/elect.js';
import { storeErrorOf } from '#src/shared/redis/errors.js';
import { limitsKey, phaseOf } from '#src/shared/redis/keys.js';
import { leaseScript } from '#src/shared/redis/lease.js';
import { limitsScript } from '#src/shared/redis/limits.js';
import { reserveScript } from '#src/shared/redis/reserve.js';
import { leaseCall } from '../../buckets/fixtures.js';
import { admitCall, announceCall } from '../../series/fixtures.js';

/** Rows of numbered series; the lower words are the numbers. */
function rowsOf(series: readonly (readonly [hash: number, metric: number])[]): Uint32Array {
  return Uint32Array.from(series.flatMap(([hash, metric]) => [hash, 0, metric, 0]));
}

const SERIES_KEY = 'edge:{a}:active';
const PHASE = String(Math.floor(phaseOf('a') * 1000));

t.test('lease', async (t) => {
  const call = leaseCall({
    bucket: 'bytes',
    shape: { rate: 0.1, capacity: 1e21 },
    version: 12,
    returned: 1.5,
    debit: 2,
    need: 3,
    leastReserve: 4,
    mostReserve: 5,
    incarnation: 'one',
    ceiling: -6,
  });
  t.strictSame(leaseScript.encode('edge:', 'a', call), [
    ['edge:{a}:bytes', '0.1', '1e+21', '12', '1.5', '2', '3', '4', '5', 'one', '-6'],
  ]);
  t.equal(leaseScript.encode('', 'a', leaseCall())[0]?.[3], '0');
  t.strictSame(leaseScript.decode([['1.5', '-2', '0.25', '100', 'two', 'now', '7']]), {
    granted: 1.5,
    available: -2,
    shape: { rate: 0.25, capacity: 100 },
    version: 7,
    incarnation: 'two',
  });
});

t.test('limits', async (t) => {
  const documents = { hash: 'aa', place: 3, before: 2 };
  const all = { hash: 'bb', place: 0, before: 4 };
  t.strictSame(limitsScript.encode('edge:', '', { documents, all, version: 9 }), [
    [limitsKey('edge:', ''), '9', 'aa', '3', '2', 'bb', '0', '4'],
  ]);
  const reply = { documents: 3, all: 5, version: 10 };
  t.strictSame(limitsScript.decode([[3, 5, 1, 10]]), { ...reply, areNewest: true });
  t.strictSame(limitsScript.decode([[3, 5, 0, 10]]), { ...reply, areNewest: false });
});

t.test('elect and resign', async (t) => {
  const ha = { cluster: 'prod', replica: 'one' };
  const call = { ha, updateMs: 1, takeoverMs: 2, mostClusters: 3, forgetMs: 4 };
  t.strictSame(electScript.encode('edge:', 'a', call), [['edge:{a}:ha', 'prod', 'one', '1', '2', '3', '4']]);
  t.strictSame(electScript.decode([['two', '15']]), { replica: 'two', ageMs: 15 });
  t.equal(electScript.decode([[]]), undefined, 'too many clusters');
  t.strictSame(resignScript.encode('edge:', 'a', { ha }), [['edge:{a}:ha', 'prod', 'one']]);
  t.equal(resignScript.decode([[]]), undefined);
});

t.test('admit: limits, and the hashes one by one', async (t) => {
  const rows = Uint32Array.of(7, 0, 1, 0, 0xffffffff, 0xffffffff, 1, 0);
  const call = admitCall(0, { rows, announced: 1, mostOfTenant: 50 });
  t.strictSame(admitScript.encode('edge:', 'a', call), [
    [SERIES_KEY, '1000', PHASE, '50', '-1', '1', '0', '1', '', '', '7', '-1'],
  ]);
  const [none] = admitScript.encode('edge:', 'a', admitCall(0, { mostOfTenant: NO_LIMIT }));
  t.strictSame(none?.slice(3), ['-1', '-1', '0', '0', '1', '', ''], 'no series: still one script');
});

t.test('admit: with a limit for metrics, which series has which', async (t) => {
  const rows = rowsOf([
    [1, 30],
    [2, 40],
    [3, 30],
  ]);
  const [script] = admitScript.encode('edge:', 'a', admitCall(0, { rows, mostOfMetric: 9 }));
  t.strictSame(script?.slice(4), ['9', '0', '0', '1', '30 40', '0 1 0', '1', '2', '3']);
});

t.test('admit: 512 series a script, and the announced ones are the first of all', async (t) => {
  for (const [announced, each] of [
    [0, ['0', '0', '0']],
    [600, ['512', '88', '0']],
    [1100, ['512', '512', '76']],
  ] as const) {
    const scripts = admitScript.encode('edge:', 'a', admitCall(1100, { announced }));
    t.strictSame(
      scripts.map((script) => script.length - 10),
      [512, 512, 76],
    );
    t.strictSame(
      scripts.map((script) => script[5]),
      each,
    );
  }
  const whole = admitScript.encode(
    'edge:',
    'a',
    admitCall(1100, { allOrNothing: true, noFinalRefusals: false }),
  );
  t.equal(whole.length, 1, 'all or nothing takes one');
  t.strictSame(whole[0]?.slice(6, 8), ['1', '0']);
});

t.test('admit: only to look goes in parts', async (t) => {
  const scripts = admitScript.encode(
    'edge:',
    'a',
    admitCall(600, { lookOnly: true, noFinalRefusals: false }),
  );
  t.strictSame(
    scripts.map((script) => [script.length - 10, script[6]]),
    [
      [512, '2'],
      [88, '2'],
    ],
  );
});

t.test('admit: what the scripts say together', async (t) => {
  const reply = admitScript.decode([
    ['knp', 10, 'epoch', 4, 500, 0],
    ['tms', 11, 'epoch', 4, 499, 90],
    ['t', 12, 'epoch', 5, 498, 95],
  ]);
  t.strictSame(
    [...reply.outcomes],
    [KNOWN, NEW, PENDING, REFUSED_TENANT, REFUSED_METRIC, SKIPPED, REFUSED_TENANT],
  );
  t.match(reply, { observed: 90, total: 12, epoch: 'epoch', generation: 5, leftMs: 498 });
  t.match(admitScript.decode([['k', 1, 'epoch', 4, 500, 0]]), { observed: 0 });
  t.strictSame([...admitScript.decode([['?', 1, 'e', 4, 5, 0]]).outcomes], [SKIPPED], 'of a later version');
});

t.test('announce', async (t) => {
  const rows = rowsOf([
    [1, 30],
    [2, 30],
  ]);
  t.strictSame(announceScript.encode('edge:', 'a', announceCall(0, { rows, reservation: 'there' })), [
    [SERIES_KEY, '1000', PHASE, 'there', '', '', '1', '2'],
  ]);
  t.strictSame(announceScript.encode('edge:', 'a', announceCall(0, { rows, countMetrics: true })), [
    [SERIES_KEY, '1000', PHASE, '', '30', '0 0', '1', '2'],
  ]);
  const reply = announceScript.decode([['kn', 10, 'epoch', 4, 500]]);
  t.strictSame([...reply.outcomes], [KNOWN, NEW]);
  t.match(reply, { total: 10, epoch: 'epoch', generation: 4, leftMs: 500 });
});

t.test('reserve', async (t) => {
  const call = { series: 200, mostOfTenant: 900, generationMs: 1000 };
  t.strictSame(reserveScript.encode('edge:', 'a', call), [[SERIES_KEY, '1000', PHASE, '200', '900']]);
  t.match(reserveScript.decode([['there', 10, 'epoch', 4, 500]]), { reservation: 'there', total: 10 });
  t.match(reserveScript.decode([['', 10, 'epoch', 4, 500]]), { reservation: '' });
});

t.test('errors are told apart by what Redis and ioredis say', async (t) => {
  for (const [message, kind] of [
    ["OOM command not allowed when used memory > 'maxmemory'.", 'memory'],
    ["READONLY You can't write against a read only replica.", 'read_only'],
    ['NOAUTH Authentication required.', 'refused'],
    ['WRONGPASS invalid username-password pair', 'refused'],
    ['NOPERM this user has no permissions', 'refused'],
    ['BUSY Redis is busy running a script.', 'busy'],
    ['LOADING Redis is loading the dataset in memory', 'busy'],
    ['CLUSTERDOWN The cluster is down', 'cluster'],
    ['Too many Cluster redirections. Last error: MOVED', 'cluster'],
    ['Too many Cluster redirections. Last error: ReplyError: ASK 983 127.0.0.1:6379', 'moving'],
    ['MOVING the slot of the tenant', 'moving'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'moving'],
    ['Command timed out', 'timeout'],
    ['Socket timeout. Expecting data, but didn’t receive any in 500ms.', 'timeout'],
    ['Connection is closed.', 'connection'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'connection'],
    ['connect ECONNREFUSED 127.0.0.1:6379', 'connection'],
    ['the pipeline was aborted', 'connection'],
    ['ERR user_script:1: something else', 'other'],
  ] as const) {
    const error = storeErrorOf(new Error(message), 'why');
    t.equal(error.kind, kind, message);
    t.equal(error.message, kind === 'connection' ? `${message} (why)` : message);
  }
  t.equal(storeErrorOf('a text', '').message, 'a text');
});
