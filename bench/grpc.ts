/**
 * The gRPC server beside @grpc/grpc-js and beside the least that node:http2 can do: CPU of the server for each call,
 * and calls a second over a connection with 4 ms of delay, where windows decide.
 *
 *   npm run bench:grpc [-- --smoke]
 */
import { TcpProxy } from '../test/e2e/tcp-proxy.js';
import { type GrpcPeer, startGrpcServer } from './peers/envoy.js';
import { loadGrpc } from './peers/grpc-load.js';
import type { ServerKind } from './peers/grpc-server.js';
import { median, printTable, smoke } from './rounds.js';

const KINDS: readonly ServerKind[] = ['grpc-js', 'grpc-js, windows forced', 'edge', 'bare'];
const SIZES = [1, 64, 256];
const ROUNDS = smoke ? 1 : 7;
const AT_ONCE = 32;
const DELAY_MS = 4;
const PATH = '/bench/Call';

const peers: GrpcPeer[] = [];
for (const kind of KINDS) peers.push(await startGrpcServer(kind));

console.log(`CPU of the server for each call, ${AT_ONCE} at once (medians of ${ROUNDS} interleaved rounds)`);
const rows = [['body', ...KINDS, 'edge / bare', 'grpc-js / bare']];
for (const size of SIZES) rows.push(await cpuRow(size));
printTable(rows);

console.log(`\ncalls a second with 256 KiB each, 16 at once on one connection, ${DELAY_MS} ms of delay`);
printTable([[...KINDS], await delayedRow()]);
for (const peer of peers) await peer.stop();

async function cpuRow(kibibytes: number): Promise<string[]> {
  const calls = smoke ? 50 : Math.round(60_000 / (kibibytes + 30));
  const times = peers.map((): number[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, { port, cpu }] of peers.entries()) {
      const before = cpu();
      const message = Buffer.alloc(kibibytes * 1024);
      await loadGrpc({ url: `http://127.0.0.1:${port}`, path: PATH, message, calls, atOnce: AT_ONCE });
      if (round >= 0) times[index]!.push((cpu() - before) / calls / 1000);
    }
  }
  const medians = times.map(median);
  const [grpcJs = 0, , edge = 0, bare = 0] = medians;
  return [
    `${kibibytes} KiB`,
    ...medians.map((micros) => `${micros.toFixed(0)} us`),
    `${(edge / bare).toFixed(2)}x`,
    `${(grpcJs / bare).toFixed(2)}x`,
  ];
}

async function delayedRow(): Promise<string[]> {
  const cells: string[] = [];
  for (const { port } of peers) {
    const proxy = await TcpProxy.start(port);
    proxy.delayMs = DELAY_MS;
    const calls = smoke ? 16 : 300;
    const start = performance.now();
    await loadGrpc({
      url: proxy.url.replace('redis:', 'http:'),
      path: PATH,
      message: Buffer.alloc(256 * 1024),
      calls,
      atOnce: 16,
    });
    cells.push(`${Math.round((calls * 1000) / (performance.now() - start))}`);
    proxy.stop();
  }
  return cells;
}
