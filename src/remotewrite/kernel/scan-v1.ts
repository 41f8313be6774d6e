/** Remote Write 1.0: prometheus.WriteRequest. */
import { isExcluded } from './exclude';
import { finish, hashBytes, hashLabel } from './hash';
import { OTHER_VERSION, WIRE_TYPE } from './memory';
import {
  checkMessage,
  EXEMPLAR_V1,
  HISTOGRAM,
  isPlainSample,
  METADATA_V1,
  SAMPLE,
  setProtocol,
} from './messages';
import { addMetadata, beginSeries, endSeries, isNameLabel, namedFlags } from './records';
import { cursor, fail, fault, readLength, readTag, seek, skipField, WIRE_BYTES } from './wire';

const WRITE_REQUEST_TIMESERIES: u32 = 1;
const WRITE_REQUEST_METADATA: u32 = 3;
/** Symbols and series of version 2: read as unknown fields, a whole push would pass for nothing. Mimir refuses it, too. */
const VERSION_2_SYMBOLS: u32 = 4;
const VERSION_2_TIMESERIES: u32 = 5;
const SERIES_LABELS: u32 = 1;
const SERIES_SAMPLES: u32 = 2;
const SERIES_EXEMPLARS: u32 = 3;
const SERIES_HISTOGRAMS: u32 = 4;
const LABEL_NAME: u32 = 1;
const LABEL_VALUE: u32 = 2;

/** Walks a whole body. Look at `fault` afterwards. */
export function scanVersion1(body: u32, end: u32): void {
  setProtocol(false, 0);
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const field = tag >>> 3;
    if (field === VERSION_2_SYMBOLS || field === VERSION_2_TIMESERIES) {
      fail(OTHER_VERSION, at);
      return;
    }
    if (field !== WRITE_REQUEST_TIMESERIES && field !== WRITE_REQUEST_METADATA) {
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
    if (field === WRITE_REQUEST_TIMESERIES) {
      scanSeries(at, body, cursor + length);
    } else {
      addMetadata();
      checkMessage(METADATA_V1, cursor + length);
    }
    if (fault !== 0) return;
  }
}

// The label that `readLabel` found.
let name: u32 = 0;
let nameLength: u32 = 0;
export let value: u32 = 0;
export let valueLength: u32 = 0;

function scanSeries(at: u32, body: u32, end: u32): void {
  const full = beginSeries();
  if (full !== 0) {
    fail(full, at);
    return;
  }
  let hashSum: u64 = 0;
  let metricHash: u64 = 0;
  let labels: u32 = 0;
  let longestName: u32 = 0;
  let longestValue: u32 = 0;
  let samples: u32 = 0;
  let histograms: u32 = 0;
  let exemplars: u32 = 0;
  let flags: u32 = 0;

  let next = cursor;
  while (next < end) {
    let labelName: u32;
    let labelNameLength: u32;
    let labelValue: u32;
    let labelValueLength: u32;

    // The short way, for a label as every sender writes it: tag, length, tag, name, tag, value, each length in one
    // byte, nothing else in it.
    const head = load<u32>(next);
    const fieldEnd = next + 2 + ((head >>> 8) & 0xff);
    labelNameLength = head >>> 24;
    labelName = next + 4;
    labelValue = labelName + labelNameLength + 2;
    const valueHead = <u32>load<u16>(labelValue - 2);
    labelValueLength = valueHead >>> 8;
    if (
      (head & 0x80ff80ff) === 0x000a000a &&
      (valueHead & 0x80ff) === 0x0012 &&
      labelValue + labelValueLength === fieldEnd &&
      fieldEnd <= end
    ) {
      next = fieldEnd;
    } else {
      seek(next);
      const tag = readTag(end);
      if (fault !== 0) return;
      const field = tag >>> 3;
      if (field > SERIES_HISTOGRAMS) {
        skipField(tag, end);
        if (fault !== 0) return;
        next = cursor;
        continue;
      }
      if ((tag & 7) !== WIRE_BYTES) {
        fail(WIRE_TYPE, next);
        return;
      }
      const length = readLength(end);
      if (fault !== 0) return;
      next = cursor + length;
      if (field === SERIES_SAMPLES) {
        samples++;
        if (isPlainSample(cursor, length)) continue;
        checkMessage(SAMPLE, next);
        if (fault !== 0) return;
        continue;
      }
      if (field !== SERIES_LABELS) {
        if (field === SERIES_EXEMPLARS) exemplars++;
        else histograms++;
        checkMessage(field === SERIES_EXEMPLARS ? EXEMPLAR_V1 : HISTOGRAM, next);
        if (fault !== 0) return;
        continue;
      }
      readLabel(next);
      if (fault !== 0) return;
      labelName = name;
      labelNameLength = nameLength;
      labelValue = value;
      labelValueLength = valueLength;
    }

    // As in Mimir, a label without a value is no label.
    if (labelValueLength === 0) continue;
    labels++;
    longestName = max<u32>(longestName, labelNameLength);
    longestValue = max<u32>(longestValue, labelValueLength);
    const valueHash = hashBytes(labelValue, labelValueLength);
    if (isNameLabel(labelName, labelNameLength) && flags === 0) {
      metricHash = finish(valueHash);
      flags = namedFlags(labelValue, labelValueLength);
    }
    if (isExcluded(labelName, labelNameLength)) continue;
    hashSum += hashLabel(hashBytes(labelName, labelNameLength), valueHash);
  }
  seek(next);
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
  );
}

/** Looks for the value of one label in a sound series, into the globals above. False: it has none. */
export function findLabelVersion1(wanted: u32, wantedLength: u32, end: u32): bool {
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 !== SERIES_LABELS) {
      skipField(tag, end);
      continue;
    }
    const length = readLength(end);
    readLabel(cursor + length);
    if (valueLength > 0 && nameLength === wantedLength && memory.compare(name, wanted, wantedLength) === 0) return true;
  }
  return false;
}

/** Reads a label message, however it is written, into the globals above. */
function readLabel(end: u32): void {
  name = cursor;
  nameLength = 0;
  value = cursor;
  valueLength = 0;
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const field = tag >>> 3;
    if (field > LABEL_VALUE) {
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
    // A field that is given twice has its last value, as everywhere in protobuf.
    if (field === LABEL_NAME) {
      name = cursor;
      nameLength = length;
    } else {
      value = cursor;
      valueLength = length;
    }
    seek(cursor + length);
  }
}
