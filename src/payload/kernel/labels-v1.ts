/**
 * The labels that a series of version 1 begins with. Senders put series in the order of their metrics and targets, so most
 * labels are, byte for byte, those at the same place in the series before: these are compared, sixteen bytes at a
 * time, and what is known of them is kept. Equal bytes are equal labels, so this changes no result.
 *
 * A table has an entry for each label of the last series:
 *
 *   u64  hash of name and value; 0 for the one that the series hash leaves out
 *   u32  how it begins: tag, length of the field, tag, length of the name
 *   u16  what is between name and value: tag, length of the value
 *   u16  unused
 *
 * Every length is a byte, so that one instruction finds the maxima of all.
 */
import { isExcluded } from './exclude';
import { finish, hashBytes, hashLabel } from './hash';
import { LABELS } from './memory';
import { isNameLabel, namedFlags } from './records';

const ENTRY_BYTES: u32 = 16;
const ENTRIES_END: u32 = LABELS + 64 * ENTRY_BYTES;
/** Places in an entry. */
const HEADS: usize = 8;
const FIELD_LENGTH: usize = 9;
const NONE: u32 = 0xffffffff;

/** Where the last series begins, where its entries end, and which of them gives it its name. */
let first: u32 = 0;
let entriesEnd: u32 = LABELS;
let nameEntry: u32 = NONE;
/** Of the last series, if it is named. */
export let metricHash: u64 = 0;
export let nameFlags: u32 = 0;

/** What the labels of the last series add up to. */
export let labelHashes: u64 = 0;
export let labelCount: u32 = 0;
export let longestName: u32 = 0;
export let longestValue: u32 = 0;

/** A new body begins. */
export function forgetLabels(): void {
  entriesEnd = LABELS;
  nameEntry = NONE;
}

// @ts-ignore: decorator
@inline
export function isNamed(): bool {
  return nameEntry !== NONE;
}

/**
 * Reads the labels of a series, as every sender writes them. Answers where the first field begins that is not one, or is
 * written in another way.
 */
export function readLabels(next: u32, end: u32): u32 {
  let last = entriesEnd;
  let before = first;
  let name = nameEntry;
  let entry = LABELS;
  let hashes: u64 = 0;
  let sums: v128 = i64x2.splat(0);
  let maxima: v128 = i8x16.splat(0);
  first = next;
  while (next < end) {
    if (entry < last) {
      const ahead = next - before;
      const sameUntil = endOfSame(next, before, end);
      do {
        const after = next + 2 + <u32>load<u8>(entry, FIELD_LENGTH);
        if (after > sameUntil) break;
        next = after;
        const label = v128.load(entry);
        sums = i64x2.add(sums, label);
        maxima = i8x16.max_u(maxima, label);
        entry += ENTRY_BYTES;
      } while (entry < last);
      before = next - ahead;
      if (next >= end) break;
    }

    // Tag, length, tag, name, tag, value, each length in one byte, nothing else in it. As in Mimir, a label without a
    // value is no label: those are left to others.
    const head = load<u32>(next);
    const after = next + 2 + ((head >>> 8) & 0xff);
    const nameLength = head >>> 24;
    const value = next + 6 + nameLength;
    const valueHead = <u32>load<u16>(value - 2);
    const valueLength = valueHead >>> 8;
    if (((head & 0x80ff80ff) ^ 0x000a000a) | ((valueHead & 0x80ff) ^ 0x0012) | ((value + valueLength) ^ after)) break;
    if (valueLength === 0) break;
    if (after > end) break;
    if (entry === ENTRIES_END) break;

    const valueHash = hashBytes(value, valueLength);
    if (name >= entry) {
      if (isNameLabel(next + 4, nameLength)) {
        name = entry;
        takeName(value, valueLength, valueHash);
      } else if (name === entry) {
        // The name of the series before was here. Another of its labels may be a name, too, and would count now.
        name = NONE;
        last = LABELS;
      }
    }
    const hash = hashInSeries(next + 4, nameLength, valueHash);
    hashes += hash;
    const heads = <u64>head | (<u64>valueHead << 32);
    maxima = i8x16.max_u(maxima, i64x2.splat(heads));
    before += 2 + <u32>load<u8>(entry, FIELD_LENGTH);
    store<u64>(entry, hash);
    store<u64>(entry, heads, HEADS);
    entry += ENTRY_BYTES;
    next = after;
  }
  labelHashes = hashes + i64x2.extract_lane(sums, 0);
  labelCount = (entry - LABELS) / ENTRY_BYTES;
  longestName = <u32>i8x16.extract_lane_u(maxima, 11);
  longestValue = <u32>i8x16.extract_lane_u(maxima, 13);
  entriesEnd = entry;
  nameEntry = name < entry ? name : NONE;
  return next;
}

/** Where the bytes at both addresses begin to differ, or `end` of the first. May read 15 bytes past it. */
// @ts-ignore: decorator
@inline
function endOfSame(a: u32, b: u32, end: u32): u32 {
  while (a < end) {
    const equal = <u32>i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
    if (equal !== 0xffff) return min(a + ctz(~equal), end);
    a += 16;
    b += 16;
  }
  return end;
}

/** One more label of the last series, written in another way than those in the table. */
export function addLabel(labelName: u32, nameLength: u32, value: u32, valueLength: u32): void {
  if (valueLength === 0) return;
  labelCount++;
  longestName = max<u32>(longestName, nameLength);
  longestValue = max<u32>(longestValue, valueLength);
  const valueHash = hashBytes(value, valueLength);
  if (!isNamed() && isNameLabel(labelName, nameLength)) {
    nameEntry = ENTRIES_END;
    takeName(value, valueLength, valueHash);
  }
  labelHashes += hashInSeries(labelName, nameLength, valueHash);
}

// @ts-ignore: decorator
@inline
function takeName(value: u32, valueLength: u32, valueHash: u64): void {
  metricHash = finish(valueHash);
  nameFlags = namedFlags(value, valueLength);
}

/** What a label adds to the hash of its series. */
// @ts-ignore: decorator
@inline
function hashInSeries(name: u32, nameLength: u32, valueHash: u64): u64 {
  return isExcluded(name, nameLength) ? 0 : hashLabel(hashBytes(name, nameLength), valueHash);
}
