/**
 * A body in a form that the kernel does not read: what it is, and how it becomes one that the kernel reads. Memory is taken up to
 * the caps of the decode options, by what things become, never by what they say.
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
  /** JSON, not protobuf. */
  readonly json: boolean;
}

export type Source = InfluxSource | OtlpSource;
