/**
 * The labels that a series of version 1 begins with. Senders put series in the order of their metrics and targets, so most
 * labels are, byte for byte, those at the same place in the series before: these are compared, sixteen bytes at a
 * time, and what is known of them is kept. Equal bytes are equal labels, so this changes no result.
 *
 * A table has an entry for each label of the last series:
 *
 *   u64  hash of name and value; 0 for what is not part of the series hash
 *   u16  bytes of the whole field
 *   u16  1 for a label, 0 for one without a value
 *   u16  length of the name
 *   u16  length of the value
 *
 * so that one addition adds up everything but the maxima, which take one instruction more. ENTRIES_MAX labels of at most
 * 129 bytes keep the sums within 16 bits.
 */
import { isExcluded } from './exclude';
import { finish, hashBytes, hashLabel } from './hash';
import { LABELS } from './memory';
import { isNameLabel, namedFlags } from './records';

const ENTRY_BYTES: u32 = 16;
const ENTRIES_MAX: u32 = 64;
const LENGTHS: usize = 8;
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
  let sums: v128 = i64x2.splat(0);
  let maxima: v128 = i64x2.splat(0);
  first = next;
  while (next < end) {
    if (entry < last) {
      const ahead = next - before;
      const sameUntil = next + equalBytes(next, before, end);
      do {
        const after = next + <u32>load<u16>(entry, LENGTHS);
        if (after > sameUntil) break;
        next = after;
        const label = v128.load(entry);
        sums = i64x2.add(sums, label);
        maxima = i16x8.max_u(maxima, label);
        entry += ENTRY_BYTES;
      } while (entry < last);
      before = next - ahead;
      if (next >= end) break;
    }

    // Tag, length, tag, name, tag, value, each length in one byte, nothing else in it.
    const head = load<u32>(next);
    const bytes = 2 + ((head >>> 8) & 0xff);
    const labelName = next + 4;
    const nameLength = head >>> 24;
    const value = labelName + nameLength + 2;
    const valueHead = <u32>load<u16>(value - 2);
    const valueLength = valueHead >>> 8;
    if (
      (head & 0x80ff80ff) !== 0x000a000a ||
      (valueHead & 0x80ff) !== 0x0012 ||
      value + valueLength !== next + bytes ||
      next + bytes > end ||
      entry === LABELS + ENTRIES_MAX * ENTRY_BYTES
    ) {
      break;
    }
    before += <u32>load<u16>(entry, LENGTHS);
    next += bytes;

    // As in Mimir, a label without a value is no label.
    const counts = valueLength > 0;
    const valueHash = hashBytes(value, valueLength);
    if (name >= entry && counts && isNameLabel(labelName, nameLength)) {
      name = entry;
      metricHash = finish(valueHash);
      nameFlags = namedFlags(value, valueLength);
    } else if (name === entry) {
      // The name of the series before was here. Another of its labels may be a name, too, and would count now.
      name = NONE;
      last = LABELS;
    }
    const hashes = counts && !isExcluded(labelName, nameLength);
    const hash: u64 = hashes ? hashLabel(hashBytes(labelName, nameLength), valueHash) : 0;
    const lengths = <u64>bytes | (1 << 16) | (<u64>nameLength << 32) | (<u64>valueLength << 48);
    const label = i64x2.replace_lane(i64x2.splat(hash), 1, counts ? lengths : <u64>bytes);
    v128.store(entry, label);
    sums = i64x2.add(sums, label);
    maxima = i16x8.max_u(maxima, label);
    entry += ENTRY_BYTES;
  }
  labelHashes = i64x2.extract_lane(sums, 0);
  labelCount = <u32>i16x8.extract_lane_u(sums, 5);
  longestName = <u32>i16x8.extract_lane_u(maxima, 6);
  longestValue = <u32>i16x8.extract_lane_u(maxima, 7);
  entriesEnd = entry;
  nameEntry = name < entry ? name : NONE;
  return next;
}

/** How many bytes are the same at both addresses, up to `end` of the first. May read 15 bytes past it. */
// @ts-ignore: decorator
@inline
function equalBytes(a: u32, b: u32, end: u32): u32 {
  const start = a;
  while (a < end) {
    const equal = <u32>i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
    if (equal !== 0xffff) {
      a += ctz(~equal);
      break;
    }
    a += 16;
    b += 16;
  }
  return min(a, end) - start;
}

/** One more label of the last series, written in another way than those in the table. */
export function addLabel(labelName: u32, nameLength: u32, value: u32, valueLength: u32): void {
  if (valueLength === 0) return;
  labelCount++;
  longestName = max<u32>(longestName, nameLength);
  longestValue = max<u32>(longestValue, valueLength);
  const valueHash = hashBytes(value, valueLength);
  if (!isNamed() && isNameLabel(labelName, nameLength)) {
    nameEntry = LABELS + ENTRIES_MAX * ENTRY_BYTES;
    metricHash = finish(valueHash);
    nameFlags = namedFlags(value, valueLength);
  }
  if (!isExcluded(labelName, nameLength)) {
    labelHashes += hashLabel(hashBytes(labelName, nameLength), valueHash);
  }
}
