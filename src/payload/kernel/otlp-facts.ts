/**
 * The hash and lengths of OTLP labels, label by label, so that series are judged without being written. Nearly all labels
 * of a data point are those of the one before, so what is known of them is kept.
 */
import { hashBytes, hashLabel } from './hash';
import { facts } from './otlp-layouts';
import { addEntry, listAt, listBytes } from './otlp-out';
import { isSame, NAME } from './otlp-texts';
import { isLabelName } from './rules';
import { isBefore, isUtf8 } from './text';

/**
 * For each label: the hash of both, the length of the value, whether it may be invalid (1), the hash of the name. Sixteen
 * bytes of it are added at once. The first entry is about all names: whether one may be invalid, the longest length, and
 * the total length.
 */
const FACT: u32 = 24;
const VALUE_LENGTH: usize = 8;
const ODD: usize = 12;
const NAME_HASH: usize = 16;
const LONGEST_NAME: usize = 16;
const NAME_BYTES: usize = 20;
/** An entry in the list of labels. */
const LABEL: u32 = 16;

/** Of all labels. */
export let labelHashes: u64 = 0;
export let labelCount: u32 = 0;
export let longestName: u32 = 0;
export let longestValue: u32 = 0;
export let labelBytes: u32 = 0;
/** A label may break a rule, or occur twice. */
export let hasOddLabel: bool = false;

/** Fills an empty list from sorted labels. `isOdd`: one is known to be. False: `fault` is set. */
export function makeFacts(at: u32, end: u32, isOdd: bool): bool {
  let longest: u32 = 0;
  let nameBytes: u32 = 0;
  let hasOddName = isOdd;
  if (addEntry(facts, FACT) === 0) return false;
  for (let label = at; label < end; label += LABEL) {
    const name = load<u32>(label);
    const length = load<u32>(label, 4);
    const fact = addEntry(facts, FACT);
    if (fact === 0) return false;
    store<u64>(fact, hashBytes(name, length), NAME_HASH);
    storeValue(fact, load<u32>(label, 8), load<u32>(label, 12));
    longest = max<u32>(longest, length);
    nameBytes += length;
    if (!isLabelName(name, length) || isSame(name, length, NAME, 8)) hasOddName = true;
    if (label > at && !isBefore(load<u32>(label - LABEL), load<u32>(label - LABEL, 4), name, length)) hasOddName = true;
  }
  const head = listAt(facts);
  store<u64>(head, 0);
  store<u32>(head, 0, VALUE_LENGTH);
  store<u32>(head, <u32>hasOddName, ODD);
  store<u32>(head, longest, LONGEST_NAME);
  store<u32>(head, nameBytes, NAME_BYTES);
  return true;
}

/** For the label at offset `label` of the list, whose value has changed. */
// @ts-ignore: decorator
@inline
export function changeFact(label: u32, value: u32, length: u32): void {
  storeValue(listAt(facts) + FACT + (label / LABEL) * FACT, value, length);
}

// @ts-ignore: decorator
@inline
function storeValue(fact: u32, value: u32, length: u32): void {
  store<u64>(fact, hashLabel(load<u64>(fact, NAME_HASH), hashBytes(value, length)));
  store<u32>(fact, length, VALUE_LENGTH);
  store<u32>(fact, <u32>!isUtf8(value, length), ODD);
}

export function addUpFacts(): void {
  let sums: v128 = i64x2.splat(0);
  let maxima: v128 = i32x4.splat(0);
  const end = listAt(facts) + listBytes(facts);
  for (let fact = listAt(facts); fact < end; fact += FACT) {
    const one = v128.load(fact);
    sums = i64x2.add(sums, one);
    maxima = i32x4.max_u(maxima, one);
  }
  labelHashes = i64x2.extract_lane(sums, 0);
  const head = listAt(facts);
  labelCount = listBytes(facts) / FACT - 1;
  longestName = load<u32>(head, LONGEST_NAME);
  labelBytes = load<u32>(head, NAME_BYTES) + <u32>i32x4.extract_lane(sums, 2) + 6 * labelCount;
  longestValue = i32x4.extract_lane(maxima, 2);
  hasOddLabel = i32x4.extract_lane(maxima, 3) !== 0;
}

