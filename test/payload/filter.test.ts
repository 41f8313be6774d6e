import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { InlineFilter } from '#src/payload/filter.js';
import { OWN_HASH_KEY } from '#src/payload/hash-key.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { KernelInstance } from '#src/payload/kernel-instance.js';
import { type Decoded, ownedPush, type Push } from '#src/payload/push.js';
import { addRow, hasRow, noRows, type Rows } from '#src/payload/rows.js';
import { kubernetesBody } from '../../bench/bodies.js';
import { WriteRequestV1, WriteRequestV2 } from './encode.js';
import { uncompress, without } from './oracle.js';
import { messageV1, messageV2, wire } from './pushes.js';

const decoder = new InlineDecoder(64 << 20);
const filter = new InlineFilter(64 << 20);

const OPTIONS = { maxUncompressedBytes: 64 << 20, maxSeries: 1_000_000, excludeLabel: '' };

function decodePlain(message: Uint8Array, version: 1 | 2): Push {
  return pushOf(decoder.decodePlain(message, { ...OPTIONS, protocol: `rw${version}` }));
}

function decode(body: Uint8Array, version: 1 | 2): Push {
  return pushOf(decoder.decode([body], body.length, { ...OPTIONS, protocol: `rw${version}` }));
}

function pushOf(decoded: Decoded): Push {
  if (decoded.kind !== 'push') throw new Error(decoded.message);
  return decoded;
}

function rowsOf(series: number, isLeftOut: (row: number) => boolean): Rows {
  const rows = noRows(series);
  for (let row = 0; row < series; row++) if (isLeftOut(row)) addRow(rows, row);
  return rows;
}

function filtered(push: Push, leftOut: Rows): Uint8Array {
  const body = filter.filter(push, leftOut);
  if (!(body instanceof Uint8Array)) throw new Error(body.message);
  const plain = uncompress(body);
  if (plain === undefined) throw new Error('the block breaks the format');
  return plain;
}

/** What a full decode finds, as text: NaN and 64-bit numbers included. */
function contents(body: Uint8Array, version: 1 | 2): { timeseries: unknown[]; rest: string } {
  const type = version === 1 ? WriteRequestV1 : WriteRequestV2;
  const { timeseries, ...rest } = type.toObject(type.decode(body), { longs: String, arrays: true });
  return {
    timeseries: timeseries.map((one: unknown) => JSON.stringify(one)),
    rest: JSON.stringify(rest),
  };
}

function keepsExactly(body: Uint8Array, version: 1 | 2, pick: readonly boolean[]): boolean {
  const push = decodePlain(body, version);
  const leftOut = rowsOf(push.series, (row) => pick[row % pick.length] ?? false);
  const result = filtered(push, leftOut);
  if (!without(body, version, leftOut).equals(result)) return false;
  const before = contents(body, version);
  const after = contents(result, version);
  const kept = before.timeseries.filter((_, row) => !hasRow(leftOut, row));
  return JSON.stringify(after.timeseries) === JSON.stringify(kept) && after.rest === before.rest;
}

const picks = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });

t.test('a filtered body decodes to exactly the kept series, in order, byte for byte', async () => {
  fc.assert(
    fc.property(messageV1, picks, (body, pick) => keepsExactly(body, 1, pick)),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(messageV2, picks, (body, pick) => keepsExactly(body, 2, pick)),
    { numRuns: 1000 },
  );
});

t.test(
  'what stands between, before and behind the series stays: symbols, metadata, unknown fields',
  async (t) => {
    const series = (name: string) =>
      wire((w) =>
        w.uint32(0x0a).bytes(wire((l) => l.uint32(0x0a).string('__name__').uint32(0x12).string(name))),
      );
    const body = wire((w) =>
      w
        .uint32((1000 << 3) | 0)
        .uint32(1)
        .uint32(0x0a)
        .bytes(series('a'))
        .uint32(0x1a)
        .bytes(wire((m) => m.uint32(0x12).string('a')))
        .uint32(0x0a)
        .bytes(series('b'))
        .uint32((99 << 3) | 2)
        .string('unknown')
        .uint32(0x0a)
        .bytes(series('c'))
        .uint32((98 << 3) | 5)
        .fixed32(7),
    );
    for (const pick of [[true], [false], [true, false], [false, true], [false, false, true]]) {
      t.ok(keepsExactly(body, 1, pick), `${pick}`);
    }
  },
);

