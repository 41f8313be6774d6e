/** What an outage costs that comes right after Redis has lost its data, when replicas count themselves from one on. */
import t from 'tap';
import { charge, eventually } from '../contract.js';
import { redisClient, type TestClient } from '../fixtures.js';
import { RedisServer, redisMissing } from '../redis-server.js';

const REPLICAS = 8;
const CAPACITY = 8000;
const PUSH = 10;

t.test(
  'an outage after a FLUSHALL lets one limit through, not one for each count',
  { skip: redisMissing },
  async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const now = () => performance.now();
    const replicas: TestClient[] = [];
    for (let i = 0; i < REPLICAS; i++) replicas.push(await redisClient(t, redis.url));
    const statuses = () => replicas.map(({ client }) => client.status());
    t.ok(await eventually(() => statuses().every((status) => status.replicas === REPLICAS)));
    const buckets = replicas.map(({ client }) =>
      client.bucket('tenant', 'items', { rate: 0, capacity: CAPACITY }, now()),
    );
    for (const bucket of buckets) t.ok((await charge(bucket, 0)).granted, 'each has seen the bucket, full');

    await redis.admin.flushall();
    const heard = async () => (await redis.admin.zcard('mimir-edge:{#0}:replicas')) === REPLICAS;
    t.ok(await eventually(heard), 'each has said again that it is there, and heard how many have');
    await redis.kill();
    t.ok(await eventually(() => statuses().every(({ state }) => state === 'degraded')));
    let admitted = 0;
    for (const bucket of buckets) {
      while ((await charge(bucket, PUSH)).granted) admitted += PUSH;
    }
    t.ok(
      admitted <= CAPACITY,
      `${admitted} of ${CAPACITY}: ${(admitted / CAPACITY).toFixed(2)} times the limit`,
    );
    t.ok(admitted > CAPACITY / 2, 'and each its share');
  },
);
