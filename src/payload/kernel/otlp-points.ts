/** Converts each kind of data point to series. */
import { readExemplars } from './otlp-exemplars';
import { EXPONENTIAL, GAUGE, HISTOGRAM, SKIP_EXEMPLAR, SKIP_LABEL_NAME, SKIP_SCALE, SUMMARY, SUMS } from './otlp-kinds';
import { BOUND_TEXTS, WIRE_TYPE } from './memory';
import { isCompared } from './otlp-alike';
import { addAttribute, beginAttributes, compareAttributes, makeLabels } from './otlp-labels';
import { BUCKETS, checkOtlp, EXEMPLAR, KEY_VALUE, QUANTILES } from './otlp-check';
import { nativeBuckets } from './otlp-options';
import { addEntry, emptyList, ensure, forgetList, listAt, listBytes, moveOut, out, writeVarint, endField } from './otlp-out';
import {
  beginSeries,
  beginSeriesWith,
  endSeries,
  exemplarCount,
  exemplarValue,
  pointTimestamp,
  setPoint,
  writeExemplars,
  writeSeries,
  writeSeriesWith,
  writeTimestamp,
} from './otlp-series';
import { BUCKET, COUNT, doubleText, INFINITE, LE, QUANTILE, SUM } from './otlp-texts';
import { setText, takeText, text, textLength, writeInteger } from './otlp-values';
import {
  cursor,
  fail,
  fault,
  readLength,
  readTag,
  readVarint64,
  seek,
  skipBytes,
  skipField,
  skipVarint,
  WIRE_BYTES,
  WIRE_FIXED64,
  WIRE_VARINT,
  zigzag32,
} from './wire';

// Kinds of fields of a data point.
const FIXED: u32 = 1;
const TIME: u32 = 2;
const ATTRIBUTE: u32 = 3;
const EXEMPLARS_FIELD: u32 = 4;
const VARINT: u32 = 5;
const SUM_FIELD: u32 = 6;
const COUNTS: u32 = 7;
const BOUNDS: u32 = 8;
const SCALE: u32 = 9;
const POSITIVE: u32 = 10;
const NEGATIVE: u32 = 11;
const QUANTILE_FIELD: u32 = 12;

/** By kind of data point and field number. */
const FIELDS = <u32>memory.data<u8>([
  0, 0, 1, 2, 1, 4, 1, 3, 5, 0, 0, 0, 0, 0, 0, 0, // gauge
  0, 0, 1, 2, 1, 4, 1, 3, 5, 0, 0, 0, 0, 0, 0, 0, // sum
  0, 0, 1, 2, 1, 6, 7, 8, 4, 3, 5, 1, 1, 0, 0, 0, // histogram
  0, 3, 1, 2, 1, 6, 9, 1, 10, 11, 5, 4, 1, 1, 1, 0, // exponential histogram
  0, 0, 1, 2, 1, 1, 12, 3, 5, 0, 0, 0, 0, 0, 0, 0, // summary
]);

/** The time of the data point in nanoseconds. */
export let time: u64 = 0;
let hasSum: bool = false;
let hasExemplars: bool = false;
let scale: i32 = 0;
let positiveOffset: i32 = 0;
let negativeOffset: i32 = 0;
/** Numbers of eight bytes. */
const counts = <u32>memory.data(12);
const bounds = <u32>memory.data(12);
const positive = <u32>memory.data(12);
const negative = <u32>memory.data(12);
const quantiles = <u32>memory.data(12);

/** Entries of BOUND_TEXTS: the bits, the address of the text, its length. */
const BOUND_SLOTS: u32 = 64;


export function beginPoints(): void {
  forgetList(counts);
  forgetList(bounds);
  forgetList(positive);
  forgetList(negative);
  forgetList(quantiles);
  memory.fill(BOUND_TEXTS, 0, 16 * BOUND_SLOTS);
}

/** Reads a data point up to `end`; `takes`: also its labels and buckets. Check `fault` afterwards. */
export function readPoint(kind: u32, end: u32, takes: bool): void {
  const at = cursor;
  const mayBePlain = takes && kind <= SUMS;
  if (mayBePlain && readPlainNumber(at, end)) return;
  if (fault !== 0) return;
  seek(at);
  if (readFields(kind, end, takes, !mayBePlain || !isCompared) || fault !== 0) return;
  seek(at);
  readFields(kind, end, takes, false);
}

// Tags of a gauge's or a sum's data point.
const START: u32 = 0x11;
const TIME_TAG: u32 = 0x19;
const DOUBLE: u32 = 0x21;
const INTEGER: u32 = 0x31;
const ATTRIBUTES: u32 = 0x3a;
const FLAGS: u32 = 0x40;

