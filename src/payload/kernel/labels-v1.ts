/**
 * The labels that a series of version 1 begins with. Senders put series in the order of their metrics and targets, so most
 * labels are, byte for byte, those at the same place in the series before: these are compared, sixteen bytes at a
 * time, and what is known of them is kept. Equal bytes are equal labels, so this changes no result.
 *
 * An entry of the table (kernel/last-labels.ts) has between hash and marks:
 *
 *   u32  how the label begins: tag, length of the field, tag, length of the name
 *   u16  what is between name and value: tag, length of the value
 *
 * Every length and every mark is a byte, so that one instruction finds the maxima of all.
 */
import { isExcluded } from './ha-pair';
import { beginHash, finish, hashBytes, hashLabel, hashWord, KEY_STEP, KEYS_OF_BYTES, lastWord, stir } from './hash';
import {
  addLabelHash,
  addName,
  beginLabels,
  endLabels,
  ENTRIES_END,
  entriesEnd,
  ENTRY_BYTES,
  EXCLUDED_MARK,
  first,
  isFirstAdded,
  isNamed,
  MARKS,
  NAME_HASH,
  nameEntry,
  NO_ENTRY,
  noteLengths,
  noteOddLabel,
  ODD_NAME,
  ODD_VALUE,
  takeName,
} from './last-labels';
import { LABELS } from './memory';
import { isNameLabel } from './records';
import { isLabelName, isMetricName, isPlainMetricName } from './rules';
import { endOfSame, isBefore, isUtf8 } from './text';

/** Offsets within an entry. */
const HEADS: usize = 8;
const FIELD_LENGTH: usize = 9;
const NAME_LENGTH: usize = 11;
/** The bytes between the start of a field and its name, and those plus the ones before its value. */
const BEFORE_NAME: u32 = 4;
const VALUE_HEADS: u32 = 6;
/** The bits of the field's length in the bytes before a name. */
const FIELD_LENGTH_BITS: u32 = 0xff00;
const HIGH_BITS: u64 = 0x8080808080808080;

/** The name of the last label, if the last series has labels that are not in the table. */
let lastName: u32 = 0;
let lastLength: u32 = 0;

/**
 * Reads the labels of a series in the encoding that every sender uses. Returns where the first field begins that is not a
 * label, or is encoded differently. In nearly every series the names are those of the series before; everything else is
 * left to `readOn`, so that this loop calls nothing and stays in registers.
 */
