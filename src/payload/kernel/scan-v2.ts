/**
 * Remote Write 2.0: io.prometheus.write.v2.Request. Series refer to labels by indexes into a table of symbols, which is
 * read and hashed first.
 */
import { addFamily } from './families';
import { findPair, isPairWanted } from './ha-pair';
import { addRefs, isNameLeft, metricName, metricNameLength, readRefs } from './labels-v2';
import { forgetLabels, isNamed } from './last-labels';
import { ODD_REFS, WIRE_TYPE } from './memory';
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
import { beginSeries } from './records';
import { closeSeries } from './series-end';
import { addExemplar, addHistogram, addSample, beginPoints } from './series-points';
import { REQUEST_TIMESERIES, SYMBOL_BYTES, symbolLength, symbols } from './symbols';
import { cursor, fail, fault, readLength, readTag, seek, skipField, skipVarint, WIRE_BYTES, WIRE_VARINT } from './wire';

const SERIES_LABELS_REFS: u32 = 1;
const SERIES_SAMPLES: u32 = 2;
const SERIES_HISTOGRAMS: u32 = 3;
const SERIES_EXEMPLARS: u32 = 4;
const SERIES_CREATED_TIMESTAMP: u32 = 6;

/** The tag of packed references, before a length of one byte: how every sender's series begin. */
const PACKED_REFS: u32 = 0x0a;

/** Scans a whole body. Check `fault` afterwards. */
export function scanVersion2(body: u32, end: u32): void {
  forgetLabels();
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

function scanSeries(at: u32, body: u32, end: u32): void {
  const full = beginSeries();
  if (full !== 0) {
    fail(full, at);
    return;
  }
  clearMetadata();
  beginPoints();
  const content = cursor;
  if (isPairWanted) findPair(content, end);
  const head = <u32>load<u16>(content);
  const refsEnd = content + 2 + (head >>> 8);
  if ((head & 0x80ff) === PACKED_REFS && refsEnd <= end) {
    seek(readRefs(content + 2, refsEnd));
    addRefs(refsEnd, false);
    if (fault !== 0) return;
  } else {
    readRefs(content, content);
  }

  while (cursor < end) {
    const fieldAt = cursor;
    const plainEnd = endOfPlain(fieldAt);
    if (plainEnd !== 0 && plainEnd <= end) {
      addSample(plainTimestamp);
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
        addSample(timestamp);
      } else if (field === SERIES_HISTOGRAMS) {
        checkPoint(HISTOGRAM, cursor + length);
        addHistogram(timestamp);
      } else if (field === SERIES_EXEMPLARS) {
        addExemplar();
        checkMessage(EXEMPLAR_V2, cursor + length);
      } else {
        checkMessage(METADATA_V2, cursor + length);
      }
    }
    if (fault !== 0) return;
  }
  if (isNameLeft()) {
    fail(ODD_REFS, at);
    return;
  }
  if (metadataSaysSomething && isNamed()) {
    // An index of 0 means that there is no unit, whatever the first symbol is.
    const unitLength = metadataUnit === 0 ? 0 : symbolLength(symbols + metadataUnit * SYMBOL_BYTES);
    addFamily(metricName, metricNameLength, unitLength);
  }
  closeSeries(body, at, content, end);
  seek(end);
}

function scanRefs(wire: u32, at: u32, parentEnd: u32): void {
  if (wire === WIRE_VARINT) {
    addRefs(parentEnd, true);
    return;
  }
  if (wire !== WIRE_BYTES) {
    fail(WIRE_TYPE, at);
    return;
  }
  const length = readLength(parentEnd);
  if (fault === 0) addRefs(cursor + length, false);
}
