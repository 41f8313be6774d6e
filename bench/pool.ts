/**
 * Where to decode: inline, or in a thread. For each body size: how long it holds up the event loop either way, and the
 * CPU of the whole process for each push. And what bodies that are made to hold it up do, by where they are decoded with the
 * default settings. Behind the defaults of decode.inline_max_bytes and decode.threads.
 *
 *   npm run bench:pool [-- --smoke]
 */
import { decodeBody } from '#src/doors/decode-body.js';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import type { DecodeOptions } from '#src/payload/push.js';
import { compress } from '../test/payload/encode.js';
import { kubernetesBody } from './bodies.js';
import { median, printTable, smoke } from './rounds.js';

const PUSHES = smoke ? 3 : 30;
const ROUNDS = smoke ? 2 : 7;
const options: DecodeOptions = {
  protocol: 'rw1',
  maxUncompressedBytes: 100 << 20,
  maxSeries: 1_000_000,
  excludeLabel: '',
};
const inline = new PooledDecoder({
  inlineMaxBytes: Number.POSITIVE_INFINITY,
  threads: 0,
  maxRetainedBytes: 1 << 30,
});
const pooled = new PooledDecoder({ inlineMaxBytes: 0, threads: 1, maxRetainedBytes: 1 << 30 });
const byDefault = new PooledDecoder({ inlineMaxBytes: 1 << 20, threads: 1, maxRetainedBytes: 64 << 20 });

const rows = [
  [
    'series',
    'on the wire',
    'inline: loop held',
    'thread: loop held',
    'inline: CPU',
    'thread: CPU',
    'CPU ratio',
  ],
];
for (const series of smoke ? [500] : [100, 500, 2000, 5000, 10_000, 25_000, 50_000]) {
  const body = kubernetesBody(series, 1).snappy;
  const results = [await measure(inline, body), await measure(pooled, body)] as const;
  const us = (nanoseconds: number) => `${(nanoseconds / 1000).toFixed(0)} us`;
  rows.push([
    String(series),
    `${(body.length / 1000).toFixed(0)} kB`,
    ...results.map(({ held }) => us(held)),
    ...results.map(({ cpu }) => us(cpu)),
    `${(results[1].cpu / results[0].cpu).toFixed(1)}x`,
  ]);
}
console.log('Decoding inline and in a thread (medians)');
printTable(rows);

/** Elements with nothing in them, as field 1 to 4 of a series, or as series. */
const made = {
  'empty series': (bytes: number) => Buffer.alloc(bytes, Buffer.from([0x0a, 0])),
  'empty labels': (bytes: number) => seriesOf(Buffer.alloc(bytes, Buffer.from([0x0a, 0]))),
  'empty samples': (bytes: number) => seriesOf(Buffer.alloc(bytes, Buffer.from([0x12, 0]))),
  'empty histograms': (bytes: number) => seriesOf(Buffer.alloc(bytes, Buffer.from([0x22, 0]))),
};
const worst = [
  ['made to hold the loop', 'uncompressed', 'on the wire', 'inline: loop held', 'by default: loop held'],
];
for (const [name, make] of Object.entries(made)) {
  for (const kilobytes of smoke ? [256] : [256, 1000, 4000]) {
    const body = Buffer.from(compress(make(kilobytes * 1000)));
    const held = await measureHeld(inline, body);
    const byDefaultHeld = await measureHeld(byDefault, body);
    const ms = (nanoseconds: number) => `${(nanoseconds / 1e6).toFixed(1)} ms`;
    worst.push([
      name,
      `${kilobytes} kB`,
      `${(body.length / 1000).toFixed(0)} kB`,
      ms(held),
      ms(byDefaultHeld),
    ]);
  }
}
console.log('\nWhat is made to hold the loop (medians)');
printTable(worst);
await Promise.all([inline.close(), pooled.close(), byDefault.close()]);

function seriesOf(fields: Buffer): Buffer {
  const head = [0x0a];
  for (let rest = fields.length; ; rest >>>= 7) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.concat([Buffer.from(head), fields]);
  }
}

async function measureHeld(decoder: typeof inline, body: Buffer): Promise<number> {
  const held: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    const decoding = decodeBody(decoder, [body], body.length, options, () => true);
    if (round >= 0) held.push(Number(process.hrtime.bigint() - start));
    await decoding;
  }
  return median(held);
}

async function measure(decoder: typeof inline, body: Buffer): Promise<{ held: number; cpu: number }> {
  const held: number[] = [];
  const cpu: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < PUSHES; i++) {
      const start = process.hrtime.bigint();
      const decoding = decoder.decode([body], body.length, options);
      if (round >= 0) held.push(Number(process.hrtime.bigint() - start));
      await decoding;
    }
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round >= 0) cpu.push(((user + system) * 1000) / PUSHES);
  }
  return { held: median(held), cpu: median(cpu) };
}
