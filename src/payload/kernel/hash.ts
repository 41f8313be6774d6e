/**
 * 64-bit hashes of strings, labels and series. Two multiplications for each eight bytes, and a full avalanche at the end
 * of each label, so that adding labels up (which makes the series hash independent of their order) loses nothing.
 *
 * One multiplication a word would not do: it carries differences upwards only, so that those in the upper bits of
 * what it multiplies stay in a few bits that the next word can cancel. test/remotewrite/hash-pairs.test.ts finds that.
 */

const PRIME_1: u64 = 0x9e3779b185ebca87;
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_4: u64 = 0x85ebca77c2b2ae63;

/** One to one; the product's upper half reaches the lower one. */
// @ts-ignore: decorator
@inline
function scatter(word: u64): u64 {
  const product = word * PRIME_2;
  return product ^ (product >>> 32);
}

/** One to one; the upper bits, which a multiplication carries no further, first go to the bottom. */
// @ts-ignore: decorator
@inline
function stir(hash: u64): u64 {
  return rotl<u64>(hash, 8) * PRIME_1;
}

/**
 * Not avalanched: goes through `hashLabel` or `finish`. The last eight bytes are taken whole, overlapping those before
 * them (the length is in the hash, so that loses nothing); a string of less than eight is read with what follows it in
 * memory, and that is masked away.
 */
// @ts-ignore: decorator
@inline
export function hashBytes(at: u32, length: u32): u64 {
  let hash: u64 = PRIME_4 + (<u64>length) * PRIME_1;
  if (length < 8) {
    const word = load<u64>(at) & ~(<u64>0xffffffffffffffff << (8 * (<u64>length)));
    return hash ^ scatter(word);
  }
  const last = at + length - 8;
  while (at < last) {
    hash = stir(hash ^ scatter(load<u64>(at)));
    at += 8;
  }
  return hash ^ scatter(load<u64>(last));
}

/** One label from the hashes of its name and its value. The two are told apart: swapped, they hash differently. */
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
