/**
 * The labels of a series of version 2: references to symbols, a name's and a value's in turn. As in kernel/labels-v1.ts,
 * most are, byte for byte, those at the same place in the series before: these are compared, sixteen bytes at a time, and
 * what is known of them is kept. Equal references are equal labels, so this changes no result.
 *
 * The table (kernel/last-labels.ts) has the labels as far as they stand in one list, in references of up to three bytes. An
 * entry has between hash and marks:
 *
 *   u8   bytes of both references
 *   u8   bytes of the name's
 *   u16  length of the name
 *   u16  length of the value
 */
import { isExcluded } from './ha-pair';
import { finish, hashLabel, stir } from './hash';
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
import { LABELS, SYMBOL_REF } from './memory';
import { isNameLabel } from './records';
import { isPlainMetricName } from './rules';
import {
  LENGTH_BITS,
  namesLabel,
  namesMetric,
  NO_UTF8,
  SYMBOL_BYTES,
  SYMBOL_HASH,
  SYMBOL_LENGTH,
  symbolCount,
  symbolLength,
  symbols,
} from './symbols';
import { endOfSame, isBefore } from './text';
import { cursor, fail, fault, readVarint32 } from './wire';

/** Offsets within an entry. */
const WHAT: usize = 8;
const REFS_BYTES: usize = 8;
const NAME_BYTES: usize = 9;
/** The longest length that fits into an entry. */
const LENGTH_MOST: u32 = 0xffff;
const NO_REF: u32 = 0xffffffff;

/** The name of the last series, if it is named. */
export let metricName: u32 = 0;
export let metricNameLength: u32 = 0;
/** A name whose value has not come yet. */
let nameRef: u32 = NO_REF;
/** The symbol of the last label's name, if the last series has labels that are not in the table; 0: none. */
let lastSymbol: u32 = 0;

/** The last series ended with a name without a value. */
// @ts-ignore: decorator
@inline
export function isNameLeft(): bool {
  return nameRef !== NO_REF;
}

/**
 * Begins a series, and reads the packed references that every sender writes first. Returns where the first one is that has
 * to be read by `addRefs`. This loop calls nothing, so it stays in registers.
 */
