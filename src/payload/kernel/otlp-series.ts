/** Writes the series of data points, and the metadata of their families. */
import { finish, hashBytes, hashLabel } from './hash';
import { TOO_MANY_SERIES } from './memory';
import { addLabel, hasRecord, judgePlain, judgeWritten, metricHash, nameSeries, removeLabel } from './otlp-judge';
import { forgetWritten, hasLabel, writeLabels, writeLabelsWith } from './otlp-labels-out';
import { unit, unitLength } from './otlp-names';
import { writesSeries } from './otlp-options';
import {
  addEntry,
  beginField,
  copy,
  emptyList,
  endField,
  ensure,
  forgetList,
  keep,
  listAt,
  listBytes,
  moveOut,
  out,
  spare,
  writeOrigin,
  writeSample,
  writeVarint,
} from './otlp-out';
import { addMetadata } from './records';
import { judgeMetadata, NO_FAULT } from './rules';
import { fail, fault } from './wire';

const TIMESERIES: u32 = 0x0a;
const METADATA: u32 = 0x1a;

const NONE: u32 = 0xffffffff;

let series: u32 = 0;
let maxSeries: u32 = 0;

/** The exemplars of the data point: for each the address and length of its labels, its timestamp, its value. */
export const EXEMPLARS: u32 = <u32>memory.data(12);
const EXEMPLAR: u32 = 24;

// The data point: its position in the body, and its time.
let origin: u32 = 0;
let originLength: u32 = 0;
let timestamp: i64 = 0;

// The metric: its name, with room after it, and its metadata.
export let metric: u32 = 0;
export let metricLength: u32 = 0;
let meta: u64 = 0;
let isTold: bool = false;
/** The last written series has the metric's name without an ending. */
let isNameWritten: bool = false;
/** The ending of the name under which series are judged. */
let judgedEnding: u32 = NONE;

export function beginSeriesOut(most: u32): void {
  series = 0;
  maxSeries = most;
  forgetList(EXEMPLARS);
  forgetList(METRICS);
  families = 0;
  familiesMask = 0;
  familyCount = 0;
}

export function setMetric(name: u32, nameLength: u32, type: u32, help: u32, helpLength: u32): void {
  metric = name;
  metricLength = nameLength;
  isNameWritten = false;
  judgedEnding = NONE;
  meta = finish(hashLabel(hashBytes(unit, unitLength), hashBytes(help, helpLength)) + <u64>type);
  isTold = false;
}

export function setPoint(offset: u32, length: u32, at: i64): void {
  origin = offset;
  originLength = length;
  timestamp = at;
  emptyList(EXEMPLARS);
}

export function addExemplar(labels: u32, length: u32, at: i64, value: f64): void {
  const entry = addEntry(EXEMPLARS, EXEMPLAR);
  if (entry === 0) return;
  store<u32>(entry, labels);
  store<u32>(entry, length, 4);
  store<i64>(entry, at, 8);
  store<f64>(entry, value, 16);
}

export function exemplarCount(): u32 {
  return listBytes(EXEMPLARS) / EXEMPLAR;
}

export function exemplarValue(index: u32): f64 {
  return load<f64>(listAt(EXEMPLARS) + index * EXEMPLAR, 16);
}

/** Begins a series with the metric's name and an ending. 0: `fault` is set. */
export function beginSeries(ending: u32, endingLength: u32): u32 {
  return beginSeriesWith(ending, endingLength, 0, 0, 0, 0);
}

export function beginSeriesWith(
  ending: u32,
  endingLength: u32,
  name: u32,
  nameLength: u32,
  value: u32,
  valueLength: u32,
): u32 {
  if (!countSeries()) return 0;
  return writeHead(ending, endingLength, name, nameLength, value, valueLength);
}

/** False: `fault` is set. */
function countSeries(): bool {
  if (!isTold) tellMetadata();
  if (series === maxSeries) fail(TOO_MANY_SERIES, 0);
  series++;
  return fault === 0 && (writesSeries || hasRecord());
}

function writeHead(ending: u32, endingLength: u32, name: u32, nameLength: u32, value: u32, valueLength: u32): u32 {
  if (!ensure(64)) return 0;
  const at = beginField();
  if (endingLength > 0) memory.copy(metric + metricLength, ending, endingLength);
  const isSameName = isNameWritten && endingLength === 0 && writesSeries;
  isNameWritten = endingLength === 0;
  if (nameLength === 0) writeLabels(metric, metricLength + endingLength, isSameName);
  else writeLabelsWith(metric, metricLength + endingLength, name, nameLength, value, valueLength);
  return fault === 0 ? at : 0;
}

/** Writes a range of exemplars. */
export function writeExemplars(from: u32, to: u32): void {
  for (let i = from; i < to && fault === 0; i++) {
    const entry = listAt(EXEMPLARS) + i * EXEMPLAR;
    const length = load<u32>(entry, 4);
    if (!ensure(length + 64)) return;
    const field = out;
    moveOut(field + 3);
    copy(out, load<u32>(entry), length);
    store<u8>(out + length, 0x11);
    store<f64>(out + length + 1, load<f64>(entry, 16));
    store<u8>(out + length + 9, 0x18);
    moveOut(writeVarint(out + length + 10, load<u64>(entry, 8)));
    endField(field, 0x1a);
  }
}

