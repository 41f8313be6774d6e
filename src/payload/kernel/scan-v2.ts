/**
 * Remote Write 2.0: io.prometheus.write.v2.Request. Series name their labels by places in a symbols table, which may
 * stand anywhere in the body: a first pass finds and hashes the symbols, a second one scans the series.
 */

import { isExcluded } from './exclude';
import { finish, hashBytes, hashLabel } from './hash';
import { align16, ODD_REFS, OTHER_VERSION, OUT_OF_MEMORY, reserve, SYMBOL_REF, TOO_MANY_SYMBOLS, WIRE_TYPE } from './memory';
import {
  checkMessage,
  clearMetadata,
  EXEMPLAR_V2,
  HISTOGRAM,
  isPlainSample,
  METADATA_V2,
  metadataSaysSomething,
  metadataType,
  SAMPLE,
  setProtocol,
} from './messages';
import { addMetadata, beginSeries, endSeries, isNameLabel, namedFlags } from './records';
import { cursor, fail, fault, readLength, readTag, readVarint32, seek, skipField, skipVarint, WIRE_BYTES, WIRE_VARINT } from './wire';

const REQUEST_SYMBOLS: u32 = 4;
const REQUEST_TIMESERIES: u32 = 5;
/** Series and metadata of version 1: not for here, as in Mimir. */
const VERSION_1_TIMESERIES: u32 = 1;
const VERSION_1_METADATA: u32 = 3;
const SERIES_LABELS_REFS: u32 = 1;
const SERIES_SAMPLES: u32 = 2;
const SERIES_HISTOGRAMS: u32 = 3;
const SERIES_EXEMPLARS: u32 = 4;
const SERIES_CREATED_TIMESTAMP: u32 = 6;

/** Two bytes in the body make a symbol, sixteen here hold it: this bounds the table at 64 MiB. */
const SYMBOLS_MAX: u32 = 4 << 20;
/** Per symbol: address, length, hash. */
const SYMBOL_BYTES: u32 = 16;

/** Series that `readSymbols` passed on its way. */
export let seriesFound: u32 = 0;

let symbols: u32 = 0;
let symbolCount: u32 = 0;
/** A set of metric families that have metadata: Mimir counts one entry a family. */
let families: u32 = 0;
let familiesMask: u32 = 0;

/** Finds the symbols and makes the tables. Returns the first free address after them; 0 when `fault` is set. */
export function readSymbols(free: u32, end: u32): u32 {
  const start = cursor;
  seriesFound = 0;
  symbols = align16(free);
  symbolCount = 0;
  let room: u32 = 0;
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return 0;
    const field = tag >>> 3;
    if (field === VERSION_1_TIMESERIES || field === VERSION_1_METADATA) return fail(OTHER_VERSION, at);
    if (field === REQUEST_TIMESERIES) seriesFound++;
    if (field !== REQUEST_SYMBOLS) {
      skipField(tag, end);
      if (fault !== 0) return 0;
      continue;
    }
    if ((tag & 7) !== WIRE_BYTES) return fail(WIRE_TYPE, at);
    const length = readLength(end);
    if (fault !== 0) return 0;
    if (symbolCount === SYMBOLS_MAX) return fail(TOO_MANY_SYMBOLS, at);
    if (symbolCount === room) {
      room += 4096;
      if (!reserve(<u64>symbols + <u64>room * SYMBOL_BYTES)) return fail(OUT_OF_MEMORY, at);
    }
    const entry = symbols + symbolCount * SYMBOL_BYTES;
    store<u32>(entry, cursor);
    store<u32>(entry + 4, length);
    store<u64>(entry + 8, hashBytes(cursor, length));
    symbolCount++;
    seek(cursor + length);
  }
  seek(start);
  setProtocol(true, symbolCount);
  families = symbols + symbolCount * SYMBOL_BYTES;
  return families;
}

/**
 * Makes the set of families, empty, for at most `series` series. Returns the first free address after it; 0 when
 * memory is out.
 */
export function prepareFamilies(series: u32): u32 {
  let slots: u32 = 16;
  while (slots < series * 2) slots *= 2;
  if (!reserve(<u64>families + <u64>slots * 8)) return 0;
  memory.fill(families, 0, slots * 8);
  familiesMask = slots - 1;
  return families + slots * 8;
}

