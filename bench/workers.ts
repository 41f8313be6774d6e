/**
 * One process and two, and ways to share a port between them: node:cluster with the primary handing connections round,
 * node:cluster with one listening socket that the system shares, and threads (which can not share one: a port each).
 *
 *   npm run bench:workers [-- --smoke]
 */
import { Client } from 'undici';
import { type BenchBody, k8s500, small } from './bodies.js';
import { type Peer, startEdge, startSink, startThreads } from './peers/processes.js';
import { CONNECTIONS, sendOne } from './peers/send.js';
import { median, printTable, smoke } from './rounds.js';

const ROUNDS = smoke ? 1 : 7;
const PUSHES = smoke ? 40 : 3000;
const WARM_UP = smoke ? 40 : 15_000;
/** Pushes of each sender before the next one comes. */
const ALONE = smoke ? 2 : 25;

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
    await startEdge(sink.url, ['--workers=2'], { env: { NODE_CLUSTER_SCHED_POLICY: 'none' } }),
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
  const figures = ways.map(() => ({ cpu: [] as number[], rate: [] as number[], busier: [] as number[] }));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, one] of ways.entries()) {
      const cpu = one.peer.cpu();
      const startMs = performance.now();
      const busier = await sendMany(one, load);
      const seconds = (performance.now() - startMs) / 1000;
      // The first round warms up.
      if (round < 0) continue;
      figures[index]!.cpu.push((one.peer.cpu() - cpu) / load.pushes);
      figures[index]!.rate.push(load.pushes / seconds);
      figures[index]!.busier.push(busier);
    }
  }
  console.log(`\n${load.name}, ${CONNECTIONS} senders (medians of ${ROUNDS} interleaved rounds)`);
  printTable([
    ['', 'pushes/s', 'CPU a push', 'busier worker, worst round'],
    ...ways.map(({ name, peer }, index) => [
      name,
      median(figures[index]!.rate).toFixed(0),
      `${(median(figures[index]!.cpu) / 1000).toFixed(0)} us`,
      peer.cpuOfChildren().length === 2 ? `${(100 * Math.max(...figures[index]!.busier)).toFixed(0)} %` : '-',
    ]),
  ]);
}

/**
 * Senders come one after the other, as they do in life, and then send all at once. Answers which part of the CPU the
 * busier worker had while they came: each cost the same then.
 */
async function sendMany({ urls, peer }: Way, { body, pushes, fresh }: Load): Promise<number> {
  const senders = Array.from({ length: CONNECTIONS }, (_, index) => new Client(urls[index % urls.length]!));
  const send = async (sender: Client): Promise<void> => {
    const status = await sendOne(sender, { body: body.snappy, tenant: 'bench', reset: fresh });
    if (status !== 200) throw new Error(`${peer.name} answers ${status}`);
  };
  const before = peer.cpuOfChildren();
  for (const sender of senders) for (let i = 0; i < ALONE; i++) await send(sender);
  const spent = peer.cpuOfChildren().map((cpu, child) => cpu - (before[child] ?? 0));
  let left = pushes - CONNECTIONS * ALONE;
  const sendOn = async (sender: Client): Promise<void> => {
    while (left-- > 0) await send(sender);
  };
  await Promise.all(senders.map(sendOn));
  await Promise.all(senders.map((sender) => sender.close()));
  return Math.max(...spent) / spent.reduce((sum, cpu) => sum + cpu, 0);
}
