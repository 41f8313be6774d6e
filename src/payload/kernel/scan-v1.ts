/** Remote Write 1.0: prometheus.WriteRequest. */
import {
  addLabel,
  forgetLabels,
  isNamed,
  labelCount,
  labelHashes,
  longestName,
  longestValue,
  metricHash,
  nameFlags,
  readLabels,
} from './labels-v1';
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
import { addMetadata, beginSeries, endSeries } from './records';
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

/** Tag and length of a sample as every sender writes it, its timestamp in six bytes. */
const PLAIN_SAMPLE: u32 = 0x1012;

/** Walks a whole body. Look at `fault` afterwards. */
export function scanVersion1(body: u32, end: u32): void {
  setProtocol(false, 0);
  forgetLabels();
  while (cursor < end) {
    const at = cursor;
    // As every sender writes a series: its tag, and two bytes for its length.
    const head = load<u32>(at);
    const seriesEnd = at + 3 + (((head >>> 8) & 0x7f) | ((head >>> 9) & 0x3f80));
    if ((head & 0x8080ff) === 0x00800a && seriesEnd <= end) {
      seek(at + 3);
      scanSeries(at, body, seriesEnd);
      if (fault !== 0) return;
      continue;
    }
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

function scanSeries(at: u32, body: u32, end: u32): void {
  const full = beginSeries();
  if (full !== 0) {
    fail(full, at);
    return;
  }
  let samples: u32 = 0;
  let histograms: u32 = 0;
  let exemplars: u32 = 0;
  let next = readLabels(cursor, end);
  while (next < end) {
    if (<u32>load<u16>(next) === PLAIN_SAMPLE && next + 18 <= end && isPlainSample(next + 2, 16)) {
      samples++;
      next += 18;
      continue;
    }
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
    switch (field) {
      case SERIES_LABELS:
        readLabel(next);
        if (fault === 0) addLabel(name, nameLength, value, valueLength);
        break;
      case SERIES_SAMPLES:
        samples++;
        if (!isPlainSample(cursor, length)) checkMessage(SAMPLE, next);
        break;
      case SERIES_EXEMPLARS:
        exemplars++;
        checkMessage(EXEMPLAR_V1, next);
        break;
      default:
        histograms++;
        checkMessage(HISTOGRAM, next);
    }
    if (fault !== 0) return;
  }
  seek(end);
  const named = isNamed();
  endSeries(
    at - body,
    end - at,
    labelHashes,
    named ? metricHash : 0,
    labelCount,
    longestName,
    longestValue,
    samples,
    histograms,
    exemplars,
    named ? nameFlags : 0,
    0,
    i64.MAX_VALUE,
    i64.MIN_VALUE,
    0,
    0,
  );
}

// The label that `readLabel` found.
let name: u32 = 0;
let nameLength: u32 = 0;
export let value: u32 = 0;
export let valueLength: u32 = 0;

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
