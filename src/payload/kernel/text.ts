/** What may stand in names and values: the letters of Prometheus' older scheme, and UTF-8 as Go checks it. */

/**
 * Whether a byte may stand in a name is found out for sixteen at once: both halves of a byte pick a set from a table, and
 * the sets have something in common where it may. Upper halves are 3 (digits and the colon), 4 and 6, 5, 7 (letters, and
 * the underscore in 5).
 */
const UPPER: v128 = i8x16(0, 0, 0, 1, 2, 4, 2, 8, 0, 0, 0, 0, 0, 0, 0, 0);
const LOWER: v128 = i8x16(13, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 2, 2, 2, 2, 6);
const LOWER_AND_COLON: v128 = i8x16(13, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 2, 2, 2, 6);

/** `[a-zA-Z_][a-zA-Z0-9_]*`, of a label. */
export function isLegacyLabelName(at: u32, length: u32): bool {
  return isLegacyName(at, length, LOWER);
}

/** `[a-zA-Z_:][a-zA-Z0-9_:]*`, of a metric. */
// @ts-ignore: decorator
@inline
export function isLegacyMetricName(at: u32, length: u32): bool {
  return isLegacyName(at, length, LOWER_AND_COLON);
}

/** Reads up to 15 bytes past the end. */
// @ts-ignore: decorator
@inline
function isLegacyName(at: u32, length: u32, lower: v128): bool {
  if (length === 0 || <u32>load<u8>(at) - 0x30 < 10) return false;
  const end = at + length;
  for (; at < end; at += 16) {
    const bytes = v128.load(at);
    // Bytes from 128 up pick none of the sets.
    const sets = v128.and(
      i8x16.swizzle(lower, v128.and(bytes, i8x16.splat(0x0f))),
      i8x16.swizzle(UPPER, i8x16.shr_u(bytes, 4)),
    );
    const odd = <u32>i8x16.bitmask(i8x16.eq(sets, i8x16.splat(0)));
    if (odd !== 0 && at + ctz(odd) < end) return false;
  }
  return true;
}

/** Reads up to 15 bytes past the end. */
// @ts-ignore: decorator
@inline
export function isUtf8(at: u32, length: u32): bool {
  const end = at + length;
  for (; at < end; at += 16) {
    const high = <u32>i8x16.bitmask(v128.load(at));
    if (high !== 0 && at + ctz(high) < end) return isUtf8Beyond(at, end);
  }
  return true;
}

/** No overlong forms, no surrogates, nothing above U+10FFFF. */
function isUtf8Beyond(at: u32, end: u32): bool {
  while (at < end) {
    const byte = <u32>load<u8>(at);
    if (byte < 0x80) {
      at++;
      continue;
    }
    const length: u32 = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    if (byte < 0xc2 || byte > 0xf4 || length > end - at) return false;
    const second = <u32>load<u8>(at + 1);
    const least: u32 = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    const most: u32 = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let i: u32 = 2; i < length; i++) {
      if ((<u32>load<u8>(at + i) & 0xc0) !== 0x80) return false;
    }
    at += length;
  }
  return true;
}

/** Characters as Go counts them: each byte that is no part of one counts for one. */
export function countCharacters(at: u32, length: u32): u32 {
  const end = at + length;
  let count: u32 = 0;
  while (at < end) {
    at += characterLength(at, end);
    count++;
  }
  return count;
}

export function characterLength(at: u32, end: u32): u32 {
  const byte = <u32>load<u8>(at);
  if (byte < 0xc2 || byte > 0xf4) return 1;
  const length: u32 = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  return length <= end - at && isUtf8Beyond(at, at + length) ? length : 1;
}

/** Below 0 where the first comes before the second, byte by byte; 0 where they are the same. */
export function compareTexts(a: u32, aLength: u32, b: u32, bLength: u32): i32 {
  const order = memory.compare(a, b, min(aLength, bLength));
  return order !== 0 ? order : <i32>aLength - <i32>bLength;
}
