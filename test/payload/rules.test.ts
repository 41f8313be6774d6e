/** What the kernel says of odd series, against Mimir's rules written down (mimir-rules.ts); and that it is not made to work for it. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { FAULT, NO_RULES, type Push, RECORD_FAULT, RECORD_UNCHARGED } from '#src/payload/push.js';
import { WriteRequestV1, WriteRequestV2 } from './encode.js';
import { hostile, NAMED, one, times } from './hostile-pushes.js';
import { type GivenSeries, writeRequest } from './odd-pushes.js';
import { expect, found, hashes, type Rules } from './oracle.js';
import { oddSeries, someRules } from './pushes.js';

const decoder = new InlineDecoder(64 << 20);

function decode(body: Uint8Array, version: 1 | 2, rules: Rules): Push {
  const push = decoder.decodePlain(body, {
    protocol: `rw${version}`,
    maxUncompressedBytes: 256 << 20,
    maxSeries: 1_000_000,
    ...rules,
  });
  if (push.kind !== 'push') throw new Error(push.message);
  return push;
}

t.test('whatever series a push holds, the kernel says of them what Mimir would', async (t) => {
  const seen = new Set<number>();
  for (const version of [1, 2] as const) {
    fc.assert(
      fc.property(fc.array(oddSeries, { maxLength: 6 }), someRules, (series, rules) => {
        const body = writeRequest(series, version);
        const push = decode(body, version, rules);
        for (const { fault, dataFault } of found(push).rows) seen.add(fault).add(dataFault);
        seen.add(push.metadataFault);
        return isDeepStrictEqual(found(push), expect(body, version, rules));
      }),
      { numRuns: 2000 },
    );
  }
  // Names of families come from series, so no entry of version 2 is without one.
  const rest = Object.values(FAULT).filter((fault) => !seen.has(fault));
  t.strictSame(rest, [FAULT.metadataNoName], 'and each fault was among them');
});

t.test(
  'that names came in order in a series says nothing of the next, which begins like another',
  async (t) => {
    const series = [[['', 'x'], NAMED], [NAMED], [NAMED, NAMED]].map((labels) => ({
      labels: labels as [string, string][],
      samples: [1],
    }));
    for (const version of [1, 2] as const) {
      const { rows } = found(decode(writeRequest(series, version), version, { excludeLabel: '' }));
      t.strictSame(
        rows.map(({ fault }) => fault),
        [FAULT.labelNameInvalid, FAULT.none, FAULT.duplicateLabel],
      );
    }
  },
);

t.test(
  'a name of older Prometheus has letters, digits, _ and for metrics :, wherever in it they stand',
  async (t) => {
    const rules = { excludeLabel: '', rules: { ...NO_RULES, utf8Names: false } };
    const bytes = times(256, (byte) => byte);
    for (const [length, place] of [
      [1, 0],
      [2, 1],
      [16, 15],
      [17, 16],
      [33, 16],
      [48, 47],
      [70, 40],
    ] as const) {
      const names = bytes.map((byte) => Buffer.alloc(length, 'a').fill(byte, place, place + 1));
      const series = names.flatMap((name): GivenSeries[] => [
        { labels: [['__name__', name]], samples: [1] },
        { labels: [NAMED, [name, 'v']], samples: [1] },
      ]);
      for (const version of [1, 2] as const) {
        const body = writeRequest(series, version);
        t.strictSame(
          found(decode(body, version, rules)),
          expect(body, version, rules),
          `${length} bytes, ${place}`,
        );
      }
    }
  },
);

t.test('a sample without a value, which is 0, counts like any other, at any time', async (t) => {
  const rules = {
    excludeLabel: '',
    nowMs: 2 ** 42,
    rules: { ...NO_RULES, maxAheadMs: 0, maxBehindMs: 2 ** 42 },
  };
  for (const power of [0, 7, 14, 28, 34, 35, 41, 42, 49]) {
    for (const timestamp of [2 ** power - 1, 2 ** power, 2 ** power + 1, -(2 ** power)]) {
      const samples = [
        { timestamp },
        { value: 1, timestamp: timestamp + 1 },
        { timestamp },
        { value: 1, timestamp },
      ];
      const labels = [{ name: '__name__', value: 'm' }];
      const one = WriteRequestV1.encode({
        timeseries: [
          { labels, samples },
          { labels, samples },
        ],
      }).finish();
      t.strictSame(found(decode(one, 1, rules)), expect(one, 1, rules), `${timestamp}, version 1`);
      const timeseries = [
        { labelsRefs: [1, 2], samples },
        { labelsRefs: [1, 2], samples },
      ];
      const two = WriteRequestV2.encode({ symbols: ['', '__name__', 'm'], timeseries }).finish();
      t.strictSame(found(decode(two, 2, rules)), expect(two, 2, rules), `${timestamp}, version 2`);
    }
  }
});

t.test('an odd series has the hash of the same series as Mimir would keep it', async () => {
  const pair = { excludeLabel: '__replica__', clusterLabel: 'cluster' };
  for (const version of [1, 2] as const) {
    fc.assert(
      fc.property(oddSeries, (series) => {
        const first = { labels: [['cluster', 'c'] as const, ['__replica__', 'r'] as const], samples: [] };
        const push = decode(writeRequest([first, series], version), version, pair);
        const replica = series.labels.findIndex(([name]) => name.toString() === '__replica__');
        const kept = series.labels.filter(([, value], index) => index !== replica && value.length > 0);
        const plain = kept.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const again = decode(writeRequest([{ ...series, labels: plain }], version), version, {
          excludeLabel: '',
        });
        return hashes(push)[1] === hashes(again)[0] && hashes(push, 4)[1] === hashes(again, 4)[0];
      }),
      { numRuns: 1000 },
    );
  }
});

t.test('version 1 and 2 say the same of the same series', async () => {
  fc.assert(
    fc.property(fc.array(oddSeries, { maxLength: 6 }), someRules, (series, rules) => {
      const [one, two] = ([1, 2] as const).map((version) => {
        const without = series.map(({ metadata: _, ...rest }) => rest);
        const push = decode(writeRequest(without, version), version, rules);
        return [found(push), hashes(push), hashes(push, 4)];
      });
      return isDeepStrictEqual(one, two);
    }),
    { numRuns: 1000 },
  );
});

t.test(
  'a label is the same label however far away its symbols are, and however its references are written',
  async (t) => {
    const texts = [
      '__name__',
      'a',
      'b',
      'job',
      '__replica__',
      'up',
      'y_info',
      'caf\u00e9',
      'x'.repeat(300),
      'x'.repeat(70_000),
      '',
    ];
    const pick = fc.constantFrom(...texts.keys());
    const pairs = fc.array(fc.tuple(pick, pick), { maxLength: 5 });
    const names = fc.constantFrom([0, 1, 2, 3], [0, 1, 3], [1, 0, 4], [4, 2], [0]);
    const usual = names.chain((all) => fc.tuple(...all.map((name) => fc.tuple(fc.constant(name), pick))));
    const ways = fc.constantFrom<Way[]>(['list'], ['single'], ['list', 'list'], ['list', 'single'], ['long']);
    const series = fc.array(fc.tuple(fc.oneof({ weight: 4, arbitrary: usual }, pairs), ways), {
      maxLength: 8,
    });
    for (const places of [[1], [1, 120], [100, 20_000], [2 ** 21 - 5]]) {
      const symbols: string[] = [''];
      const refs = texts.map((text, index) => {
        const at = (places[index % places.length] ?? 0) + index;
        while (symbols.length < at) symbols.push('f');
        return symbols.push(text) - 1;
      });
      const table = WriteRequestV2.encode({ symbols }).finish();
      const isHuge = symbols.length > 100_000;
      fc.assert(
        fc.property(series, someRules, (given, rules) => {
          const body = Buffer.concat([
            table,
            ...given.map(([labels, how]) =>
              seriesOfRefs(
                labels.flat().map((text) => refs[text] ?? 0),
                how,
              ),
            ),
          ]);
          const same = given.map(([labels]) => ({
            labels: labels.map(([name, value]) => [texts[name] ?? '', texts[value] ?? ''] as const),
            samples: [1],
          }));
          const said = (push: Push) => [found(push), hashes(push), hashes(push, 4)];
          return isDeepStrictEqual(
            said(decode(writeRequest(same, 1), 1, rules)),
            said(decode(body, 2, rules)),
          );
        }),
        { numRuns: isHuge ? 30 : 500 },
      );
      t.pass(`${symbols.length} symbols`);
    }
  },
);

type Way = 'list' | 'single' | 'long';

/** A series of version 2 with one sample. Its references are divided among so many ways to write them. */
function seriesOfRefs(refs: readonly number[], ways: readonly Way[]): Uint8Array {
  const writer = protobuf.Writer.create();
  const share = Math.ceil(refs.length / ways.length);
  for (const [index, way] of ways.entries()) {
    const part = refs.slice(index * share, (index + 1) * share);
    if (way === 'single') for (const ref of part) writer.uint32(8).uint32(ref);
    else writer.uint32(10).bytes(Buffer.concat(part.map((ref) => varint(ref, way === 'long' ? 5 : 0))));
  }
  writer.uint32(18).bytes(Buffer.from([0x10, 0x01]));
  return protobuf.Writer.create().uint32(42).bytes(writer.finish()).finish();
}

