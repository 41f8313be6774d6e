/** Remote Write 1.0: prometheus.WriteRequest. */
import { findPair, isPairWanted } from './ha-pair';
import { name, nameLength, readLabel, value, valueLength } from './label-walk';
import { addLabel, readLabels } from './labels-v1';
import { forgetLabels } from './last-labels';
import { OTHER_VERSION, WIRE_TYPE } from './memory';
import {
  checkMessage,
  checkPoint,
  clearMetadata,
  endOfPlain,
  EXEMPLAR_V1,
  HISTOGRAM,
  METADATA_V1,
  metadataNameLength,
  metadataUnitLength,
  plainTimestamp,
  SAMPLE,
  setProtocol,
  timestamp,
} from './messages';
import { addMetadata, beginSeries } from './records';
import { closeSeries } from './series-end';
import { addExemplar, addHistogram, addSample, beginPoints, setOnlySample } from './series-points';
import { cursor, fail, fault, readLength, readTag, seek, skipField, WIRE_BYTES } from './wire';

const WRITE_REQUEST_TIMESERIES: u32 = 1;
const WRITE_REQUEST_METADATA: u32 = 3;
/** Symbols and series of version 2: as unknown fields they would make a whole push look empty. Mimir refuses them, too. */
const VERSION_2_SYMBOLS: u32 = 4;
const VERSION_2_TIMESERIES: u32 = 5;
const SERIES_LABELS: u32 = 1;
const SERIES_SAMPLES: u32 = 2;
const SERIES_EXEMPLARS: u32 = 3;
const SERIES_HISTOGRAMS: u32 = 4;

/** The unknown field at the end of OTLP series: kernel/otlp-out.ts. */
const ORIGIN: u32 = 0x79;
const ORIGIN_BYTES: u32 = 9;

/** Scans a whole body. Check `fault` afterwards. */
export function scanVersion1(body: u32, end: u32): void {
  setProtocol(false, 0);
  forgetLabels();
  while (cursor < end) {
    const at = cursor;
    // The usual head of a series: its tag, and a length of two bytes.
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
      clearMetadata();
      checkMessage(METADATA_V1, cursor + length);
      if (fault !== 0) return;
      addMetadata(metadataNameLength, metadataUnitLength);
    }
    if (fault !== 0) return;
  }
}

/** A series whose field begins at `at`, and whose content begins at the cursor. */
export function scanSeries(at: u32, body: u32, end: u32): void {
  const full = beginSeries();
  if (full !== 0) {
    fail(full, at);
    return;
  }
  const content = cursor;
  if (isPairWanted) findPair(content, end);
  const next = readLabels(content, end);
  if (next < end && endOfPlain(next) === end) {
    setOnlySample(plainTimestamp);
  } else {
    scanPoints(next, end);
    if (fault !== 0) return;
  }
  closeSeries(body, at, content, end);
  seek(end);
}

/** Scans what a series has from `next` on: its samples, histograms and exemplars, and labels that are encoded differently. */
function scanPoints(next: u32, end: u32): void {
  beginPoints();
  while (next < end) {
    const plainEnd = endOfPlain(next);
    if (plainEnd !== 0 && plainEnd <= end) {
      addSample(plainTimestamp);
      next = plainEnd;
      continue;
    }
    if (<u32>load<u8>(next) === ORIGIN && next + ORIGIN_BYTES <= end) {
      next += ORIGIN_BYTES;
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
        checkPoint(SAMPLE, next);
        addSample(timestamp);
        break;
      case SERIES_EXEMPLARS:
        addExemplar();
        checkMessage(EXEMPLAR_V1, next);
        break;
      default:
        checkPoint(HISTOGRAM, next);
        addHistogram(timestamp);
    }
    if (fault !== 0) return;
  }
}