t.test('real pushes of a Prometheus lose the series that are left out, and nothing else', async (t) => {
  for (const name of ['samples-500a', 'samples-145', 'metadata-438']) {
    const body = readFileSync(new URL(`../../../test/data/prom-2.42-${name}.snappy`, import.meta.url));
    const plain = uncompress(body) ?? Buffer.alloc(0);
    t.ok(keepsExactly(plain, 1, [false, false, true]), name);
  }
});

const kernel = new KernelInstance(OWN_HASH_KEY);

function compressed(bytes: Uint8Array): Buffer {
  const block = kernel.compress(bytes.length, (input) => input.set(bytes));
  if (block === undefined) throw new Error('no memory');
  return block;
}

t.test('whatever is compressed is uncompressed the same, and never grows by more than a sixth', async () => {
  const runs = fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 3000 })), {
      maxLength: 12,
    })
    .map((parts) =>
      Buffer.concat(parts.flatMap(([bytes, times]) => new Array<Uint8Array>(times).fill(bytes))),
    );
  const noise = fc.uint8Array({ maxLength: 200_000, size: 'max' });
  fc.assert(
    fc.property(fc.oneof(runs, noise, messageV1), (bytes) => {
      const block = compressed(bytes);
      const room = bytes.length + bytes.length / 6 + 32;
      return block.length <= room && Buffer.from(bytes).equals(uncompress(block) ?? Buffer.from('broken'));
    }),
    { numRuns: 100 },
  );
});

t.test('every length around the bounds of fragments, tables and elements is compressed', async (t) => {
  const text = Buffer.from(kubernetesBody(2000, 1).snappy);
  const plain = Buffer.from(uncompress(text) ?? []);
  const lengths = [65535, 65536, 65537, 65536 + 14, 65536 + 15, 131_072, 200_000, plain.length];
  for (let length = 0; length < 300; length++) lengths.push(length);
  for (const length of lengths) {
    for (const bytes of [plain.subarray(0, length), Buffer.alloc(length), Buffer.alloc(length, 'abcde')]) {
      if (!bytes.equals(uncompress(compressed(bytes)) ?? Buffer.from('broken'))) t.fail(`${length} bytes`);
    }
  }
  t.ok(compressed(plain).length < text.length * 1.1, 'not much larger than what snappyjs makes of it');
});

t.test('an owned push outlives the next decode; a view does not, so it is filtered before', async (t) => {
  const [first, second] = [kubernetesBody(100, 2), kubernetesBody(300, 1)];
  const push = ownedPush(decode(first.snappy, 2));
  decode(second.snappy, 1);
  const leftOut = rowsOf(push.series, (row) => row % 3 === 0);
  const plain = uncompress(first.snappy) ?? Buffer.alloc(0);
  t.ok(without(plain, 2, leftOut).equals(filtered(push, leftOut)));
  t.equal(ownedPush(push), push, 'it is not copied twice');
});

t.test('a thread of the pool filters what a thread decoded, to the same bytes', async (t) => {
  const { snappy } = kubernetesBody(500, 1);
  const options = {
    protocol: 'rw1',
    maxUncompressedBytes: 64 << 20,
    maxSeries: 1000,
    excludeLabel: '',
  } as const;
  const bodies: Buffer[] = [];
  for (const threads of [0, 1]) {
    const pool = new PooledDecoder({ inlineMaxBytes: 0, threads, maxRetainedBytes: 64 << 20 });
    t.teardown(() => pool.close());
    const push = await pool.decode([snappy], snappy.length, options);
    if (push.kind !== 'push') throw new Error(push.message);
    const body = await pool.filter(
      push,
      rowsOf(push.series, (row) => row % 7 === 3),
    );
    if (!(body instanceof Uint8Array)) throw new Error(body.message);
    bodies.push(Buffer.from(body));
  }
  t.ok(bodies[0]?.equals(bodies[1] ?? Buffer.alloc(0)));
  t.equal(decode(bodies[0] ?? Buffer.alloc(0), 1).series, 500 - 71);
});
