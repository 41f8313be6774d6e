/** Pushes that are made to be looked at closely, of any size; bench/hostile.ts measures what they cost. */
import type { GivenSeries } from './odd-pushes.js';

export const NAMED = ['__name__', 'up'] as const;

export const one = (series: Partial<GivenSeries>): GivenSeries[] => [
  { labels: [NAMED], samples: [1], ...series },
];
export const times = <T>(count: number, of: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => of(i));

export const hostile: readonly [what: string, (size: number) => GivenSeries[]][] = [
  [
    'labels in reverse order',
    (n) => one({ labels: [...times(n, (i) => [`l${n * 10 - i}`, 'v'] as const), NAMED] }),
  ],
  ['labels of one name', (n) => one({ labels: [NAMED, ...times(n, () => ['a', 'v'] as const)] })],
  [
    'labels of one long name',
    (n) => one({ labels: [NAMED, ...times(n / 50, (i) => ['a'.repeat(400), `${i}`] as const)] }),
  ],
  ['labels without values', (n) => one({ labels: [...times(n, () => ['a', ''] as const), NAMED] })],
  ['series with invalid names', (n) => times(n, (i) => one({ labels: [NAMED, ['1', `${i}`]] })[0]!)],
  [
    'series whose labels are not in order',
    (n) => times(n, (i) => one({ labels: [['b', `${i}`], ['a', 'v'], NAMED] })[0]!),
  ],
  ['timestamps that go back', (n) => one({ samples: times(n, (i) => n * 1000 - i) })],
  ['timestamps that are one', (n) => one({ samples: times(n, () => 7) })],
  ['timestamps a power of two apart', (n) => one({ samples: times(n, (i) => (n - i) * 2 ** 20) })],
  ['histograms of one time', (n) => one({ samples: [], histograms: times(n, () => ({ timestamp: 7 })) })],
  [
    'exemplars that say nothing',
    (n) => one({ exemplars: times(n, () => ({ labels: [['', 'v'] as const], timestamp: 1 })) }),
  ],
  [
    'buckets far apart',
    (n) => {
      const positiveSpans = times(n, () => ({ offset: 1000, length: 1 }));
      return one({
        histograms: [{ timestamp: 1, schema: 8, positiveSpans, positiveDeltas: times(n, () => 1) }],
      });
    },
  ],
];
