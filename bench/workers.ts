/**
 * One process and two, and ways to share a port between them: node:cluster with the primary handing connections round,
 * node:cluster with one listening socket that the system shares, and threads (which can not share one: a port each).
 *
 *   npm run bench:workers [-- --smoke]
 */
import { Pool } from 'undici';
import { type BenchBody, k8s500, small } from './bodies.js';
import { type Peer, startEdge, startSink, startThreads } from './peers/processes.js';
import { median, printTable, smoke } from './rounds.js';

const ROUNDS = smoke ? 1 : 7;
const PUSHES = smoke ? 40 : 3000;
const WARM_UP = smoke ? 40 : 15_000;
/** Few and long-lived is what senders and an NGINX with keep-alive have. */
const CONNECTIONS = 8;

interface Way {
  readonly name: string;
  readonly peer: Peer;
  /** More than one where each thread has its own. */
  readonly urls: readonly string[];
}

interface Load {
  readonly name: string;
  readonly body: BenchBody;
  readonly pushes: number;
  /** A connection for each push. */
  readonly fresh: boolean;
}

const sink = await startSink();
const ways = [
  way('1 process', await startEdge(sink.url)),
  way('2 workers, handed round', await startEdge(sink.url, ['--workers=2'])),
  way(
    '2 workers, shared socket',
    await startEdge(sink.url, ['--workers=2'], { NODE_CLUSTER_SCHED_POLICY: 'none' }),
  ),
];
const threads = await startThreads(sink.url, 2);
ways.push({ name: '2 threads, a port each', ...threads });
for (const one of ways) await sendMany(one, { name: '', body: k8s500, pushes: WARM_UP, fresh: false });

for (const load of [
  { name: '500 series', body: k8s500, pushes: PUSHES, fresh: false },
  { name: '20 series', body: small, pushes: PUSHES, fresh: false },
  { name: '20 series, a connection for each push', body: small, pushes: PUSHES / 2, fresh: true },
]) {
  await report(load);
}
for (const { peer } of [...ways, { peer: sink }]) await peer.stop();

function way(name: string, peer: Peer): Way {
  return { name, peer, urls: [peer.url] };
}

async function report(load: Load): Promise<void> {
  const figures = ways.map(() => ({ cpu: [] as number[], rate: [] as number[], busiest: [] as number[] }));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, one] of ways.entries()) {
      const cpu = one.peer.cpu();
      const ofChildren = one.peer.cpuOfChildren();
      const startMs = performance.now();
      await sendMany(one, load);
      const seconds = (performance.now() - startMs) / 1000;
      // The first round warms up.
      if (round < 0) continue;
      const spent = one.peer.cpuOfChildren().map((now, child) => now - (ofChildren[child] ?? 0));
      figures[index]!.cpu.push((one.peer.cpu() - cpu) / load.pushes);
      figures[index]!.rate.push(load.pushes / seconds);
      figures[index]!.busiest.push(Math.max(...spent) / spent.reduce((sum, one) => sum + one, 0));
    }
  }
  console.log(`\n${load.name}, ${CONNECTIONS} senders (medians of ${ROUNDS} interleaved rounds)`);
  printTable([
    ['', 'pushes/s', 'CPU a push', 'busiest worker'],
    ...ways.map(({ name, peer }, index) => [
      name,
      median(figures[index]!.rate).toFixed(0),
      `${(median(figures[index]!.cpu) / 1000).toFixed(0)} us`,
      peer.cpuOfChildren().length === 2 ? `${(100 * median(figures[index]!.busiest)).toFixed(0)} %` : '-',
    ]),
  ]);
}

async function sendMany({ urls, peer }: Way, { body, pushes, fresh }: Load): Promise<void> {
  const pools = urls.map((url) => new Pool(url, { connections: CONNECTIONS / urls.length }));
  let left = pushes;
  const sender = async (_: unknown, index: number) => {
    const pool = pools[index % pools.length]!;
    while (left-- > 0) {
      const response = await pool.request({
        method: 'POST',
        path: '/api/v1/push',
        reset: fresh,
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
          'x-scope-orgid': 'bench',
        },
        body: body.snappy,
      });
      await response.body.dump();
      if (response.statusCode !== 200) throw new Error(`${peer.name} answers ${response.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  await Promise.all(pools.map((pool) => pool.close()));
}
