/**
 * Decodes a body that does not say what it expands to. The cap rises in steps, and memory is reserved before a step is tried: a
 * usual body is done with the first one, where it is, and a bomb costs the work of the last.
 */
import { type Decoded, type DecodeOptions, type Decoder, ownedPush, RECORD_BYTES } from '../payload/push.js';

/** Of the step that costs no memory of its own: what a body expands to there, all use in turn. */
const SMALL_BYTES = 1 << 20;
const RISE = 16;
/** The plain body, and what it is made into. */
const COPIES = 2;
/** In a step that is not the last one: a body with more series to its bytes is for the next. */
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

  /** What is answered late is not to be a view on memory that others use in turn. */
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
