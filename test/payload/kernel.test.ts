import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import SnappyJS from 'snappyjs';
import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import {
  type Broken,
  type DecodeOptions,
  NO_RULES,
  type Push,
  pairNumber,
  RECORD_WORDS,
} from '#src/payload/push.js';
import { anyText } from '../any-text.js';
import { encodeVersion1, encodeVersion2, type SeriesToSend, WriteRequestV1 } from './encode.js';
import { expect, found, hashes, mayBeStricter, type Rules, uncompress } from './oracle.js';
import {
  type Damage,
  damage,
  damaged,
  messageV1,
  messageV2,
  pairedSeries,
  seriesAlike,
  wire,
} from './pushes.js';

const decoder = new InlineDecoder(64 << 20);

const OPTIONS = {
  protocol: 'rw1' as const,
  maxUncompressedBytes: 64 << 20,
  maxSeries: 1_000_000,
  excludeLabel: '',
} as const;

interface Options extends Partial<DecodeOptions> {
  /** The body is a snappy block, and not a message as it is. */
  readonly snappy?: boolean;
}

function decode(body: Uint8Array, { snappy = false, ...given }: Options = {}): Push | Broken {
  const options = { ...OPTIONS, ...given };
  const decoded = snappy ? decoder.decode([body], body.length, options) : decoder.decodePlain(body, options);
  if (decoded.kind === 'lost') throw new Error(decoded.message);
  return decoded;
}

function sound(body: Uint8Array, options: Options = {}): Push {
  const decoded = decode(body, options);
  if (decoded.kind !== 'push') throw new Error(`${decoded.message} at ${decoded.offset}`);
  return decoded;
}

/** Kernel and oracle agree, or the kernel refuses for a reason that is written down. */
function agrees(body: Uint8Array, version: 1 | 2, rules: Rules = { excludeLabel: '' }): boolean {
  const decoded = decode(body, { protocol: `rw${version}`, ...rules });
  const expected = expect(body, version, rules);
  if (decoded.kind === 'broken') return expected === undefined || mayBeStricter(decoded.message);
  return expected !== undefined && isDeepStrictEqual(found(decoded), expected);
}

const REAL = {
  'samples-500a': {
    series: 500,
    samples: 500,
    metadata: 0,
    mostLabels: 11,
    compressedBytes: 11432,
    uncompressedBytes: 82315,
  },
  'samples-500b': {
    series: 500,
    samples: 500,
    metadata: 0,
    mostLabels: 11,
    compressedBytes: 11463,
    uncompressedBytes: 80672,
  },
  'samples-145': {
    series: 145,
    samples: 145,
    metadata: 0,
    mostLabels: 11,
    compressedBytes: 3624,
    uncompressedBytes: 21385,
  },
  'metadata-438': {
    series: 0,
    samples: 0,
    metadata: 438,
    mostLabels: 0,
    compressedBytes: 16122,
    uncompressedBytes: 39523,
  },
};

function real(name: string): Buffer {
  return readFileSync(new URL(`../../../test/data/prom-2.42-${name}.snappy`, import.meta.url));
}

t.test(
  'real bodies of a Prometheus have the counts that a full decode gives, in whatever chunks they come',
  async (t) => {
    for (const [name, counts] of Object.entries(REAL)) {
      const body = real(name);
      const push = sound(body, { snappy: true });
      t.match(push, counts);
      t.strictSame(found(push), expect(uncompress(body)!, 1));
      t.ok(Buffer.from(push.body).equals(uncompress(body)!));
      t.equal(new Set(hashes(push)).size, push.series, 'no two series of a push are the same');
      const chunks = Array.from({ length: Math.ceil(body.length / 777) }, (_, i) =>
        body.subarray(i * 777, (i + 1) * 777),
      );
      const again = decoder.decode(chunks, body.length, {
        protocol: 'rw1',
        maxUncompressedBytes: 1e6,
        maxSeries: 1000,
        excludeLabel: '',
      });
      t.match(again, counts);
    }
  },
);

