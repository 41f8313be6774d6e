/**
 * Converts an OpenTelemetry ExportMetricsServiceRequest to the prometheus.WriteRequest that Mimir makes of it, series by
 * series. What Mimir would complain about is skipped, as in Mimir.
 */
import { finish } from './hash';
import { KEYS, RESULT_FIRST_SKIPPED, RESULT_POINTS, RESULT_SKIPPED_POINTS, WIRE_TYPE } from './memory';
import { checkOtlp, ENTITY, KEY_VALUE } from './otlp-check';
import { beginExemplars } from './otlp-exemplars';
import {
  EXPONENTIAL,
  GAUGE,
  HISTOGRAM,
  SKIP_LABEL_NAME,
  SKIP_METRIC_NAME,
  SKIP_NO_DATA,
  SKIP_NO_POINTS,
  SKIP_TEMPORALITY,
  SUMMARY,
  SUMS,
} from './otlp-kinds';
import {
  addTo,
  forgetScope,
  RESOURCE,
  SCOPE,
  setScopeName,
  setScopeSchema,
  setScopeVersion,
  takeResource,
  takeScope,
} from './otlp-given';
import { forgetLabelLists, forgetLabels, hashLabels, isNameless, makeTargetLabels } from './otlp-labels';
import { forgetUnits, made, madeLength, makeMetricName, makeUnit } from './otlp-names';
import { beginJudging } from './otlp-judge';
import { takeDelta, writesSeries } from './otlp-options';
import { addEntry, beginOut, emptyList, forgetList, keep, listAt, listBytes, writeSample } from './otlp-out';
import { beginPoints, readPoint, time, translatePoint } from './otlp-points';
import { beginSeries, beginSeriesOut, endSeries, setMetric, setPoint } from './otlp-series';
import { TARGET_HELP, TARGET_INFO } from './otlp-texts';
import {
  cursor,
  fail,
  fault,
  readLength,
  readTag,
  readVarint64,
  seek,
  skipField,
  skipVarint,
  start,
  WIRE_BYTES,
  WIRE_VARINT,
} from './wire';

/** The field in which older senders put SCOPE_METRICS; it counts if there is none of those. */
const SCOPE_METRICS_BEFORE: u32 = 1000;
const SCOPE_METRICS: u32 = 2;

const DELTA: u32 = 1;
const CUMULATIVE: u32 = 2;

// Prometheus' types of metrics.
const TYPE_UNKNOWN: u32 = 0;
const TYPE_COUNTER: u32 = 1;
const TYPE_GAUGE: u32 = 2;
const TYPE_HISTOGRAM: u32 = 3;
const TYPE_SUMMARY: u32 = 4;

const LONGEST_ENDING: u32 = 7;

/** As `only`: all data points are read. */
export const EVERYTHING: u32 = 0xffffffff;

let body: u32 = 0;
/** The position of the only data point or resource whose series are wanted. */
let only: u32 = EVERYTHING;
let points: u32 = 0;
let skippedPoints: u32 = 0;
let firstSkipped: u32 = 0;
/** The earliest time of the resource's data points, in nanoseconds. */
let earliest: u64 = 0;
let latest: u64 = 0;

/** Converts a body, writing to `to`. Check `fault` afterwards. */
export function translateOtlp(at: u32, end: u32, to: u32, most: u64, maxSeries: u32, onlyOf: u32): void {
  body = at;
  points = 0;
  skippedPoints = 0;
  firstSkipped = 0;
  beginOut(to, most);
  only = onlyOf;
  beginSeriesOut(maxSeries);
  beginPoints();
  forgetUnits();
  beginExemplars();
  forgetLabelLists();
  forgetList(targetTimes);
  seen = 0;
  seenMask = 0;
  seenCount = 0;
  start(at);
  if (!writesSeries && !beginJudging(end - at, maxSeries)) return;
  while (cursor < end) {
    const next = readMessage(1, end);
    if (fault !== 0) return;
    if (next !== 0) readResourceMetrics(next);
    if (fault !== 0) return;
  }
  store<u32>(RESULT_POINTS, points);
  store<u32>(RESULT_SKIPPED_POINTS, skippedPoints);
  store<u32>(RESULT_FIRST_SKIPPED, firstSkipped);
}

/** The end of the next field's message, if it has this number; 0: another field was skipped, or `fault` is set. */
function readMessage(number: u32, end: u32): u32 {
  const at = cursor;
  const tag = readTag(end);
  if (fault !== 0) return 0;
  if (tag >>> 3 !== number) {
    skipField(tag, end);
    return 0;
  }
  return bytesEnd(tag, at, end);
}

