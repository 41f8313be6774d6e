/**
 * Layouts of labels: which labels a data point with certain keys has, where their values come from, and what is known of them.
 * Metrics with other attributes take turns within a scope, so those that were met last are kept, each with lists of its own.
 */
import { hashBytes, hashLabel } from './hash';
import { emptyList, forgetList, listAt, listBytes } from './otlp-out';
import { isSame } from './otlp-texts';

/** Keys as they were sent: where, how long. */
export const KEY_ENTRY: u32 = 8;

// The lists of the layout that is used, one behind the other.
const LISTS_BYTES: u32 = 48;
const lists = <u32>memory.data(48);
/** Name and value, 16 bytes each. */
export const labels = lists;
/** Of each label the place of the attribute that gives it its value. */
export const sources = lists + 12;
/** In the order of the body. */
export const keys = lists + 24;
/** kernel/otlp-facts.ts. */
export const facts = lists + 36;

/** Slots: the hash of the keys, 0 where there is no layout; and the lists. One more is for layouts that are not kept. */
const SLOTS: u32 = 64;
const SLOT_BYTES: u32 = 56;
const slots = <u32>memory.data(65 * 56);
const UNKEPT = slots + SLOTS * SLOT_BYTES;
/** Data points with more attributes are not laid out by what is kept. */
const MOST_KEYS: u32 = 64;

/** Where the layout that is used is kept. */
let slot: u32 = UNKEPT;
/** Of the keys that were looked for last; 0: there are none. */
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

/** None is kept any more; the lists can be used. */
export function dropLayouts(): void {
  for (let at = slots; at < UNKEPT; at += SLOT_BYTES) store<u64>(at, 0);
  use(UNKEPT);
  wanted = 0;
}

function use(at: u32): void {
  slot = at;
  memory.copy(lists, at + 8, LISTS_BYTES);
}

/** Uses the layout of attributes with these keys, which stand 16 bytes into each entry. False: none is kept. */
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

/** Another layout is made, in empty lists. `isWanted`: it is the one that was looked for. */
export function beginLayout(isWanted: bool): void {
  if (!isWanted) wanted = 0;
  use(wanted === 0 ? UNKEPT : slotOf(wanted));
  store<u64>(slot, 0);
  for (let list = lists; list < lists + LISTS_BYTES; list += 12) emptyList(list);
}

/** It is made. `isKept`: it is that of all data points with its keys. */
export function endLayout(isKept: bool): void {
  memory.copy(slot + 8, lists, LISTS_BYTES);
  store<u64>(slot, isKept ? wanted : 0);
}
