/**
 * A hash table of 64-bit keys that grows in small steps: it is made of segments of 5 to 8 blocks, found through a
 * directory by the key's upper bits. Each grows by itself, block by block, and then into two of 5; a step moves some
 * thousand entries, however many there are. Segments are full at different points, so that they do not all grow at one
 * time, and the table stays between 60 % and 88 % full.
 *
 * A slot has 13 bytes: the key, a word, a byte. Within a segment keys are probed linearly from where their lower half
 * points to; removing one moves those after it back, so that no probe gets longer by what was removed.
 * A key is never 0.
 */
import { allocate } from './layout';

export const SLOT_WORD: u32 = 8;
export const SLOT_BYTE: u32 = 12;
const SLOT_BYTES: u32 = 13;

const BLOCK_SLOTS: u32 = 512;
const BLOCK_SLOTS_LOG2: u32 = 9;
const BLOCK_BYTES: u32 = BLOCK_SLOTS * SLOT_BYTES;
const LEAST_BLOCKS: u32 = 5;
const MOST_BLOCKS: u32 = 8;

// A segment: how many upper bits its keys have in common, its entries, its slots, its blocks, and the entries that it is
// full with, in parts of 64 of its slots.
const DEPTH: u32 = 0;
const COUNT: u32 = 4;
const SLOTS: u32 = 8;
const BLOCKS: u32 = 12;
const LIMIT: u32 = 44;
const SEGMENT_BYTES: u32 = 64;

/** A segment is full at 49 to 56 of 64 slots; the step goes round all of these. */
const FULLEST: u32 = 56;
const LIMIT_SPREAD: u32 = 7;
const LIMIT_STEP: u32 = 5;

/** Only keys that are made to collide could ask for more; the table then says that it is full. */
const MOST_DEPTH: u32 = 24;

let directory: u32 = 0;
let depth: u32 = 1;
let scratch: u32 = 0;
export let segments: u32 = 0;
export let tableBytes: u32 = 0;

export function startTable(): bool {
  scratch = allocate(MOST_BLOCKS * BLOCK_BYTES);
  directory = allocate(2 * 4);
  const low = newSegment(1);
  const high = newSegment(1);
  if (scratch === 0 || directory === 0 || low === 0 || high === 0) return false;
  for (let i: u32 = 0; i < LEAST_BLOCKS; i++) if (!addBlock(low) || !addBlock(high)) return false;
  store<u32>(directory, low);
  store<u32>(directory + 4, high);
  return true;
}

/** Address of the key's slot, 0 when it is not there. */
// @ts-ignore: decorator
@inline
export function find(key: u64): u32 {
  const segment = segmentOf(key);
  const slots = load<u32>(segment, SLOTS);
  let slot = homeOf(key, slots);
  while (true) {
    const block = load<u32>(segment + ((slot >>> BLOCK_SLOTS_LOG2) << 2), BLOCKS);
    const end = block + BLOCK_BYTES;
    let at = block + (slot & (BLOCK_SLOTS - 1)) * SLOT_BYTES;
    while (at !== end) {
      const found = load<u64>(at);
      if (found === key) return at;
      if (found === 0) return 0;
      at += SLOT_BYTES;
    }
    slot = (slot | (BLOCK_SLOTS - 1)) + 1;
    if (slot === slots) slot = 0;
  }
}

/** Of a key that is not there. Address of its slot; 0 when there is no memory. */
export function insert(key: u64, word: u32, byte: u32): u32 {
  let segment = segmentOf(key);
  if (isFull(segment)) {
    if (!grow(segment, key)) return 0;
    segment = segmentOf(key);
  }
  return place(segment, key, word, byte);
}

export function remove(key: u64): void {
  const segment = segmentOf(key);
  const slots = load<u32>(segment, SLOTS);
  let slot = homeOf(key, slots);
  while (true) {
    const found = load<u64>(slotAt(segment, slot));
    if (found === key) break;
    if (found === 0) return;
    slot = after(slot, slots);
  }
  removeAt(segment, slot);
}

/** Keys that were probed past the removed one move back into the hole, one after another. */
export function removeAt(segment: u32, slot: u32): void {
  const slots = load<u32>(segment, SLOTS);
  let hole = slot;
  let next = after(hole, slots);
  while (true) {
    const at = slotAt(segment, next);
    const key = load<u64>(at);
    if (key === 0) break;
    if (distance(homeOf(key, slots), next, slots) >= distance(hole, next, slots)) {
      memory.copy(slotAt(segment, hole), at, SLOT_BYTES);
      hole = next;
    }
    next = after(next, slots);
  }
  memory.fill(slotAt(segment, hole), 0, SLOT_BYTES);
  store<u32>(segment, load<u32>(segment, COUNT) - 1, COUNT);
}

/** Positions at which a walk over all segments can stop and go on, whatever grows meanwhile. */
export const POSITIONS: u32 = 1 << MOST_DEPTH;

export function segmentAt(at: u32): u32 {
  return load<u32>(directory + ((at >>> (MOST_DEPTH - depth)) << 2));
}

export function positionAfter(segment: u32, at: u32): u32 {
  const width: u32 = 1 << (MOST_DEPTH - load<u32>(segment, DEPTH));
  return (at & ~(width - 1)) + width;
}

export function slotsOf(segment: u32): u32 {
  return load<u32>(segment, SLOTS);
}