/**
 * Reads a number in the usual encoding in one go: only fixed-size fields, and the attributes of the data point before.
 * False: it has to be read from the beginning.
 */
function readPlainNumber(at: u32, end: u32): bool {
  if (!beginAttributes(true)) return false;
  let when: u64 = 0;
  while (at < end) {
    const tag = <u32>load<u8>(at);
    if (tag === ATTRIBUTES) {
      if (isCompared) return false;
      at = compareAttributes(at, end);
      if (at === 0) return false;
    } else if (tag === FLAGS) {
      if (load<u8>(at + 1) > 127) return false;
      at += 2;
    } else {
      if (tag !== TIME_TAG && tag !== DOUBLE && tag !== START && tag !== INTEGER) return false;
      if (tag === TIME_TAG) when = load<u64>(at + 1);
      at += 9;
    }
  }
  if (at !== end || !isCompared) return false;
  time = when;
  hasExemplars = false;
  seek(end);
  return true;
}

/** False: the attributes differ from those of the data point before, with which they were compared, or `fault` is set. */
function readFields(kind: u32, end: u32, takes: bool, mayCompare: bool): bool {
  time = 0;
  hasSum = false;
  hasExemplars = false;
  scale = 0;
  positiveOffset = 0;
  negativeOffset = 0;
  let compares = false;
  if (takes) {
    compares = beginAttributes(mayCompare);
    if (kind >= HISTOGRAM) emptyLists();
  }
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return false;
    const number = tag >>> 3;
    const wire = tag & 7;
    const field = number < 16 ? <u32>load<u8>(FIELDS + kind * 16 + number) : 0;
    switch (field) {
      case 0:
        skipField(tag, end);
        break;
      case FIXED:
      case TIME:
      case SUM_FIELD:
        if (wire !== WIRE_FIXED64) {
          fail(WIRE_TYPE, at);
          return false;
        }
        if (field === TIME) time = load<u64>(cursor);
        else if (field === SUM_FIELD) hasSum = true;
        skipBytes(8, end);
        break;
      case VARINT:
        if (wire !== WIRE_VARINT) fail(WIRE_TYPE, at);
        else skipVarint(end);
        break;
      case SCALE:
        if (wire !== WIRE_VARINT) fail(WIRE_TYPE, at);
        else scale = zigzag32(readVarint64(end));
        break;
      case COUNTS:
      case BOUNDS:
        if (wire === WIRE_FIXED64) {
          readNumbers(field === COUNTS ? counts : bounds, cursor + 8, end, takes);
        } else if (wire === WIRE_BYTES) {
          const length = readLength(end);
          if (fault === 0) readNumbers(field === COUNTS ? counts : bounds, cursor + length, cursor + length, takes);
        } else fail(WIRE_TYPE, at);
        break;
      default:
        if (wire !== WIRE_BYTES) {
          fail(WIRE_TYPE, at);
          return false;
        }
        if (compares && field === ATTRIBUTE) {
          const next = isCompared ? 0 : compareAttributes(at, end);
          if (next === 0) return false;
          seek(next);
          break;
        }
        const length = readLength(end);
        if (fault !== 0) return false;
        if (takes && field === ATTRIBUTE) addAttribute(at, cursor + length);
        else readPart(field, cursor + length, takes);
    }
    if (fault !== 0) return false;
  }
  return !compares || isCompared;
}

function emptyLists(): void {
  emptyList(counts);
  emptyList(bounds);
  emptyList(positive);
  emptyList(negative);
  emptyList(quantiles);
}

function readPart(field: u32, end: u32, takes: bool): void {
  const at = cursor;
  switch (field) {
    case ATTRIBUTE:
      checkOtlp(KEY_VALUE, end);
      return;
    case EXEMPLARS_FIELD:
      hasExemplars = true;
      checkOtlp(EXEMPLAR, end);
      return;
    case QUANTILE_FIELD:
      checkOtlp(QUANTILES, end);
      if (fault === 0 && takes) takeQuantile(at, end);
      return;
    default:
      checkOtlp(BUCKETS, end);
      if (fault === 0 && takes) takeBuckets(field === POSITIVE, at, end);
  }
}

/** Numbers of eight bytes each, up to `end`. */
function readNumbers(list: u32, end: u32, parentEnd: u32, takes: bool): void {
  while (cursor < end) {
    const at = cursor;
    skipBytes(8, parentEnd);
    if (fault !== 0) return;
    if (!takes) continue;
    const entry = addEntry(list, 8);
    if (entry === 0) return;
    store<u64>(entry, load<u64>(at));
  }
}

