/** What the kernel says of odd series, against Mimir's rules written down (mimir-rules.ts); and that it is not made to work for it. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
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