/** Walks a whole body. Look at `fault` afterwards. */
export function scanVersion2(body: u32, end: u32): void {
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
  clearMetadata();
  let samples: u32 = 0;
  let histograms: u32 = 0;
  let exemplars: u32 = 0;

  while (cursor < end) {
    const fieldAt = cursor;
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
        samples++;
        if (isPlainSample(cursor, length)) seek(cursor + length);
        else checkMessage(SAMPLE, cursor + length);
      } else if (field === SERIES_HISTOGRAMS) {
        histograms++;
        checkMessage(HISTOGRAM, cursor + length);
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
  if (metadataSaysSomething && metricNameLength > 0) addFamily(familyHash(metricName, metricNameLength));
  endSeries(
    at - body,
    end - at,
    hashSum,
    metricHash,
    labels,
    longestName,
    longestValue,
    samples,
    histograms,
    exemplars,
    flags,
    0,
    i64.MAX_VALUE,
    i64.MIN_VALUE,
    0,
    0,
  );
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
    name = NO_REF;
    const valueLength = load<u32>(valueEntry + 4);
    // As in Mimir, a label without a value is no label.
    if (valueLength === 0) continue;
    const nameAt = load<u32>(nameEntry);
    const nameLength = load<u32>(nameEntry + 4);
    count++;
    mostName = max<u32>(mostName, nameLength);
    mostValue = max<u32>(mostValue, valueLength);
    if (flags === 0 && isNameLabel(nameAt, nameLength)) takeName(valueEntry, valueLength);
    if (isExcluded(nameAt, nameLength)) continue;
    sum += hashLabel(load<u64>(nameEntry + 8), load<u64>(valueEntry + 8));
  } while (!single);
  seek(next);
  nameRef = name;
  hashSum = sum;
  labels = count;
  longestName = mostName;
  longestValue = mostValue;
}

/** The symbol that `findLabelVersion2` found. */
export let value: u32 = 0;
export let valueLength: u32 = 0;

/** Looks for the value of one label in a sound series. False: it has none. */
export function findLabelVersion2(wanted: u32, wantedLength: u32, end: u32): bool {
  nameRef = NO_REF;
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 !== SERIES_LABELS_REFS) {
      skipField(tag, end);
      continue;
    }
    const refsEnd = (tag & 7) === WIRE_BYTES ? readLength(end) + cursor : cursor + 1;
    while (cursor < refsEnd) {
      const ref = readVarint32(end);
      if (nameRef === NO_REF) {
        nameRef = ref;
        continue;
      }
      const nameEntry = symbols + nameRef * SYMBOL_BYTES;
      const valueEntry = symbols + ref * SYMBOL_BYTES;
      nameRef = NO_REF;
      value = load<u32>(valueEntry);
      valueLength = load<u32>(valueEntry + 4);
      const isWanted =
        valueLength > 0 &&
        load<u32>(nameEntry + 4) === wantedLength &&
        memory.compare(load<u32>(nameEntry), wanted, wantedLength) === 0;
      if (isWanted) return true;
    }
  }
  return false;
}

function takeName(entry: u32, length: u32): void {
  const value = load<u32>(entry);
  metricHash = finish(load<u64>(entry + 8));
  flags = namedFlags(value, length);
  metricName = value;
  metricNameLength = length;
}

// MetricType in io.prometheus.write.v2.Metadata.
const HISTOGRAM_TYPE: u32 = 3;
const GAUGE_HISTOGRAM_TYPE: u32 = 4;
const SUMMARY_TYPE: u32 = 5;

/** A histogram or summary is one family under its series' suffixes; which those are, its type says, as in Mimir. */
function familyHash(name: u32, length: u32): u64 {
  let cut: u32 = 0;
  if (metadataType === HISTOGRAM_TYPE || metadataType === SUMMARY_TYPE) {
    if (metadataType === HISTOGRAM_TYPE && endsInBucket(name, length)) cut = 7;
    else if (endsInCount(name, length)) cut = 6;
    else if (endsInSum(name, length)) cut = 4;
  } else if (metadataType === GAUGE_HISTOGRAM_TYPE) {
    if (endsInBucket(name, length)) cut = 7;
    else if (length > 7 && load<u16>(name + length - 7) === 0x675f && isCount(name + length - 5)) cut = 7;
    else if (length > 5 && load<u16>(name + length - 5) === 0x675f && isSum(name + length - 3)) cut = 5;
  }
  return finish(hashBytes(name, length - cut)) | 1;
}

function endsInBucket(name: u32, length: u32): bool {
  return length > 7 && load<u32>(name + length - 7) === 0x6375625f && load<u32>(name + length - 4) === 0x74656b63;
}

function endsInCount(name: u32, length: u32): bool {
  return length > 6 && load<u8>(name + length - 6) === 0x5f && isCount(name + length - 5);
}

function endsInSum(name: u32, length: u32): bool {
  return length > 4 && load<u8>(name + length - 4) === 0x5f && isSum(name + length - 3);
}

function isCount(at: u32): bool {
  return load<u32>(at) === 0x6e756f63 && load<u8>(at + 4) === 0x74;
}

function isSum(at: u32): bool {
  return load<u16>(at) === 0x7573 && load<u8>(at + 2) === 0x6d;
}

/** Counts the metadata of a family once. */
function addFamily(family: u64): void {
  let slot = <u32>family & familiesMask;
  while (true) {
    const entry = families + slot * 8;
    const there = load<u64>(entry);
    if (there === family) return;
    if (there === 0) {
      store<u64>(entry, family);
      addMetadata();
      return;
    }
    slot = (slot + 1) & familiesMask;
  }
}
