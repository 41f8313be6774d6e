/**
 * Remote Write 2.0: io.prometheus.write.v2.Request. Series name their labels by places in a symbols table, which is read
 * and hashed before they are scanned.
 */
import { addFamily } from './families';
import { findPair, isExcluded, isPairWanted } from './ha-pair';
import { finish, hashLabel } from './hash';
import { isOddHistogram } from './histogram-rules';
import { LABELS, ODD_REFS, SYMBOL_REF, WIRE_TYPE } from './memory';
import {
  checkMessage,
  checkPoint,
  clearMetadata,
  endOfPlain,
  EXEMPLAR_V2,
  HISTOGRAM,
  METADATA_V2,
  metadataSaysSomething,
  metadataUnit,
  plainTimestamp,
  SAMPLE,
  timestamp,
} from './messages';
import { beginSeries, isNameLabel, namedFlags } from './records';
import { closeSeries } from './series-end';
import {
  LENGTH_BITS,
  namesLabel,
  namesMetric,
  NO_UTF8,
  REQUEST_TIMESERIES,
  SYMBOL_BYTES,
  symbolCount,
  symbolLength,
  symbols,
} from './symbols';
import { isBefore } from './text';
import { cursor, fail, fault, readLength, readTag, readVarint32, seek, skipField, skipVarint, WIRE_BYTES, WIRE_VARINT } from './wire';

const SERIES_LABELS_REFS: u32 = 1;
const SERIES_SAMPLES: u32 = 2;
const SERIES_HISTOGRAMS: u32 = 3;
const SERIES_EXEMPLARS: u32 = 4;
const SERIES_CREATED_TIMESTAMP: u32 = 6;

/** Walks a whole body. Look at `fault` afterwards. */
export function scanVersion2(body: u32, end: u32): void {
  memory.fill(LABELS, 0xff, NAMES_END - LABELS + 4);
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    if (tag >>> 3 !== REQUEST_TIMESERIES) {
      skipField(tag, end);
      if (fault !== 0) return;
      continue;
    }
    if ((tag & 7) !== WIRE_BYTES) {
      fail(WIRE_TYPE, at);
      return;
    }
    const length = readLength(end);
    if (fault !== 0) return;
    scanSeries(at, body, cursor + length);
    if (fault !== 0) return;
  }
}

// The series that is being scanned. References may come packed, singly, or both, so they are taken one by one.
const NO_REF: u32 = 0xffffffff;
let nameRef: u32 = NO_REF;
let hashSum: u64 = 0;
let metricHash: u64 = 0;
let metricName: u32 = 0;
let metricNameLength: u32 = 0;
let labels: u32 = 0;
let longestName: u32 = 0;
let longestValue: u32 = 0;
let flags: u32 = 0;
/** A label may break a rule, or there is more than one that the hash leaves out. */
let hasOddLabel: bool = false;

// Series name the same labels one after another, so which of them come in order is looked into once: LABELS has the names
// of the series before, as far as each came after the one before it.
const NAMES_END: u32 = LABELS + 64 * 4;
/** Where the name of the next label that has a value is, or would be, and that of the last one. */
let slot: u32 = LABELS;
let lastName: u32 = NO_REF;
/** The last name was at its place in the series before, too. */
let isLastKnown: bool = true;

