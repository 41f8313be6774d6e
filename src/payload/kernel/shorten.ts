/**
 * How Mimir shortens a label value that is too long, with the strategies `truncate` and `drop`: to its beginning and a hash
 * of the whole, or to the hash alone. The hash is BLAKE2b-256 (RFC 7693) in hexadecimal.
 */

const KEEP: u32 = 0;
const TRUNCATE: u32 = 1;

/** "(hash:", 64 digits, ")". */
const HASH_LENGTH: u32 = 71;
/** "(has" and "h:", as little-endian words. */
const HASH_HEAD: u32 = 0x7361_6828;
const HASH_HEAD_REST: u32 = 0x3a68;

let strategy: u32 = KEEP;
let longest: u32 = 0;

/** 0: long values stay; 1: truncated; 2: dropped. `most`: the longest length allowed. */
export function setShortening(way: u32, most: u32): void {
  strategy = way;
  longest = most;
}

/** The stored length of a value of this length. */
export function shortLength(length: u32): u32 {
  if (strategy === KEEP || length <= longest) return length;
  return strategy === TRUNCATE ? max(longest, HASH_LENGTH) : HASH_LENGTH;
}

/** Writes the stored form of a value that is too long. */
export function shorten(value: u32, length: u32, to: u32): void {
  const kept = shortLength(length) - HASH_LENGTH;
  memory.copy(to, value, kept);
  to += kept;
  store<u32>(to, HASH_HEAD);
  store<u16>(to + 4, HASH_HEAD_REST);
  blake2b(value, length);
  for (let i: u32 = 0; i < 32; i++) {
    const byte = <u32>load<u8>(state + i);
    store<u8>(to + 6 + 2 * i, digit(byte >>> 4));
    store<u8>(to + 7 + 2 * i, digit(byte & 15));
  }
  store<u8>(to + 70, 0x29);
}

function digit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

const BLOCK: u32 = 128;
const IV: u32 = <u32>memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
  0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
]);
/** The message word for each step of a round; rounds 10 and 11 repeat 0 and 1. */
const SIGMA: u32 = <u32>memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3, 11, 8,
  12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8, 9, 0, 5, 7, 2,
  4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9, 12, 5, 1, 15, 14, 13,
  4, 10, 0, 7, 6, 3, 9, 2, 8, 11, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10, 6, 15, 14, 9, 11, 3, 0, 8, 12,
  2, 13, 7, 1, 4, 10, 5, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
]);
/** The state, eight words; a round's working vector, sixteen; the block, sixteen. */
const state: u32 = <u32>memory.data(64);
const work: u32 = <u32>memory.data(128);
const block: u32 = <u32>memory.data(128);
/** 32 bytes of output, no key. */
const PARAMETERS: u64 = 0x01010020;

/** Hashes `length` bytes into `state`. */
function blake2b(at: u32, length: u32): void {
  memory.copy(state, IV, 64);
  store<u64>(state, load<u64>(state) ^ PARAMETERS);
  let done: u32 = 0;
  while (length - done > BLOCK) {
    memory.copy(block, at + done, BLOCK);
    done += BLOCK;
    compress(done, false);
  }
  memory.fill(block, 0, BLOCK);
  memory.copy(block, at + done, length - done);
  compress(length, true);
}

function compress(done: u32, isLast: bool): void {
  memory.copy(work, state, 64);
  memory.copy(work + 64, IV, 64);
  store<u64>(work + 96, load<u64>(work + 96) ^ <u64>done);
  if (isLast) store<u64>(work + 112, ~load<u64>(work + 112));
  for (let round: u32 = 0; round < 12; round++) {
    const order = SIGMA + (round % 10) * 16;
    mix(0, 4, 8, 12, order);
    mix(1, 5, 9, 13, order + 2);
    mix(2, 6, 10, 14, order + 4);
    mix(3, 7, 11, 15, order + 6);
    mix(0, 5, 10, 15, order + 8);
    mix(1, 6, 11, 12, order + 10);
    mix(2, 7, 8, 13, order + 12);
    mix(3, 4, 9, 14, order + 14);
  }
  for (let i: u32 = 0; i < 64; i += 8) {
    store<u64>(state + i, load<u64>(state + i) ^ load<u64>(work + i) ^ load<u64>(work + 64 + i));
  }
}

function mix(a: u32, b: u32, c: u32, d: u32, order: u32): void {
  a = work + a * 8;
  b = work + b * 8;
  c = work + c * 8;
  d = work + d * 8;
  half(a, b, c, d, load<u8>(order), 32, 24);
  half(a, b, c, d, load<u8>(order, 1), 16, 63);
}

// @ts-ignore: decorator
@inline
function half(a: u32, b: u32, c: u32, d: u32, word: u32, turnD: u64, turnB: u64): void {
  store<u64>(a, load<u64>(a) + load<u64>(b) + load<u64>(block + word * 8));
  store<u64>(d, rotr<u64>(load<u64>(d) ^ load<u64>(a), turnD));
  store<u64>(c, load<u64>(c) + load<u64>(d));
  store<u64>(b, rotr<u64>(load<u64>(b) ^ load<u64>(c), turnB));
}
