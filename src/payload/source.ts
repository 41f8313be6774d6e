/**
 * A body that the kernel can not read: its form, and how it is converted. Memory is taken up to the caps of the decode
 * options, by actual sizes rather than declared ones.
 */
import type { Precision } from './influx/points.js';

/** Content encodings other than snappy. */
export type Encoding = 'identity' | 'gzip' | 'zstd' | 'lz4';

/** Line protocol. */
export interface InfluxSource {
  readonly form: 'influx';
  readonly encoding: Encoding;
  readonly precision: Precision;
  /** For lines without a time. */
  readonly nowMs: number;
}

/** An OTLP metrics export. */
export interface OtlpSource {
  readonly form: 'otlp';
  readonly encoding: Encoding;
  /** JSON rather than protobuf. */
  readonly json: boolean;
}

export type Source = InfluxSource | OtlpSource;