function scanSeries(at: u32, body: u32, end: u32): void {
  const full = beginSeries();
  if (full !== 0) {
    fail(full, at);
    return;
  }
  nameRef = NO_REF;
  hashSum = 0;
  metricHash = 0;
  metricNameLength = 0;
  labels = 0;
  longestName = 0;
  longestValue = 0;
  flags = 0;
  hasOddLabel = false;
  slot = LABELS;
  lastName = NO_REF;
  isLastKnown = true;
  clearMetadata();
  let samples: u32 = 0;
  let histograms: u32 = 0;
  let exemplars: u32 = 0;
  let leastTimestamp: i64 = i64.MAX_VALUE;
  let greatestTimestamp: i64 = i64.MIN_VALUE;
  let lastSample: i64 = 0;
  let lastHistogram: i64 = 0;
  let hasOddPoint = false;
  const content = cursor;
  if (isPairWanted) findPair(content, end);

  while (cursor < end) {
    const fieldAt = cursor;
    const plainEnd = endOfPlain(fieldAt);
    if (plainEnd !== 0 && plainEnd <= end) {
      hasOddPoint = hasOddPoint || (samples > 0 && plainTimestamp <= lastSample);
      lastSample = plainTimestamp;
      leastTimestamp = min<i64>(leastTimestamp, plainTimestamp);
      greatestTimestamp = max<i64>(greatestTimestamp, plainTimestamp);
      samples++;
      seek(plainEnd);
      continue;
    }
    const tag = readTag(end);
    if (fault !== 0) return;
    const field = tag >>> 3;
    if (field === SERIES_LABELS_REFS) {
      scanRefs(tag & 7, fieldAt, end);
    } else if (field === SERIES_CREATED_TIMESTAMP) {
      if ((tag & 7) !== WIRE_VARINT) fail(WIRE_TYPE, fieldAt);
      else skipVarint(end);
    } else if (field > SERIES_CREATED_TIMESTAMP) {
      skipField(tag, end);
    } else if ((tag & 7) !== WIRE_BYTES) {
      fail(WIRE_TYPE, fieldAt);
    } else {
      const length = readLength(end);
      if (fault !== 0) return;
      if (field === SERIES_SAMPLES) {
        checkPoint(SAMPLE, cursor + length);
        hasOddPoint = hasOddPoint || (samples > 0 && timestamp <= lastSample);
        lastSample = timestamp;
        leastTimestamp = min<i64>(leastTimestamp, timestamp);
        greatestTimestamp = max<i64>(greatestTimestamp, timestamp);
        samples++;
      } else if (field === SERIES_HISTOGRAMS) {
        checkPoint(HISTOGRAM, cursor + length);
        hasOddPoint = hasOddPoint || isOddHistogram() || (histograms > 0 && timestamp <= lastHistogram);
        lastHistogram = timestamp;
        leastTimestamp = min<i64>(leastTimestamp, timestamp);
        greatestTimestamp = max<i64>(greatestTimestamp, timestamp);
        histograms++;
      } else if (field === SERIES_EXEMPLARS) {
        exemplars++;
        checkMessage(EXEMPLAR_V2, cursor + length);
      } else {
        checkMessage(METADATA_V2, cursor + length);
      }
    }
    if (fault !== 0) return;
  }
  if (nameRef !== NO_REF) {
    fail(ODD_REFS, at);
    return;
  }
  if (metadataSaysSomething && metricNameLength > 0) {
    // Where no unit is given there is none, whatever the first symbol is.
    const unitLength = metadataUnit === 0 ? 0 : symbolLength(symbols + metadataUnit * SYMBOL_BYTES);
    addFamily(metricName, metricNameLength, unitLength);
  }
  closeSeries(
    body,
    at,
    content,
    end,
    hashSum,
    metricHash,
    labels,
    longestName,
    longestValue,
    samples,
    histograms,
    exemplars,
    flags,
    hasOddLabel,
    leastTimestamp,
    greatestTimestamp,
    hasOddPoint,
  );
  seek(end);
}

function scanRefs(wire: u32, at: u32, parentEnd: u32): void {
  if (wire === WIRE_VARINT) {
    takeRefs(parentEnd, true);
    return;
  }
  if (wire !== WIRE_BYTES) {
    fail(WIRE_TYPE, at);
    return;
  }
  const length = readLength(parentEnd);
  if (fault === 0) takeRefs(cursor + length, false);
}

