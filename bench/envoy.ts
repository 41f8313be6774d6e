/**
 * What Envoy's two filters cost with the edge behind them. First pushes: through Envoy alone, through Envoy that asks
 * the edge (ext_authz), and through the edge itself, to the same sink. Then ratelimit calls: with buckets in memory and
 * in Redis, beside a fixed window that asks Redis for every call, on the same gRPC server.
 *
 *   npm run bench:envoy [-- --smoke]
 */
import { spawnSync } from 'node:child_process';
import { PROTO_ROOT } from '#src/doors/envoy/grpc/messages.js';
import { RedisServer, redisMissing } from '../test/shared/redis-server.js';
import { type BenchBody, k8s500, k8s2000 } from './bodies.js';
import { type GrpcPeer, startEnvoy, startGrpcEdge, startGrpcServer } from './peers/envoy.js';
import { loadGrpc } from './peers/grpc-load.js';
import { type Peer, startEdge, startSink } from './peers/processes.js';
import { CONNECTIONS, sendMany } from './peers/send.js';
import { median, printTable, smoke } from './rounds.js';

const ROUNDS = smoke ? 1 : 7;
const PUSHES = smoke ? 40 : 800;
/** As in the bench of the proxy: the engine compiles what is hot for some ten thousand pushes. */
const WARM_UP = smoke ? 40 : 15_000;
const CALLS = smoke ? 100 : 10_000;
const RATE_LIMIT_PATH = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';

/** A way for a push, and the processes that it goes through. */
interface Way {
  readonly name: string;
  readonly url: string;
  readonly peers: readonly Pick<Peer, 'name' | 'cpu'>[];
}

const hasEnvoy = spawnSync('envoy', ['--version']).status === 0;
if (hasEnvoy) await benchPushes();
else console.log('pushes are left out: envoy is not installed');
await benchRateLimit();

async function benchPushes(): Promise<void> {
  const sink = await startSink();
  const grpcEdge = await startGrpcEdge();
  const inline = await startEdge(sink.url);
  const alone = await startEnvoy(sink.url, undefined);
  const asking = await startEnvoy(sink.url, grpcEdge.port);
  const ways: Way[] = [
    { name: 'Envoy alone', url: alone.url, peers: [{ name: 'Envoy', cpu: alone.cpu }] },
    {
      name: 'Envoy, ext_authz',
      url: asking.url,
      peers: [
        { name: 'Envoy', cpu: asking.cpu },
        { name: 'edge', cpu: grpcEdge.cpu },
      ],
    },
    { name: 'edge inline', url: inline.url, peers: [{ name: 'edge', cpu: inline.cpu }] },
  ];
  for (const way of ways) await sendMany(way.url, k8s500.snappy, WARM_UP);
  for (const body of [k8s500, k8s2000]) {
    console.log(
      `\n${body.name}, ${(body.snappy.length / 1000).toFixed(0)} kB, ${CONNECTIONS} connections ` +
        `(medians of ${ROUNDS} interleaved rounds)`,
    );
    printTable(await measurePushes(ways, body));
  }
  for (const peer of [alone, asking, inline, grpcEdge, sink]) await peer.stop();
}

async function measurePushes(ways: readonly Way[], body: BenchBody): Promise<string[][]> {
  const cpus = ways.map(({ peers }) => peers.map((): number[] => []));
  const p50s = ways.map((): number[] => []);
  const p99s = ways.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, { url, peers }] of ways.entries()) {
      const before = peers.map(({ cpu }) => cpu());
      const times = (await sendMany(url, body.snappy, PUSHES)).sort((a, b) => a - b);
      if (round < 0) continue;
      for (const [i, { cpu }] of peers.entries()) cpus[index]![i]!.push((cpu() - before[i]!) / PUSHES / 1000);
      p50s[index]!.push(times[Math.floor(times.length / 2)]!);
      p99s[index]!.push(times[Math.floor(times.length * 0.99)]!);
    }
  }
  const rows = ways.map(({ name, peers }, index) => {
    const each = peers.map((peer, i) => `${peer.name} ${median(cpus[index]![i]!).toFixed(0)} us`);
    const [p50, p99] = [p50s, p99s].map((all) => [median(all[index]!), median(all[0]!)] as const);
    const added = ([own, alone]: readonly [number, number]) =>
      index === 0 ? `${own.toFixed(2)} ms` : `${own.toFixed(2)} ms (${(own - alone).toFixed(2)})`;
    return [name, each.join(' + '), added(p50!), added(p99!)];
  });
  return [['', 'CPU a push', 'p50 (added)', 'p99 (added)'], ...rows];
}

async function benchRateLimit(): Promise<void> {
  const redis = redisMissing ? undefined : await RedisServer.start();
  const ways: { name: string; peer: GrpcPeer }[] = [{ name: 'edge, memory', peer: await startGrpcEdge() }];
  if (redis !== undefined) {
    const url = `--state.redis.url=${redis.url}`;
    ways.push({ name: 'edge, Redis', peer: await startGrpcEdge([url]) });
    const window = await startGrpcServer('window', String(redis.port));
    ways.push({ name: 'fixed window, INCRBY', peer: window });
  }
  const message = PROTO_ROOT.lookupType('envoy.service.ratelimit.v3.RateLimitRequest')
    .encode({
      domain: 'mimir-edge',
      descriptors: ['requests', 'items'].map((bucket) => ({
        entries: [
          { key: 'tenant', value: 'bench' },
          { key: 'bucket', value: bucket },
        ],
      })),
      hitsAddend: 1,
    })
    .finish();
  const cpus = ways.map((): number[] => []);
  const rates = ways.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, { peer }] of ways.entries()) {
      const [before, start] = [peer.cpu(), performance.now()];
      const url = `http://127.0.0.1:${peer.port}`;
      await loadGrpc({ url, path: RATE_LIMIT_PATH, message, calls: CALLS, atOnce: 32 });
      if (round < 0) continue;
      cpus[index]!.push((peer.cpu() - before) / CALLS / 1000);
      rates[index]!.push((CALLS * 1000) / (performance.now() - start));
    }
  }
  console.log(`\nShouldRateLimit, two descriptors, 32 at once (medians of ${ROUNDS} interleaved rounds)`);
  printTable([
    ['', 'calls a second', 'CPU a call'],
    ...ways.map(({ name }, index) => [
      name,
      median(rates[index]!).toFixed(0),
      `${median(cpus[index]!).toFixed(0)} us`,
    ]),
  ]);
  if (redis === undefined) console.log('  Redis is left out: it is not installed');
  for (const { peer } of ways) await peer.stop();
  await redis?.stop();
}
