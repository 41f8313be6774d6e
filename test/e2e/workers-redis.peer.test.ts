import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { upstream } from '../doors/http/fixtures.js';
import { RedisServer, redisMissing } from '../shared/redis-server.js';
import { overrides, readily, Senders, startWorkers } from './worker-senders.js';

t.test('with Redis each worker is a replica', { skip: redisMissing }, async (t) => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.stop());
  const mimir = await upstream();
  t.teardown(() => mimir.close());
  const edge = await startWorkers(t, 2, [
    `--upstream.url=${mimir.url}`,
    `--state.redis.url=${redis.url}`,
    // What an answer brings that nobody waits for any more is lost: a machine that stalls must not make it so here.
    '--state.redis.command_timeout=10s',
    `--overrides.file=${overrides(t, 'a: { ingestion_rate: 0, ingestion_burst_size: 10000 }')}`,
  ]);
  t.ok(await readily(edge, ({ each }) => each.every(({ ledger }) => ledger.replicas === 2)));
  const senders = new Senders(t, edge, 4);
  // What one worker has leased and does not use comes back for the other after a while.
  for (let i = 0; i < 100 && senders.accepted < 20; i++) {
    await senders.once();
    await delay(300);
  }
  await senders.once();
  t.equal(senders.accepted, 20, 'exactly the burst');
});
