/**
 * Decodes a body within the byte budget: memory for the result is reserved before it is taken. Small bodies expand into
 * shared memory, and reserve nothing.
 */
import { type Decoded, type DecodeOptions, type Decoder, ownedPush, RECORD_BYTES } from '../payload/push.js';
import { uncompressedLength } from '../payload/snappy-length.js';
import { decodeInSteps, type Stepped } from './decode-source.js';

const SMALL_BYTES = 1 << 20;
/** In snappy, an element of three bytes can stand for 64. */
const MOST_EXPANSION = 22;
/**
 * A sender's series has more bytes than this, which in Remote Write 2.0 are mostly symbol references; an empty one has two,
 * and a record like any other.
 */
const BYTES_A_SERIES = 64;
const BYTES_A_SERIES_OF_SYMBOLS = 24;
const LEAST_BYTES_A_SERIES = 2;

export function decodeBody(
  decoder: Decoder,
  chunks: readonly Uint8Array[],
  byteLength: number,
  options: DecodeOptions,
  reserve: (bytes: number) => boolean,
  wanted?: () => boolean,
): Stepped | Promise<Stepped> {
  if (options.source !== undefined)
    return decodeInSteps(decoder, chunks, byteLength, options, reserve, wanted);

  const plainBytes = uncompressedLength(chunks);
  // More than may be, or than the body can hold, is refused before anything is taken for it.
  if (plainBytes > Math.min(options.maxUncompressedBytes, MOST_EXPANSION * byteLength))
    return decoder.decode(chunks, byteLength, options, wanted);

  const bytesOfOne = options.protocol === 'rw2' ? BYTES_A_SERIES_OF_SYMBOLS : BYTES_A_SERIES;
  const usual = Math.min(options.maxSeries, seriesIn(Math.max(plainBytes, SMALL_BYTES), bytesOfOne));
  const reserved = plainBytes > SMALL_BYTES ? plainBytes + usual * RECORD_BYTES : 0;
  if (reserved > 0 && !reserve(reserved)) return 'over_budget';
  const decoding = decoder.decode(chunks, byteLength, { ...options, maxSeries: usual }, wanted);
  if (decoding instanceof Promise) return decoding.then((late) => (hasMore(late) ? decodeMany(true) : late));
  return hasMore(decoding) ? decodeMany(false) : decoding;

  function hasMore(decoded: Decoded): boolean {
    return decoded.kind === 'broken' && decoded.code === 'too_many_series' && usual < options.maxSeries;
  }

  /** Decodes again, with room for as many series as the body can contain. */
  function decodeMany(isLate: boolean): Stepped | Promise<Stepped> {
    const most = Math.min(options.maxSeries, seriesIn(plainBytes, LEAST_BYTES_A_SERIES));
    if (!reserve(plainBytes + most * RECORD_BYTES - reserved)) return 'over_budget';
    const decoded = decoder.decode(chunks, byteLength, { ...options, hasManySeries: true }, wanted);
    // What is answered late is not to be a view on memory that others use in turn.
    return isLate && !(decoded instanceof Promise) && decoded.kind === 'push' ? ownedPush(decoded) : decoded;
  }
}

function seriesIn(bytes: number, bytesOfOne: number): number {
  return Math.ceil(bytes / bytesOfOne);
}
