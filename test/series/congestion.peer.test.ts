/** Far more new series at once than Redis looks at within the time of a call: that is no outage. */
import t from 'tap';
import type { TrackedSeries } from '#src/series/tracked-series.js';
import { eventually } from '../shared/contract.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { limitsOf, now, pushOf, range, sharing } from './fixtures.js';

const REPLICAS = 4;
const PUSHES = 10;
const SERIES = 2000;
const LIMIT = 50_000;

t.test('with a Redis', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());

  t.test('80,000 new series at once at four replicas: the limit holds, and nobody is alone', async (t) => {
    const replicas = await sharing(t, redis, 'burst', REPLICAS, { commandTimeoutMs: 100 });
    const admitted = new Set<number>();
    let busy = 0;
    /** As a sender does it: what was refused with 503 comes again. */
    const push = async (replica: TrackedSeries, series: readonly number[]): Promise<void> => {
      const answer = await replica.check(pushOf(series), undefined, limitsOf(LIMIT), false, now());
      if (answer.busy) {
        busy++;
        return push(replica, series);
      }
      await answer.newLater;
      const refused = new Set(answer.overLimit?.rows);
      for (const [row, one] of series.entries()) if (!refused.has(row)) admitted.add(one);
    };
    const all: Promise<void>[] = [];
    for (const [at, replica] of replicas.entries()) {
      for (let i = 0; i < PUSHES; i++) {
        const from = (at * PUSHES + i) * SERIES;
        all.push(push(replica, range(from, from + SERIES)));
      }
    }
    await Promise.all(all);
    t.comment(`${admitted.size} of ${LIMIT} were admitted, ${busy} pushes came again`);
    const alone = replicas.reduce((sum, one) => sum + one.admittedOffline, 0);
    t.equal(alone, 0);
    t.equal(admitted.size, LIMIT);
    t.ok(await eventually(() => Math.max(...replicas.map((one) => one.fleet ?? 0)) === LIMIT));
  });
});
