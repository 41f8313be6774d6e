import t from 'tap';
import { InlineDecoder } from '#src/payload/inline-decoder.js';
import { WriteRequestV2 } from './encode.js';

const decoder = new InlineDecoder(64 << 20);
const COUNTER = 1;
const GAUGE = 2;
const HISTOGRAM = 3;
const GAUGE_HISTOGRAM = 4;
const SUMMARY = 5;

/** Metadata entries of a 2.0 push with one series of this type for each name. */
function metadata(type: number, ...names: string[]): number {
  const symbols = ['', '__name__', ...names];
  const timeseries = names.map((_, index) => ({ labelsRefs: [1, index + 2], metadata: { type } }));
  const body = WriteRequestV2.encode({ symbols, timeseries }).finish();
  const push = decoder.decodePlain(body, {
    protocol: 'rw2',
    maxUncompressedBytes: 1e6,
    maxSeries: 100,
    excludeLabel: '',
  });
  if (push.kind !== 'push') throw new Error(push.message);
  return push.metadata;
}

t.test(
  'the series of one family count one metadata entry, as its type says which belong to it',
  async (t) => {
    const cases: [type: number, names: string[], entries: number][] = [
      [GAUGE, ['up', 'up'], 1],
      [GAUGE, ['x', 'y'], 2],
      [HISTOGRAM, ['x_bucket', 'x_count', 'x_sum'], 1],
      [SUMMARY, ['x', 'x_count', 'x_sum'], 1],
      [SUMMARY, ['x', 'x_bucket'], 2],
      [GAUGE_HISTOGRAM, ['x_bucket', 'x_gcount', 'x_gsum'], 1],
      [GAUGE_HISTOGRAM, ['x_bucket', 'x_count', 'x_sum'], 3],
      [HISTOGRAM, ['x_bucket', 'x_gcount', 'x_gsum'], 3],
      [GAUGE, ['x_count', 'x_sum'], 2],
      [COUNTER, ['x', 'x_count', 'x_total'], 3],
      [0, ['x', 'y'], 0],
    ];
    for (const [type, names, entries] of cases)
      t.equal(metadata(type, ...names), entries, `${type}: ${names}`);
  },
);
