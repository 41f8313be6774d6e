import t from 'tap';
import { duration, lossText, plain, precise, short, shortBytes, took } from '#src/base/amounts.js';

/** As it reads, with the space that does not break as a plain one. */
function read(text: string): string {
  return text.replaceAll('\u00a0', ' ');
}

const TEXTS = [
  [short, 0, '0'],
  [short, 0.0004, '<0.001'],
  [short, 0.0016, '0.002'],
  [short, 0.04, '0.04'],
  [short, 0.094, '0.09'],
  [short, 0.096, '0.1'],
  [short, 99.94, '99.9'],
  [short, 99.95, '100'],
  [short, 999.4, '999'],
  [short, 999.5, '1 k'],
  [short, 4500, '4.5 k'],
  [short, 999_499, '999 k'],
  [short, 999_500, '1 M'],
  [short, 12e15, '12000 T'],
  [short, -4500, '-4.5 k'],
  [precise, 1_234_567, '1.235 M'],
  [precise, 999_950, '1 M'],
  [precise, 12, '12'],
  [shortBytes, 0.02, '0.02 B'],
  [shortBytes, 950, '950 B'],
  [shortBytes, 1_500_000, '1.5 MB'],
  [plain, 1234567.8915, '1,234,567.892'],
  [duration, 0, '0 s'],
  [duration, 59.4, '59 s'],
  [duration, 59.6, '1 min'],
  [duration, 150, '2 min 30 s'],
  [duration, 2530, '42 min'],
  [duration, 3600, '1 h'],
  [duration, 11_520, '3 h 12 min'],
  [duration, 172_800, '2 d'],
  [duration, 183_600, '2 d 3 h'],
  [took, 0.00008, '80 µs'],
  [took, 0.0000996, '0.1 ms'],
  [took, 0.00042, '0.4 ms'],
  [took, 0.0073, '7.3 ms'],
  [took, 0.0414, '41 ms'],
  [took, 0.9999, '1 s'],
  [took, 1.23, '1.2 s'],
] as const;

t.test('amounts are told with one set of units', async (t) => {
  for (const [tell, value, text] of TEXTS) t.equal(read(tell(value)), text, `${tell.name} ${value}`);
  t.match(short(4500), '4.5\u00a0k', 'a number does not part from its unit');
});

t.test('of a loss only that is told which there was', async (t) => {
  t.equal(read(lossText({ pushes: 1, samples: 0, series: 0 })), '1 push');
  t.equal(read(lossText({ pushes: 0, samples: 1, series: 1 })), '1 sample, 1 series');
  t.equal(read(lossText({ pushes: 2, samples: 4500, series: 3 })), '4.5 k samples, 3 series, 2 pushes');
  t.equal(lossText({ pushes: 0, samples: 0, series: 0 }), '');
});
