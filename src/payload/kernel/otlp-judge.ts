/**
 * Judges series of OTLP by their labels, without writing them. A plain series gets its record here, the same as if it had
 * been written and scanned; any other is written to unused memory, scanned, and discarded.
 */
import { finish, hashBytes, hashLabel } from './hash';
import { align16, INPUT, SLOP } from './memory';
import { forgetLabels } from './last-labels';
import { hasOddLabel, labelBytes, labelCount, labelHashes, longestName, longestValue } from './otlp-facts';
import { setProtocol } from './messages';
import { keepBeside, ORIGIN_BYTES, out, moveOut, spare } from './otlp-out';
import { NAME } from './otlp-texts';
import { beginPush, endSeries, isFull, lastRow, moveRecords, namedFlags, RECORD_BYTES, RECORD_EXEMPLARS, recordAt, setFreeMemory } from './records';
import { isCountFine, isMetricName, maxNameLength, maxValueLength, newest, oldest } from './rules';
import { scanSeries } from './scan-v1';
import { fault, seek } from './wire';

/** Data points take more bytes than this, so records have to be moved only if there are more series than that suggests. */
const BYTES_OF_SERIES: u32 = 64;
const LEAST_RECORDS: u32 = 64;
/** What a written series has besides labels. */
const OTHER_BYTES: u32 = 64;

/** The number of records for which there is room. */
let room: u32 = 0;

// The name of the metric, with an ending, as a label.
let nameHash: u64 = 0;
export let metricHash: u64 = 0;
let nameFlags: u32 = 0;
let nameLength: u32 = 0;
let isOddName: bool = false;

// One more label.
let extraHash: u64 = 0;
let extraNameLength: u32 = 0;
let extraValueLength: u32 = 0;

/** A body of this length begins. False: `fault` is set. */
export function beginJudging(bytes: u32, maxSeries: u32): bool {
  room = 0;
  setProtocol(false, 0);
  beginPush(0, maxSeries);
  return makeRoom(min(maxSeries, LEAST_RECORDS + bytes / BYTES_OF_SERIES));
}

function makeRoom(records: u32): bool {
  const at = keepBeside(records * RECORD_BYTES);
  if (at === 0) return false;
  moveRecords(at, records);
  room = records;
  return true;
}

/** Call between series only. False: `fault` is set. */
// @ts-ignore: decorator
@inline
export function hasRecord(): bool {
  return !isFull() || makeRoom(room * 2);
}

/** The name of the following series. */
export function nameSeries(at: u32, length: u32): void {
  const hash = hashBytes(at, length);
  nameHash = hashLabel(hashBytes(NAME, 8), hash);
  metricHash = finish(hash);
  nameLength = length;
  nameFlags = namedFlags(at, length);
  isOddName = length === 0 || !isMetricName(at, length);
}

/** An additional label of the following series; no other label has its name. */
export function addLabel(name: u32, length: u32, value: u32, valueLength: u32): void {
  extraHash = hashLabel(hashBytes(name, length), hashBytes(value, valueLength));
  extraNameLength = length;
  extraValueLength = valueLength;
}

export function removeLabel(): void {
  extraHash = 0;
  extraNameLength = 0;
  extraValueLength = 0;
}

/** Adds a series of one sample. False: it is not plain, or `fault` is set. There must be room for its record. */
export function judgePlain(origin: u32, originLength: u32, timestamp: i64): bool {
  const labels = labelCount + 1 + <u32>(extraNameLength !== 0);
  const longName = max<u32>(longestName, max<u32>(8, extraNameLength));
  const longValue = max<u32>(longestValue, max<u32>(nameLength, extraValueLength));
  const isOdd =
    <u32>hasOddLabel |
    <u32>isOddName |
    <u32>!isCountFine(labels) |
    <u32>(longName > maxNameLength) |
    <u32>(longValue > maxValueLength) |
    <u32>(timestamp < oldest) |
    <u32>(timestamp > newest);
  if (isOdd !== 0) return false;
  if (!spare(labelBytes + nameLength + extraNameLength + extraValueLength + OTHER_BYTES)) return false;
  endSeries(
    origin,
    originLength,
    labelHashes + nameHash + extraHash,
    metricHash,
    labels,
    longName,
    longValue,
    1,
    0,
    0,
    nameFlags,
    timestamp,
    timestamp,
  );
  return true;
}

/** A series was written from `at` on, including its origin. It is only kept if it will be read again. */
export function judgeWritten(at: u32): void {
  const end = out;
  // Its length has two or five bytes.
  seek(at + ((load<u32>(at) & 0x8080ff) === 0x00800a ? 3 : 6));
  forgetLabels();
  setFreeMemory(align16(end + SLOP));
  scanSeries(at, INPUT, end);
  if (fault !== 0) return;
  const record = recordAt(lastRow());
  if (load<u32>(record, RECORD_EXEMPLARS) > 0) return;
  pointAtOrigin(record, end);
  moveOut(at);
}

/** All series are judged. */
export function endJudging(): void {
  setFreeMemory(align16(out + SLOP));
}

/** Makes the records of series that are written in `body` point to their data points. */
export function pointAtOrigins(body: u32, isAll: bool): void {
  const rows = lastRow() + 1;
  for (let row: u32 = 0; row < rows; row++) {
    const record = recordAt(row);
    if (!isAll && load<u32>(record, RECORD_EXEMPLARS) === 0) continue;
    pointAtOrigin(record, body + load<u32>(record) + load<u32>(record, 4));
  }
}

function pointAtOrigin(record: u32, end: u32): void {
  store<u64>(record, load<u64>(end - ORIGIN_BYTES + 1));
}
