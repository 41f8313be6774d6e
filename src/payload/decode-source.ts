/** Bodies that the kernel does not read, made into ones that it reads; and such bodies without some of their series. */
import { compress, TOO_LARGE, uncompress } from './encodings.js';
import { toRemoteWrite } from './influx/remote-write.js';
import { withoutRows } from './influx/without.js';
import type { Decoded, DecodeOptions, Push } from './push.js';
import type { Rows } from './rows.js';
import type { InfluxSource, Source } from './source.js';

/** `kernel` decodes a message that is not compressed. */
export function decodeSource(
  source: Source,
  body: Uint8Array,
  options: DecodeOptions,
  kernel: (message: Uint8Array, options: DecodeOptions) => Decoded,
): Decoded {
  const plain = uncompress(body, source.encoding, options.maxUncompressedBytes);
  if (!(plain instanceof Uint8Array)) return plain;
  const decoded = decodeInflux(source, plain, options, kernel);
  if (decoded.kind !== 'push') return decoded;
  return {
    ...decoded,
    source,
    compressedBytes: body.length,
    uncompressedBytes: plain.length,
    original: plain,
  };
}

/** In the encoding in which it came. */
export function filterSource(push: Push, source: Source, leftOut: Rows): Uint8Array {
  const lines = push.original ?? new Uint8Array();
  return compress(withoutRows(lines, source.precision, leftOut), source.encoding);
}

function decodeInflux(
  { precision, nowMs }: InfluxSource,
  lines: Uint8Array,
  options: DecodeOptions,
  kernel: (message: Uint8Array, options: DecodeOptions) => Decoded,
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
