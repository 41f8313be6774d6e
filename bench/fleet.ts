/**
 * How exact a fleet is, and what it costs: replicas as processes, one Redis, one tenant for each load from half to
 * ten times its limit, evenly and badly spread over the replicas, smooth and in bursts. Beside it the same load
 * with this process as the store, as the primary is for its workers, and against a fixed window that asks Redis for
 * every push.
 *
 *   npm run bench:fleet -- [--seconds 10] [--replicas 4] [--smoke]
 */
import { fork } from 'node:child_process';
import type { NumberedRequest } from '#src/shared/ipc/ipc-store.js';
import { MemoryStore } from '#src/shared/memory/memory-store.js';
import { RedisServer, redisMissing } from '../test/shared/redis-server.js';
import { BURST_MS, MEAN_PUSH, type Plan, type TenantResult } from './fleet-worker.js';
import { printTable, smoke } from './rounds.js';

const LOADS = [0.5, 0.95, 1, 2, 10];
const SECONDS = smoke ? 1 : numberArgument('--seconds', 10);
const REPLICAS = smoke ? 2 : numberArgument('--replicas', 4);
/** Over all tenants, at each replica on average. */
const PUSHES_PER_SECOND = 1000;
const BURST_SECONDS = 2;
const WAYS: readonly Plan['way'][] = process.argv.includes('--leases-only')
  ? ['leases']
  : ['leases', 'primary', 'window'];
/** One replica gets this part of the load in the skewed runs. */
const SKEW = 0.9;

const NAMES: Record<Plan['way'], string> = {
  leases: 'leases',
  primary: 'leases from the primary process',
  window: 'fixed window, INCRBY a push',
};

/** Redis counts what a script calls as commands too; those never cross the wire. */
const SENT = new Set(['eval', 'evalsha', 'incrby', 'expire']);
const IN_SCRIPTS = new Set(['time', 'hmget', 'hset', 'pexpire', 'zadd', 'zremrangebyscore', 'zcard']);

interface Outcome {
  readonly tenants: readonly TenantResult[];
  readonly commands: number;
  readonly commandsInScripts: number;
}

if (redisMissing) {
  console.log(`skipped: ${redisMissing}`);
} else {
  console.log(
    `${REPLICAS} replicas, ${LOADS.length} tenants, ${PUSHES_PER_SECOND} pushes/s a replica, ${SECONDS} s a run, ` +
      `burst ${BURST_SECONDS} s of the rate`,
  );
  for (const skewed of [false, true]) {
    for (const bursty of [false, true]) {
      for (const way of WAYS) report(way, skewed, bursty, await measure(way, skewed, bursty));
    }
  }
}

async function measure(way: Plan['way'], skewed: boolean, bursty: boolean): Promise<Outcome> {
  const redis = await RedisServer.start();
  try {
    // Time for all replicas to start: one that is late would offer for longer than the others.
    const startAt = Date.now() + 1500 + 500 * REPLICAS;
    const store = new MemoryStore(() => 'bench', LOADS.length, 0);
    const fleetPushes = PUSHES_PER_SECOND * REPLICAS;
    const runs = Array.from({ length: REPLICAS }, (_, replica) => {
      const share = skewed ? (replica === 0 ? SKEW : (1 - SKEW) / (REPLICAS - 1)) : 1 / REPLICAS;
      const pushesPerTenant = fleetPushes / LOADS.length;
      const plan: Plan = {
        way,
        redisPort: redis.port,
        startAt,
        seconds: SECONDS,
        bursty,
        tenants: LOADS.map((load) => {
          const rate = (pushesPerTenant * MEAN_PUSH) / load;
          return {
            name: `${load}x`,
            rate,
            capacity: rate * BURST_SECONDS,
            pushesPerSecond: pushesPerTenant * share,
          };
        }),
      };
      return runReplica(plan, store);
    });
    const results = await Promise.all(runs);
    const stats = await commandStats(redis);
    return { tenants: LOADS.map((_, index) => merge(results.map((tenants) => tenants[index]!))), ...stats };
  } finally {
    await redis.stop();
  }
}

function runReplica(plan: Plan, store: MemoryStore): Promise<TenantResult[]> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('fleet-worker.js', import.meta.url), { serialization: 'advanced' });
    child.on('message', (message: NumberedRequest[] | { results: TenantResult[] }) => {
      if ('results' in message) resolve(message.results);
      else
        child.send(
          message.map(({ id, request }) => ({ id, reply: store.answer(request, performance.now()) })),
        );
    });
    child.once('exit', (code) => reject(new Error(`a replica ended early with ${code}`)));
    child.send(plan);
  });
}

function merge(results: readonly TenantResult[]): TenantResult {
  const total: TenantResult = {
    name: results[0]!.name,
    offered: 0,
    admitted: 0,
    pushes: 0,
    refused: 0,
    waited: 0,
    micros: [],
  };
  for (const result of results) {
    total.offered += result.offered;
    total.admitted += result.admitted;
    total.pushes += result.pushes;
    total.refused += result.refused;
    total.waited += result.waited;
    for (const micros of result.micros) total.micros.push(micros);
  }
  return total;
}

async function commandStats(redis: RedisServer): Promise<{ commands: number; commandsInScripts: number }> {
  const info = await redis.admin.info('commandstats');
  let commands = 0;
  let commandsInScripts = 0;
  for (const [, name, calls] of info.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) {
    if (SENT.has(name!)) commands += Number(calls);
    else if (IN_SCRIPTS.has(name!)) commandsInScripts += Number(calls);
  }
  return { commands, commandsInScripts };
}

function report(way: Plan['way'], skewed: boolean, bursty: boolean, outcome: Outcome): void {
  const { tenants, commands, commandsInScripts } = outcome;
  const pushes = tenants.reduce((sum, { pushes }) => sum + pushes, 0);
  console.log(
    `\n${NAMES[way]}: load ${skewed ? '90 % on one replica' : 'even'}, ` +
      `${bursty ? 'in bursts' : 'smooth'}\n  Redis: ${(commands / SECONDS).toFixed(0)} commands/s, ` +
      `${(commands / pushes).toFixed(4)} a push (and ${(commandsInScripts / pushes).toFixed(4)} within scripts)`,
  );
  printTable([
    [
      'load',
      'offered/s',
      'limit/s',
      'admitted / possible',
      'refused pushes',
      'waited',
      'p50 us',
      'p99 us',
      'p99.9 us',
    ],
    ...tenants.map((tenant, index) => {
      const rate = (PUSHES_PER_SECOND * REPLICAS * MEAN_PUSH) / LOADS.length / LOADS[index]!;
      // What comes in after the last burst of pushes is nobody's.
      const offeringSeconds = SECONDS - (bursty ? BURST_MS / 1000 : 0);
      const possible = Math.min(tenant.offered, rate * (offeringSeconds + BURST_SECONDS));
      const times = tenant.micros.sort((a, b) => a - b);
      const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
      return [
        tenant.name,
        (tenant.offered / SECONDS).toFixed(0),
        rate.toFixed(0),
        `${((100 * tenant.admitted) / possible).toFixed(2)} %`,
        `${tenant.refused} of ${tenant.pushes}`,
        `${tenant.waited}`,
        ...[0.5, 0.99, 0.999].map((part) => at(part).toFixed(1)),
      ];
    }),
  ]);
}

function numberArgument(name: string, fallback: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}
