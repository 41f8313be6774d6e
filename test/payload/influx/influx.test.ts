/** Line protocol is read as Mimir reads it, and makes the series that Mimir makes. */
import { deepStrictEqual } from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { compress, uncompress } from '#src/payload/encodings.js';
import { InlineFilter } from '#src/payload/filter.js';
import type { Precision } from '#src/payload/influx/points.js';
import { toRemoteWrite } from '#src/payload/influx/remote-write.js';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import type { Push } from '#src/payload/push.js';
import { addRow, hasRow, noRows, type Rows } from '#src/payload/rows.js';
import type { InfluxSource } from '#src/payload/source.js';
import { hashes } from '../oracle.js';
import { damage, damaged } from '../pushes.js';
import { body, soundBody } from './lines.js';
import { type OracleSeries, seriesIn, seriesOf } from './oracle.js';

const NOW = 1_700_000_000_123;
const UNITS: Record<Precision, bigint> = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n };
const LIMITS = { maxBytes: 1 << 20, maxSeries: 10_000 };

function made(lines: string | Uint8Array, precision: Precision = 'ns'): OracleSeries[] | undefined {
  const message = toRemoteWrite(Buffer.from(lines as string), precision, NOW, LIMITS);
  return message instanceof Uint8Array ? seriesIn(message) : undefined;
}

t.test('a field makes a series, named as Mimir names it', async (t) => {
  const rows: [lines: string, labels: string[][]][] = [
    ['m value=1', [['__name__=m']]],
    [
      'm,t=v f=1,value=2',
      [
        ['__name__=m_f', 't=v'],
        ['__name__=m', 't=v'],
      ],
    ],
    ['0m,1t=v f#1=1', [['_1t=v', '__name__=_0m_f_1']]],
    ['m f="text"', []],
    ['m f="text",g=t', [['__name__=m_g']]],
    ['m f=1,f=2', [['__name__=m_f']]],
    ['m,__name__=x,__proxy_source__=y f=1', [['__name__=m_f']]],
    ['m,b.c=1,b-c=2 f=1', [['__name__=m_f', 'b_c=1', 'b_c=2']]],
    ['my\\ m,a\\=b=c\\,d f\\ g=1', [['__name__=my_m_f_g', 'a_b=c,d']]],
    ['caf\xc3\xa9 value=1', [['__name__=caf_\xa9']]],
    ['m,t=\xff f=1', [['__name__=m_f', 't=\xff']]],
    ['\xff value=1', [['__name__=_']]],
  ];
  for (const [lines, labels] of rows) {
    const series = made(Buffer.from(lines, 'latin1'));
    const expected = labels.map((own) => [...own, '__proxy_source__=influx'].sort());
    const found = series?.map(({ labels: all }) => [...all].sort());
    t.strictSame(found?.sort(), expected.sort(), lines);
  }
});

t.test('labels stand in the order of their names', async (t) => {
  const [series] = made('m,z=1,A=2,a=3,_=4 f=1') ?? [];
  t.strictSame(series?.labels, ['A=2', '_=4', '__name__=m_f', '__proxy_source__=influx', 'a=3', 'z=1']);
});

t.test('values and times', async (t) => {
  const rows: [lines: string, precision: Precision, value: number, timestampMs: number][] = [
    ['m f=1.5 1465839830100400200', 'ns', 1.5, 1465839830100],
    ['m f=-9223372036854775808i 1465839830100400', 'us', -(2 ** 63), 1465839830100],
    ['m f=.5 1465839830100', 'ms', 0.5, 1465839830100],
    ['m f=1. 1465839830', 's', 1, 1465839830000],
    ['m f=TRUE -1500000', 'ns', 1, -1],
    ['m f=F', 'ns', 0, NOW],
    ['m f=1e-400', 's', 0, 1_700_000_000_000],
    [`m f=0${'0'.repeat(100)}7i 0${'0'.repeat(100)}5`, 'ms', 7, 5],
  ];
  for (const [lines, precision, value, timestampMs] of rows) {
    t.match(made(lines, precision), [{ value, timestampMs }], lines);
  }
});