/** The labels' hot loop: what changes with each reference is held in locals, and written back at the end. */
function takeRefs(end: u32, single: bool): void {
  let next = cursor;
  let name = nameRef;
  let sum = hashSum;
  let count = labels;
  let mostName = longestName;
  let mostValue = longestValue;
  let odd: u32 = hasOddLabel ? NO_UTF8 : 0;
  let nameSlot = slot;
  let last = lastName;
  let wasKnown = isLastKnown;
  do {
    const at = next;
    if (next >= end && !single) break;
    // One or two bytes hold any reference that senders make; the rest goes the long way.
    let ref = <u32>load<u16>(next);
    if ((ref & 0x80) === 0 && next < end) {
      ref &= 0x7f;
      next += 1;
    } else if ((ref & 0x8080) === 0x80 && next + 1 < end) {
      ref = (ref & 0x7f) | ((ref >>> 8) << 7);
      next += 2;
    } else {
      seek(next);
      ref = readVarint32(end);
      if (fault !== 0) return;
      next = cursor;
    }
    if (ref >= symbolCount) {
      fail(SYMBOL_REF, at);
      return;
    }
    if (name === NO_REF) {
      name = ref;
      continue;
    }
    const nameEntry = symbols + name * SYMBOL_BYTES;
    const valueEntry = symbols + ref * SYMBOL_BYTES;
    const labelName = name;
    name = NO_REF;
    const valueWord = load<u32>(valueEntry + 4);
    const valueLength = valueWord & LENGTH_BITS;
    const nameAt = load<u32>(nameEntry);
    const nameWord = load<u32>(nameEntry + 4);
    const nameLength = nameWord & LENGTH_BITS;
    const excluded = isExcluded(nameAt, nameLength);
    // As in Mimir, a label without a value is no label; but of those that are left out it is the first, with one or without.
    if (valueLength === 0) {
      if (excluded) odd = NO_UTF8;
      continue;
    }
    const isKnown = nameSlot < NAMES_END && load<u32>(nameSlot) === labelName;
    if (!(isKnown && wasKnown) && !comesNext(nameSlot, last, labelName, isKnown)) odd = NO_UTF8;
    last = labelName;
    wasKnown = isKnown;
    nameSlot += 4;
    odd |= valueWord & NO_UTF8;
    if (!namesLabel(nameEntry, nameWord)) odd = NO_UTF8;
    mostName = max<u32>(mostName, nameLength);
    mostValue = max<u32>(mostValue, valueLength);
    if (excluded) continue;
    count++;
    if (flags === 0 && isNameLabel(nameAt, nameLength)) {
      takeName(valueEntry, valueLength);
      if (!namesMetric(valueEntry, valueWord)) odd = NO_UTF8;
    }
    sum += hashLabel(load<u64>(nameEntry + 8), load<u64>(valueEntry + 8));
  } while (!single);
  seek(next);
  nameRef = name;
  hashSum = sum;
  labels = count;
  longestName = mostName;
  longestValue = mostValue;
  hasOddLabel = odd !== 0;
  slot = nameSlot;
  lastName = last;
  isLastKnown = wasKnown;
}

/** The name of the series' next label comes after that of the last one. */
function comesNext(at: u32, last: u32, name: u32, isKnown: bool): bool {
  const isNext = last === NO_REF || isNameBefore(last, name);
  if (at < NAMES_END) {
    store<u32>(at, isNext ? name : NO_REF);
    // What came after another name says nothing of this one: a series may end here.
    if (!isKnown) store<u32>(at + 4, NO_REF);
  }
  return isNext;
}

function isNameBefore(a: u32, b: u32): bool {
  const first = symbols + a * SYMBOL_BYTES;
  const second = symbols + b * SYMBOL_BYTES;
  return isBefore(load<u32>(first), symbolLength(first), load<u32>(second), symbolLength(second));
}

function takeName(entry: u32, length: u32): void {
  const value = load<u32>(entry);
  metricHash = finish(load<u64>(entry + 8));
  flags = namedFlags(value, length);
  metricName = value;
  metricNameLength = length;
}
