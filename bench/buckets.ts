/** How many decisions one core makes a second: the bucket alone, and the whole judgement of a decoded push. */

import { TokenBucket } from '#src/buckets/token-bucket.js';
import { PushMetrics } from '#src/doors/push-metrics.js';
import { Tally } from '#src/enforce/tally.js';
import { Tenant } from '#src/enforce/tenant.js';
import { Metrics } from '#src/telemetry/metrics.js';
import { UpstreamMetrics } from '#src/upstream/upstream-metrics.js';
import { enforcer, limits, samples, snapshot } from '../test/enforce/fixtures.js';
import { compare, printTable, smoke } from './rounds.js';

const DECISIONS = smoke ? 10_000 : 2_000_000;
const TENANTS = 1000;

const one = new TokenBucket({ rate: 1e9, capacity: 1e9 }, 0);
const many = Array.from({ length: TENANTS }, () => new TokenBucket({ rate: 1e5, capacity: 1e5 }, 0));
let nowMs = 0;
const judging = enforcer({
  snapshot: snapshot({}, limits({ ingestion_rate: 1e12, ingestion_burst_size: 1e12 })),
  maxTenants: TENANTS,
  now: () => nowMs,
});
const push = samples(500);
const tally = new Tally();
const metrics = new Metrics();
const pushMetrics = new PushMetrics(metrics);
const upstreamMetrics = new UpstreamMetrics(metrics, nowMs);
const ids = Array.from({ length: TENANTS }, (_, index) => `tenant-${index}`);

const tenants = ids.map((id) => judging.tenant(id)).filter((tenant) => tenant instanceof Tenant);

const results = await compare([
  {
    name: 'token bucket, one tenant',
    run: () => {
      for (let i = 0; i < DECISIONS; i++) one.take(500, i * 0.001);
      return DECISIONS;
    },
  },
  {
    name: `token bucket, ${TENANTS} tenants, half refused`,
    run: () => {
      for (let i = 0; i < DECISIONS; i++) many[i % TENANTS]!.take(500, i * 0.0025);
      return DECISIONS;
    },
  },
  {
    name: `judge of a 500-series push, ${TENANTS} tenants`,
    run: () => {
      for (let i = 0; i < DECISIONS; i++) judging.judge(tenants[i % TENANTS]!, push, false, i * 0.001);
      return DECISIONS;
    },
  },
  {
    name: `admit + judge of a 500-series push, ${TENANTS} tenants`,
    run: () => {
      for (let i = 0; i < DECISIONS; i++) {
        nowMs = i * 0.001;
        const admission = judging.admit(ids[i % TENANTS]);
        if ('requests' in admission) judging.judge(admission.tenant, push, false, nowMs);
      }
      return DECISIONS;
    },
  },
  {
    name: 'telemetry of a push: tally and three latencies',
    run: () => {
      for (let i = 0; i < DECISIONS; i++) {
        tally.received(push);
        pushMetrics.decoded(0.0001, 'rw1');
        pushMetrics.decided(0.00001);
        upstreamMetrics.forwarded(200, 0.002, ids[i % TENANTS], i);
      }
      return DECISIONS;
    },
  },
]);

console.log('Decisions on one core');
printTable([
  ['', 'ns each', 'millions/s'],
  ...results.map(({ name, nanosecondsPerUnit }) => [
    name,
    nanosecondsPerUnit.toFixed(1),
    (1000 / nanosecondsPerUnit).toFixed(1),
  ]),
]);
