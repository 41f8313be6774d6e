/**
 * Decompresses the snappy block format. Every length and offset is checked before bytes are copied; copies then go in
 * 16-byte steps, which may run up to SLOP bytes past the end.
 */
import {
  OK,
  SLOP,
  SNAPPY_CLAIM,
  SNAPPY_HEADER,
  SNAPPY_OFFSET,
  SNAPPY_OVERRUN,
  SNAPPY_SHORT,
  SNAPPY_TRUNCATED,
} from './memory';

/** Where the last call stopped: after the header, or at the invalid element. */
export let position: u32 = 0;
/** The length in the header. */
export let claimedLength: u32 = 0;

/** The densest element is a copy: 64 bytes out of 3. */
const BYTES_OUT_PER_COPY: u64 = 64;
const BYTES_IN_PER_COPY: u64 = 3;
/** An element of up to 64 bytes, including its tag. */
const LONGEST_SHORT: u32 = 72;

/** Reads the length, and refuses one that this many bytes can not expand to, before memory is taken. */
export function readHeader(input: u32, length: u32): u32 {
  let value: u64 = 0;
  let at: u32 = 0;
  position = 0;
  while (true) {
    if (at >= length || at === 5) return SNAPPY_HEADER;
    const byte = <u64>load<u8>(input + at);
    value |= (byte & 127) << (<u64>at * 7);
    at++;
    if (byte < 128) break;
  }
  if (value > 0xffffffff) return SNAPPY_HEADER;
  if (value > (<u64>(length - at) * BYTES_OUT_PER_COPY) / BYTES_IN_PER_COPY + BYTES_OUT_PER_COPY) return SNAPPY_CLAIM;
  position = at;
  claimedLength = <u32>value;
  return OK;
}

/** Decompresses what follows the header into `out`, which has room for `claimedLength` and SLOP. */
export function uncompress(input: u32, length: u32, out: u32): u32 {
  const end = input + length;
  const outEnd = out + claimedLength;
  let from = input + position;
  let to = out;
  // Up to here any short element fits on both sides, so only a copy's source is checked.
  const easyFrom = length > LONGEST_SHORT + position ? end - LONGEST_SHORT : from;
  const easyTo = claimedLength > LONGEST_SHORT ? outEnd - LONGEST_SHORT : out;

  while (from < end) {
    while (from < easyFrom && to < easyTo) {
      const head = load<u32>(from);
      let size: u32 = ((head >>> 2) & 63) + 1;
      if ((head & 3) === 0) {
        if (size > 60) break;
        copyUpTo64(to, from + 1, size);
        from += 1 + size;
        to += size;
        continue;
      }
      let offset: u32 = 0;
      let next: u32 = 0;
      if ((head & 3) === 2) {
        offset = (head >>> 8) & 0xffff;
        next = from + 3;
      } else if ((head & 3) === 1) {
        size = 4 + ((head >>> 2) & 7);
        offset = ((head & 0xe0) << 3) | ((head >>> 8) & 0xff);
        next = from + 2;
      } else break;
      if (offset - 1 >= to - out) break;
      copyWithin(to, to - offset, offset, size);
      from = next;
      to += size;
    }
    if (from >= end) break;
    const element = from;
    const tag = <u32>load<u8>(from++);
    let size: u32;
    let offset: u32;
    if ((tag & 3) === 0) {
      size = tag >>> 2;
      if (size >= 60) {
        const bytes = size - 59;
        if (end - from < bytes) return fail(SNAPPY_TRUNCATED, element - input);
        size = load<u32>(from) & (<u32>0xffffffff >>> (32 - 8 * bytes));
        from += bytes;
        if (size === 0xffffffff) return fail(SNAPPY_TRUNCATED, element - input);
      }
      size++;
      if (size > end - from) return fail(SNAPPY_TRUNCATED, element - input);
      if (size > outEnd - to) return fail(SNAPPY_OVERRUN, element - input);
      if (size <= 16) v128.store(to, v128.load(from));
      else memory.copy(to, from, size);
      from += size;
      to += size;
      continue;
    }
    if ((tag & 3) === 1) {
      if (from >= end) return fail(SNAPPY_TRUNCATED, element - input);
      size = 4 + ((tag >>> 2) & 7);
      offset = ((tag & 0xe0) << 3) | <u32>load<u8>(from);
      from += 1;
    } else if ((tag & 3) === 2) {
      if (end - from < 2) return fail(SNAPPY_TRUNCATED, element - input);
      size = (tag >>> 2) + 1;
      offset = <u32>load<u16>(from);
      from += 2;
    } else {
      if (end - from < 4) return fail(SNAPPY_TRUNCATED, element - input);
      size = (tag >>> 2) + 1;
      offset = load<u32>(from);
      from += 4;
    }
    if (offset === 0 || offset > to - out) return fail(SNAPPY_OFFSET, element - input);
    if (size > outEnd - to) return fail(SNAPPY_OVERRUN, element - input);
    copyWithin(to, to - offset, offset, size);
    to += size;
  }
  if (to !== outEnd) return fail(SNAPPY_SHORT, length);
  return OK;
}

/** Copies up to 64 bytes from earlier output. Source and target may overlap, which repeats the pattern. */
// @ts-ignore: decorator
@inline
function copyWithin(to: u32, from: u32, offset: u32, size: u32): void {
  if (offset >= 16) {
    copyUpTo64(to, from, size);
    return;
  }
  const end = to + size;
  // Doubles the pattern until a step of eight bytes only reads what is written.
  while (to - from < 8) {
    store<u64>(to, load<u64>(from));
    to += to - from;
    if (to >= end) return;
  }
  while (to < end) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
  }
}

/** Each load follows the store before it. */
// @ts-ignore: decorator
@inline
function copyUpTo64(to: u32, from: u32, size: u32): void {
  v128.store(to, v128.load(from));
  if (size > 16) {
    v128.store(to + 16, v128.load(from + 16));
    if (size > 32) {
      v128.store(to + 32, v128.load(from + 32));
      v128.store(to + 48, v128.load(from + 48));
    }
  }
}

function fail(code: u32, offset: u32): u32 {
  position = offset;
  return code;
}

/** The memory that `uncompress` needs for its output. */
export function roomFor(length: u32): u64 {
  return <u64>length + <u64>SLOP;
}
