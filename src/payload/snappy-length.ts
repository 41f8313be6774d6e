/** The uncompressed size that a snappy block declares, read before memory is taken for it. */

/** The varint at the start. Infinity if it is invalid. */
export function uncompressedLength(chunks: readonly Uint8Array[]): number {
  let length = 0;
  let factor = 1;
  for (const chunk of chunks) {
    for (const byte of chunk) {
      length += (byte % 128) * factor;
      if (byte < 128) return length;
      factor *= 128;
      if (factor > 2 ** 35) return Number.POSITIVE_INFINITY;
    }
  }
  return Number.POSITIVE_INFINITY;
}
