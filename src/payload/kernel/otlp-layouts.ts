/**
 * Layouts of labels: which labels a data point with certain keys has, where their values come from, and what is known of
 * them. Metrics with different attributes alternate within a scope, so the last few layouts are kept, each with its own
 * lists.
 */
import { hashBytes, hashLabel } from './hash';
import { emptyList, forgetList, listAt, listBytes } from './otlp-out';
import { isSame } from './otlp-texts';

/** A key as sent: address and length. */
export const KEY_ENTRY: u32 = 8;

// The lists of the current layout, one after the other.
const LISTS_BYTES: u32 = 48;
const lists = <u32>memory.data(48);
/** Name and value, 16 bytes each. */
export const labels = lists;
/** For each label the index of the attribute with its value. */
export const sources = lists + 12;
/** In the order of the body. */
export const keys = lists + 24;
/** See kernel/otlp-facts.ts. */
export const facts = lists + 36;

/** A slot: the hash of the keys (0: free) and the lists. One more slot is for layouts that are not kept. */
const SLOTS: u32 = 64;
const SLOT_BYTES: u32 = 56;
const slots = <u32>memory.data(65 * 56);
const UNKEPT = slots + SLOTS * SLOT_BYTES;
/** Data points with more attributes do not use kept layouts. */
const MOST_KEYS: u32 = 64;

/** The slot of the current layout. */
let slot: u32 = UNKEPT;
/** The hash of the keys that were last looked up; 0: none. */
let wanted: u64 = 0;

/** A body begins. */
export function forgetLayouts(): void {
  for (let at = slots; at <= UNKEPT; at += SLOT_BYTES) {
    store<u64>(at, 0);
    for (let list = at + 8; list < at + SLOT_BYTES; list += 12) forgetList(list);
  }
  use(UNKEPT);
  wanted = 0;
}

/** Drops all layouts; the lists can be reused. */
export function dropLayouts(): void {
  for (let at = slots; at < UNKEPT; at += SLOT_BYTES) store<u64>(at, 0);
  use(UNKEPT);
  wanted = 0;
}

function use(at: u32): void {
  slot = at;
  memory.copy(lists, at + 8, LISTS_BYTES);
}

/** Selects the layout of attributes with these keys, at offset 16 of each entry. False: none is kept. */
export function findLayout(attributes: u32, bytes: u32, entryBytes: u32): bool {
  wanted = 0;
  if (bytes > MOST_KEYS * entryBytes) return false;
  let hash: u64 = 0;
  for (let at = attributes; at < attributes + bytes; at += entryBytes) {
    hash = hashLabel(hash, hashBytes(load<u32>(at, 16), load<u32>(at, 20)));
  }
  wanted = hash | 1;
  const at = slotOf(wanted);
  if (load<u64>(at) !== wanted) return false;
  use(at);
  return hasKeys(attributes, bytes, entryBytes);
}

// @ts-ignore: decorator
@inline
function slotOf(hash: u64): u32 {
  return slots + (<u32>(hash >>> 1) & (SLOTS - 1)) * SLOT_BYTES;
}

function hasKeys(attributes: u32, bytes: u32, entryBytes: u32): bool {
  let known = listAt(keys);
  if (listBytes(keys) / KEY_ENTRY !== bytes / entryBytes) return false;
  for (let at = attributes; at < attributes + bytes; at += entryBytes) {
    if (!isSame(load<u32>(known), load<u32>(known, 4), load<u32>(at, 16), load<u32>(at, 20))) return false;
    known += KEY_ENTRY;
  }
  return true;
}

/** Begins another layout, with empty lists. `isWanted`: it is the one that was looked up. */
export function beginLayout(isWanted: bool): void {
  if (!isWanted) wanted = 0;
  use(wanted === 0 ? UNKEPT : slotOf(wanted));
  store<u64>(slot, 0);
  for (let list = lists; list < lists + LISTS_BYTES; list += 12) emptyList(list);
}

/** The layout is complete. `isKept`: it applies to all data points with its keys. */
export function endLayout(isKept: bool): void {
  memory.copy(slot + 8, lists, LISTS_BYTES);
  store<u64>(slot, isKept ? wanted : 0);
}
