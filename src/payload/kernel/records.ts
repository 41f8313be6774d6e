/** One record for each series, and the push's totals and maxima. The layout is that of src/payload/push.ts. */
import { finish } from './hash';
import {
  align16,
  OK,
  OUT_OF_MEMORY,
  RESULT_EXEMPLARS,
  RESULT_FAULTY,
  RESULT_GREATEST_TIMESTAMP,
  RESULT_HISTOGRAMS,
  RESULT_INVALID_METADATA,
  RESULT_LEAST_TIMESTAMP,
  RESULT_LONGEST_NAME,
  RESULT_LONGEST_VALUE,
  RESULT_METADATA,
  RESULT_METADATA_FAULT,
  RESULT_MOST_LABELS,
  RESULT_MOST_PLAIN_LABELS,
  RESULT_RECORDS,
  RESULT_SAMPLES,
  RESULT_SERIES,
  RESULT_UNCHARGED,
  RESULT_UNNAMED,
  reserve,
  TOO_MANY_SERIES,
} from './memory';
import { judgeMetadata, NO_FAULT } from './rules';

export const RECORD_BYTES: u32 = 80;
const RECORD_LABELS: usize = 24;
const RECORD_SAMPLES: usize = 36;
export const RECORD_EXEMPLARS: usize = 44;
const RECORD_FLAGS: usize = 48;
const RECORD_FAULT: usize = 52;
const RECORD_LEAST: usize = 56;
const RECORD_GREATEST: usize = 64;
const RECORD_UNCHARGED: usize = 72;
const RECORD_DATA_FAULT: usize = 76;
const FLAG_NAMED: u32 = 1;
const FLAG_INFO: u32 = 2;
/** The HA replica label was removed according to the series' own labels: kernel/ha-pairs.ts. */
export const FLAG_FROM_PAIR: u32 = 4;
/** The flags that identify a series' pair. */
const PAIR_FLAGS: u32 = 0xffff0004;

/** Memory is taken for this many records at a time. */
const RECORDS_STEP: u32 = 4096;

/** "__name__", and the "_info" that ends an info metric's name, as little-endian words. */
export const NAME_LABEL: u64 = 0x5f5f656d616e5f5f;
const INFO_SUFFIX_HEAD: u32 = 0x666e695f;
const INFO_SUFFIX_LAST: u32 = 0x6f;

let table: u32 = 0;
let room: u32 = 0;
/** Where memory is free; 0: after the records. */
let freeFrom: u32 = 0;
let maxSeries: u32 = 0;

let series: u32 = 0;
let metadata: u32 = 0;
let invalidMetadata: u32 = 0;
let metadataFault: u32 = 0;

export function beginPush(at: u32, most: u32): void {
  table = at;
  room = 0;
  freeFrom = 0;
  maxSeries = most;
  series = 0;
  metadata = 0;
  invalidMetadata = 0;
  metadataFault = 0;
}

/** Moves the records to memory with room for this many. */
export function moveRecords(to: u32, count: u32): void {
  memory.copy(to, table, series * RECORD_BYTES);
  table = to;
  room = count;
}

// @ts-ignore: decorator
@inline
export function isFull(): bool {
  return series === room;
}

export function setFreeMemory(at: u32): void {
  freeFrom = at;
}

/** Adds up the records. */
export function endPush(): void {
  let most: v128 = i32x4.splat(0);
  let sums: v128 = i32x4.splat(0);
  let least: i64 = i64.MAX_VALUE;
  let greatest: i64 = i64.MIN_VALUE;
  let faulty: u32 = 0;
  let uncharged: u32 = 0;
  let mostPlain: u32 = 0;
  const end = table + series * RECORD_BYTES;
  for (let at = table; at < end; at += RECORD_BYTES) {
    most = i32x4.max_u(most, v128.load(at, RECORD_LABELS));
    sums = i32x4.add(sums, v128.and(v128.load(at, RECORD_SAMPLES), i32x4(-1, -1, -1, FLAG_NAMED)));
    least = min<i64>(least, load<i64>(at, RECORD_LEAST));
    greatest = max<i64>(greatest, load<i64>(at, RECORD_GREATEST));
    faulty += <u32>((load<u32>(at, RECORD_FAULT) | load<u32>(at, RECORD_DATA_FAULT)) !== 0);
    uncharged += load<u32>(at, RECORD_UNCHARGED);
    // 0 for an info series, without a branch.
    const plainMask = ((load<u32>(at, RECORD_FLAGS) & FLAG_INFO) >> 1) - 1;
    mostPlain = max<u32>(mostPlain, load<u32>(at, RECORD_LABELS) & plainMask);
  }
  store<u32>(RESULT_RECORDS, table);
  store<u32>(RESULT_SERIES, series);
  store<u32>(RESULT_SAMPLES, i32x4.extract_lane(sums, 0));
  store<u32>(RESULT_HISTOGRAMS, i32x4.extract_lane(sums, 1));
  store<u32>(RESULT_EXEMPLARS, i32x4.extract_lane(sums, 2));
  store<u32>(RESULT_METADATA, metadata);
  store<u32>(RESULT_MOST_LABELS, i32x4.extract_lane(most, 0));
  store<u32>(RESULT_MOST_PLAIN_LABELS, mostPlain);
  store<u32>(RESULT_LONGEST_NAME, i32x4.extract_lane(most, 1));
  store<u32>(RESULT_LONGEST_VALUE, i32x4.extract_lane(most, 2));
  store<u32>(RESULT_UNNAMED, series - i32x4.extract_lane(sums, 3));
  store<i64>(RESULT_LEAST_TIMESTAMP, least);
  store<i64>(RESULT_GREATEST_TIMESTAMP, greatest);
  store<u32>(RESULT_FAULTY, faulty);
  store<u32>(RESULT_UNCHARGED, uncharged);
  store<u32>(RESULT_INVALID_METADATA, invalidMetadata);
  store<u32>(RESULT_METADATA_FAULT, metadataFault);
}