t.test('any generated message of either version has the counts that a full decode gives', async () => {
  fc.assert(
    fc.property(messageV1, (body) => agrees(body, 1)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(messageV2, (body) => agrees(body, 2)),
    { numRuns: 500 },
  );
});

t.test(
  'what a series repeats from the one before changes nothing: its record is that of the series alone',
  async () => {
    const records = (body: Uint8Array, excludeLabel: string) => {
      const push = sound(body, { excludeLabel });
      return Array.from({ length: push.series }, (_, row) =>
        // Offset and length are those of the body.
        Array.from(push.records.subarray(row * RECORD_WORDS + 2, (row + 1) * RECORD_WORDS)),
      );
    };
    fc.assert(
      fc.property(seriesAlike, fc.constantFrom('', 'a', '__name__'), (all, excludeLabel) => {
        const together = Buffer.concat(all);
        const alone = all.flatMap((one) => records(one, excludeLabel));
        return (
          agrees(together, 1, { excludeLabel }) && isDeepStrictEqual(records(together, excludeLabel), alone)
        );
      }),
      { numRuns: 3000 },
    );
  },
);

t.test('a label that repeats may not reach past the end of its series either', async (t) => {
  // What its value ends with would pass for unknown fields of the message.
  const value = `value${'\x50\x01'.repeat(8)}`;
  const label = wire((w) => w.uint32(10).fork().uint32(10).string('name').uint32(18).string(value).ldelim());
  const first = wire((w) => w.uint32(10).bytes(label));
  for (let cut = 2; cut <= 16; cut += 2) {
    const second = Buffer.concat([Buffer.of(10, label.length - cut), label]);
    t.match(
      decode(Buffer.concat([first, second])),
      { kind: 'broken', code: 'protobuf' },
      `${cut} bytes short`,
    );
  }
});

t.test('nor may one that has another value after the same name', async (t) => {
  // Of a metric: a series without one is read once more.
  const label = (value: string) =>
    wire((w) => w.uint32(10).fork().uint32(10).string('__name__').uint32(18).string(value).ldelim());
  const first = wire((w) => w.uint32(10).bytes(label(`value${'\x50\x01'.repeat(8)}`)));
  const other = label(`walue${'\x50\x01'.repeat(8)}`);
  const whole = Buffer.concat([first, Buffer.of(10, other.length), other]);
  t.match(decode(whole), { kind: 'push', series: 2 });
  for (let cut = 2; cut <= 16; cut += 2) {
    const second = Buffer.concat([Buffer.of(10, other.length - cut), other]);
    t.match(
      decode(Buffer.concat([first, second])),
      { kind: 'broken', code: 'protobuf' },
      `${cut} bytes short`,
    );
  }
});

/** To make a message takes longer than to judge it: each is damaged in four ways. */
const fourDamages = fc.array(damage, { minLength: 4, maxLength: 4 });

t.test('any damaged message is counted as a full decode counts it, or refused', async () => {
  const agreeDamaged = (body: Uint8Array, all: Damage[], version: 1 | 2) =>
    all.every((one) => agrees(damaged(body, one), version));
  fc.assert(
    fc.property(messageV1, fourDamages, (body, all) => agreeDamaged(body, all, 1)),
    { numRuns: 750 },
  );
  fc.assert(
    fc.property(seriesAlike, fourDamages, (series, all) => agreeDamaged(Buffer.concat(series), all, 1)),
    { numRuns: 750 },
  );
  fc.assert(
    fc.property(messageV2, fourDamages, (body, all) => agreeDamaged(body, all, 2)),
    { numRuns: 750 },
  );
});

t.test('any bytes are decoded as a full decode does, or refused', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (body) => agrees(body, 1) && agrees(body, 2)),
    { numRuns: 3000 },
  );
});

