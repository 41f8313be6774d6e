/**
 * Decodes a body that does not declare its uncompressed size. The cap rises in steps, and memory is reserved before each:
 * the first step suffices for usual bodies, and a decompression bomb costs the work of the last.
 */
import { type Decoded, type DecodeOptions, type Decoder, ownedPush, RECORD_BYTES } from '../payload/push.js';

/** The first step reserves nothing, as it expands into shared memory. */
const SMALL_BYTES = 1 << 20;
const RISE = 16;
/** The uncompressed body, and what it is converted to. */
const COPIES = 2;
/** Except in the last step: a body with more series for its size is left to the next step. */
const BYTES_A_SERIES = 64;

export type Stepped = Decoded | 'over_budget';

export function decodeInSteps(
  decoder: Decoder,
  chunks: readonly Uint8Array[],
  byteLength: number,
  options: DecodeOptions,
  reserve: (bytes: number) => boolean,
  wanted?: () => boolean,
): Stepped | Promise<Stepped> {
  const most = options.maxUncompressedBytes;
  let reserved = 0;

  function from(least: number): Stepped | Promise<Stepped> {
    for (let cap = Math.min(least, most); ; cap = Math.min(cap * RISE, most)) {
      const maxSeries = seriesFor(cap);
      const needed = cap > SMALL_BYTES ? cap * COPIES + maxSeries * RECORD_BYTES : 0;
      if (needed > reserved && !reserve(needed - reserved)) return 'over_budget';
      reserved = Math.max(reserved, needed);
      const decoding = decoder.decode(
        chunks,
        byteLength,
        { ...options, maxUncompressedBytes: cap, maxSeries },
        wanted,
      );
      if (decoding instanceof Promise)
        return decoding.then((late) => (isOver(late, cap) ? again(cap) : late));
      if (!isOver(decoding, cap)) return decoding;
    }
  }

  /** A late result must not be a view on shared memory. */
  async function again(cap: number): Promise<Stepped> {
    const stepping = from(cap * RISE);
    const stepped = stepping instanceof Promise ? await stepping : stepping;
    return stepped !== 'over_budget' && stepped.kind === 'push' ? ownedPush(stepped) : stepped;
  }

  function isOver(decoded: Decoded, cap: number): boolean {
    if (decoded.kind !== 'broken' || cap === most) return false;
    return decoded.code === 'too_large' || decoded.code === 'too_many_series';
  }

  function seriesFor(cap: number): number {
    return cap === most ? options.maxSeries : Math.min(options.maxSeries, Math.ceil(cap / BYTES_A_SERIES));
  }

  return from(Math.max(SMALL_BYTES, byteLength));
}