export function readRefs(next: u32, end: u32): u32 {
  const last = entriesEnd;
  const name = nameEntry;
  let before = first;
  let entry = LABELS;
  let hashes: u64 = 0;
  let sums: v128 = i64x2.splat(0);
  let maxima: v128 = i16x8.splat(0);
  let marksOfAll: v128 = i16x8.splat(0);
  beginLabels(next);
  nameRef = NO_REF;
  while (next < end) {
    if (entry === last) return readOn(next, end, entry, name, hashes, sums, maxima, marksOfAll);
    const ahead = next - before;
    const sameUntil = endOfSame(next, before, end);
    do {
      const after = next + <u32>load<u8>(entry, REFS_BYTES);
      if (after > sameUntil) break;
      next = after;
      const label = v128.load(entry);
      sums = i64x2.add(sums, label);
      maxima = i16x8.max_u(maxima, label);
      marksOfAll = v128.or(marksOfAll, label);
      entry += ENTRY_BYTES;
    } while (entry < last);
    before = next - ahead;
    if (next >= end) break;
    if (entry === last) continue;

    // In nearly every series the names are those of the series before.
    const nameBytes = <u32>load<u8>(entry, NAME_BYTES);
    const differs = (load<u32>(next) ^ load<u32>(before)) << (32 - 8 * nameBytes);
    const word = load<u32>(next + nameBytes);
    const valueBytes = bytesOfRef(word);
    const after = next + nameBytes + valueBytes;
    const ref = refIn(word, valueBytes);
    if (differs !== 0 || valueBytes === 0 || after > end || ref >= symbolCount) {
      return readOn(next, end, entry, name, hashes, sums, maxima, marksOfAll);
    }
    const symbol = symbols + ref * SYMBOL_BYTES;
    // With a mark it exceeds every plain length.
    const valueLength = load<u32>(symbol, SYMBOL_LENGTH) & (LENGTH_BITS | NO_UTF8);
    const isPlain =
      valueLength - 1 < LENGTH_MOST && (entry !== name || isPlainMetricName(load<u32>(symbol), valueLength));
    if (!isPlain) return readOn(next, end, entry, name, hashes, sums, maxima, marksOfAll);
    if (entry === name) takeNameOf(symbol, valueLength);

    // What is known of the name stays valid, as it follows the same name as before.
    const marks = <u32>load<u16>(entry, MARKS) & ~ODD_VALUE;
    const hash = marks >= EXCLUDED_MARK ? 0 : finish(load<u64>(entry, NAME_HASH) + load<u64>(symbol, SYMBOL_HASH));
    hashes += hash;
    const what =
      (load<u64>(entry, WHAT) & 0x00000000ffffff00) |
      <u64>(nameBytes + valueBytes) |
      (<u64>valueLength << 32) |
      (<u64>marks << 48);
    const label = i64x2.splat(what);
    maxima = i16x8.max_u(maxima, label);
    marksOfAll = v128.or(marksOfAll, label);
    before += <u32>load<u8>(entry, REFS_BYTES);
    store<u64>(entry, hash);
    store<u64>(entry, what, WHAT);
    entry += ENTRY_BYTES;
    next = after;
  }
  endRefs(entry, name, hashes, sums, maxima, marksOfAll);
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
  marksOfAll: v128,
): u32 {
  if (name >= entry) name = NO_ENTRY;
  let before = symbolBefore(next, entry);
  while (next < end && entry !== ENTRIES_END) {
    const nameWord = load<u32>(next);
    const nameBytes = bytesOfRef(nameWord);
    const valueWord = load<u32>(next + nameBytes);
    const valueBytes = bytesOfRef(valueWord);
    const after = next + nameBytes + valueBytes;
    if (nameBytes === 0 || valueBytes === 0 || after > end) break;
    const nameRef = refIn(nameWord, nameBytes);
    const valueRef = refIn(valueWord, valueBytes);
    if (nameRef >= symbolCount || valueRef >= symbolCount) break;
    const symbol = symbols + nameRef * SYMBOL_BYTES;
    const value = symbols + valueRef * SYMBOL_BYTES;
    const nameLength = symbolLength(symbol);
    const valueLength = symbolLength(value);
    if (valueLength - 1 >= LENGTH_MOST || nameLength > LENGTH_MOST) break;

    const excluded = isExcluded(load<u32>(symbol), nameLength);
    const isName = name === NO_ENTRY && !excluded && isNameLabel(load<u32>(symbol), nameLength);
    if (isName) {
      name = entry;
      takeNameOf(value, valueLength);
    }
    const nameHash = load<u64>(symbol, SYMBOL_HASH);
    const hash = excluded ? 0 : hashLabel(nameHash, load<u64>(value, SYMBOL_HASH));
    hashes += hash;
    const odd = oddName(before, symbol) | oddValue(value, isName);
    const what =
      <u64>(nameBytes + valueBytes) |
      (<u64>nameBytes << 8) |
      (<u64>nameLength << 16) |
      (<u64>valueLength << 32) |
      (<u64>odd << 48) |
      (<u64>excluded << 56);
    const label = i64x2.splat(what);
    maxima = i16x8.max_u(maxima, label);
    marksOfAll = v128.or(marksOfAll, label);
    store<u64>(entry, hash);
    store<u64>(entry, what, WHAT);
    store<u64>(entry, stir(nameHash), NAME_HASH);
    entry += ENTRY_BYTES;
    before = symbol;
    next = after;
  }
  endRefs(entry, name, hashes, sums, maxima, marksOfAll);
  return next;
}

/** The length of the reference at the start of `word`; 0: more than three bytes. */
// @ts-ignore: decorator
@inline
function bytesOfRef(word: u32): u32 {
  const last = ~word & 0x808080;
  return last === 0 ? 0 : (ctz(last) + 1) >>> 3;
}

// @ts-ignore: decorator
@inline
function refIn(word: u32, bytes: u32): u32 {
  const bits = word & (0x7f7f7f >>> (24 - 8 * bytes));
  return (bits & 0x7f) | ((bits >>> 1) & 0x3f80) | ((bits >>> 2) & 0x1fc000);
}

