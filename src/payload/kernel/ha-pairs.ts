/**
 * The HA replicas of a push in which each series names its own. They are numbered in order of appearance, and each record
 * has its series' number: which replica is elected is decided outside, once for each.
 */
import { findPair, hasPair } from './ha-pair';
import { hashBytes, hashLabel } from './hash';
import {
  align16,
  RESULT_CLUSTER,
  RESULT_CLUSTER_LENGTH,
  RESULT_PAIRS,
  RESULT_PAIRS_FOUND,
  RESULT_REPLICA,
  RESULT_REPLICA_LENGTH,
  reserve,
} from './memory';
import { FLAG_FROM_PAIR } from './records';

/** The maximum in a push; the pairs of further series are not decided. */
const PAIRS_MOST: u32 = 1000;
/** Addresses and lengths of the cluster and the replica. */
const PAIR_BYTES: u32 = 16;
const SLOTS: u32 = 2048;
/** Hash and number. */
const SLOT_BYTES: u32 = 16;
const NUMBER_SHIFT: u32 = 16;

let pairs: u32 = 0;
let slots: u32 = 0;
let found: u32 = 0;

/** A new push begins. Returns the first free address after the tables; 0 when memory is out. */
export function preparePairs(free: u32): u32 {
  pairs = free;
  slots = free + PAIRS_MOST * PAIR_BYTES;
  const end = slots + SLOTS * SLOT_BYTES;
  if (!reserve(end)) return 0;
  memory.fill(slots, 0, SLOTS * SLOT_BYTES);
  found = 0;
  store<u32>(RESULT_PAIRS, pairs);
  store<u32>(RESULT_PAIRS_FOUND, 0);
  return align16(end);
}

/** The flags that identify the replica of a series whose content is from `at` to `end`; 0: none. */
export function pairFlags(at: u32, end: u32): u32 {
  findPair(at, end);
  return hasPair() ? FLAG_FROM_PAIR | (numberOfPair() << NUMBER_SHIFT) : 0;
}

/** From 1 on; 0: there are too many. */
function numberOfPair(): u32 {
  const cluster = hashBytes(load<u32>(RESULT_CLUSTER), load<u32>(RESULT_CLUSTER_LENGTH));
  const replica = hashBytes(load<u32>(RESULT_REPLICA), load<u32>(RESULT_REPLICA_LENGTH));
  const hash = hashLabel(cluster, replica);
  let slot = slots + (<u32>hash & (SLOTS - 1)) * SLOT_BYTES;
  while (true) {
    const number = load<u32>(slot, 8);
    if (number === 0) break;
    if (load<u64>(slot) === hash) return number;
    slot += SLOT_BYTES;
    if (slot === slots + SLOTS * SLOT_BYTES) slot = slots;
  }
  if (found === PAIRS_MOST) return 0;
  v128.store(pairs + found * PAIR_BYTES, v128.load(RESULT_CLUSTER));
  found++;
  store<u64>(slot, hash);
  store<u32>(slot, found, 8);
  store<u32>(RESULT_PAIRS_FOUND, found);
  return found;
}
