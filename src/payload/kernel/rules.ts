/**
 * The tenant's rules for series, and which rule of Mimir's a series breaks. The binding writes the rules as f64 values in
 * the order of src/payload/kernel-instance.ts.
 */
import { RULES } from './memory';
import { compareTexts, isLegacyLabelName, isLegacyMetricName, isUtf8 } from './text';

// The same numbers as FAULT in src/payload/push.ts.
export const NO_FAULT: u32 = 0;
export const NO_LABELS: u32 = 1;
const NO_METRIC_NAME: u32 = 2;
const METRIC_NAME_INVALID: u32 = 3;
const TOO_MANY_LABELS: u32 = 4;
const TOO_MANY_INFO_LABELS: u32 = 5;
const LABEL_NAME_INVALID: u32 = 6;
const LABEL_NAME_TOO_LONG: u32 = 7;
const LABEL_VALUE_INVALID: u32 = 8;
const LABEL_VALUE_TOO_LONG: u32 = 9;
const DUPLICATE_LABEL: u32 = 10;
export const TOO_FAR_IN_FUTURE: u32 = 11;
export const TOO_FAR_IN_PAST: u32 = 12;
export const HISTOGRAM_SCHEMA: u32 = 13;
export const HISTOGRAM_BUCKETS: u32 = 14;
export const HISTOGRAM_NOT_REDUCIBLE: u32 = 15;
export const HISTOGRAM_CUSTOM_BUCKETS: u32 = 16;
const METADATA_NO_NAME: u32 = 17;
const METADATA_NAME_TOO_LONG: u32 = 18;
const METADATA_UNIT_TOO_LONG: u32 = 19;

let utf8Names: bool = true;
export let maxLabels: u32 = 0;
export let maxInfoLabels: u32 = 0;
export let maxNameLength: u32 = 0;
export let maxValueLength: u32 = 0;
export let maxExemplars: u32 = 0;
export let maxBuckets: u32 = 0;
export let reduceBuckets: bool = false;
export let maxMetadataLength: u32 = 0;
export let metadataNeedsName: bool = false;
/** The HA replica label is left out of series only if it is not longer than this. */
export let maxReplicaLength: u32 = 0;
/** Each series belongs to the HA pair in its own labels, not to that of the first series. */
export let isPairPerSeries: bool = false;
/** The oldest and newest timestamp that a sample may have. */
export let oldest: i64 = 0;
export let newest: i64 = 0;

export function readRules(): void {
  utf8Names = rule(0) !== 0;
  maxLabels = <u32>rule(1);
  maxInfoLabels = <u32>rule(2);
  maxNameLength = <u32>rule(3);
  maxValueLength = <u32>rule(4);
  maxExemplars = <u32>rule(5);
  maxBuckets = <u32>rule(6);
  reduceBuckets = rule(7) !== 0;
  maxMetadataLength = <u32>rule(8);
  metadataNeedsName = rule(9) !== 0;
  maxReplicaLength = <u32>rule(10);
  oldest = milliseconds(rule(11));
  newest = milliseconds(rule(12));
  isPairPerSeries = rule(13) !== 0;
}

// @ts-ignore: decorator
@inline
function rule(place: u32): f64 {
  return load<f64>(RULES + 8 * place);
}

/** Without a rule the number is infinite. */
function milliseconds(value: f64): i64 {
  if (value >= <f64>i64.MAX_VALUE) return i64.MAX_VALUE;
  return value <= <f64>i64.MIN_VALUE ? i64.MIN_VALUE : <i64>value;
}

// @ts-ignore: decorator
@inline
export function isMetricName(at: u32, length: u32): bool {
  return utf8Names ? length > 0 && isUtf8(at, length) : isLegacyMetricName(at, length);
}

/** The same for a name in ASCII. */
// @ts-ignore: decorator
@inline
export function isPlainMetricName(at: u32, length: u32): bool {
  return utf8Names || isLegacyMetricName(at, length);
}