/** Of valid buckets. */
function takeBuckets(isPositive: bool, at: u32, end: u32): void {
  seek(at);
  while (cursor < end && fault === 0) {
    const tag = readTag(end);
    const number = tag >>> 3;
    if (number === 1) {
      const offset = zigzag32(readVarint64(end));
      if (isPositive) positiveOffset = offset;
      else negativeOffset = offset;
    } else if (number === 2) {
      const list = isPositive ? positive : negative;
      if ((tag & 7) === WIRE_VARINT) takeCount(list, end);
      else {
        const length = readLength(end);
        const next = cursor + length;
        while (cursor < next && fault === 0) takeCount(list, next);
      }
    } else skipField(tag, end);
  }
}

function takeCount(list: u32, end: u32): void {
  const value = readVarint64(end);
  const entry = addEntry(list, 8);
  if (entry !== 0) store<i64>(entry, value);
}

/** Of a valid message. */
function takeQuantile(at: u32, end: u32): void {
  seek(at);
  let quantile: u64 = 0;
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 === 1) quantile = load<u64>(cursor);
    skipField(tag, end);
  }
  const entry = addEntry(quantiles, 8);
  if (entry !== 0) store<u64>(entry, quantile);
}

/**
 * Writes the series of the current data point, which is in the body from `at` to `end`. Returns why the rest of its metric
 * is skipped, or 0. Check `fault` afterwards.
 */
export function translatePoint(kind: u32, body: u32, field: u32, at: u32, end: u32): u32 {
  setPoint(field - body, end - field, <i64>time / 1000000);
  if (kind === EXPONENTIAL && scale < -4) return SKIP_SCALE;
  if (!makeLabels()) return SKIP_LABEL_NAME;
  if (kind === HISTOGRAM && !nativeBuckets) return translateHistogram(at, end);
  if (kind === SUMMARY) {
    translateSummary();
    return 0;
  }
  if (kind !== GAUGE && hasExemplars && !readExemplars(kind, at, end)) return SKIP_EXEMPLAR;
  if (kind <= SUMS && exemplarCount() === 0) {
    writeSeries(0, 0);
    return 0;
  }
  const series = beginSeries(0, 0);
  if (series === 0) return 0;
  if (kind === GAUGE || kind === SUMS) writeTimestamp();
  else writeHistogram(kind);
  writeExemplars(0, exemplarCount());
  endSeries(series);
  return 0;
}

function translateHistogram(at: u32, end: u32): u32 {
  if (hasSum) writeSeries(SUM, 4);
  if (fault === 0) writeSeries(COUNT, 6);
  if (fault === 0 && hasExemplars && !readExemplars(HISTOGRAM, at, end)) return SKIP_EXEMPLAR;
  const exemplars = exemplarCount();
  let nextExemplar: u32 = 0;
  const buckets = min(listBytes(bounds), listBytes(counts)) / 8;
  for (let i: u32 = 0; i < buckets && fault === 0; i++) {
    const bound = load<f64>(listAt(bounds) + i * 8);
    const first = nextExemplar;
    while (nextExemplar < exemplars && !(exemplarValue(nextExemplar) > bound)) nextExemplar++;
    writeBound(bound);
    writeBucket(text, textLength, first, nextExemplar);
  }
  if (fault === 0) writeBucket(INFINITE, 4, nextExemplar, exemplars);
  return 0;
}

function writeBucket(bound: u32, boundLength: u32, exemplar: u32, exemplarEnd: u32): void {
  if (fault !== 0) return;
  if (exemplar === exemplarEnd) {
    writeSeriesWith(BUCKET, 7, LE, 2, bound, boundLength);
    return;
  }
  const series = beginSeriesWith(BUCKET, 7, LE, 2, bound, boundLength);
  if (series === 0) return;
  writeTimestamp();
  writeExemplars(exemplar, exemplarEnd);
  endSeries(series);
}

function translateSummary(): void {
  writeSeries(SUM, 4);
  if (fault === 0) writeSeries(COUNT, 6);
  const end = listBytes(quantiles);
  for (let i: u32 = 0; i < end && fault === 0; i += 8) {
    writeBound(load<f64>(listAt(quantiles) + i));
    if (fault !== 0) return;
    writeSeriesWith(0, 0, QUANTILE, 8, text, textLength);
  }
}

