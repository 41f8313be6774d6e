import SnappyJS from 'snappyjs';
import t from 'tap';
import { decodeBody } from '#src/doors/decode-body.js';
import { PooledDecoder } from '#src/payload/decoder-pool.js';
import { type Decoded, type DecodeOptions, type Decoder, RECORD_BYTES } from '#src/payload/push.js';
import { encodeVersion2, oneSampleEach } from '../payload/encode.js';

const options: DecodeOptions = {
  protocol: 'rw1',
  maxUncompressedBytes: 64 << 20,
  maxSeries: 1_000_000,
  excludeLabel: '',
};
const MIB = 1 << 20;

function snappy(plain: Uint8Array): Buffer {
  return Buffer.from(SnappyJS.compress(Buffer.from(plain)));
}

const emptySeries = (count: number) => snappy(Buffer.alloc(2 * count, Buffer.from([0x0a, 0])));

/** Decodes for real, and notes what was reserved, and how it was asked. */
function given(room = Number.POSITIVE_INFINITY) {
  const inner = new PooledDecoder({ inlineMaxBytes: MIB, threads: 0, maxRetainedBytes: 1 << 30 });
  const steps: (readonly ['reserve', number] | readonly ['decode', number, boolean])[] = [];
  let reserved = 0;
  const decoder: Decoder = {
    filter: (push, leftOut) => inner.filter(push, leftOut),
    close: () => inner.close(),
    decode(chunks, byteLength, how) {
      steps.push(['decode', how.maxSeries, how.hasManySeries ?? false]);
      return inner.decode(chunks, byteLength, how);
    },
  };
  const reserve = (bytes: number): boolean => {
    steps.push(['reserve', bytes]);
    reserved += bytes;
    return reserved <= room;
  };
  const decode = (body: Buffer, how = options) => decodeBody(decoder, [body], body.length, how, reserve);
  return { steps, decode, decoder, reserve };
}

t.test('a usual body takes one step, and nothing is reserved for a small one', async (t) => {
  const small = given();
  t.match(await small.decode(snappy(oneSampleEach(2000))), { kind: 'push', series: 2000 });
  t.strictSame(small.steps, [['decode', MIB / 64, false]]);

  const large = given();
  const plain = oneSampleEach(60_000);
  t.match(await large.decode(snappy(plain)), { kind: 'push', series: 60_000 });
  const series = Math.ceil(plain.length / 64);
  t.ok(plain.length > MIB && series < 60_000, 'these are the smallest series there are');
  t.match(large.steps[0], ['reserve', plain.length + series * RECORD_BYTES]);
});

t.test('a large body of Remote Write 2.0, whose series are small, takes one step, too', async (t) => {
  const { steps, decode } = given();
  const plain = encodeVersion2(
    Array.from({ length: 40_000 }, (_, n) => ({
      labels: [
        ['__name__', 'm'],
        ['node', `${n % 200}`],
        ['pod', `${Math.floor(n / 200)}`],
      ],
      value: n,
      timestampMs: 1_760_000_000_000,
    })),
  );
  t.ok(plain.length > MIB && plain.length / 40_000 < 50, `${plain.length / 40_000} bytes a series`);
  t.match(await decode(snappy(plain), { ...options, protocol: 'rw2' }), { kind: 'push', series: 40_000 });
  t.equal(steps.filter(([what]) => what === 'decode').length, 1);
});

t.test('records of series with nothing in them are reserved before they are made', async (t) => {
  for (const [count, room, isMade] of [
    [100_000, 200_000 + 100_000 * RECORD_BYTES, true],
    [100_000, 200_000 + 100_000 * RECORD_BYTES - 1, false],
    [600_000, 1_200_000 + 600_000 * RECORD_BYTES, true],
    [600_000, 1_200_000 + 600_000 * RECORD_BYTES - 1, false],
  ] as const) {
    const { steps, decode } = given(room);
    const decoded = await decode(emptySeries(count));
    if (isMade) t.match(decoded, { kind: 'push', series: count });
    else t.equal(decoded, 'over_budget');
    t.equal(steps.filter(([what]) => what === 'decode').length, isMade ? 2 : 1);
    t.strictSame(steps.at(-1), isMade ? ['decode', 1_000_000, true] : steps.at(-1));
  }
});

t.test('more series than may be are too many, however much room there is', async (t) => {
  const { steps, decode } = given();
  const decoded = await decode(emptySeries(20_000), { ...options, maxSeries: 10_000 });
  t.match(decoded, { kind: 'broken', code: 'too_many_series' });
  t.strictSame(steps, [['decode', 10_000, false]], 'and that is found out once');
});

t.test('nothing is reserved for a body that can not be what it claims', async (t) => {
  for (const body of [
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
    Buffer.from([0xff, 0xff, 0x7f, 0]),
    snappy(Buffer.alloc(65 << 20)),
  ]) {
    const { steps, decode } = given();
    t.match(await decode(body), { kind: 'broken' });
    t.notOk(steps.some(([what]) => what === 'reserve'));
  }
});

t.test('what is answered late stays as it is', async (t) => {
  const { decoder, reserve } = given();
  let first = true;
  const late: Decoder = {
    ...decoder,
    decode(chunks, byteLength, how) {
      const decoded = decoder.decode(chunks, byteLength, how);
      if (!first) return decoded;
      first = false;
      return Promise.resolve(decoded);
    },
  };
  const body = emptySeries(20_000);
  const decoded = (await decodeBody(late, [body], body.length, options, reserve)) as Decoded;
  await decoder.decode([emptySeries(3)], 10, options);
  t.match(decoded, { kind: 'push', series: 20_000, body: { length: 40_000 } });
  if (decoded.kind === 'push') t.ok(decoded.body.every((byte, i) => byte === (i % 2 === 0 ? 0x0a : 0)));
});