t.test(
  'any damaged snappy block is uncompressed byte for byte, or refused where it breaks the format',
  async () => {
    const block = fc.oneof(
      messageV1.map((body) => SnappyJS.compress(body)),
      fc.constantFrom(...Object.keys(REAL)).map(real),
      fc.uint8Array({ maxLength: 50 }),
    );
    fc.assert(
      fc.property(block, fourDamages, (body, all) =>
        [body, ...all.map((one) => damaged(body, one))].every((bytes) => {
          const decoded = decode(bytes, { snappy: true });
          if (decoded.kind === 'push') return Buffer.from(decoded.body).equals(uncompress(bytes)!);
          // What is wrong with the protobuf inside is judged above.
          return decoded.code !== 'snappy' || uncompress(bytes) === undefined;
        }),
      ),
      { numRuns: 400 },
    );
  },
);

t.test('each way to lie in a snappy block is refused, with the byte where it is', async (t) => {
  const cases: [string, number[], string][] = [
    ['nothing at all', [], 'header is not a length'],
    ['a header that never ends', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 'header is not a length'],
    ['100 MiB claimed in 20 bytes', [0x80, 0x80, 0x80, 0x32, ...new Array(16).fill(0)], 'claims more bytes'],
    ['a literal longer than what is left', [5, 0x10, 1, 2], 'cut short'],
    ['a literal length cut off', [5, 0xf4, 1], 'cut short'],
    ['a copy cut off', [5, 0x00, 1, 0x02, 1], 'cut short'],
    ['a four-byte copy cut off', [5, 0x00, 1, 0x03, 1, 0, 0], 'cut short'],
    ['a copy from before the start', [8, 0x00, 1, 0x01, 2], 'before the start'],
    ['a copy of offset 0', [8, 0x00, 1, 0x01, 0], 'before the start'],
    ['a literal past the claim', [1, 0x04, 1, 2], 'longer than its header'],
    ['a copy past the claim', [4, 0x00, 1, 0x01, 1], 'longer than its header'],
    ['less than the claim', [9, 0x00, 1], 'shorter than its header'],
  ];
  for (const [name, bytes, message] of cases) {
    const decoded = decode(Uint8Array.from(bytes), { snappy: true });
    t.match(decoded, { kind: 'broken', code: 'snappy' }, name);
    t.match((decoded as Broken).message, message, name);
  }
  t.match(decode(Uint8Array.from([8, 0x00, 1, 0x01, 2]), { snappy: true }), { offset: 3 });
});

t.test('each way to lie in a protobuf is refused, with the byte where it is', async (t) => {
  const series = (build: Parameters<typeof wire>[0]) => wire((w) => w.uint32(0x0a).bytes(wire(build)));
  const cases: [string, Uint8Array, 1 | 2, string][] = [
    ['a tag that never ends', new Uint8Array(12).fill(0xff), 1, 'varint is too long'],
    ['a tag cut off', Uint8Array.from([0x8a]), 1, 'middle of a field'],
    ['a length past the end', Uint8Array.from([0x0a, 0x05, 0x00]), 1, 'past the end'],
    [
      'a length of more than 32 bits',
      Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
      1,
      'varint is too long',
    ],
    ['a label past its series', Uint8Array.from([0x0a, 0x02, 0x0a, 0x05, 0, 0, 0, 0, 0]), 1, 'past the end'],
    [
      'a name past its label',
      series((w) => w.uint32(0x0a).bytes(Uint8Array.from([0x0a, 9, 1]))),
      1,
      'past the end',
    ],
    ['a series that is a number', Uint8Array.from([0x08, 0x01]), 1, 'wrong wire type'],
    [
      'a sample with a fixed timestamp',
      series((w) => w.uint32(0x12).bytes(Uint8Array.from([0x15, 0, 0, 0, 0]))),
      1,
      'wrong wire type',
    ],
    [
      'a double cut off',
      series((w) => w.uint32(0x12).bytes(Uint8Array.from([0x09, 0, 0]))),
      1,
      'middle of a field',
    ],
    ['field number 0', Uint8Array.from([0x02, 0x00]), 1, 'number 0'],
    ['wire type 6', Uint8Array.from([0x7e]), 1, 'wrong wire type'],
    ['a group that never ends', Uint8Array.from([0x7b]), 1, 'middle of a field'],
    ['a group that ends as another', Uint8Array.from([0x7b, 0x74]), 1, 'does not end as it began'],
    ['groups in groups without end', new Uint8Array(100).fill(0x7b), 1, 'nested too deeply'],
    [
      'a reference past the symbols',
      wire((w) => w.uint32(0x2a).bytes(Uint8Array.from([0x0a, 2, 0, 7]))),
      2,
      'symbol that is not there',
    ],
    [
      'a name without a value',
      wire((w) =>
        w
          .uint32(0x22)
          .bytes(new Uint8Array())
          .uint32(0x2a)
          .bytes(Uint8Array.from([0x0a, 1, 0])),
      ),
      2,
      'without a value',
    ],
    [
      'an exemplar past the symbols',
      wire((w) => w.uint32(0x2a).bytes(Uint8Array.from([0x22, 3, 0x0a, 1, 9]))),
      2,
      'symbol that is not there',
    ],
    [
      'metadata past the symbols',
      wire((w) => w.uint32(0x2a).bytes(Uint8Array.from([0x2a, 2, 0x18, 9]))),
      2,
      'symbol that is not there',
    ],
  ];
  for (const [name, body, version, message] of cases) {
    const decoded = decode(body, { protocol: `rw${version}` });
    t.match(decoded, { kind: 'broken', code: 'protobuf' }, name);
    t.match((decoded as Broken).message, message, name);
  }
});

