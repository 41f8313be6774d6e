/**
 * Compresses to the snappy block format like the reference implementation: in fragments of 64 KiB, each with a table from
 * the hash of four bytes to their last position, searching less often the longer nothing is found.
 */
import { align16, reserve, SLOP } from './memory';

const FRAGMENT: u32 = 1 << 16;
/** The last bytes of a fragment are not searched, so that reading ahead stays within. */
const MARGIN: u32 = 15;
const TABLE_BITS_MIN: u32 = 8;
const TABLE_BITS_MAX: u32 = 14;
const TABLE_BYTES: u32 = 2 << TABLE_BITS_MAX;

/** The table of the current fragment: positions in it, two bytes each. */
let table: u32 = 0;
let tableShift: u32 = 0;

/**
 * Compresses `length` bytes, which are followed by SLOP. Returns where the block begins, and sets `compressedEnd`; 0 when
 * memory is out.
 */
export let compressedEnd: u32 = 0;

export function compressBlock(input: u32, length: u32): u32 {
  table = align16(input + length + SLOP);
  const out = table + TABLE_BYTES;
  // Literals need a tag of up to three bytes in each fragment, and copies are never longer than what they replace.
  const most = <u64>length + <u64>length / 6 + 32;
  if (!reserve(<u64>out + most + <u64>SLOP)) return 0;
  let to = writeLength(out, length);
  const end = input + length;
  for (let from = input; from < end; from += FRAGMENT) {
    to = compressFragment(from, min<u32>(FRAGMENT, end - from), to);
  }
  compressedEnd = to;
  return out;
}

function writeLength(to: u32, length: u32): u32 {
  while (length >= 128) {
    store<u8>(to++, length | 128);
    length >>>= 7;
  }
  store<u8>(to++, length);
  return to;
}

function compressFragment(start: u32, length: u32, to: u32): u32 {
  const end = start + length;
  if (length < MARGIN) return writeLiteral(to, start, length);
  clearTable(length);
  const searchEnd = end - MARGIN;
  /** The first byte that is not written yet. */
  let literal = start;
  let at = start + 1;

  while (true) {
    // Searches for four bytes that occurred before. After 32 misses only every second position is tried, and so on.
    let misses: u32 = 32;
    let candidate: u32;
    let next = at;
    do {
      at = next;
      next = at + (misses++ >>> 5);
      if (next > searchEnd) return writeLiteral(to, literal, end - literal);
      candidate = start + swapPosition(at, start);
    } while (load<u32>(at) !== load<u32>(candidate));

    if (at > literal) to = writeLiteral(to, literal, at - literal);
    do {
      const matched = 4 + matchLength(candidate + 4, at + 4, end);
      to = writeCopy(to, at - candidate, matched);
      at += matched;
      literal = at;
      if (at >= searchEnd) return end > literal ? writeLiteral(to, literal, end - literal) : to;
      swapPosition(at - 1, start);
      candidate = start + swapPosition(at, start);
    } while (load<u32>(at) === load<u32>(candidate));
    at++;
  }
}

/** A small fragment uses, and clears, only a small table. */
function clearTable(length: u32): void {
  let bits = TABLE_BITS_MIN;
  while (bits < TABLE_BITS_MAX && <u32>1 << bits < length) bits++;
  tableShift = 32 - bits;
  memory.fill(table, 0, 2 << bits);
}

/** The last position of the four bytes at `at` in the fragment, which becomes `at`. */
// @ts-ignore: decorator
@inline
function swapPosition(at: u32, start: u32): u32 {
  const slot = table + (((load<u32>(at) * 0x1e35a7bd) >>> tableShift) << 1);
  const position = <u32>load<u16>(slot);
  store<u16>(slot, at - start);
  return position;
}

/** How many bytes from `a` on equal those from `b` on; `b` is later. */
// @ts-ignore: decorator
@inline
function matchLength(a: u32, b: u32, end: u32): u32 {
  const from = b;
  while (b + 8 <= end) {
    const differs = load<u64>(a) ^ load<u64>(b);
    if (differs !== 0) return b - from + <u32>(ctz<u64>(differs) >>> 3);
    a += 8;
    b += 8;
  }
  while (b < end && load<u8>(a) === load<u8>(b)) {
    a++;
    b++;
  }
  return b - from;
}

function writeLiteral(to: u32, from: u32, length: u32): u32 {
  const size = length - 1;
  if (size < 60) {
    store<u8>(to, size << 2);
    to += 1;
  } else if (size < 256) {
    store<u16>(to, (60 << 2) | (size << 8));
    to += 2;
  } else {
    store<u8>(to, 61 << 2);
    store<u16>(to + 1, size);
    to += 3;
  }
  if (length <= 16) v128.store(to, v128.load(from));
  else memory.copy(to, from, length);
  return to + length;
}

function writeCopy(to: u32, offset: u32, length: u32): u32 {
  // An element covers 64 bytes; at least the four that the short form covers must be left.
  while (length >= 68) {
    to = writeLongCopy(to, offset, 64);
    length -= 64;
  }
  if (length > 64) {
    to = writeLongCopy(to, offset, 60);
    length -= 60;
  }
  if (length >= 12 || offset >= 2048) return writeLongCopy(to, offset, length);
  store<u16>(to, 1 | ((length - 4) << 2) | ((offset >>> 8) << 5) | ((offset & 0xff) << 8));
  return to + 2;
}

// @ts-ignore: decorator
@inline
function writeLongCopy(to: u32, offset: u32, length: u32): u32 {
  store<u32>(to, 2 | ((length - 1) << 2) | (offset << 8));
  return to + 3;
}