export function endSeries(at: u32): void {
  writeOrigin(origin, originLength);
  if (fault !== 0) return;
  const end = out;
  endField(at, TIMESERIES);
  if (!writesSeries) {
    if (fault === 0) judgeWritten(at);
    return;
  }
  // A long one is moved.
  if (out !== end) forgetWritten();
}

/** A series of one sample. */
export function writeSeries(ending: u32, endingLength: u32): void {
  writeSeriesWith(ending, endingLength, 0, 0, 0, 0);
}

export function writeSeriesWith(
  ending: u32,
  endingLength: u32,
  name: u32,
  nameLength: u32,
  value: u32,
  valueLength: u32,
): void {
  if (!countSeries()) return;
  if (!writesSeries && (nameLength === 0 || !hasLabel(name, nameLength))) {
    nameJudged(ending, endingLength);
    if (nameLength === 0) removeLabel();
    else addLabel(name, nameLength, value, valueLength);
    if (judgePlain(origin, originLength, timestamp) || fault !== 0) return;
  }
  const at = writeHead(ending, endingLength, name, nameLength, value, valueLength);
  if (at === 0) return;
  writeSample(timestamp);
  endSeries(at);
}

function nameJudged(ending: u32, endingLength: u32): void {
  if (ending === judgedEnding) return;
  judgedEnding = ending;
  if (endingLength > 0) memory.copy(metric + metricLength, ending, endingLength);
  nameSeries(metric, metricLength + endingLength);
}

export function writeTimestamp(): void {
  writeSample(timestamp);
}

export function pointTimestamp(): i64 {
  return timestamp;
}

// A table of families: the hash of the name, the hash of its metadata, u64 each, and the family's number, u32.
const SLOT: u32 = 24;
let families: u32 = 0;
let familiesMask: u32 = 0;
let familyCount: u32 = 0;

/**
 * Metrics with series: the first row, the number of the family and (1) whether its metadata is refused, and the hash of its
 * metadata. This tells how much metadata is left without some of the rows.
 */
const METRICS: u32 = <u32>memory.data(12);
const METRIC: u32 = 16;

export function metricsAt(): u32 {
  return listAt(METRICS);
}

export function metricCount(): u32 {
  return listBytes(METRICS) / METRIC;
}

function noteMetric(family: u32): void {
  const entry = addEntry(METRICS, METRIC);
  if (entry === 0) return;
  const isRefused = judgeMetadata(metricLength, unitLength) !== NO_FAULT;
  store<u32>(entry, series);
  store<u32>(entry, (family << 1) | <u32>isRefused, 4);
  store<u64>(entry, meta, 8);
}

/** Counted each time that a family's metadata changes. */
function tellMetadata(): void {
  isTold = true;
  if (familyCount * 2 >= familiesMask && !growFamilies()) return;
  if (!writesSeries) nameJudged(0, 0);
  const family = (writesSeries ? finish(hashBytes(metric, metricLength)) : metricHash) | 1;
  const slot = familySlot(family);
  const isKnown = load<u64>(slot) === family;
  if (!isKnown) store<u32>(slot, familyCount++, 16);
  noteMetric(load<u32>(slot, 16));
  if (isKnown && load<u64>(slot, 8) === meta) return;
  store<u64>(slot, family);
  store<u64>(slot, meta, 8);
  if (!writesSeries) {
    if (spare(metricLength + unitLength + 32)) addMetadata(metricLength, unitLength);
    return;
  }
  if (!ensure(metricLength + unitLength + 64)) return;
  const field = beginField();
  store<u16>(out, 0x0108);
  store<u8>(out + 2, 0x12);
  moveOut(writeVarint(out + 3, metricLength));
  memory.copy(out, metric, metricLength);
  moveOut(out + metricLength);
  store<u8>(out, 0x2a);
  moveOut(writeVarint(out + 1, unitLength));
  memory.copy(out, unit, unitLength);
  moveOut(out + unitLength);
  endField(field, METADATA);
}

function familySlot(family: u64): u32 {
  let place = <u32>(family >>> 1) & familiesMask;
  while (true) {
    const slot = families + place * SLOT;
    const there = load<u64>(slot);
    if (there === 0 || there === family) return slot;
    place = (place + 1) & familiesMask;
  }
}

function growFamilies(): bool {
  const before = families;
  const slots = familiesMask === 0 ? 0 : familiesMask + 1;
  const count = max<u32>(64, slots * 2);
  families = keep(count * SLOT);
  if (families === 0) return false;
  memory.fill(families, 0, count * SLOT);
  familiesMask = count - 1;
  for (let at = before; at < before + slots * SLOT; at += SLOT) {
    const family = load<u64>(at);
    if (family === 0) continue;
    const slot = familySlot(family);
    store<u64>(slot, family);
    store<u64>(slot, load<u64>(at, 8), 8);
    store<u32>(slot, load<u32>(at, 16), 16);
  }
  return true;
}