/** The end of a field with a length; 0: `fault` is set. */
function bytesEnd(tag: u32, at: u32, end: u32): u32 {
  if ((tag & 7) !== WIRE_BYTES) return fail(WIRE_TYPE, at);
  const length = readLength(end);
  return fault === 0 ? cursor + length : 0;
}

/** The end of a data point whose tag is followed by a length of one or two bytes, as usual; 0: it begins differently. */
// @ts-ignore: decorator
@inline
function pointEnd(end: u32): u32 {
  const head = load<u32>(cursor);
  const isShort = (head & 0x80ff) === 0x000a;
  if (!isShort && (head & 0x8080ff) !== 0x00800a) return 0;
  const point = cursor + (isShort ? 2 : 3);
  const next = point + ((head >>> 8) & 0x7f) + (isShort ? 0 : (head >>> 9) & 0x3f80);
  if (next > end) return 0;
  seek(point);
  return next;
}

function skip(reason: u32): void {
  if (firstSkipped === 0) firstSkipped = reason;
}

function readResourceMetrics(end: u32): void {
  const at = cursor;
  emptyList(RESOURCE);
  earliest = u64.MAX_VALUE;
  latest = 0;
  let hasScopes = false;
  while (cursor < end) {
    const fieldAt = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const number = tag >>> 3;
    if (number > 3 && number !== SCOPE_METRICS_BEFORE) {
      skipField(tag, end);
    } else {
      const next = bytesEnd(tag, fieldAt, end);
      if (fault !== 0) return;
      if (number === SCOPE_METRICS) hasScopes = true;
      if (number === 1) readResource(next);
      else seek(next);
    }
    if (fault !== 0) return;
  }
  const isNamed = takeResource();
  forgetLabels();
  if (fault !== 0) return;
  if (!isNamed) skip(SKIP_LABEL_NAME);
  readScopes(hasScopes ? SCOPE_METRICS : SCOPE_METRICS_BEFORE, at, end, isNamed);
  // What does not count has to be valid all the same.
  if (fault === 0 && hasScopes) readScopes(SCOPE_METRICS_BEFORE, at, end, false, true);
  const isWanted = only === EVERYTHING || only === at - body;
  if (fault === 0 && isNamed && isWanted && earliest < u64.MAX_VALUE) writeTargetInfo(at);
  seek(end);
}

function readResource(end: u32): void {
  while (cursor < end && fault === 0) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const number = tag >>> 3;
    if (number === 1 || number === 3) {
      const next = bytesEnd(tag, at, end);
      if (fault !== 0) return;
      if (number === 1) addTo(RESOURCE, next);
      else checkOtlp(ENTITY, next);
      if (fault !== 0) return;
      seek(next);
    } else if (number === 2) {
      checkVarint(tag, at, end);
    } else skipField(tag, end);
  }
}

function checkVarint(tag: u32, at: u32, end: u32): void {
  if ((tag & 7) !== WIRE_VARINT) fail(WIRE_TYPE, at);
  else skipVarint(end);
}

function readScopes(number: u32, at: u32, end: u32, takes: bool, isIgnored: bool = false): void {
  seek(at);
  while (cursor < end) {
    const next = readMessage(number, end);
    if (fault !== 0) return;
    if (next !== 0) readScopeMetrics(next, takes, isIgnored);
    if (fault !== 0) return;
  }
}

function readScopeMetrics(end: u32, takes: bool, isIgnored: bool): void {
  const at = cursor;
  forgetScope();
  while (cursor < end) {
    const fieldAt = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const number = tag >>> 3;
    if (number === 0 || number > 3) {
      skipField(tag, end);
    } else {
      const next = bytesEnd(tag, fieldAt, end);
      if (fault !== 0) return;
      if (number === 1) readScope(next);
      else if (number === 3) setScopeSchema(cursor, next - cursor);
      seek(next);
    }
    if (fault !== 0) return;
  }
  forgetLabels();
  if (takes && !takeScope()) {
    if (fault !== 0) return;
    skip(SKIP_LABEL_NAME);
    takes = false;
    isIgnored = true;
    // Its data points were received.
    isReceived = true;
  }
  seek(at);
  while (cursor < end) {
    const next = readMessage(2, end);
    if (fault !== 0) return;
    if (next !== 0) readMetric(next, takes, isIgnored);
    if (fault !== 0) return;
  }
  isReceived = false;
}

/** Data points that are ignored count as skipped. */
let isReceived: bool = false;

function readScope(end: u32): void {
  while (cursor < end && fault === 0) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const number = tag >>> 3;
    if (number === 4) {
      checkVarint(tag, at, end);
    } else if (number > 4) {
      skipField(tag, end);
    } else {
      const next = bytesEnd(tag, at, end);
      if (fault !== 0) return;
      if (number === 1) setScopeName(cursor, next - cursor);
      else if (number === 2) setScopeVersion(cursor, next - cursor);
      else addTo(SCOPE, next);
      seek(next);
    }
  }
}