// @ts-ignore: decorator
@inline
function endRefs(entry: u32, name: u32, hashes: u64, sums: v128, maxima: v128, marksOfAll: v128): void {
  const marks = <u32>i16x8.extract_lane_u(marksOfAll, 7);
  endLabels(
    entry,
    name,
    hashes + i64x2.extract_lane(sums, 0),
    marks >>> 8,
    (marks & (ODD_NAME | ODD_VALUE)) !== 0,
    <u32>i16x8.extract_lane_u(maxima, 5),
    <u32>i16x8.extract_lane_u(maxima, 6),
  );
}

/** The symbol of the name before `next`, whose entry is before `entry`; 0: none. */
function symbolBefore(next: u32, entry: u32): u32 {
  if (entry === LABELS) return 0;
  const last = entry - ENTRY_BYTES;
  const word = load<u32>(next - <u32>load<u8>(last, REFS_BYTES));
  return symbols + refIn(word, <u32>load<u8>(last, NAME_BYTES)) * SYMBOL_BYTES;
}

function oddName(before: u32, symbol: u32): u32 {
  if (!namesLabel(symbol, load<u32>(symbol, SYMBOL_LENGTH))) return ODD_NAME;
  if (before === 0) return 0;
  return isBefore(load<u32>(before), symbolLength(before), load<u32>(symbol), symbolLength(symbol)) ? 0 : ODD_NAME;
}

function oddValue(symbol: u32, isName: bool): u32 {
  const word = load<u32>(symbol, SYMBOL_LENGTH);
  const fine = (word & NO_UTF8) === 0 && (!isName || namesMetric(symbol, word));
  return fine ? 0 : ODD_VALUE;
}

/** Reads references from the cursor to `end`, or a single one, that are encoded differently from those in the table. */
export function addRefs(end: u32, single: bool): void {
  do {
    const at = cursor;
    if (at >= end && !single) return;
    const ref = readVarint32(end);
    if (fault !== 0) return;
    if (ref >= symbolCount) {
      fail(SYMBOL_REF, at);
      return;
    }
    if (nameRef === NO_REF) {
      nameRef = ref;
      continue;
    }
    addLabel(symbols + nameRef * SYMBOL_BYTES, symbols + ref * SYMBOL_BYTES);
    nameRef = NO_REF;
  } while (!single);
}

function addLabel(symbol: u32, value: u32): void {
  const nameLength = symbolLength(symbol);
  const valueLength = symbolLength(value);
  const excluded = isExcluded(load<u32>(symbol), nameLength);
  if (valueLength === 0) {
    // As in Mimir, a label without a value is no label; but the first label of the excluded name is the one that is
    // removed, even without a value.
    if (excluded) noteOddLabel();
    return;
  }
  if (isFirstAdded()) findLastSymbol();
  noteLengths(nameLength, valueLength);
  const isName = !isNamed() && !excluded && isNameLabel(load<u32>(symbol), nameLength);
  if ((oddName(lastSymbol, symbol) | oddValue(value, isName)) !== 0) noteOddLabel();
  lastSymbol = symbol;
  if (excluded) return;
  const valueHash = load<u64>(value, SYMBOL_HASH);
  if (isName) {
    placeName(value, valueLength);
    addName(metricName, metricNameLength, valueHash);
  }
  addLabelHash(hashLabel(load<u64>(symbol, SYMBOL_HASH), valueHash));
}

/** Finds the name of the last label in the table. */
function findLastSymbol(): void {
  let next = first;
  for (let entry = LABELS; entry < entriesEnd; entry += ENTRY_BYTES) next += <u32>load<u8>(entry, REFS_BYTES);
  lastSymbol = symbolBefore(next, entriesEnd);
}

// @ts-ignore: decorator
@inline
function takeNameOf(symbol: u32, length: u32): void {
  placeName(symbol, length);
  takeName(metricName, length, load<u64>(symbol, SYMBOL_HASH));
}

// @ts-ignore: decorator
@inline
function placeName(symbol: u32, length: u32): void {
  metricName = load<u32>(symbol);
  metricNameLength = length;
}