t.test('a body of one version that says it is of the other is refused, not taken for nothing', async (t) => {
  const series = one([['__name__', 'up']]);
  const refused = { kind: 'broken', message: 'the message is of the other version of remote write' };
  t.match(decode(encodeVersion2(series), { protocol: 'rw1' }), refused);
  t.match(decode(encodeVersion1(series), { protocol: 'rw2' }), refused);
});

t.test('nothing is something: empty bodies, series, labels and symbols', async (t) => {
  t.match(sound(new Uint8Array()), { series: 0, samples: 0, uncompressedBytes: 0 });
  t.match(sound(new Uint8Array(), { protocol: 'rw2' }), { series: 0 });
  t.match(sound(Uint8Array.from([0x0a, 0, 0x0a, 0])), { series: 2, unnamedSeries: 2, mostLabels: 0 });
  t.match(sound(Uint8Array.from([0x0a, 2, 0x0a, 0])), { series: 1, mostLabels: 0 });
  t.match(sound(Uint8Array.from([0x22, 0, 0x2a, 4, 0x0a, 2, 0, 0]), { protocol: 'rw2' }), {
    series: 1,
    mostLabels: 0,
  });
});

t.test('unknown fields of every wire type are skipped, at every level', async (t) => {
  const unknown = [
    0xf8, 0x07, 1, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x07, 2, 9, 9, 0xfb, 0x07, 8, 1, 0xfc, 0x07,
    0xfd, 0x07, 1, 2, 3, 4,
  ];
  const label = [0x0a, 1, 97, ...unknown, 0x12, 1, 98];
  const sample = [...unknown, 0x10, 5];
  const series = [...unknown, 0x0a, label.length, ...label, 0x12, sample.length, ...sample];
  const body = Uint8Array.from([...unknown, 0x0a, series.length, ...series, ...unknown]);
  t.match(sound(body), { series: 1, samples: 1, mostLabels: 1, longestLabelName: 1 });
  t.ok(agrees(body, 1));
});

t.test(
  'symbols may stand behind the series, references unpacked, and a label given twice has its last value',
  async (t) => {
    const series = wire((w) =>
      w
        .uint32(0x08)
        .uint32(1)
        .uint32(0x0a)
        .bytes(Uint8Array.from([2])),
    );
    const late = wire((w) =>
      w
        .uint32(0x2a)
        .bytes(series)
        .uint32(0x22)
        .bytes(new Uint8Array())
        .uint32(0x22)
        .string('job')
        .uint32(0x22)
        .string('x'),
    );
    t.match(sound(late, { protocol: 'rw2' }), { series: 1, mostLabels: 1, longestLabelName: 3 });
    const label = [0x0a, 1, 97, 0x12, 1, 98, 0x12, 2, 99, 99];
    t.match(sound(Uint8Array.from([0x0a, label.length + 2, 0x0a, label.length, ...label])), {
      longestLabelValue: 2,
    });
  },
);

