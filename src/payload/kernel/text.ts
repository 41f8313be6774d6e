/** Valid names and values: the characters of Prometheus' older scheme, and UTF-8 as Go checks it. */

/** Sixteen bytes of ones, then sixteen of zeros. */
const MASKS = memory.data<u8>([
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);

/** `[a-zA-Z_][a-zA-Z0-9_]*`, for labels. */
export function isLegacyLabelName(at: u32, length: u32): bool {
  return isLegacyName(at, length, 9);
}

/** `[a-zA-Z_:][a-zA-Z0-9_:]*`, for metrics. */
// @ts-ignore: decorator
@inline
export function isLegacyMetricName(at: u32, length: u32): bool {
  // The colon follows the digits.
  return isLegacyName(at, length, 10);
}

/** Reads up to 15 bytes past the end. */
// @ts-ignore: decorator
@inline
function isLegacyName(at: u32, length: u32, digits: u8): bool {
  if (length === 0 || <u32>load<u8>(at) - 0x30 < 10) return false;
  const last = at + ((length - 1) & ~15);
  const lastMask = v128.load(MASKS + 15 - ((length - 1) & 15));
  let odd = v128.and(oddLegacy(v128.load(last), digits), lastMask);
  for (; at < last; at += 16) odd = v128.or(odd, oddLegacy(v128.load(at), digits));
  return !v128.any_true(odd);
}

/** Not 0 if one of sixteen bytes is not allowed in a name. */
// @ts-ignore: decorator
@inline
function oddLegacy(bytes: v128, digits: u8): v128 {
  const letters = i8x16.sub(v128.or(bytes, i8x16.splat(0x20)), i8x16.splat(0x61));
  const numbers = i8x16.sub(bytes, i8x16.splat(0x30));
  return i8x16.min_u(
    i8x16.min_u(i8x16.sub_sat_u(letters, i8x16.splat(25)), i8x16.sub_sat_u(numbers, i8x16.splat(digits))),
    v128.xor(bytes, i8x16.splat(0x5f)),
  );
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

/** Counts characters as Go does: each invalid byte counts as one. */
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

/** Whether the first text is before the second in byte order. May read 7 bytes past each. */
// @ts-ignore: decorator
@inline
export function isBefore(a: u32, aLength: u32, b: u32, bLength: u32): bool {
  const first = bswap(firstBytes(a, aLength));
  const second = bswap(firstBytes(b, bLength));
  return first !== second ? first < second : compareTexts(a, aLength, b, bLength) < 0;
}

/** Eight bytes, with 0 for missing ones. */
// @ts-ignore: decorator
@inline
function firstBytes(at: u32, length: u32): u64 {
  const word = load<u64>(at);
  return length < 8 ? word & ~(<u64>0xffffffffffffffff << (8 * <u64>length)) : word;
}

/** Negative if the first text is before the second in byte order; 0 if they are equal. */
export function compareTexts(a: u32, aLength: u32, b: u32, bLength: u32): i32 {
  const order = memory.compare(a, b, min(aLength, bLength));
  return order !== 0 ? order : <i32>aLength - <i32>bLength;
}

/** Where the bytes at both addresses begin to differ, or `end` of the first. May read 15 bytes past it. */
// @ts-ignore: decorator
@inline
export function endOfSame(a: u32, b: u32, end: u32): u32 {
  while (a < end) {
    const equal = <u32>i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
    if (equal !== 0xffff) return min(a + ctz(~equal), end);
    a += 16;
    b += 16;
  }
  return end;
}