// @ts-ignore: decorator
@inline
export function isLabelName(at: u32, length: u32): bool {
  return utf8Names ? length > 0 && isUtf8(at, length) : isLegacyLabelName(at, length);
}

/** False: with this many labels only an info series is valid. */
// @ts-ignore: decorator
@inline
export function isCountFine(labels: u32): bool {
  return labels - 1 < maxLabels;
}

/** The rules that come before those for single labels. `name`: of the metric; its length is 0 if there is none. */
export function judgeSeries(labels: u32, name: u32, nameLength: u32, isInfo: bool): u32 {
  if (labels === 0) return NO_LABELS;
  if (nameLength === 0) return NO_METRIC_NAME;
  if (!isMetricName(name, nameLength)) return METRIC_NAME_INVALID;
  if (labels <= maxLabels) return NO_FAULT;
  if (!isInfo) return TOO_MANY_LABELS;
  return labels > maxInfoLabels ? TOO_MANY_INFO_LABELS : NO_FAULT;
}

/** The rules for a metadata entry. */
export function judgeMetadata(nameLength: u32, unitLength: u32): u32 {
  if (metadataNeedsName && nameLength === 0) return METADATA_NO_NAME;
  if (nameLength > maxMetadataLength) return METADATA_NAME_TOO_LONG;
  return unitLength > maxMetadataLength ? METADATA_UNIT_TOO_LONG : NO_FAULT;
}

// A list of labels: addresses and lengths of name and value, u32 each.
export const LABEL_BYTES: u32 = 16;

/** The rules for single labels, which have values. Sorts the list as Mimir does; as much unused room follows it. */
export function judgeLabels(list: u32, count: u32): u32 {
  const end = list + count * LABEL_BYTES;
  if (!isSorted(list, end)) sort(list, count);
  let lastName: u32 = 0;
  let lastLength: u32 = 0;
  for (let at = list; at < end; at += LABEL_BYTES) {
    const name = load<u32>(at);
    const nameLength = load<u32>(at, 4);
    const valueLength = load<u32>(at, 12);
    if (!isLabelName(name, nameLength)) return LABEL_NAME_INVALID;
    if (nameLength > maxNameLength) return LABEL_NAME_TOO_LONG;
    if (!isUtf8(load<u32>(at, 8), valueLength)) return LABEL_VALUE_INVALID;
    if (valueLength > maxValueLength) return LABEL_VALUE_TOO_LONG;
    if (compareTexts(lastName, lastLength, name, nameLength) === 0) return DUPLICATE_LABEL;
    lastName = name;
    lastLength = nameLength;
  }
  return NO_FAULT;
}

function isSorted(list: u32, end: u32): bool {
  for (let at = list + LABEL_BYTES; at < end; at += LABEL_BYTES) {
    if (compareEntries(at - LABEL_BYTES, at) > 0) return false;
  }
  return true;
}

// @ts-ignore: decorator
@inline
function compareEntries(a: u32, b: u32): i32 {
  return compareTexts(load<u32>(a), load<u32>(a, 4), load<u32>(b), load<u32>(b, 4));
}

/** Merges runs of 1, 2, 4, … labels; the sort is stable. */
function sort(list: u32, count: u32): void {
  const bytes = count * LABEL_BYTES;
  let from = list;
  let to = list + bytes;
  for (let run = LABEL_BYTES; run < bytes; run *= 2) {
    for (let at: u32 = 0; at < bytes; at += 2 * run) {
      merge(from + at, from + min(at + run, bytes), from + min(at + 2 * run, bytes), to + at);
    }
    const sorted = to;
    to = from;
    from = sorted;
  }
  if (from !== list) memory.copy(list, from, bytes);
}

function merge(left: u32, middle: u32, end: u32, to: u32): void {
  let right = middle;
  while (left < middle || right < end) {
    const takeLeft = right === end || (left < middle && compareEntries(left, right) <= 0);
    const next = takeLeft ? left : right;
    v128.store(to, v128.load(next));
    to += LABEL_BYTES;
    if (takeLeft) left += LABEL_BYTES;
    else right += LABEL_BYTES;
  }
}
