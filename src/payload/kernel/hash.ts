/**
 * 64-bit hashes of strings, labels and series, under keys that no sender knows. A string is the sum of products, one for each
 * eight bytes, of its two halves with a key added to each (as in NH and Multilinear-HM; keys and sum have 64 bits): whatever
 * two strings somebody chooses without the keys, they have the same hash with a probability of 2^-33 at most, and of about
 * 2^-60 where they differ in more than the upper bits of a half. A label is made of the hashes of its name and its value and
 * put through a full avalanche, so that adding labels up (which makes the series hash independent of their order) loses
 * nothing.
 */
import { KEYS } from './memory';

const PRIME_1: u64 = 0x9e3779b185ebca87;
const LOWER: u64 = 0x00000000ffffffff;

/** Two keys for the length, then two for each eight bytes. */
export const KEY_STEP: u32 = 16;
export const KEYS_OF_BYTES: u32 = KEYS + KEY_STEP;
/** There are keys for this many bytes; longer strings are hashed in blocks. */
const BLOCK_BYTES: u32 = 1024;

/** A string's last bytes are read together with what follows them, which is masked. */
// @ts-ignore: decorator
@inline
export function hashBytes(at: u32, length: u32): u64 {
  if (length > BLOCK_BYTES) return hashBlocks(at, length);
  return hashBlock(at, length, length);
}

/** One block of a string that has `length` bytes in total. */
// @ts-ignore: decorator
@inline
function hashBlock(at: u32, bytes: u32, length: u32): u64 {
  let hash = beginHash(length);
  let keys = KEYS_OF_BYTES;
  const rest = at + (bytes & ~7);
  while (at < rest) {
    hash += hashWord(load<u64>(at), keys);
    at += 8;
    keys += KEY_STEP;
  }
  return hash + hashWord(lastWord(at, bytes), keys);
}

// @ts-ignore: decorator
@inline
export function beginHash(length: u32): u64 {
  return load<u64>(KEYS) + <u64>length * load<u64>(KEYS, 8);
}

/** Hashes eight bytes with the keys of their position. */
// @ts-ignore: decorator
@inline
export function hashWord(word: u64, keys: u32): u64 {
  return ((word & LOWER) + load<u64>(keys)) * ((word >>> 32) + load<u64>(keys, 8));
}

/** What follows the last whole word of a string of this length; that word ends at `at`. */
// @ts-ignore: decorator
@inline
export function lastWord(at: u32, length: u32): u64 {
  return load<u64>(at) & ~(<u64>0xffffffffffffffff << (8 * <u64>(length & 7)));
}

/** The hash of earlier blocks is as secret as the keys: without it nobody can compensate for it in the next block. */
function hashBlocks(at: u32, length: u32): u64 {
  let hash: u64 = 0;
  let left = length;
  while (left > BLOCK_BYTES) {
    hash = finish(hash + hashBlock(at, BLOCK_BYTES, length));
    at += BLOCK_BYTES;
    left -= BLOCK_BYTES;
  }
  return hash + hashBlock(at, left, length);
}

/** A bijection; a multiplication does not spread the upper bits, so they are first folded into the lower ones. */
// @ts-ignore: decorator
@inline
export function stir(hash: u64): u64 {
  return rotl<u64>(hash, 8) * PRIME_1;
}

/** Combines the hashes of a label's name and value, asymmetrically, so that swapping them changes the result. */
// @ts-ignore: decorator
@inline
export function hashLabel(name: u64, value: u64): u64 {
  return finish(stir(name) + value);
}

// @ts-ignore: decorator
@inline
export function finish(hash: u64): u64 {
  hash ^= hash >>> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >>> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >>> 33);
}
