/** One replica of the fleet bench: offers pushes by the plan that the parent sends, and reports what became of them. */

import { Redis } from 'ioredis';
import type { Bucket } from '#src/enforce/ledger.js';
import { StoreClient } from '#src/shared/client.js';
import { IpcStore, type NumberedReply } from '#src/shared/ipc/ipc-store.js';
import { clientOf, plainRedis } from '../test/shared/fixtures.js';

export interface TenantPlan {
  readonly name: string;
  /** Tokens a second, over all replicas. */
  readonly rate: number;
  readonly capacity: number;
  /** Pushes a second at this replica. */
  readonly pushesPerSecond: number;
}

export interface Plan {
  /** Leases from Redis, leases from the process that started this one, or a fixed window in Redis. */
  readonly way: 'leases' | 'primary' | 'window';
  readonly redisPort: number;
  readonly startAt: number;
  readonly seconds: number;
  readonly bursty: boolean;
  readonly tenants: readonly TenantPlan[];
}

export interface TenantResult {
  readonly name: string;
  offered: number;
  admitted: number;
  pushes: number;
  refused: number;
  /** Decisions that waited for Redis. */
  waited: number;
  /** Decision times in microseconds, once leases are warm. */
  readonly micros: number[];
}

/** Half a second at twice the load, half a second of silence, in all replicas at once. */
export const BURST_MS = 500;
const WARM_UP_MS = 2000;
const MIN_PUSH = 100;
const MAX_PUSH = 900;
export const MEAN_PUSH = (MIN_PUSH + MAX_PUSH) / 2;

interface Decider {
  decide(tenant: number, n: number, nowMs: number): boolean | Promise<boolean>;
  close(): Promise<void>;
}

async function leases(plan: Plan): Promise<Decider> {
  const common = {
    ...plainRedis([`redis://127.0.0.1:${plan.redisPort}`]),
    keyPrefix: 'bench:',
    maxInFlight: 1024,
    replicas: 0,
    onLoss: 'refuse' as const,
    closeTimeoutMs: 1000,
    now: () => performance.now(),
    random: Math.random,
    log: { info: () => {}, warn: (details: object, message: string) => console.error(message, details) },
  };
  const client =
    plan.way === 'leases'
      ? clientOf(common)
      : new StoreClient(toParent(), { ...common, callTimeoutMs: common.commandTimeoutMs });
  await client.start();
  const buckets: Bucket[] = plan.tenants.map(({ name, rate, capacity }) =>
    client.bucket(name, 'items', { rate, capacity }, performance.now()),
  );
  return {
    decide(tenant, n, nowMs) {
      const bucket = buckets[tenant]!;
      if (bucket.take(n, nowMs)) return true;
      const answer = bucket.ask(n, nowMs);
      return answer instanceof Promise ? answer.then(({ granted }) => granted) : answer.granted;
    },
    close: () => client.close(),
  };
}

function toParent(): IpcStore {
  const store = new IpcStore(1, (requests) => process.send?.(requests));
  process.on('message', (replies: NumberedReply[]) => store.answered(replies));
  return store;
}

/** A fixed window of a second, one pipeline of INCRBY and EXPIRE a call: what envoyproxy/ratelimit does. */
async function fixedWindow(plan: Plan): Promise<Decider> {
  const redis = new Redis({ port: plan.redisPort, host: '127.0.0.1' });
  await redis.ping();
  return {
    async decide(tenant, n) {
      const { name, rate } = plan.tenants[tenant]!;
      const key = `bench_${name}_${Math.floor(Date.now() / 1000)}`;
      const results = await redis.pipeline().incrby(key, n).expire(key, 1).exec();
      return Number(results?.[0]?.[1]) <= rate;
    },
    async close() {
      redis.disconnect();
    },
  };
}

async function run(plan: Plan): Promise<TenantResult[]> {
  const decider = plan.way === 'window' ? await fixedWindow(plan) : await leases(plan);
  const results: TenantResult[] = plan.tenants.map(({ name }) => ({
    name,
    offered: 0,
    admitted: 0,
    pushes: 0,
    refused: 0,
    waited: 0,
    micros: [],
  }));
  let firstMs = performance.now();
  const warmUpMs = Math.min(WARM_UP_MS, plan.seconds * 250);
  const settle = (result: TenantResult, n: number, admitted: boolean, startMs: number): void => {
    if (startMs - firstMs >= warmUpMs) result.micros.push((performance.now() - startMs) * 1000);
    if (admitted) result.admitted += n;
    else result.refused++;
  };
  const waiting = new Set<Promise<void>>();
  await new Promise((resolve) => setTimeout(resolve, plan.startAt - Date.now()));
  firstMs = performance.now();
  const due = plan.tenants.map(() => 0);
  for (let elapsedMs = 0; elapsedMs < plan.seconds * 1000; ) {
    elapsedMs = Math.min(performance.now() - firstMs, plan.seconds * 1000);
    for (const [index, { pushesPerSecond }] of plan.tenants.entries()) {
      const target = (activeMs(elapsedMs, plan.bursty) * pushesPerSecond) / 1000;
      for (; due[index]! + 1 <= target; due[index]!++) {
        const n = MIN_PUSH + Math.floor(Math.random() * (MAX_PUSH - MIN_PUSH + 1));
        const result = results[index]!;
        result.offered += n;
        result.pushes++;
        const startMs = performance.now();
        const decision = decider.decide(index, n, startMs);
        if (typeof decision === 'boolean') settle(result, n, decision, startMs);
        else {
          result.waited++;
          const pending = decision.then((admitted) => {
            settle(result, n, admitted, startMs);
            waiting.delete(pending);
          });
          waiting.add(pending);
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(waiting);
  await decider.close();
  return results;
}

/** Milliseconds of offering at the mean rate that have passed. */
function activeMs(elapsedMs: number, bursty: boolean): number {
  if (!bursty) return elapsedMs;
  const periods = Math.floor(elapsedMs / (2 * BURST_MS));
  return 2 * (periods * BURST_MS + Math.min(BURST_MS, elapsedMs - periods * 2 * BURST_MS));
}

process.once('message', (plan: Plan) => {
  run(plan).then(
    (results) => process.send?.({ results }, () => process.disconnect()),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
