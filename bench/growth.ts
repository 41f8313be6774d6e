/**
 * How the cost of a push grows with what it is part of: its own size, tenants, series, connections and replicas. One
 * thing is changed at a time; the rest stays at 500 series a push, 10 tenants, 50,000 series and 8 connections.
 *
 *   npm run bench:growth [-- --smoke]
 */
import { RedisServer, redisMissing } from '../test/shared/redis-server.js';
import { Load, type LoadShape } from './load.js';
import { type Peer, startEdge, startSink } from './peers/processes.js';
import { median, printTable, smoke } from './rounds.js';

const BASE: LoadShape = { tenants: 10, series: 50_000, seriesPerPush: 500, connections: 8 };
const ROUNDS = smoke ? 1 : 5;
/** In a round. */
const PUSHES = smoke ? 40 : 800;
const WARM_UP = smoke ? 40 : 15_000;

interface Point {
  readonly name: string;
  readonly shape: LoadShape;
}

const sink = await startSink();
const edge = await startEdge(sink.url, ['--tenants.max=20000']);
try {
  await new Load(BASE).send(edge.url, WARM_UP);
  await growWith('series a push', [20, 100, 500, 2000, 10_000], (seriesPerPush) => ({
    seriesPerPush,
    series: 10 * Math.max(5000, seriesPerPush),
  }));
  await growWith('tenants', [1, 10, 100, 1000, 10_000], (tenants) => ({ tenants, series: 500 * tenants }));
  await growWith('series', [5000, 50_000, 500_000], (series) => ({ series }));
  await growWith('connections', [1, 8, 64, 512], (connections) => ({ connections }));
} finally {
  await edge.stop();
}
if (redisMissing) console.log(`replicas are left out: ${redisMissing}`);
else await growWithReplicas(smoke ? [1, 2] : [1, 2, 4]);
await sink.stop();

async function growWith(
  what: string,
  values: readonly number[],
  shape: (value: number) => Partial<LoadShape>,
): Promise<void> {
  const chosen = smoke ? values.slice(0, 2) : values;
  const points = chosen.map((value): Point => ({ name: String(value), shape: { ...BASE, ...shape(value) } }));
  const loads = points.map((point) => new Load(point.shape));
  const costs = points.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, { shape }] of points.entries()) {
      const pushes = Math.max(shape.connections, PUSHES);
      const before = edge.cpu();
      await loads[index]!.send(edge.url, pushes);
      // The first round warms up.
      if (round >= 0) costs[index]!.push((edge.cpu() - before) / pushes / 1000);
    }
  }
  report(
    what,
    points.map(({ name, shape }, index) => [name, median(costs[index]!), shape.seriesPerPush] as const),
  );
}

/** The same load, spread over replicas that share their buckets through Redis: the cost of all of them together. */
async function growWithReplicas(counts: readonly number[]): Promise<void> {
  const rows: (readonly [string, number, number])[] = [];
  for (const count of counts) {
    const redis = await RedisServer.start();
    const flags = [`--state.redis.url=${redis.url}`, `--state.replicas=${count}`];
    const replicas: Peer[] = [];
    for (let i = 0; i < count; i++) replicas.push(await startEdge(sink.url, flags));
    const load = new Load(BASE);
    const cpu = () => replicas.reduce((sum, replica) => sum + replica.cpu(), 0);
    for (const { url } of replicas) await load.send(url, WARM_UP);
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = cpu();
      for (const { url } of replicas) await load.send(url, PUSHES);
      costs.push((cpu() - before) / (PUSHES * count) / 1000);
    }
    rows.push([String(count), median(costs), BASE.seriesPerPush]);
    for (const replica of replicas) await replica.stop();
    await redis.stop();
  }
  report('replicas with one Redis', rows);
}

function report(what: string, rows: readonly (readonly [string, number, number])[]): void {
  const [, first = Number.NaN] = rows[0] ?? [];
  console.log('');
  printTable([
    [what, 'CPU a push', 'samples/s a core', 'of the first'],
    ...rows.map(([name, cost, series]) => [
      name,
      `${cost.toFixed(0)} us`,
      `${(series / cost).toFixed(2)} M`,
      `${(cost / first).toFixed(2)}x`,
    ]),
  ]);
}
