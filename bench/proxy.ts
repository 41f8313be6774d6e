/**
 * CPU per push of the edge, enforcing, beside nginx passing the same bodies through to the same sink.
 *
 *   npm run bench:proxy [-- --smoke] [-- --against=DIR]
 *
 * `--against`: a folder in which another state of the project was built (npm run build). Its edge is measured in the same
 * rounds, and the table says what this one costs in parts of it.
 */
import { join } from 'node:path';
import { type BenchBody, k8s500, k8s2000, real500, small } from './bodies.js';
import { hasNginx, startEdge, startNginx, startSink } from './peers/processes.js';
import { CONNECTIONS, sendMany } from './peers/send.js';
import { median, printTable, smoke } from './rounds.js';

const ROUNDS = smoke ? 2 : 15;
const PUSHES = smoke ? 40 : 1500;
/** Before the first round: the engine compiles what is hot for some ten thousand pushes. */
const WARM_UP = smoke ? 40 : 15_000;

const sink = await startSink();
const against = process.argv
  .find((argument) => argument.startsWith('--against='))
  ?.slice('--against='.length);
const peers = [await startEdge(sink.url), await startEdge(sink.url, ['--mode=off'])];
if (against !== undefined)
  peers.unshift(await startEdge(sink.url, [], { main: join(against, 'dist/main.js') }));
else if (hasNginx()) peers.unshift(await startNginx(sink.url));
const hasFirst = peers.length === 3;

for (const peer of peers) await sendMany(peer.url, k8s500.snappy, WARM_UP);

const first = against === undefined ? 'nginx' : 'the other edge';
const rows = [['body', 'on the wire', ...peerNames(), `edge / ${first}`]];
for (const body of [small, real500, k8s500, k8s2000]) rows.push(await measure(body));
console.log(
  `CPU of the proxy for each push, ${CONNECTIONS} connections (medians of ${ROUNDS} interleaved rounds)`,
);
printTable(rows);
if (!hasFirst) console.log('  nginx is left out: it is not installed');
for (const peer of [...peers, sink]) await peer.stop();

function peerNames(): string[] {
  return [...(hasFirst ? [first] : []), 'edge, enforcing', 'edge, off'];
}

async function measure(body: BenchBody): Promise<string[]> {
  const times = peers.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, peer] of peers.entries()) {
      const before = peer.cpu();
      await sendMany(peer.url, body.snappy, PUSHES);
      // The first round warms up.
      if (round >= 0) times[index]!.push((peer.cpu() - before) / PUSHES);
    }
  }
  const medians = times.map(median);
  // Of each round by itself: what else the machine does weighs on both.
  const [other, edge] = times;
  const ratios = edge!.map((nanoseconds, round) => nanoseconds / other![round]!);
  return [
    body.name,
    `${(body.snappy.length / 1000).toFixed(0)} kB`,
    ...medians.map((nanoseconds) => `${(nanoseconds / 1000).toFixed(0)} us`),
    medians.length === 3 ? `${median(ratios).toFixed(2)}x` : '-',
  ];
}