t.test(
  'ten million empty series in a small bomb stop at the cap, and take no memory for the rest',
  async (t) => {
    const bomb = new Uint8Array(20_000_000);
    for (let i = 0; i < bomb.length; i += 2) bomb[i] = 0x0a;
    const block = Buffer.from(SnappyJS.compress(bomb));
    t.ok(block.length < 1_100_000);
    const own = new InlineDecoder(64 << 20);
    const decoded = own.decode([block], block.length, {
      protocol: 'rw1',
      maxUncompressedBytes: 100 << 20,
      maxSeries: 10_000,
      excludeLabel: '',
    });
    t.match(decoded, { kind: 'broken', code: 'too_many_series' });
    t.ok(own.memoryBytes < 32 << 20, `${own.memoryBytes} bytes`);
  },
);

t.test('a claim over the cap takes no memory, and a grown kernel is given up', async (t) => {
  const large = Buffer.from(SnappyJS.compress(new Uint8Array(8 << 20)));
  const own = new InlineDecoder(1 << 20);
  const options: DecodeOptions = {
    protocol: 'rw1',
    maxUncompressedBytes: 1 << 20,
    maxSeries: 10,
    excludeLabel: '',
  };
  t.match(own.decode([large], large.length, options), { kind: 'broken', code: 'too_large' });
  t.ok(own.memoryBytes < 2 << 20);
  own.decode([large], large.length, { ...options, maxUncompressedBytes: 16 << 20 });
  t.ok(own.memoryBytes > 8 << 20);
  t.match(own.decode([large], large.length, options), { code: 'too_large' });
  t.ok(own.memoryBytes < 2 << 20);
});

t.test('more symbols than any push needs are refused before they fill the memory', async (t) => {
  const symbols = new Uint8Array(10_000_000);
  for (let i = 0; i < symbols.length; i += 2) symbols[i] = 0x22;
  t.match(decode(symbols, { protocol: 'rw2' }), {
    kind: 'broken',
    code: 'too_many_series',
    message: /symbols/,
  });
});

const named = fc.uniqueArray(
  fc.tuple(anyText({ minLength: 1, maxLength: 20 }), anyText({ minLength: 1, maxLength: 40 })),
  {
    selector: ([label]) => label,
    minLength: 1,
    maxLength: 10,
  },
);

function one(labels: readonly (readonly [string, string])[]): SeriesToSend[] {
  return [{ labels, value: 1, timestampMs: 1 }];
}

t.test('a series has one hash, whatever the order of its labels, its version and its samples', async (t) => {
  fc.assert(
    fc.property(
      named.chain((labels) =>
        fc.tuple(fc.constant(labels), fc.shuffledSubarray(labels, { minLength: labels.length })),
      ),
      ([labels, shuffled]) => {
        const [v1] = hashes(sound(encodeVersion1(one(labels))));
        const [reordered] = hashes(sound(encodeVersion1(one(shuffled))));
        const [v2] = hashes(sound(encodeVersion2(one(shuffled)), { protocol: 'rw2' }));
        return v1 === reordered && v1 === v2;
      },
    ),
  );
  const pair = [
    ['__name__', 'up'],
    ['job', 'a'],
  ] as const;
  const metric = (labels: readonly (readonly [string, string])[]) =>
    hashes(sound(encodeVersion1(one(labels))), 4)[0];
  t.equal(
    metric(pair),
    metric([
      ['__name__', 'up'],
      ['job', 'b'],
    ]),
  );
  t.not(
    metric(pair),
    metric([
      ['__name__', 'down'],
      ['job', 'a'],
    ]),
  );
});

