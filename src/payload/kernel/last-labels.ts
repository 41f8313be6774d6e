/**
 * What is known of the labels of the last series, however its version writes them. kernel/labels-v1.ts and labels-v2.ts find
 * it out, each with a table that has an entry of 32 bytes for each of these labels, of which these are the same in both.
 *
 *   u64  hash of name and value; 0 for the label that the series hash leaves out
 *   u8   at 14: 1 where the name may not be, or does not come after the one before it; 2 where the value may not be
 *   u8   at 15: 1 for the label that the series hash leaves out
 *   u64  at 16: hash of the name, stirred; the last eight bytes are unused
 *
 * The scans read the exported variables; only functions here write them, and the ones that are called for every series are
 * inlined.
 */
import { finish } from './hash';
import { LABELS } from './memory';
import { namedFlags } from './records';

export const ENTRY_BYTES: u32 = 32;
export const ENTRIES_END: u32 = LABELS + 64 * ENTRY_BYTES;
export const NAME_HASH: usize = 16;
/** Where the marks of a label are in its entry, and what they say. */
export const MARKS: usize = 14;
export const ODD_NAME: u32 = 1;
export const ODD_VALUE: u32 = 2;
export const EXCLUDED_MARK: u32 = 0x100;
export const NO_ENTRY: u32 = 0xffffffff;

/** Where the last series' labels begin, where its entries end, and which of them gives it its name. */
export let first: u32 = 0;
export let entriesEnd: u32 = LABELS;
export let nameEntry: u32 = NO_ENTRY;
/** Of the last series, if it is named. */
export let metricHash: u64 = 0;
export let nameFlags: u32 = 0;

/** What the labels of the last series add up to, without the one that the hash leaves out. */
export let labelHashes: u64 = 0;
export let labelCount: u32 = 0;
/** A label of the last series may break a rule, or there is more than one that the hash leaves out. */
export let hasOddLabel: bool = false;
export let longestName: u32 = 0;
export let longestValue: u32 = 0;
/** Labels that are not in the table are of the series that begins here. */
let addedTo: u32 = 0;

/** A new body begins, or another label is left out from here on. */
export function forgetLabels(): void {
  addedTo = 0;
  entriesEnd = LABELS;
  nameEntry = NO_ENTRY;
}

/** The labels of a series begin at `at`. */
// @ts-ignore: decorator
@inline
export function beginLabels(at: u32): void {
  first = at;
}

// @ts-ignore: decorator
@inline
export function isNamed(): bool {
  return nameEntry !== NO_ENTRY;
}

/** The series has this metric name, whose hash is not finished. */
// @ts-ignore: decorator
@inline
export function takeName(name: u32, length: u32, hash: u64): void {
  metricHash = finish(hash);
  nameFlags = namedFlags(name, length);
}

/** The labels up to `entry` are in the table. `name`: the entry of the metric's name, if it is one of them. */
// @ts-ignore: decorator
@inline
export function endLabels(
  entry: u32,
  name: u32,
  hashes: u64,
  excluded: u32,
  isOdd: bool,
  mostInName: u32,
  mostInValue: u32,
): void {
  labelHashes = hashes;
  labelCount = (entry - LABELS) / ENTRY_BYTES - excluded;
  hasOddLabel = isOdd;
  longestName = mostInName;
  longestValue = mostInValue;
  entriesEnd = entry;
  nameEntry = name < entry ? name : NO_ENTRY;
}

/** True once for a series: when the first label is added to it that is not in the table. */
export function isFirstAdded(): bool {
  if (addedTo === first) return false;
  addedTo = first;
  return true;
}

export function noteOddLabel(): void {
  hasOddLabel = true;
}

/** A label that is not in the table is the metric's name. */
export function addName(name: u32, length: u32, hash: u64): void {
  nameEntry = ENTRIES_END;
  takeName(name, length, hash);
}

export function noteLengths(nameLength: u32, valueLength: u32): void {
  longestName = max<u32>(longestName, nameLength);
  longestValue = max<u32>(longestValue, valueLength);
}

/** One more label, which is not in the table. */
export function addLabelHash(hash: u64): void {
  labelCount++;
  labelHashes += hash;
}
