/** Kinds of data points, and why some are skipped. */

// Kinds of data points.
export const GAUGE: u32 = 0;
export const SUMS: u32 = 1;
export const HISTOGRAM: u32 = 2;
export const EXPONENTIAL: u32 = 3;
export const SUMMARY: u32 = 4;

// Why data points are skipped; OTLP_SKIP_REASONS in src/payload/kernel-instance.ts has the same order.
export const SKIP_TEMPORALITY: u32 = 1;
export const SKIP_NO_DATA: u32 = 2;
export const SKIP_NO_POINTS: u32 = 3;
export const SKIP_METRIC_NAME: u32 = 4;
export const SKIP_LABEL_NAME: u32 = 5;
export const SKIP_SCALE: u32 = 6;
export const SKIP_EXEMPLAR: u32 = 7;