t.test('a line that Mimir can not parse has all of its push refused, with the place', async (t) => {
  const rows: [lines: string, message: RegExp, offset: number][] = [
    ['m', /fields are missing/, 1],
    ['a v=1\n,t=v f=1', /measurement is missing/, 6],
    ['m,t=v,t2 f=1', /value of a tag is missing/, 5],
    ['m,=v f=1', /key of a tag is missing/, 1],
    ['m,t=v,t=w f=1', /a tag comes twice/, 5],
    ['m f=', /value of a field is missing/, 3],
    ['m f=v1', /no number/, 3],
    ['m =1', /key of a field is missing/, 2],
    ['m f=1,g', /key=value/, 7],
    ['m f="a', /does not end/, 6],
    ['m f=1e400', /no number in range/, 3],
    ['m f=9223372036854775808i', /no number in range/, 3],
    ['m f=1u', /no number/, 3],
    ['m f=NaN', /no number/, 3],
    ['m f=1 1x', /the time/, 7],
    ['m f=1 1 2', /the time/, 7],
    ['m f=1 9223372036854775807', /the time/, 25],
    ['m f=1\r\n', /no number/, 3],
    [`${'m'.repeat(65_536)} f=1`, /too long/, 65_536],
    [`${'m'.repeat(65_530)} ff=1`, /too long/, 65_535],
  ];
  for (const [lines, message, offset] of rows) {
    const fault = toRemoteWrite(Buffer.from(lines), 'ns', NOW, LIMITS);
    t.match(fault, { message, offset }, lines.slice(0, 30));
  }
});

t.test('agrees with the oracle on sound, odd and damaged lines', async (t) => {
  let sound = 0;
  await fc.assert(
    fc.property(
      fc.oneof(body, soundBody),
      fc.constantFrom(...(Object.keys(UNITS) as Precision[])),
      fc.option(damage),
      (lines, precision, hurt) => {
        const bytes = hurt === null ? lines : damaged(lines, hurt);
        const expected = seriesOf(bytes, UNITS[precision], NOW);
        const found = made(bytes, precision);
        if (found !== undefined && found.length > 0) sound++;
        deepStrictEqual(canonical(found), canonical(expected));
      },
    ),
    { numRuns: 2000 },
  );
  t.ok(sound > 100, `${sound} of them made series`);
});

/** Mimir takes the fields of a line in any order; equal names may come in any, too. */
function canonical(series: OracleSeries[] | undefined): string[] | undefined {
  return series
    ?.map(({ labels, value, timestampMs }) => JSON.stringify([[...labels].sort(), value, timestampMs]))
    .sort();
}

const decoder = new InlineDecoder(64 << 20);
const filter = new InlineFilter(64 << 20);
const source = (encoding: InfluxSource['encoding']): InfluxSource => ({
  form: 'influx',
  encoding,
  precision: 'ns',
  nowMs: NOW,
});
const decode = (bytes: Uint8Array, encoding: InfluxSource['encoding'], caps = {}) =>
  decoder.decode([bytes.subarray(0, 3), bytes.subarray(3)], bytes.length, {
    protocol: 'rw1',
    maxUncompressedBytes: 1 << 20,
    maxSeries: 1000,
    excludeLabel: '',
    source: source(encoding),
    ...caps,
  });

t.test('the push is that of the same series by remote write, but for its sizes', async () => {
  await fc.assert(
    fc.property(soundBody, fc.constantFrom('gzip' as const, 'identity' as const), (lines, encoding) => {
      const wire = Buffer.from(compress(lines, encoding));
      const push = decode(wire, encoding) as Push;
      const message = toRemoteWrite(lines, 'ns', NOW, LIMITS) as Uint8Array;
      deepStrictEqual(push.compressedBytes, wire.length);
      deepStrictEqual(push.uncompressedBytes, lines.length);
      const { series, samples } = push;
      const ours = hashes(push);
      const rw = decoder.decodePlain(message, {
        protocol: 'rw1',
        maxUncompressedBytes: 1 << 20,
        maxSeries: 1000,
        excludeLabel: '',
      }) as Push;
      deepStrictEqual({ series, samples }, { series: rw.series, samples: rw.samples });
      deepStrictEqual(ours, hashes(rw));
    }),
  );
});

t.test('what is left without some series makes exactly the others', async () => {
  await fc.assert(
    fc.property(
      soundBody,
      fc.infiniteStream(fc.boolean()),
      fc.constantFrom('gzip' as const, 'identity' as const),
      (lines, coins, encoding) => {
        const push = decode(Buffer.from(compress(lines, encoding)), encoding) as Push;
        const leftOut: Rows = noRows(push.series);
        for (let row = 0; row < push.series; row++) if (coins.next().value) addRow(leftOut, row);
        const kept = made(lines)?.filter((_, row) => !hasRow(leftOut, row));
        const rest = uncompress(filter.filter(push, leftOut) as Uint8Array, encoding, 1 << 20);
        deepStrictEqual(canonical(seriesOf(rest as Uint8Array, 1n, NOW)), canonical(kept));
      },
    ),
  );
});

