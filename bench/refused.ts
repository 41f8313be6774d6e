/**
 * What senders of other tenants notice of one that is far over its series limit: their latency, with Redis, while nothing, then
 * 600,000 series a second, are refused. Each innocent push waits for a lease. With `--against FILE`, another build's main.js is
 * measured in the same rounds.
 *
 *   npm run bench:refused [-- --against OTHER/dist/main.js] [--smoke]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { RedisServer, redisMissing } from '../test/shared/redis-server.js';
import { k8s500, kubernetesBody } from './bodies.js';
import { benchFolder, type Peer, startEdge, startSink } from './peers/processes.js';
import { median, printTable, smoke } from './rounds.js';

const { values: given } = parseArgs({ options: { against: { type: 'string' }, smoke: { type: 'boolean' } } });
const SECONDS = smoke ? 1 : 6;
const ROUNDS = smoke ? 1 : 3;
const EVERY_MS = 10;
/** Of 2,000 series each, in one tick. */
const REFUSED_PUSHES = 3;
/** Each sends so seldom that it holds no lease. */
const INNOCENTS = 50;
const LIMIT = 10;

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly refusedSeriesPerSecond: number;
  readonly failed: number;
}

if (redisMissing) throw new Error(redisMissing);
const redis = await RedisServer.start();
const sink = await startSink();
// What a tenant has beyond its limit is the same in all of its pushes, as of a target that explodes.
const noisy = kubernetesBody(2000, 1).snappy;
const overrides = join(benchFolder(), 'overrides.yaml');
writeFileSync(overrides, `overrides: { noisy: { max_global_series_per_user: ${LIMIT} } }`);
const builds: { readonly name: string; readonly edge: Peer }[] = [];
for (const [name, main] of [
  ['this', undefined],
  ['the other', given.against],
] as const) {
  if (name === 'the other' && main === undefined) continue;
  const edge = await startEdge(
    sink.url,
    [
      `--state.redis.url=${redis.url}`,
      `--state.redis.key_prefix=${name.replace(' ', '-')}:`,
      `--overrides.file=${overrides}`,
    ],
    {
      limits: `ingestion_rate: 1e9, ingestion_burst_size: 1e9, max_global_series_per_user: 1e6`,
      ...(main !== undefined && { main }),
    },
  );
  builds.push({ name, edge });
}

const rows = [['build', 'refused', 'refused series/s', 'innocent p50', 'innocent p99', 'not accepted']];
for (const refuses of [false, true]) {
  const measured = builds.map((): Measured[] => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, { edge }] of builds.entries()) {
      const one = await measure(edge, refuses);
      if (round >= 0) measured[index]!.push(one);
    }
  }
  for (const [index, { name }] of builds.entries()) {
    const of = (read: (one: Measured) => number): number => median(measured[index]!.map(read));
    rows.push([
      name,
      refuses ? 'yes' : 'no',
      of((one) => one.refusedSeriesPerSecond).toFixed(0),
      `${of((one) => one.p50).toFixed(1)} ms`,
      `${of((one) => one.p99).toFixed(1)} ms`,
      String(of((one) => one.failed)),
    ]);
  }
}
console.log(
  `Other tenants while ${REFUSED_PUSHES * (1000 / EVERY_MS)} pushes a second are over the series limit (medians)`,
);
printTable(rows);
for (const { edge } of builds) await edge.stop();
await sink.stop();
await redis.stop();

async function measure(edge: Peer, refuses: boolean): Promise<Measured> {
  const pool = new Pool(edge.url, { connections: 32 });
  const latencies: number[] = [];
  let [failed, refused] = [0, 0];
  const send = async (tenant: string, body: Buffer): Promise<number> => {
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: '/api/v1/push',
      headers: {
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
        'x-scope-orgid': tenant,
      },
      body,
    });
    await answer.dump();
    return statusCode;
  };
  const innocent = async (n: number): Promise<void> => {
    const startMs = performance.now();
    const status = await send(`innocent-${n % INNOCENTS}`, k8s500.snappy);
    latencies.push(performance.now() - startMs);
    if (status !== 200) failed++;
  };
  const guilty = async (): Promise<void> => {
    if ((await send('noisy', noisy)) !== 200) refused += 2000 - LIMIT;
  };
  const waiting: Promise<void>[] = [];
  for (let n = 0; n < 2 * INNOCENTS; n++) await innocent(n);
  latencies.length = 0;
  const startMs = performance.now();
  for (let n = 0; n < (SECONDS * 1000) / EVERY_MS; n++) {
    waiting.push(innocent(n));
    for (let i = 0; refuses && i < REFUSED_PUSHES; i++) waiting.push(guilty());
    const pauseMs = startMs + (n + 1) * EVERY_MS - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  await Promise.all(waiting);
  const seconds = (performance.now() - startMs) / 1000;
  await pool.close();
  latencies.sort((a, b) => a - b);
  const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), refusedSeriesPerSecond: refused / seconds, failed };
}
