/**
 * Compressing and filtering: the kernel's snappy beside snappyjs, and a push of which a tenth of the series is left out
 * beside the decode that came before it.
 *
 *   npm run bench:filter [-- --smoke]
 */
import SnappyJS from 'snappyjs';
import { InlineFilter } from '#src/payload/filter.js';
import { OWN_HASH_KEY } from '#src/payload/hash-key.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { KernelInstance } from '#src/payload/kernel-instance.js';
import type { Push } from '#src/payload/push.js';
import { addRow, noRows } from '#src/payload/rows.js';
import { type BenchBody, k8s500, k8s2000, k8s2000v2, real500 } from './bodies.js';
import { compare, printTable, smoke } from './rounds.js';

const REPEATS = smoke ? 3 : 60;
const decoder = new InlineDecoder(64 << 20);
const filter = new InlineFilter(64 << 20);
const kernel = new KernelInstance(OWN_HASH_KEY);

const rows = [['body', 'compress', 'snappyjs', 'MB/s', 'size beside snappyjs', 'decode', 'filter a tenth']];
for (const body of [k8s500, k8s2000, real500, k8s2000v2]) rows.push(await measure(body));
console.log('Time to compress and to filter a push (medians of interleaved rounds)');
printTable(rows);

async function measure(body: BenchBody): Promise<string[]> {
  const plain = Buffer.from(SnappyJS.uncompress(body.snappy));
  const leftOut = noRows(body.series);
  for (let row = 0; row < body.series; row += 10) addRow(leftOut, row);
  const repeat = (name: string, once: () => void) => ({
    name,
    run: () => {
      for (let i = 0; i < REPEATS; i++) once();
      return REPEATS;
    },
  });
  let push = decode(body);
  const results = await compare([
    repeat('kernel', () => void compress(plain)),
    repeat('js', () => void SnappyJS.compress(plain)),
    repeat('decode', () => {
      push = decode(body);
    }),
    repeat('filter', () => void filter.filter(push, leftOut)),
  ]);
  const [ours = 0, js = 0, decoding = 0, filtering = 0] = results.map(
    ({ nanosecondsPerUnit }) => nanosecondsPerUnit,
  );
  const us = (nanoseconds: number) => `${(nanoseconds / 1000).toFixed(0)} us`;
  const size = compress(plain).length / SnappyJS.compress(plain).length;
  return [
    body.name,
    us(ours),
    `${(js / ours).toFixed(1)}x`,
    ((plain.length / ours) * 1000).toFixed(0),
    size.toFixed(2),
    us(decoding),
    us(filtering),
  ];
}

function compress(plain: Uint8Array): Buffer {
  const block = kernel.compress(plain.length, (input) => input.set(plain));
  if (block === undefined) throw new Error('no memory');
  return block;
}

function decode({ snappy, version }: BenchBody): Push {
  const push = decoder.decode([snappy], snappy.length, {
    protocol: `rw${version}`,
    maxUncompressedBytes: 64 << 20,
    maxSeries: 100_000,
    excludeLabel: '',
  });
  if (push.kind !== 'push') throw new Error('not decoded');
  return push;
}