// The current metric.
let name: u32 = 0;
let nameLength: u32 = 0;
let help: u32 = 0;
let helpLength: u32 = 0;
let unitAt: u32 = 0;
let unitBytes: u32 = 0;
let temporality: u32 = 0;
let isMonotonic: bool = false;
let hasPoints: bool = false;

const NO_KIND: u32 = 0xffffffff;

function kindOf(field: u32): u32 {
  switch (field) {
    case 5:
      return GAUGE;
    case 7:
      return SUMS;
    case 9:
      return HISTOGRAM;
    case 10:
      return EXPONENTIAL;
    case 11:
      return SUMMARY;
    default:
      return NO_KIND;
  }
}

function readMetric(end: u32, takes: bool, isIgnored: bool): void {
  nameLength = 0;
  helpLength = 0;
  unitBytes = 0;
  let kind = NO_KIND;
  let data: u32 = 0;
  let dataEnd: u32 = 0;
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const number = tag >>> 3;
    const fieldKind = kindOf(number);
    if (fieldKind === NO_KIND && number > 3 && number !== 12) {
      skipField(tag, end);
      if (fault !== 0) return;
      continue;
    }
    const next = bytesEnd(tag, at, end);
    if (fault !== 0) return;
    const here = cursor;
    if (fieldKind !== NO_KIND) {
      // The last of several counts; the others have to be valid.
      if (kind !== NO_KIND) {
        readData(kind, data, dataEnd, 0, true);
        if (fault !== 0) return;
      }
      kind = fieldKind;
      data = here;
      dataEnd = next;
    } else if (number === 1) {
      name = cursor;
      nameLength = next - cursor;
    } else if (number === 2) {
      help = cursor;
      helpLength = next - cursor;
    } else if (number === 3) {
      unitAt = cursor;
      unitBytes = next - cursor;
    } else checkOtlp(KEY_VALUE, next);
    if (fault !== 0) return;
    seek(next);
  }
  if (kind === NO_KIND) {
    if (takes) skip(SKIP_NO_DATA);
    return;
  }
  readHead(kind, data, dataEnd);
  if (fault !== 0) return;
  const reason = takes ? prepareMetric(kind) : 0;
  if (fault !== 0) return;
  if (reason !== 0) skip(reason);
  readData(kind, data, dataEnd, takes && reason === 0 ? TAKES : 0, isIgnored);
  seek(end);
}

const TAKES: u32 = 1;

/** Reads what applies to all data points of a metric. */
function readHead(kind: u32, at: u32, end: u32): void {
  temporality = 0;
  isMonotonic = false;
  hasPoints = false;
  seek(at);
  while (cursor < end) {
    const quick = pointEnd(end);
    if (quick !== 0) {
      hasPoints = true;
      // Other kinds have nothing more.
      if (!hasTemporality(kind)) return;
      seek(quick);
      continue;
    }
    const fieldAt = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const number = tag >>> 3;
    if (number === 1) {
      hasPoints = true;
      const next = bytesEnd(tag, fieldAt, end);
      if (fault !== 0) return;
      seek(next);
    } else if ((number === 2 && hasTemporality(kind)) || (number === 3 && kind === SUMS)) {
      if ((tag & 7) !== WIRE_VARINT) {
        fail(WIRE_TYPE, fieldAt);
        return;
      }
      const value = readVarint64(end);
      if (number === 2) temporality = <u32>value;
      else isMonotonic = value !== 0;
    } else skipField(tag, end);
    if (fault !== 0) return;
  }
}

function hasTemporality(kind: u32): bool {
  return kind === SUMS || kind === HISTOGRAM || kind === EXPONENTIAL;
}

/** Names the metric. Returns why it is skipped, or 0. */
function prepareMetric(kind: u32): u32 {
  if (hasTemporality(kind) && temporality !== CUMULATIVE && !(takeDelta && temporality === DELTA)) return SKIP_TEMPORALITY;
  const isCounter = kind === SUMS && isMonotonic;
  if (!makeMetricName(name, nameLength, unitAt, unitBytes, isCounter, kind === GAUGE, LONGEST_ENDING)) return SKIP_METRIC_NAME;
  if (!hasPoints) return SKIP_NO_POINTS;
  if (!makeUnit(unitAt, unitBytes)) return 0;
  setMetric(made, madeLength, typeOf(kind), help, helpLength);
  return 0;
}

