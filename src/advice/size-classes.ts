/** The tenant sizes that Mimir's authors recommend: series, rate and burst, smallest first. */
import type { Pair } from './arrival.js';

interface SizeClass extends Pair {
  readonly series: number;
}

export const SIZE_CLASSES: readonly SizeClass[] = [
  { series: 150_000, rate: 10_000, burst: 200_000 },
  { series: 300_000, rate: 30_000, burst: 300_000 },
  { series: 1_000_000, rate: 100_000, burst: 1_000_000 },
  { series: 3_000_000, rate: 350_000, burst: 3_500_000 },
  { series: 6_000_000, rate: 700_000, burst: 7_000_000 },
  { series: 12_000_000, rate: 1_500_000, burst: 15_000_000 },
  { series: 16_000_000, rate: 2_250_000, burst: 22_500_000 },
  { series: 24_000_000, rate: 3_500_000, burst: 35_000_000 },
  { series: 32_000_000, rate: 4_500_000, burst: 45_000_000 },
];

/** To this number of significant digits: 1,234 with two is 1,300. */
export function roundUp(value: number, digits: number): number {
  if (value <= 0) return 0;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) + 1 - digits);
  return Math.ceil(value / unit - 1e-9) * unit;
}
