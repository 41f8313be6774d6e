/** A tenant's current limits that are advised on, and which part of an hour's or day's record each is compared with. */
import { byteLimit, itemLimit, requestLimit } from '../enforce/limited-bucket.js';
import { tenantSeriesLimit } from '../enforce/series-limit.js';
import type { TenantLimits } from '../limits/limits.js';
import type { Pair } from './arrival.js';
import type { PeakLimit } from './peak-advice.js';
import type { RateLimit } from './rate-advice.js';
import { roundUp } from './size-classes.js';

export interface InForce {
  readonly limits: TenantLimits;
  /** Mimir grants a tenant its burst on each distributor. */
  readonly distributors: number;
}

export function rateLimits({ limits, distributors }: InForce): RateLimit[] {
  const requests = requestLimit(limits, distributors);
  const bytes = byteLimit(limits);
  return [
    itemRate(limits, distributors),
    {
      kind: 'mimir',
      rate: 'request_rate',
      burst: 'request_burst_size',
      unit: 'pushes',
      curveOf: ({ curves }) => curves.requests,
      countOf: (counts) => counts.requests,
      current: pairOf(requests),
      written:
        requests === undefined
          ? { rate: undefined, burst: undefined }
          : { rate: limits.request_rate, burst: limits.request_burst_size },
      writtenBurst: ({ burst }) => Math.max(1, burst / distributors),
      bucketOf: (rate, burst) => ({ rate, burst: burst * distributors }),
      hasClasses: false,
    },
    {
      kind: 'edge',
      rate: 'bytes_per_second',
      burst: 'bytes_burst_size',
      unit: 'bytes',
      curveOf: ({ curves }) => curves.bytes,
      countOf: (counts) => counts.bytes,
      current: pairOf(bytes),
      written: { rate: bytes?.rate, burst: bytes?.burst },
      writtenBurst: ({ burst }) => burst,
      bucketOf: (rate, burst) => ({ rate, burst }),
      hasClasses: false,
    },
  ];
}

/** If a tenant has a burst factor, its burst size is ignored, so the factor is advised. */
function itemRate(limits: TenantLimits, distributors: number): RateLimit {
  const byFactor = limits.ingestion_burst_factor >= 1;
  const base = {
    kind: 'mimir',
    rate: 'ingestion_rate',
    unit: 'items',
    curveOf: ({ curves }) => curves.items,
    countOf: (counts) => counts.items,
    current: pairOf(itemLimit(limits, distributors)),
    hasClasses: !byFactor,
  } as const satisfies Partial<RateLimit>;
  if (byFactor)
    return {
      ...base,
      burst: 'ingestion_burst_factor',
      written: { rate: limits.ingestion_rate, burst: limits.ingestion_burst_factor },
      writtenBurst: ({ rate, burst }, mostAtOnce) =>
        roundUp(Math.max(1, burst / rate, (mostAtOnce * distributors) / rate), 2),
      bucketOf: (rate, factor) => ({ rate, burst: rate * factor }),
    };
  return {
    ...base,
    burst: 'ingestion_burst_size',
    written: { rate: limits.ingestion_rate, burst: limits.ingestion_burst_size },
    // No push may exceed the burst of one distributor.
    writtenBurst: ({ burst }, mostAtOnce) => Math.max(burst / distributors, mostAtOnce),
    bucketOf: (rate, burst) => ({ rate, burst: burst * distributors }),
  };
}

function pairOf(limit: { readonly rate: number; readonly capacity: number } | undefined): Pair | undefined {
  return limit === undefined ? undefined : { rate: limit.rate, burst: limit.capacity };
}

const SERIES_REASONS = ['max_active_series', 'per_user_series_limit'];

export function peakLimits({ limits }: InForce): PeakLimit[] {
  return [
    {
      kind: 'mimir',
      limit: tenantSeriesLimit(limits),
      unit: 'active series',
      peakOf: ({ peaks }) => peaks.activeSeries ?? peaks.series,
      current: aboveZero(limits[tenantSeriesLimit(limits)]),
      hiddenBy: SERIES_REASONS,
      refusedBy: [],
      hasClasses: true,
      isOnlyRaised: false,
    },
    {
      kind: 'mimir',
      limit: 'max_global_series_per_metric',
      unit: 'series of one metric',
      peakOf: ({ peaks }) => peaks.seriesPerMetric,
      current: aboveZero(limits.max_global_series_per_metric),
      hiddenBy: ['per_metric_series_limit'],
      refusedBy: [],
      hasClasses: false,
      isOnlyRaised: false,
    },
    {
      kind: 'mimir',
      limit: 'max_label_names_per_series',
      unit: 'labels of one series',
      peakOf: ({ peaks }) => peaks.labelsPerSeries,
      current: limits.max_label_names_per_series,
      hiddenBy: [],
      refusedBy: ['max_label_names_per_series'],
      hasClasses: false,
      isOnlyRaised: true,
    },
    {
      kind: 'mimir',
      limit: 'max_label_name_length',
      unit: 'bytes of a label name',
      peakOf: ({ peaks }) => peaks.labelNameBytes,
      current: limits.max_label_name_length,
      hiddenBy: [],
      refusedBy: ['label_name_too_long'],
      hasClasses: false,
      isOnlyRaised: true,
    },
    {
      kind: 'mimir',
      limit: 'max_label_value_length',
      unit: 'bytes of a label value',
      peakOf: ({ peaks }) => peaks.labelValueBytes,
      current: limits.max_label_value_length,
      hiddenBy: [],
      refusedBy: ['label_value_too_long'],
      hasClasses: false,
      isOnlyRaised: true,
    },
    {
      kind: 'edge',
      limit: 'max_series_per_request',
      unit: 'series in one push',
      peakOf: ({ peaks }) => peaks.seriesPerRequest,
      current: aboveZero(limits.edge.max_series_per_request),
      hiddenBy: [],
      refusedBy: ['edge_series_per_request'],
      hasClasses: false,
      isOnlyRaised: false,
    },
  ];
}

function aboveZero(value: number): number | undefined {
  return value > 0 ? value : undefined;
}