t.test('the replica label is left out of the hash, and only that', async (t) => {
  fc.assert(
    fc.property(named, fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (labels, a, b) => {
      const rest = labels.filter(([label]) => label !== '__replica__');
      const hashOf = (replica: string, excludeLabel: string, version: 1 | 2) => {
        const series = one([...rest, ['__replica__', replica]]);
        const body = version === 1 ? encodeVersion1(series) : encodeVersion2(series);
        return hashes(sound(body, { protocol: `rw${version}`, excludeLabel }))[0];
      };
      const without = hashes(sound(encodeVersion1(one(rest))))[0];
      const same = hashOf(a, '__replica__', 1) === without && hashOf(b, '__replica__', 2) === without;
      return same && (a === b || hashOf(a, '', 1) !== hashOf(b, '', 1)) && hashOf(a, 'other', 1) !== without;
    }),
  );
  t.pass();
});

t.test("an HA pair's labels are read from the first series, if it has both", async (t) => {
  let pairs = 0;
  const reads = (body: Uint8Array, version: 1 | 2): boolean => {
    const labels = { excludeLabel: '__replica__', clusterLabel: 'cluster' };
    if (sound(body, { protocol: `rw${version}`, ...labels }).ha !== undefined) pairs++;
    return agrees(body, version, labels);
  };
  fc.assert(
    fc.property(messageV1, (body) => reads(body, 1)),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(messageV2, (body) => reads(body, 2)),
    { numRuns: 1000 },
  );
  t.ok(pairs > 10, `${pairs} pairs`);
  const pair = encodeVersion1(
    one([
      ['__replica__', 'a'],
      ['cluster', 'prod'],
    ]),
  );
  const labels = { excludeLabel: '__replica__', clusterLabel: 'cluster' };
  t.strictSame(sound(pair, labels).ha, { cluster: 'prod', replica: 'a' });
  t.equal(sound(pair, { excludeLabel: '__replica__' }).ha, undefined, 'not asked for');
  t.equal(sound(pair, { ...labels, clusterLabel: 'c'.repeat(2000) }).ha, undefined);
  t.equal(sound(pair, { ...labels, clusterLabel: 'luster' }).ha, undefined);
  t.equal(sound(new Uint8Array(), labels).ha, undefined, 'no series');
});

t.test(
  'that a label came in order in an earlier series says nothing where another one is before it now',
  async (t) => {
    const series = (...all: string[][]) =>
      all.map((names) => ({
        labels: names.map((name) => [name, 'x'] as const),
        value: 1,
        timestampMs: 1,
      }));
    for (const sent of [
      series(['job', '__name__', 'le'], ['le', 'namespace'], ['__name__', 'namespace', 'le', 'namespace']),
      series(['job', '__name__', 'job'], ['__name__', 'job'], ['__name__', 'job', 'job']),
    ]) {
      t.ok(agrees(encodeVersion1(sent), 1));
      t.ok(agrees(encodeVersion2(sent), 2));
    }
  },
);

t.test(
  'where each series is of a pair of its own, each loses the label that its own pair takes',
  async (t) => {
    const labels = { excludeLabel: '__replica__', clusterLabel: 'cluster', pairPerSeries: true };
    let several = 0;
    const reads = (body: Uint8Array, version: 1 | 2): boolean => {
      if ((sound(body, { protocol: `rw${version}`, ...labels }).pairs?.length ?? 0) > 1) several++;
      return agrees(body, version, labels);
    };
    fc.assert(
      fc.property(fc.array(pairedSeries, { maxLength: 12 }), (all) => {
        const sent = all.map((series) => ({ labels: series, value: 1, timestampMs: 1 }));
        return reads(encodeVersion1(sent), 1) && reads(encodeVersion2(sent), 2);
      }),
      { numRuns: 1000 },
    );
    t.ok(several > 100, `${several} with several pairs`);
    fc.assert(
      fc.property(messageV1, (body) => agrees(body, 1, labels)),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(messageV2, (body) => agrees(body, 2, labels)),
      { numRuns: 500 },
    );

    const hashOf = (pairs: [string, string][]) => hashes(sound(encodeVersion1(one(pairs)), labels))[0];
    const name: [string, string] = ['__name__', 'up'];
    const replica: [string, string] = ['__replica__', 'one'];
    const cluster: [string, string] = ['cluster', 'prod'];
    t.equal(hashOf([name, replica, cluster]), hashOf([name, cluster]), 'the replica is left out');
    t.not(hashOf([name, replica]), hashOf([name]), 'of a series of no pair it is not');
    const tight = { ...labels, rules: { ...NO_RULES, maxReplicaLength: 2 } };
    t.equal(
      sound(encodeVersion1(one([name, replica, cluster])), tight).pairs,
      undefined,
      'too long a replica',
    );
  },
);