/** More of a series' points are not charged than its record says. */
export function addUncharged(record: u32, points: u32): void {
  store<u32>(record, load<u32>(record, RECORD_UNCHARGED) + points, RECORD_UNCHARGED);
  store<u32>(RESULT_UNCHARGED, load<u32>(RESULT_UNCHARGED) + points);
}

export function addMetadata(nameLength: u32, unitLength: u32): void {
  metadata++;
  const broken = judgeMetadata(nameLength, unitLength);
  if (broken === NO_FAULT) return;
  invalidMetadata++;
  if (metadataFault === NO_FAULT) metadataFault = broken;
}

/** Makes room for one more series. */
export function beginSeries(): u32 {
  if (series === maxSeries) return TOO_MANY_SERIES;
  if (series === room) {
    room += RECORDS_STEP;
    if (!reserve(<u64>table + <u64>room * RECORD_BYTES)) return OUT_OF_MEMORY;
  }
  return OK;
}

// @ts-ignore: decorator
@inline
export function isNameLabel(name: u32, length: u32): bool {
  return length === 8 && load<u64>(name) === NAME_LABEL;
}

/** The flags of a series with this metric name. */
// @ts-ignore: decorator
@inline
export function namedFlags(name: u32, length: u32): u32 {
  const isInfo =
    length >= 5 &&
    load<u32>(name + length - 5) === INFO_SUFFIX_HEAD &&
    <u32>load<u8>(name + length - 1) === INFO_SUFFIX_LAST;
  return isInfo ? FLAG_NAMED | FLAG_INFO : FLAG_NAMED;
}

// @ts-ignore: decorator
@inline
export function isInfo(flags: u32): bool {
  return (flags & FLAG_INFO) !== 0;
}

/** The replica label was removed according to the series' own labels. */
export function isFromPair(record: u32): bool {
  return (load<u32>(record, 48) & FLAG_FROM_PAIR) !== 0;
}

/** Unused memory, until the next record is added. */
export function freeMemory(): u32 {
  return freeFrom !== 0 ? freeFrom : align16(table + room * RECORD_BYTES);
}

/** Writes the record of a series without any fault. */
// @ts-ignore: decorator
@inline
export function endSeries(
  offset: u32,
  length: u32,
  hashSum: u64,
  metricHash: u64,
  labels: u32,
  longestName: u32,
  longestValue: u32,
  samples: u32,
  histograms: u32,
  exemplars: u32,
  flags: u32,
  leastTimestamp: i64,
  greatestTimestamp: i64,
): void {
  const at = table + series * RECORD_BYTES;
  series++;
  store<u32>(at, offset);
  store<u32>(at + 4, length);
  store<u64>(at + 8, finish(hashSum));
  store<u64>(at + 16, metricHash);
  store<u32>(at + 24, labels);
  store<u32>(at + 28, longestName);
  store<u32>(at + 32, longestValue);
  store<u32>(at + 36, samples);
  store<u32>(at + 40, histograms);
  store<u32>(at + 44, exemplars);
  store<u64>(at + 48, flags);
  store<i64>(at + 56, leastTimestamp);
  store<i64>(at + 64, greatestTimestamp);
  store<u64>(at + 72, 0);
}

export function lastRow(): u32 {
  return series - 1;
}

/** Adds the results of a closer look at a series' samples and histograms. */
export function notePoints(row: u32, uncharged: u32, fault: u32): void {
  const at = recordAt(row);
  store<u32>(at, uncharged, RECORD_UNCHARGED);
  store<u32>(at, fault, RECORD_DATA_FAULT);
}

// @ts-ignore: decorator
@inline
export function recordAt(row: u32): u32 {
  return table + row * RECORD_BYTES;
}

/** Replaces what a record says about labels after they were rewritten. */
export function rewriteRecord(
  row: u32,
  hashSum: u64,
  metricHash: u64,
  labels: u32,
  longestName: u32,
  longestValue: u32,
  flags: u32,
  fault: u32,
): void {
  const at = recordAt(row);
  store<u64>(at + 8, finish(hashSum));
  store<u64>(at + 16, metricHash);
  store<u32>(at + 24, labels);
  store<u32>(at + 28, longestName);
  store<u32>(at + 32, longestValue);
  store<u32>(at + 48, flags | (load<u32>(at, 48) & PAIR_FLAGS));
  store<u32>(at + 52, fault);
}
