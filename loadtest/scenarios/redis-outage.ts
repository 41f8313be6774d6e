/** Two replicas share their buckets through a Redis that is killed and comes back. Tenants within their limits see nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { startEdge, startSink } from '../../bench/peers/processes.js';
import { RedisServer, redisMissing } from '../../test/shared/redis-server.js';
import { atLeast, atMost, check, type Scenario } from '../lab.js';

const TENANTS = 10;
/** Samples a second, for each tenant over both replicas; the load is four fifths of it. */
const LIMIT = 5000;
const P99_BOUND_MS = 100;

export const scenario: Scenario = {
  summary: 'Redis is killed for a third of the run: tenants within their limits see nothing of it',
  missing: () => redisMissing || undefined,
  async run(lab) {
    const redis = await RedisServer.start();
    try {
      const sink = await lab.start(startSink());
      const limits = `ingestion_rate: ${LIMIT}, ingestion_burst_size: ${2 * LIMIT}`;
      const flags = [`--state.redis.url=${redis.url}`, '--state.replicas=2'];
      const edges = [
        await lab.start(startEdge(sink.url, flags, { limits })),
        await lab.start(startEdge(sink.url, flags, { limits })),
      ];
      const load = async (seconds: number) =>
        Promise.all(
          edges.map(({ url }) =>
            lab.load(url, {
              tenants: TENANTS,
              series: 5000,
              'series-per-push': 100,
              rate: (0.8 * LIMIT * TENANTS) / edges.length,
              duration: `${seconds}s`,
            }),
          ),
        );
      await load(lab.seconds(5));
      const seconds = lab.seconds(30);
      const loading = load(seconds);
      await delay((1000 * seconds) / 3);
      await redis.kill();
      await delay((1000 * seconds) / 3);
      await redis.run();
      const reports = await loading;

      const due = reports.reduce((sum, { totals }) => sum + totals.due, 0);
      const accepted = reports.reduce((sum, { totals }) => sum + totals.accepted, 0);
      const kinds = new Set(reports.flatMap(({ answers }) => Object.keys(answers)));
      const p99 = Math.max(...reports.map(({ latency }) => latency.p99));
      return [
        atLeast('pushes accepted', (100 * accepted) / due, 99, ' %'),
        check(
          'no answer but 200 and 429',
          [...kinds].join(', '),
          [...kinds].every((kind) => kind === '200' || kind === '429'),
        ),
        atMost('p99, the outage included', p99, P99_BOUND_MS, ' ms'),
      ];
    } finally {
      await redis.stop();
    }
  },
};