/** In so many bytes at least. */
function varint(value: number, least: number): Uint8Array {
  const bytes = [...protobuf.Writer.create().uint32(value).finish()];
  while (bytes.length < least) {
    bytes.push((bytes.pop() ?? 0) | 0x80, 0);
  }
  return Uint8Array.from(bytes);
}

t.test(
  'what is made to be looked at closely is judged as Mimir would, however much of it there is',
  async (t) => {
    for (const [what, make] of hostile) {
      for (const version of [1, 2] as const) {
        const body = writeRequest(make(2000), version);
        const rules = { excludeLabel: '', rules: { ...NO_RULES, maxBuckets: 4, reduceBuckets: true } };
        t.strictSame(
          found(decode(body, version, rules)),
          expect(body, version, rules),
          `${what}, version ${version}`,
        );
      }
    }
  },
);

t.test('a hundred thousand labels or timestamps of one series are judged like few', async (t) => {
  const size = 100_000;
  for (const version of [1, 2] as const) {
    const fault = (series: GivenSeries[]) =>
      decode(writeRequest(series, version), version, { excludeLabel: '' }).records[RECORD_FAULT];
    const labels = times(size, (i) => [`l${size * 10 - i}`, 'v'] as const);
    t.equal(fault(one({ labels: [...labels, NAMED] })), FAULT.none);
    t.equal(fault(one({ labels: [...labels, ['l900000', 'v'], NAMED] })), FAULT.none);
    t.equal(fault(one({ labels: [...labels, ['l950001', 'v'], NAMED] })), FAULT.duplicateLabel);
    const back = times(size, (i) => size - i);
    const push = decode(writeRequest(one({ samples: [...back, ...back, 0] }), version), version, {
      excludeLabel: '',
    });
    t.match(push, { samples: 2 * size + 1, uncharged: size, faultySeries: 0 });
    t.equal(push.records[RECORD_UNCHARGED], size);
  }
});
