/**
 * Writes the labels of a series with the name of its metric, and optionally one more label: for readers of labels in a
 * body, and for series that are not plain.
 */
import { labels } from './otlp-layouts';
import { writesSeries } from './otlp-options';
import { addEntry, copy, emptyList, ensure, forgetList, listAt, listBytes, moveOut, out, writeLabel } from './otlp-out';
import { isSame, NAME } from './otlp-texts';
import { compareTexts } from './text';

const LABEL: u32 = 16;

/** For each label: where it was last written with its current value, and its length; 0: nowhere. */
const written = <u32>memory.data(12);
const WRITTEN: u32 = 8;
/** Beyond this many labels nothing is remembered. */
const REMEMBERED_MOST: u32 = 1024;
let remembersWritten: bool = false;

/** A body begins. */
export function forgetOutput(): void {
  remembersWritten = false;
  forgetList(written);
}

/** The labels have changed. */
export function forgetPlaces(): void {
  arePlacesKnown = false;
}

/** The address of the list; 0: nothing is remembered. */
export function writtenList(): u32 {
  return remembersWritten ? listAt(written) : 0;
}

/** The label at `at` has another value. */
// @ts-ignore: decorator
@inline
export function forgetWrittenLabel(at: u32): void {
  if (remembersWritten) store<u64>(writtenOf(at), 0);
}

let arePlacesKnown: bool = false;
/** The labels before which the metric's name belongs, and those with its name, which do not count. */
let nameFrom: u32 = 0;
let nameTo: u32 = 0;
/** The same for an additional label of this name. */
let extra: u32 = 0;
let extraFrom: u32 = 0;
let extraTo: u32 = 0;

function findPlaces(): void {
  if (arePlacesKnown) return;
  arePlacesKnown = true;
  const list = listAt(labels);
  const end = list + listBytes(labels);
  nameFrom = list;
  while (nameFrom < end && compareTexts(load<u32>(nameFrom), load<u32>(nameFrom, 4), NAME, 8) < 0) nameFrom += LABEL;
  nameTo = nameFrom;
  while (nameTo < end && isSame(load<u32>(nameTo), load<u32>(nameTo, 4), NAME, 8)) nameTo += LABEL;
  extra = 0;
}

function findExtra(name: u32, nameLength: u32): void {
  findPlaces();
  if (extra === name) return;
  const end = listAt(labels) + listBytes(labels);
  extra = name;
  extraFrom = nameTo;
  while (extraFrom < end && compareTexts(load<u32>(extraFrom), load<u32>(extraFrom, 4), name, nameLength) < 0) extraFrom += LABEL;
  extraTo = extraFrom;
  while (extraTo < end && isSame(load<u32>(extraTo), load<u32>(extraTo, 4), name, nameLength)) extraTo += LABEL;
}

/** One of the labels has this name, which is sorted after the metric's. */
export function hasLabel(name: u32, nameLength: u32): bool {
  findExtra(name, nameLength);
  return extraFrom !== extraTo;
}

/** Where the metric's name was last written, with its tag, and its length there. */
let writtenName: u32 = 0;
let writtenNameBytes: u32 = 0;
/** What to copy next. */
let copyFrom: u32 = 0;
let copyTo: u32 = 0;

/** No label has been written, or all have moved. False: `fault` is set. */
export function forgetWritten(): bool {
  emptyList(written);
  writtenNameBytes = 0;
  const count = listBytes(labels) / LABEL;
  remembersWritten = writesSeries && count <= REMEMBERED_MOST;
  if (!remembersWritten) return true;
  const bytes = count * WRITTEN;
  if (bytes > 0 && addEntry(written, bytes) === 0) return false;
  memory.fill(listAt(written), 0, bytes);
  return true;
}

// @ts-ignore: decorator
@inline
function writtenOf(label: u32): u32 {
  return listAt(written) + ((label - listAt(labels)) / LABEL) * WRITTEN;
}

/** Writes the labels with a metric's name. `isSameName`: it is the last one written. */
export function writeLabels(metric: u32, metricLength: u32, isSameName: bool): void {
  findPlaces();
  const list = listAt(labels);
  writeThose(list, nameFrom);
  writeName(metric, metricLength, isSameName);
  writeThose(nameTo, list + listBytes(labels));
  copyRest();
}

/** With an additional label, which is sorted after the metric's name and replaces another of its name. */
export function writeLabelsWith(
  metric: u32,
  metricLength: u32,
  name: u32,
  nameLength: u32,
  value: u32,
  valueLength: u32,
): void {
  findExtra(name, nameLength);
  const list = listAt(labels);
  writeThose(list, nameFrom);
  writeName(metric, metricLength, false);
  writeThose(nameTo, extraFrom);
  copyRest();
  writeLabel(name, nameLength, value, valueLength);
  writeThose(extraTo, list + listBytes(labels));
  copyRest();
}

/**
 * A label with its previous value is copied from where it was first written, together with the labels that follow it there:
 * reading what was written just now would be slow.
 */
function writeThose(at: u32, end: u32): void {
  let slot = writtenOf(at);
  for (; at < end; at += LABEL, slot += WRITTEN) {
    const from = remembersWritten ? load<u32>(slot) : 0;
    const bytes = remembersWritten ? load<u32>(slot, 4) : 0;
    if (bytes === 0) {
      copyRest();
      const begin = out;
      writeLabel(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12));
      if (!remembersWritten) continue;
      store<u32>(slot, begin);
      store<u32>(slot, out - begin, 4);
    } else copyNext(from, bytes);
  }
}

function writeName(metric: u32, metricLength: u32, isSame: bool): void {
  if (isSame && writtenNameBytes > 0) {
    copyNext(writtenName, writtenNameBytes);
    return;
  }
  copyRest();
  writtenName = out;
  if (metricLength > 0) writeLabel(NAME, 8, metric, metricLength);
  writtenNameBytes = out - writtenName;
}

// @ts-ignore: decorator
@inline
function copyNext(from: u32, bytes: u32): void {
  if (from !== copyTo) {
    copyRest();
    copyFrom = from;
  }
  copyTo = from + bytes;
}

function copyRest(): void {
  const bytes = copyTo - copyFrom;
  const from = copyFrom;
  copyFrom = 0;
  copyTo = 0;
  if (bytes === 0 || !ensure(bytes + 32)) return;
  copy(out, from, bytes);
  moveOut(out + bytes);
}

