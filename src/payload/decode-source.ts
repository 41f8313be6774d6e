/**
 * Converts bodies that the kernel can not read into ones that it can, and writes such bodies without some of their series.
 */
import { compress, TOO_LARGE, uncompress } from './encodings.js';
import { toRemoteWrite } from './influx/remote-write.js';
import { withoutRows } from './influx/without.js';
import { toProtobuf } from './otlp-json/to-protobuf.js';
import type { Decoded, DecodeOptions, Push } from './push.js';
import type { Rows } from './rows.js';
import type { InfluxSource, OtlpSource, Source } from './source.js';

/** Decodes an uncompressed message. */
type Kernel = (message: Uint8Array, options: DecodeOptions) => Decoded;

export function decodeSource(
  source: Source,
  body: Uint8Array,
  options: DecodeOptions,
  kernel: Kernel,
): Decoded {
  const plain = uncompress(body, source.encoding, options.maxUncompressedBytes);
  if (!(plain instanceof Uint8Array)) return plain;
  const decoded =
    source.form === 'influx'
      ? decodeInflux(source, plain, options, kernel)
      : decodeOtlp(source, plain, options, kernel);
  if (decoded.kind !== 'push') return decoded;
  const sizes = { compressedBytes: body.length, uncompressedBytes: plain.length };
  return source.form === 'influx'
    ? { ...decoded, ...sizes, source, original: plain }
    : { ...decoded, ...sizes, source };
}

/** In the encoding in which it came. */
export function filterInflux(push: Push, { precision, encoding }: InfluxSource, leftOut: Rows): Uint8Array {
  return compress(withoutRows(push.original ?? new Uint8Array(), precision, leftOut), encoding);
}

function decodeInflux(
  { precision, nowMs }: InfluxSource,
  lines: Uint8Array,
  options: DecodeOptions,
  kernel: Kernel,
): Decoded {
  const message = toRemoteWrite(lines, precision, nowMs, {
    maxBytes: options.maxUncompressedBytes,
    maxSeries: options.maxSeries,
  });
  if (message === 'too_large') return TOO_LARGE;
  if (message === 'too_many_series') {
    return { kind: 'broken', code: message, message: 'the body holds too many series', offset: 0 };
  }
  if (message instanceof Uint8Array) return kernel(message, { ...options, protocol: 'rw1' });
  return { kind: 'broken', code: 'influx', ...message };
}

function decodeOtlp(
  { json }: OtlpSource,
  plain: Uint8Array,
  options: DecodeOptions,
  kernel: Kernel,
): Decoded {
  const message = json ? toProtobuf(plain, options.maxUncompressedBytes) : plain;
  if (message === 'too_large') return TOO_LARGE;
  if (message instanceof Uint8Array) return kernel(message, options);
  return { kind: 'broken', code: 'json', ...message };
}