t.test(
  'of a replica whose name is too long nothing is known; names that are longer than most are told apart',
  async (t) => {
    const labels = { excludeLabel: '__replica__', clusterLabel: 'cluster' };
    const pairOf = (cluster: string, replica: string, options: Options = {}) =>
      sound(
        encodeVersion1(
          one([
            ['__replica__', replica],
            ['cluster', cluster],
          ]),
        ),
        { ...labels, ...options },
      ).ha;
    const tight = { rules: { ...NO_RULES, maxReplicaLength: 4 } };
    t.strictSame(pairOf('a cluster of any length', 'zwöi'.slice(0, 3), tight)?.replica, 'zwö', 'four bytes');
    t.equal(pairOf('prod', 'zwöi', tight), undefined, 'five');
    const long = 'c'.repeat(1024);
    t.equal(pairOf(long, 'one')?.cluster, long);
    const [first, second] = [pairOf(`${long}1`, 'one')?.cluster, pairOf(`${long}2`, 'one')?.cluster];
    t.match(first, /^c{100}\.\.\. \(sha256 [0-9a-f]{64}\)$/);
    t.not(first, second);
  },
);

t.test('a push has so many pairs that are decided about, and the series of others are of none', async (t) => {
  const labels = { excludeLabel: '__replica__', clusterLabel: 'cluster', pairPerSeries: true };
  const all = Array.from({ length: 1500 }, (_, n) => ({
    labels: [
      ['__name__', 'up'],
      ['__replica__', `r${n}`],
      ['cluster', 'c'],
    ] as [string, string][],
    value: 1,
    timestampMs: 1,
  }));
  const push = sound(encodeVersion1([...all, ...all]), { ...labels, maxSeries: 10_000 });
  t.equal(push.pairs?.length, 1000);
  t.strictSame(push.pairs?.[999], { cluster: 'c', replica: 'r999' });
  for (const row of [0, 999, 1000, 1499, 1500, 2499, 2500, 2999]) {
    const n = row % 1500;
    t.equal(pairNumber(push, row), n < 1000 ? n + 1 : 0, `row ${row}`);
  }
  t.equal(new Set(hashes(push)).size, 1, 'and all are one series');
  t.equal(
    sound(encodeVersion1(all.slice(0, 1)), { excludeLabel: '' }).pairs,
    undefined,
    'the next push has none',
  );
});

t.test('what is not the same series does not have the same hash', async (t) => {
  const sets: [string, string][][] = [
    [['a', 'b']],
    [['b', 'a']],
    [['a', 'bb']],
    [['ab', 'b']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
    [
      ['a', 'd'],
      ['c', 'b'],
    ],
    [['ac', 'bd']],
    [['a', 'b\0']],
    [['a', 'b\0\0\0\0\0\0\0']],
    [['a\0', 'b']],
    [],
  ];
  const all = sets.map((labels) => hashes(sound(encodeVersion1(one(labels))))[0]);
  t.equal(new Set(all).size, sets.length);
});

t.test('a message as long as its length allows does not read past the memory', async (t) => {
  for (const length of [0, 1, 7, 8, 60, 63, 64, 65, 127, 128, 300]) {
    const label = { name: 'n'.repeat(length), value: 'v'.repeat(length) };
    const body = WriteRequestV1.encode({
      timeseries: [{ labels: [label], samples: [{ value: 1, timestamp: 2 }] }],
    }).finish();
    t.ok(agrees(body, 1));
    for (let cut = 1; cut < Math.min(40, body.length); cut++)
      t.ok(agrees(body.subarray(0, body.length - cut), 1));
  }
});
