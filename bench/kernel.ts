/**
 * The kernel against other ways to find out the same: snappyjs with a scan in plain JavaScript, snappyjs with a full
 * protobufjs decode, and native C++ with libsnappy where a compiler is there.
 *
 *   npm run bench:kernel [-- --smoke]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SnappyJS from 'snappyjs';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { WriteRequestV1, WriteRequestV2 } from '../test/payload/encode.js';
import { type BenchBody, k8s500, k8s2000, k8s2000v2, real500, replicaBody } from './bodies.js';
import { scan } from './js-scan.js';
import { compare, median, printTable, smoke } from './rounds.js';

const REPEATS = smoke ? 3 : 60;
const ROUNDS = smoke ? 2 : 15;
const decoder = new InlineDecoder(64 << 20);
const folder = mkdtempSync(join(tmpdir(), 'mimir-edge-bench-'));
const native = buildNative();

const rows: string[][] = [['body', 'kernel', 'JS scan', 'protobufjs', 'native C++', 'samples/s on one core']];
for (const body of [k8s500, k8s2000, real500, k8s2000v2]) rows.push(await measure(body));
rmSync(folder, { recursive: true });

console.log(
  'Time to decode a push, and how many times longer the other ways take (medians of interleaved rounds)',
);
printTable(rows);
if (native === undefined) console.log('  native C++ is left out: no compiler, or no libsnappy headers');

const pairs: string[][] = [['body', 'no pair', 'of the first series', 'of each series']];
for (const version of [1, 2] as const) pairs.push(await measurePairs(replicaBody(500, version)));
console.log(
  '\nTime to decode a push of an HA replica, and how many times longer it takes to say which pair it is of',
);
printTable(pairs);

async function measurePairs({ name, snappy, version }: BenchBody): Promise<string[]> {
  const labels = { excludeLabel: '__replica__', clusterLabel: 'cluster' };
  const ways = [
    { name: 'none', options: { excludeLabel: '' } },
    { name: 'first', options: labels },
    { name: 'each', options: { ...labels, pairPerSeries: true } },
  ].map(({ name, options }) => ({
    name,
    run: () => {
      for (let i = 0; i < REPEATS; i++) {
        const limits = { maxUncompressedBytes: 64 << 20, maxSeries: 100_000 };
        decoder.decode([snappy], snappy.length, { protocol: `rw${version}`, ...limits, ...options });
      }
      return REPEATS;
    },
  }));
  const [none = Number.NaN, ...others] = (await compare(ways, ROUNDS)).map((one) => one.nanosecondsPerUnit);
  return [name, `${(none / 1000).toFixed(0)} us`, ...others.map((time) => `${(time / none).toFixed(2)}x`)];
}

async function measure(body: BenchBody): Promise<string[]> {
  const { snappy, version } = body;
  const type = version === 1 ? WriteRequestV1 : WriteRequestV2;
  const nativeTimes: number[] = [];
  const repeat = (once: () => void) => () => {
    for (let i = 0; i < REPEATS; i++) once();
    return REPEATS;
  };
  const ways = [
    {
      name: 'kernel',
      run: repeat(() => {
        const push = decoder.decode([snappy], snappy.length, {
          protocol: `rw${version}`,
          maxUncompressedBytes: 64 << 20,
          maxSeries: 100_000,
          excludeLabel: '',
        });
        if (push.kind !== 'push' || push.series !== body.series) throw new Error('not decoded');
      }),
    },
    { name: 'js', run: repeat(() => void scan(SnappyJS.uncompress(snappy))) },
    { name: 'protobufjs', run: repeat(() => void type.decode(SnappyJS.uncompress(snappy))) },
    {
      name: 'native',
      // A process of its own, which times itself: its start does not count.
      run: () => {
        nativeTimes.push(...runNative(body));
        return 1;
      },
    },
  ];
  const results = await compare(version === 1 ? ways : [ways[0]!, ways[2]!, ways[3]!], ROUNDS);
  const time = (name: string) => results.find((result) => result.name === name)?.nanosecondsPerUnit;
  const kernel = time('kernel')!;
  const ratio = (nanoseconds: number | undefined) =>
    nanoseconds === undefined || Number.isNaN(nanoseconds) ? '-' : `${(nanoseconds / kernel).toFixed(1)}x`;
  return [
    body.name,
    `${(kernel / 1000).toFixed(0)} us`,
    ratio(time('js')),
    ratio(time('protobufjs')),
    ratio(median(nativeTimes)),
    `${((body.series / kernel) * 1000).toFixed(1)} M`,
  ];
}

function buildNative(): string | undefined {
  const source = new URL('../../bench/native/scan.cc', import.meta.url).pathname;
  const program = join(folder, 'scan');
  const built = spawnSync('c++', ['-O3', '-march=native', '-std=c++17', source, '-lsnappy', '-o', program]);
  return built.status === 0 ? program : undefined;
}

/** Nanoseconds per push. The C++ scan knows version 1 only. */
function runNative({ snappy, version, series }: BenchBody): number[] {
  if (native === undefined || version !== 1) return [];
  const file = join(folder, 'body');
  writeFileSync(file, snappy);
  const lines = execFileSync(native, [file, '1', String(REPEATS)], { stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  if (lines.some(([, found]) => found !== series)) throw new Error('the C++ scan finds other series');
  return lines.map(([nanoseconds]) => nanoseconds!);
}