// @ts-ignore: decorator
@inline
export function slotAt(segment: u32, slot: u32): u32 {
  return (
    load<u32>(segment + ((slot >>> BLOCK_SLOTS_LOG2) << 2), BLOCKS) + (slot & (BLOCK_SLOTS - 1)) * SLOT_BYTES
  );
}

// @ts-ignore: decorator
@inline
function segmentOf(key: u64): u32 {
  return load<u32>(directory + (<u32>(key >>> (64 - <u64>depth)) << 2));
}

// @ts-ignore: decorator
@inline
function homeOf(key: u64, slots: u32): u32 {
  return <u32>(((key & 0xffffffff) * <u64>slots) >>> 32);
}

// @ts-ignore: decorator
@inline
function after(slot: u32, slots: u32): u32 {
  return slot + 1 === slots ? 0 : slot + 1;
}

// @ts-ignore: decorator
@inline
function distance(from: u32, to: u32, slots: u32): u32 {
  return to >= from ? to - from : to + slots - from;
}

function place(segment: u32, key: u64, word: u32, byte: u32): u32 {
  const slots = load<u32>(segment, SLOTS);
  let slot = homeOf(key, slots);
  let at = slotAt(segment, slot);
  while (load<u64>(at) !== 0) {
    slot = after(slot, slots);
    at = slotAt(segment, slot);
  }
  store<u64>(at, key);
  store<u32>(at, word, SLOT_WORD);
  store<u8>(at, <u8>byte, SLOT_BYTE);
  store<u32>(segment, load<u32>(segment, COUNT) + 1, COUNT);
  return at;
}

function isFull(segment: u32): bool {
  return load<u32>(segment, COUNT) >= (load<u32>(segment, SLOTS) >>> 6) * load<u32>(segment, LIMIT);
}

function newSegment(depth: u32): u32 {
  const segment = allocate(SEGMENT_BYTES);
  if (segment === 0) return 0;
  store<u32>(segment, depth, DEPTH);
  store<u32>(segment, FULLEST - ((segments * LIMIT_STEP) & LIMIT_SPREAD), LIMIT);
  segments++;
  tableBytes += SEGMENT_BYTES;
  return segment;
}

function addBlock(segment: u32): bool {
  const block = allocate(BLOCK_BYTES);
  if (block === 0) return false;
  appendBlock(segment, block);
  tableBytes += BLOCK_BYTES;
  return true;
}

function appendBlock(segment: u32, block: u32): void {
  const slots = load<u32>(segment, SLOTS);
  store<u32>(segment + ((slots >>> BLOCK_SLOTS_LOG2) << 2), block, BLOCKS);
  store<u32>(segment, slots + BLOCK_SLOTS, SLOTS);
}

function grow(segment: u32, key: u64): bool {
  const slots = load<u32>(segment, SLOTS);
  if (slots === MOST_BLOCKS * BLOCK_SLOTS) return split(segment, key);
  drain(segment, slots);
  const grown = addBlock(segment);
  refill(slots);
  return grown;
}

/** Half of the keys go to a new segment, told apart by one more bit. `key` is any of them. */
function split(segment: u32, key: u64): bool {
  const bits = load<u32>(segment, DEPTH);
  if (bits === MOST_DEPTH || (bits === depth && !doubleDirectory())) return false;
  const other = newSegment(bits + 1);
  if (other === 0) return false;
  for (let i = MOST_BLOCKS; i < 2 * LEAST_BLOCKS; i++) if (!addBlock(other)) return false;
  drain(segment, MOST_BLOCKS * BLOCK_SLOTS);
  for (let i = LEAST_BLOCKS; i < MOST_BLOCKS; i++) appendBlock(other, load<u32>(segment + (i << 2), BLOCKS));
  store<u32>(segment, LEAST_BLOCKS * BLOCK_SLOTS, SLOTS);
  store<u32>(segment, bits + 1, DEPTH);
  const half: u32 = 1 << (depth - bits - 1);
  const first = (<u32>(key >>> (64 - <u64>depth)) & ~(2 * half - 1)) + half;
  for (let i = first; i < first + half; i++) store<u32>(directory + (i << 2), other);
  refill(MOST_BLOCKS * BLOCK_SLOTS);
  return true;
}

/** The old one is left behind: all that were ever left are as large as the present one. */
function doubleDirectory(): bool {
  const size: u32 = 1 << depth;
  const doubled = allocate(size << 3);
  if (doubled === 0) return false;
  for (let i: u32 = 0; i < size; i++) {
    const segment = load<u32>(directory + (i << 2));
    store<u32>(doubled + (i << 3), segment);
    store<u32>(doubled + (i << 3) + 4, segment);
  }
  directory = doubled;
  depth++;
  tableBytes += size << 3;
  return true;
}

function drain(segment: u32, slots: u32): void {
  for (let slot: u32 = 0; slot < slots; slot += BLOCK_SLOTS) {
    const block = slotAt(segment, slot);
    memory.copy(scratch + slot * SLOT_BYTES, block, BLOCK_BYTES);
    memory.fill(block, 0, BLOCK_BYTES);
  }
  store<u32>(segment, 0, COUNT);
}

function refill(slots: u32): void {
  const end = scratch + slots * SLOT_BYTES;
  for (let at = scratch; at < end; at += SLOT_BYTES) {
    const key = load<u64>(at);
    if (key !== 0) place(segmentOf(key), key, load<u32>(at, SLOT_WORD), load<u8>(at, SLOT_BYTE));
  }
}