export function readLabels(next: u32, end: u32): u32 {
  const last = entriesEnd;
  const name = nameEntry;
  let before = first;
  let entry = LABELS;
  let hashes: u64 = 0;
  let sums: v128 = i64x2.splat(0);
  let maxima: v128 = i8x16.splat(0);
  beginLabels(next);
  while (next < end) {
    let sameUntil: u32 = 0;
    if (entry < last) {
      const ahead = next - before;
      sameUntil = endOfSame(next, before, end);
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

    const head = load<u32>(next);
    const nameLength = head >>> 24;
    const value = next + VALUE_HEADS + nameLength;
    const valueHead = <u32>load<u16>(value - 2);
    const valueLength = valueHead >>> 8;
    if (entry < last && value <= sameUntil) {
      // Only the value differs, and is as long as the one before it: all that stands before it has been checked there.
      if (value + valueLength > end) break;
    } else {
      if (!isUsual(head, valueHead, next, value, end)) break;
      if (
        entry === last ||
        ((head ^ load<u32>(entry, HEADS)) & ~FIELD_LENGTH_BITS) !== 0 ||
        !isSameName(next + BEFORE_NAME, before + BEFORE_NAME, nameLength)
      ) {
        return readOn(next, end, entry, name, hashes, sums, maxima);
      }
    }

    // Like `hashBytes`, and also ORs all bytes of the value.
    let valueHash = beginHash(valueLength);
    let bits: u64 = 0;
    let at = value;
    let keys = KEYS_OF_BYTES;
    const rest = value + (valueLength & ~7);
    while (at < rest) {
      const word = load<u64>(at);
      bits |= word;
      valueHash += hashWord(word, keys);
      at += 8;
      keys += KEY_STEP;
    }
    const word = lastWord(at, valueLength);
    valueHash += hashWord(word, keys);
    if (((bits | word) & HIGH_BITS) !== 0) return readOn(next, end, entry, name, hashes, sums, maxima);
    if (entry === name) {
      if (!isPlainMetricName(value, valueLength)) return readOn(next, end, entry, name, hashes, sums, maxima);
      takeName(value, valueLength, valueHash);
    }

    // What is known of the name stays valid, as it follows the same name as before.
    const marks = <u32>load<u16>(entry, MARKS) & ~ODD_VALUE;
    const hash = marks >= EXCLUDED_MARK ? 0 : finish(load<u64>(entry, NAME_HASH) + valueHash);
    hashes += hash;
    const heads = <u64>head | (<u64>valueHead << 32) | (<u64>marks << 48);
    maxima = i8x16.max_u(maxima, i64x2.splat(heads));
    before += 2 + <u32>load<u8>(entry, FIELD_LENGTH);
    store<u64>(entry, hash);
    store<u64>(entry, heads, HEADS);
    entry += ENTRY_BYTES;
    next = value + valueLength;
  }
  endTable(entry, name, hashes, sums, maxima);
  return next;
}

/** Reads the labels from `next` on, for which the series before does not help. */
function readOn(
  next: u32,
  end: u32,
  entry: u32,
  name: u32,
  hashes: u64,
  sums: v128,
  maxima: v128,
): u32 {
  if (name >= entry) name = NO_ENTRY;
  while (next < end) {
    const head = load<u32>(next);
    const nameLength = head >>> 24;
    const value = next + VALUE_HEADS + nameLength;
    const valueHead = <u32>load<u16>(value - 2);
    if (!isUsual(head, valueHead, next, value, end) || entry === ENTRIES_END) break;
    const valueLength = valueHead >>> 8;
    const valueHash = hashBytes(value, valueLength);
    const excluded = isExcluded(next + BEFORE_NAME, nameLength);
    const isName = name === NO_ENTRY && !excluded && isNameLabel(next + BEFORE_NAME, nameLength);
    if (isName) {
      name = entry;
      takeName(value, valueLength, valueHash);
    }
    const nameHash = hashBytes(next + BEFORE_NAME, nameLength);
    const hash = excluded ? 0 : hashLabel(nameHash, valueHash);
    hashes += hash;
    const odd = oddName(next, entry) | oddValue(value, valueLength, isName);
    const heads = <u64>head | (<u64>valueHead << 32) | (<u64>odd << 48) | (<u64>excluded << 56);
    maxima = i8x16.max_u(maxima, i64x2.splat(heads));
    store<u64>(entry, hash);
    store<u64>(entry, heads, HEADS);
    store<u64>(entry, stir(nameHash), NAME_HASH);
    entry += ENTRY_BYTES;
    next = value + valueLength;
  }
  endTable(entry, name, hashes, sums, maxima);
  return next;
}

/**
 * The usual encoding: tag, length, tag, name, tag, value, each length in one byte, nothing else. As in Mimir, a label
 * without a value is no label; it is handled elsewhere.
 */
// @ts-ignore: decorator
@inline
function isUsual(head: u32, valueHead: u32, next: u32, value: u32, end: u32): bool {
  const after = next + 2 + ((head >>> 8) & 0xff);
  const valueLength = valueHead >>> 8;
  const differs = ((head & 0x80ff80ff) ^ 0x000a000a) | ((valueHead & 0x80ff) ^ 0x0012) | ((value + valueLength) ^ after);
  return differs === 0 && valueLength !== 0 && after <= end;
}

// @ts-ignore: decorator
@inline
function endTable(entry: u32, name: u32, hashes: u64, sums: v128, maxima: v128): void {
  endLabels(
    entry,
    name,
    hashes + i64x2.extract_lane(sums, 0),
    <u32>i8x16.extract_lane_u(maxima, 15),
    i8x16.extract_lane_u(maxima, 14) !== 0,
    <u32>i8x16.extract_lane_u(maxima, 11),
    <u32>i8x16.extract_lane_u(maxima, 13),
  );
}

/** The address of the name before `next`, whose entry is before `entry`. */
// @ts-ignore: decorator
@inline
function nameBefore(next: u32, entry: u32): u32 {
  return next - 2 - <u32>load<u8>(entry - ENTRY_BYTES, FIELD_LENGTH) + BEFORE_NAME;
}

/** For the label at `next`, which belongs to `entry`. */
function oddName(next: u32, entry: u32): u32 {
  const name = next + BEFORE_NAME;
  const length = <u32>load<u8>(next, BEFORE_NAME - 1);
  if (!isLabelName(name, length)) return ODD_NAME;
  if (entry === LABELS) return 0;
  const lengthBefore = <u32>load<u8>(entry - ENTRY_BYTES, NAME_LENGTH);
  return isBefore(nameBefore(next, entry), lengthBefore, name, length) ? 0 : ODD_NAME;
}

function oddValue(value: u32, length: u32, isName: bool): u32 {
  const fine = isName ? isMetricName(value, length) : isUtf8(value, length);
  return fine ? 0 : ODD_VALUE;
}

/** Compares two names of this length. Reads up to 15 bytes past them. */
// @ts-ignore: decorator
@inline
function isSameName(a: u32, b: u32, length: u32): bool {
  while (true) {
    const differ = ~(<u32>i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)))) & 0xffff;
    if (differ !== 0) return ctz(differ) >= length;
    if (length <= 16) return true;
    a += 16;
    b += 16;
    length -= 16;
  }
}

/** Adds a label of the last series that is encoded differently from those in the table. */
export function addLabel(labelName: u32, nameLength: u32, value: u32, valueLength: u32): void {
  const excluded = isExcluded(labelName, nameLength);
  if (valueLength === 0) {
    // Mimir removes the first label of that name, even without a value.
    if (excluded) noteOddLabel();
    return;
  }
  if (isFirstAdded()) findLastName();
  noteLengths(nameLength, valueLength);
  const isName = !isNamed() && !excluded && isNameLabel(labelName, nameLength);
  if (
    oddValue(value, valueLength, isName) !== 0 ||
    !isLabelName(labelName, nameLength) ||
    !isBefore(lastName, lastLength, labelName, nameLength)
  ) {
    noteOddLabel();
  }
  lastName = labelName;
  lastLength = nameLength;
  if (excluded) return;
  const valueHash = hashBytes(value, valueLength);
  if (isName) addName(value, valueLength, valueHash);
  addLabelHash(hashLabel(hashBytes(labelName, nameLength), valueHash));
}

/** Finds the name of the last label in the table. */
function findLastName(): void {
  lastName = first;
  lastLength = 0;
  let next = first;
  for (let entry = LABELS; entry < entriesEnd; entry += ENTRY_BYTES) {
    lastName = next + BEFORE_NAME;
    lastLength = <u32>load<u8>(entry, NAME_LENGTH);
    next += 2 + <u32>load<u8>(entry, FIELD_LENGTH);
  }
}