t.test('lines that lose nothing, comments and text fields stay as they came', async (t) => {
  const push = decode(Buffer.from('# a\nm,t=v a=1,s="x",b=2 5\nn c=3\nn d=4,d=5,e=6'), 'identity') as Push;
  const leftOut = noRows(push.series);
  for (const row of [0, 2, 3]) addRow(leftOut, row);
  t.equal(`${filter.filter(push, leftOut)}`, '# a\nm,t=v s="x",b=2 5\n\nn e=6');
});

t.test('a field whose key begins with a blank keeps its key when those in front of it go', async (t) => {
  for (const lines of ['m f=1,\tg=2 5', 'm f=1,\0g=2,h=3 5', 'm f=1,\t_=2,_=3 5', 'm _=1,\t_=2']) {
    const push = decode(Buffer.from(lines), 'identity') as Push;
    const expected = made(lines)?.slice(1);
    const leftOut = noRows(push.series);
    addRow(leftOut, 0);
    const rest = filter.filter(push, leftOut) as Uint8Array;
    t.strictSame(canonical(seriesOf(rest, 1n, NOW)), canonical(expected), JSON.stringify(lines));
  }
});

t.test('a text whose quotes need what comes behind it does not break its line when that goes', async (t) => {
  for (const lines of ['m a="x="y",b="z="w",a=1,c=2,', 'm a="x="y",b="z="w",c=2,a=1, 5\nn d=1']) {
    const push = decode(Buffer.from(lines), 'identity') as Push;
    for (let row = 0; row < push.series; row++) {
      const expected = made(lines)?.filter((_, other) => other !== row);
      const leftOut = noRows(push.series);
      addRow(leftOut, row);
      const rest = filter.filter(push, leftOut) as Uint8Array;
      t.strictSame(canonical(seriesOf(rest, 1n, NOW)), canonical(expected), JSON.stringify([lines, row]));
    }
  }
});

t.test('caps hold for what things become', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 << 20, ' '));
  t.match(decode(bomb, 'gzip'), { kind: 'broken', code: 'too_large' }, 'a bomb');
  t.match(decode(Buffer.alloc(100, 'm v=1\n'), 'identity', { maxSeries: 10 }), { code: 'too_many_series' });
  const repeated = `m,t=${'x'.repeat(60_000)} ${Array.from({ length: 100 }, (_, i) => `f${i}=1`).join()}`;
  t.match(decode(Buffer.from(repeated), 'identity'), { code: 'too_large' }, 'tags repeated for each field');
});

t.test('gzip that is broken, or has something behind it, is refused', async (t) => {
  const sound = gzipSync('m v=1');
  const two = Buffer.concat([sound, gzipSync('\nm w=1')]);
  t.match(decode(two, 'gzip'), { kind: 'push', series: 2 }, 'several members are one body');
  for (const bytes of [
    sound.subarray(0, -1),
    Buffer.concat([sound, Buffer.alloc(4)]),
    Buffer.concat([sound, Buffer.from('m v=1')]),
    Buffer.from('m v=1'),
    Buffer.alloc(0),
  ]) {
    t.match(decode(bytes, 'gzip'), { kind: 'broken', code: 'compression' }, bytes.toString('hex'));
  }
});

t.test('a text that is long costs time in proportion', async (t) => {
  const long = 1 << 19;
  for (const text of [
    `m f=${'1'.repeat(long)}x`,
    `m f=${'1'.repeat(long)}i`,
    `m f=1 ${'1'.repeat(long)}`,
    `m f=1 0${'0'.repeat(long)}`,
    `m f="${'\\"'.repeat(long / 2)}`,
    `m f=1.${'0'.repeat(long)}e`,
    `m ${'f=1,'.repeat(long / 4)}g=1`,
    `m ${Array.from({ length: long / 8 }, (_, i) => `f${i}=1`).join()}`,
    `m,${'t=v,'.repeat(long / 4)}u=v f=1`,
    `m,${Array.from({ length: long / 8 }, (_, i) => `t${i}=v`).join()} f=1`,
    `${'m'.repeat(long)} f=1`,
    `m ${'k'.repeat(long)}=1`,
    `m f="${'\n'.repeat(long)}"`,
    `m f="${'\n'.repeat(long)}`,
    `m f=1,${'\\ '.repeat(long / 2)}=2`,
    ' '.repeat(long),
    '\n'.repeat(long),
    '#\n'.repeat(long / 2),
  ]) {
    const message = toRemoteWrite(Buffer.from(text), 'ns', NOW, LIMITS);
    t.ok(message, text.slice(0, 10));
  }
});
