/** A load test's result: the content of the JSON report, and the data for text, page and comparison. */
import type { HistogramBuckets } from './histogram.js';
import type { LoadOptions } from './options.js';

/** In milliseconds. */
export interface Latencies {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly buckets: HistogramBuckets;
}

export interface Slot {
  readonly second: number;
  sent: number;
  notSent: number;
  accepted: number;
  refused: number;
  failed: number;
  /** Accepted. */
  samples: number;
  inFlight: number;
  p50: number;
  p99: number;
}

export interface TenantResult {
  readonly id: string;
  readonly accepted: number;
  readonly refused: number;
  readonly failed: number;
  /** Accepted. */
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
}

export interface LoadReport {
  /** Without headers, which may contain secrets. */
  readonly options: Omit<LoadOptions, 'headers'>;
  readonly startedAt: string;
  readonly seconds: number;
  readonly totals: {
    readonly due: number;
    /** Requests, including retries. */
    readonly sent: number;
    /** Due, but too many were under way. */
    readonly notSent: number;
    readonly accepted: number;
    readonly refused: number;
    readonly failed: number;
    readonly retries: number;
    /** Pushes that were refused or failed for good. */
    readonly givenUp: number;
    /** Under way when the test ended. */
    readonly cutOff: number;
    readonly samplesSent: number;
    readonly samplesAccepted: number;
    readonly bytesSent: number;
  };
  /** Requests by status, or by what went wrong. */
  readonly answers: Readonly<Record<string, number>>;
  /** Of accepted pushes, from when they were due: a target that stalls is charged for what it delayed. */
  readonly latency: Latencies;
  /** Of all requests, from when they were sent. */
  readonly service: Latencies;
  /** Of requests that were not accepted, from when they were sent. */
  readonly refusal: Latencies;
  /** Of the generator: how late pushes were sent. */
  readonly lateness: Latencies;
  readonly slotSeconds: number;
  readonly slots: readonly Slot[];
  readonly tenants: readonly TenantResult[];
  readonly generator: {
    readonly series: number;
    readonly templateBytes: number;
    readonly cpuSeconds: number;
    readonly maxRssBytes: number;
  };
}

/** A generator that is this late measures itself. */
const LATE_MS = 10;

/** What a reader must know before trusting the figures. */
export function warnings(report: LoadReport): string[] {
  const { totals, lateness, generator, seconds, options } = report;
  const found: string[] = [];
  if (totals.notSent > 0) {
    found.push(
      `${totals.notSent} pushes were not sent, because ${options.maxInFlight} were out: the latencies leave them out`,
    );
  }
  if (lateness.p99 > LATE_MS) {
    found.push(
      `the generator was late by ${lateness.p99.toFixed(0)} ms (p99), and the latencies have that in them: its machine ` +
        `has not enough CPU for this (it used ${(generator.cpuSeconds / seconds).toFixed(2)} cores)`,
    );
  }
  if (totals.cutOff > 0) found.push(`${totals.cutOff} pushes were still out at the end and were cut off`);
  return found;
}