function typeOf(kind: u32): u32 {
  if (hasTemporality(kind) && temporality === DELTA) return TYPE_UNKNOWN;
  if (kind === SUMMARY) return TYPE_SUMMARY;
  if (kind === GAUGE) return TYPE_GAUGE;
  if (kind === SUMS) return isMonotonic ? TYPE_COUNTER : TYPE_GAUGE;
  return TYPE_HISTOGRAM;
}

/** Reads the data points of a metric. Ignored ones are only checked. */
function readData(kind: u32, at: u32, end: u32, takes: u32, isIgnored: bool): void {
  seek(at);
  while (cursor < end) {
    const field = cursor;
    let next = pointEnd(end);
    if (next === 0) {
      const tag = readTag(end);
      if (fault !== 0) return;
      const number = tag >>> 3;
      if (number !== 1) {
        if (((number === 2 && hasTemporality(kind)) || (number === 3 && kind === SUMS)) && (tag & 7) !== WIRE_VARINT) {
          fail(WIRE_TYPE, field);
          return;
        }
        skipField(tag, end);
        if (fault !== 0) return;
        continue;
      }
      next = bytesEnd(tag, field, end);
      if (fault !== 0) return;
    }
    if (only !== EVERYTHING && only !== field - body) {
      earliest = 0;
      seek(next);
      continue;
    }
    const point = cursor;
    readPoint(kind, next, takes !== 0);
    if (fault !== 0) return;
    seek(next);
    if (isIgnored) {
      if (isReceived) {
        points++;
        skippedPoints++;
      }
      continue;
    }
    points++;
    earliest = min<u64>(earliest, time);
    latest = max<u64>(latest, time);
    if (takes === 0) {
      skippedPoints++;
      continue;
    }
    const reason = translatePoint(kind, body, field, point, next);
    if (fault !== 0) return;
    seek(next);
    if (reason === 0) continue;
    skip(reason);
    skippedPoints++;
    takes = 0;
  }
}

// target_info: the times of its samples in milliseconds, and those that the request has already.
const targetTimes = <u32>memory.data(12);
const TARGET_STEP: u64 = 150000000000;
let seen: u32 = 0;
let seenMask: u32 = 0;
let seenCount: u32 = 0;

/** Of the resource at `resource`. */
function writeTargetInfo(resource: u32): void {
  if (!makeTargetLabels()) {
    if (fault === 0 && isNameless()) skip(SKIP_LABEL_NAME);
    return;
  }
  emptyList(targetTimes);
  const labels = hashLabels();
  const last = <i64>latest;
  let at = <i64>earliest;
  while (at < last && fault === 0) {
    addTargetTime(labels, at);
    if (<u64>(last - at) <= TARGET_STEP) break;
    at += TARGET_STEP;
  }
  addTargetTime(labels, last);
  const count = listBytes(targetTimes) / 8;
  if (fault !== 0 || count === 0) return;
  const room = keep(32);
  if (room === 0 || !makeUnit(0, 0)) return;
  memory.copy(room, TARGET_INFO, 11);
  setMetric(room, 11, TYPE_GAUGE, TARGET_HELP, 15);
  setPoint(resource - body, 0, 0);
  const series = beginSeries(0, 0);
  if (series === 0) return;
  for (let i: u32 = 0; i < count && fault === 0; i++) writeSample(load<i64>(listAt(targetTimes) + i * 8));
  endSeries(series);
}

/** Samples with these labels at this time are written once. */
function addTargetTime(labels: u64, nanoseconds: i64): void {
  const milliseconds = nanoseconds / 1000000 - <i64>(nanoseconds % 1000000 < 0);
  if (seenCount * 2 >= seenMask && !growSeen()) return;
  const sample = finish(labels + finish(<u64>milliseconds + load<u64>(KEYS))) | 1;
  const slot = seenSlot(sample);
  if (load<u64>(slot) === sample) return;
  store<u64>(slot, sample);
  seenCount++;
  const entry = addEntry(targetTimes, 8);
  if (entry !== 0) store<i64>(entry, milliseconds);
}

function seenSlot(sample: u64): u32 {
  let place = <u32>(sample >>> 1) & seenMask;
  while (true) {
    const slot = seen + place * 8;
    const there = load<u64>(slot);
    if (there === 0 || there === sample) return slot;
    place = (place + 1) & seenMask;
  }
}

function growSeen(): bool {
  const before = seen;
  const slots = seenMask === 0 ? 0 : seenMask + 1;
  const count = max<u32>(64, slots * 2);
  seen = keep(count * 8);
  if (seen === 0) return false;
  memory.fill(seen, 0, count * 8);
  seenMask = count - 1;
  for (let at = before; at < before + slots * 8; at += 8) {
    const sample = load<u64>(at);
    if (sample !== 0) store<u64>(seenSlot(sample), sample);
  }
  return true;
}