/** The text of a bound or a quantile. */
function writeBound(bound: f64): void {
  const bits = reinterpret<u64>(bound);
  const slot = BOUND_TEXTS + (<u32>((bits * 0x9e3779b97f4a7c15) >>> 58)) * 16;
  if (load<u32>(slot, 8) !== 0 && load<u64>(slot) === bits) {
    setText(load<u32>(slot, 8), load<u32>(slot, 12));
    return;
  }
  // -0 keeps its sign.
  if (bound === <f64><i64>bound && abs(bound) < 9007199254740992 && bits !== 0x8000000000000000) writeInteger(<i64>bound);
  else takeText(doubleText(bound, true));
  if (fault !== 0) return;
  store<u64>(slot, bits);
  store<u32>(slot, text, 8);
  store<u32>(slot, textLength, 12);
}

/** Writes a native histogram: its schema and buckets. */
function writeHistogram(kind: u32): void {
  if (!ensure(64)) return;
  const field = out;
  moveOut(field + 3);
  store<u32>(out, 0x00200008 | (<u32>schemaOf(kind) << 24));
  moveOut(out + 4);
  if (kind === EXPONENTIAL) {
    const scaleDown = scale > 8 ? min<i32>(31, scale - 8) : 0;
    writeBuckets(positive, listAt(positive), positiveOffset, scaleDown, 1, 0x5a, 0x62);
    writeBuckets(negative, listAt(negative), negativeOffset, scaleDown, 1, 0x42, 0x4a);
  } else {
    let at = listAt(counts);
    const end = at + listBytes(counts);
    while (at < end && load<u64>(at) === 0) at += 8;
    writeBuckets(counts, at, <i32>((at - listAt(counts)) / 8), 0, 0, 0x5a, 0x62);
  }
  if (!ensure(32)) return;
  store<u8>(out, 0x78);
  moveOut(writeVarint(out + 1, <u64>pointTimestamp()));
  endField(field, 0x22);
}

/** Zigzag, in one byte. */
function schemaOf(kind: u32): u32 {
  const schema: i32 = kind === EXPONENTIAL ? min<i32>(scale, 8) : -53;
  return <u32>((schema << 1) ^ (schema >> 31)) & 127;
}

let spanOffset: i32 = 0;
let spanLength: u32 = 0;

/**
 * Writes spans and as many deltas as Prometheus makes of dense buckets: `scaleDown` merges buckets, empty ones are left
 * out, and a gap of more than two begins a new span. The values of the deltas do not matter.
 */
function writeBuckets(list: u32, first: u32, offset: i32, scaleDown: i32, shift: i32, spanTag: u32, deltaTag: u32): void {
  const buckets = <i32>((listAt(list) + listBytes(list) - first) / 8);
  if (buckets === 0) return;
  let deltas: u32 = 0;
  let count: i64 = 0;
  let index = (offset >> scaleDown) + 1;
  spanOffset = shift !== 0 ? index : offset;
  spanLength = 0;
  for (let i: i32 = 0; i < buckets; i++) {
    const next = ((i + offset) >> scaleDown) + 1;
    const here = load<i64>(first + <u32>i * 8);
    if (index === next) {
      count += here;
      continue;
    }
    if (count === 0) {
      count = here;
      continue;
    }
    deltas += bridge(next - index - 1, spanTag);
    deltas++;
    spanLength++;
    count = here;
    index = next;
    if (fault !== 0) return;
  }
  deltas += bridge(((buckets + offset - 1) >> scaleDown) + 1 - index, spanTag);
  deltas++;
  spanLength++;
  writeSpan(spanTag);
  if (fault !== 0 || !ensure(deltas + 32)) return;
  store<u8>(out, deltaTag);
  moveOut(writeVarint(out + 1, deltas));
  memory.fill(out, 0, deltas);
  moveOut(out + deltas);
}

/** Bridges a gap between buckets. Returns how many empty buckets fill it. */
function bridge(gap: i32, spanTag: u32): u32 {
  if (gap > 2) {
    writeSpan(spanTag);
    spanOffset = gap;
    spanLength = 0;
    return 0;
  }
  if (gap <= 0) return 0;
  spanLength += gap;
  return gap;
}

function writeSpan(tag: u32): void {
  if (!ensure(48)) return;
  const at = out;
  store<u8>(at + 2, 0x08);
  moveOut(writeVarint(at + 3, <u64><u32>((spanOffset << 1) ^ (spanOffset >> 31))));
  store<u8>(out, 0x10);
  moveOut(writeVarint(out + 1, spanLength));
  store<u8>(at, tag);
  store<u8>(at + 1, out - at - 2);
}
