/** What the kernel says of odd series, against Mimir's rules written down (mimir-rules.ts); and that it is not made to work for it. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { FAULT, NO_RULES, type Push, RECORD_FAULT, RECORD_UNCHARGED } from '#src/payload/push.js';
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
