/**
 * What a push costs each of those that could stand in front of Mimir, or in its place: proxies that look at nothing,
 * the edge that decides on every series, and receivers that store every sample. The same bodies, the same sink.
 *
 *   npm run bench:peers [-- --smoke]
 */
import { Load } from './load.js';
import { hasNginx, type Peer, startEdge, startNginx, startSink } from './peers/processes.js';
import { hasEnvoy, hasHaproxy, startEnvoy, startHaproxy } from './peers/proxies.js';
import {
  hasPrometheus,
  hasVictoriaMetrics,
  RECEIVER_PATH,
  startPrometheus,
  startVictoriaMetrics,
} from './peers/receivers.js';
import { median, printTable, smoke } from './rounds.js';

const CONNECTIONS = 8;
const SERIES = 50_000;
const TENANTS = 10;
const ROUNDS = smoke ? 2 : 7;
/** Each is sent pushes for so long in turn. */
const ROUND_MS = smoke ? 50 : 1000;
/** Before the first round: engines compile what is hot for some ten thousand pushes. */
const WARM_UP = smoke ? 40 : 15_000;

interface Contender {
  readonly name: string;
  readonly peer: Peer;
  readonly path: string;
}

const sink = await startSink();
const contenders: Contender[] = [];
try {
  await enter('nginx, passing through', hasNginx(), () => startNginx(sink.url));
  await enter('HAProxy, passing through', hasHaproxy(), () => startHaproxy(sink.url));
  await enter('Envoy, passing through', hasEnvoy(), () => startEnvoy(sink.url));
  await enter('mimir-edge, off', true, () => startEdge(sink.url, ['--mode=off']));
  await enter('mimir-edge, enforcing', true, () => startEdge(sink.url));
  await enter('victoria-metrics, storing', hasVictoriaMetrics(), startVictoriaMetrics, RECEIVER_PATH);
  await enter('Prometheus, storing', hasPrometheus(), startPrometheus, RECEIVER_PATH);
  const warm = new Load({ tenants: TENANTS, series: SERIES, seriesPerPush: 50, connections: CONNECTIONS });
  for (const { peer, path } of contenders) await warm.send(peer.url + path, WARM_UP);
  // 750 series are 47 kB as snappy.
  for (const seriesPerPush of smoke ? [500] : [100, 500, 750, 2000]) await compareAt(seriesPerPush);
} finally {
  for (const { peer } of contenders) await peer.stop();
  await sink.stop();
}

async function enter(
  name: string,
  installed: boolean,
  start: () => Promise<Peer>,
  path = '/api/v1/push',
): Promise<void> {
  if (installed) contenders.push({ name, peer: await start(), path });
  else console.log(`${name.split(',')[0]} is left out: it is not installed`);
}

async function compareAt(seriesPerPush: number): Promise<void> {
  const load = new Load({ tenants: TENANTS, series: SERIES, seriesPerPush, connections: CONNECTIONS });
  // The first round warms up.
  for (const { peer, path } of contenders) await load.sendFor(peer.url + path, ROUND_MS);
  // CPU is read at the start of each round and of the next one: what a peer does in the background counts, too.
  const readings = contenders.map((): number[] => []);
  const pushes = contenders.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, { peer, path }] of contenders.entries()) {
      readings[index]!.push(peer.cpu());
      if (round < ROUNDS) pushes[index]!.push(await load.sendFor(peer.url + path, ROUND_MS));
    }
  }
  const costs = readings.map((all, index) =>
    median(pushes[index]!.map((sent, round) => (all[round + 1]! - all[round]!) / sent / 1000)),
  );
  const costOf = (part: string) => costs[contenders.findIndex(({ name }) => name.includes(part))];
  const times = (cost: number, other = Number.NaN) =>
    Number.isNaN(other) ? '-' : `${(cost / other).toFixed(2)}x`;
  console.log(
    `\n${seriesPerPush} series a push, ${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${ROUND_MS} ms`,
  );
  printTable([
    ['', 'CPU a push', 'samples/s a core', 'of nginx', 'of the edge'],
    ...contenders.map(({ name }, index) => {
      const cost = costs[index]!;
      return [
        name,
        `${cost.toFixed(0)} us`,
        `${(seriesPerPush / cost).toFixed(2)} M`,
        times(cost, costOf('nginx')),
        times(cost, costOf('enforcing')),
      ];
    }),
  ]);
}
