/**
 * What a tenant costs on the write path, by what it sends and stores. What the edge can not see has no price, and is
 * listed.
 */
import type { UsageRecord } from '../usage/usage-record.js';

export interface PriceList {
  /** A name, such as USD: nothing is converted. */
  readonly currency: string;
  readonly millionSamples: number;
  /** A month has 730 hours. */
  readonly thousandSeriesMonth: number;
  /** Compressed, as sent. */
  readonly gigabyte: number;
}

/** Stated with each sum of money. */
export const NOT_PRICED = [
  'queries',
  'how long samples are stored, and where',
  'compaction, rulers and alerts',
  'traffic between zones',
] as const;

const MONTH_HOURS = 730;
const HOUR_SECONDS = 3600;

export interface Cost {
  readonly samples: number;
  readonly series: number;
  readonly bytes: number;
  readonly total: number;
}

export const NO_COST: Cost = { samples: 0, series: 0, bytes: 0, total: 0 };

/** For an hour or a day; series cost for the observed time. */
export function costOf({ offered, refused, peaks, coveredSeconds }: UsageRecord, prices: PriceList): Cost {
  // NaN means not counted, and costs nothing here.
  const passed = (kind: 'items' | 'bytes'): number =>
    Math.max(0, (offered[kind] || 0) - (refused[kind] || 0));
  const active = peaks.activeSeries ?? peaks.series ?? 0;
  const hours = coveredSeconds / HOUR_SECONDS;
  const samples = (passed('items') / 1e6) * prices.millionSamples;
  const series = (active * hours * prices.thousandSeriesMonth) / (1000 * MONTH_HOURS);
  const bytes = (passed('bytes') / 1e9) * prices.gigabyte;
  return { samples, series, bytes, total: samples + series + bytes };
}

export function addCosts(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (sum, one) => ({
      samples: sum.samples + one.samples,
      series: sum.series + one.series,
      bytes: sum.bytes + one.bytes,
      total: sum.total + one.total,
    }),
    NO_COST,
  );
}
