/**
 * The labels of an OTLP series: the attributes of a data point, and those that resource and scope add or override, sorted
 * by name as in Mimir.
 */
import { finish, hashBytes, hashLabel } from './hash';
import {
  beginCompare,
  beginFields,
  compareFields,
  forgetFields,
  isCompared,
  isKnown,
  know,
  noteField,
  noteLabel,
} from './otlp-alike';
import { addUpFacts, changeFact, makeFacts } from './otlp-facts';
import { forgetGiven, GIVEN, given, giveLabels, isIdentifying, isOnlyPromoted, PAIR, RESOURCE, resourceAttribute } from './otlp-given';
import { forgetOutput, forgetPlaces, forgetWritten, forgetWrittenLabel, writtenList } from './otlp-labels-out';
import { beginLayout, dropLayouts, endLayout, findLayout, forgetLayouts, KEY_ENTRY, keys, labels, sources } from './otlp-layouts';
import { makeLabelName, made, madeLength } from './otlp-names';
import { escapeNames, keepIdentifying, writesSeries } from './otlp-options';
import { addEntry, emptyList, forgetList, keep, listAt, listBytes } from './otlp-out';
import { forgetSorted, sort } from './otlp-sort';
import { INSTANCE, isSame, JOB, NAME, SERVICE_INSTANCE, SERVICE_NAME, SERVICE_NAMESPACE } from './otlp-texts';
import { key, keyLength, readAttribute, text, textLength } from './otlp-values';
import { compareTexts } from './text';
import { cursor, fault } from './wire';

/** An attribute: name and value as a label's, the key as sent, and its position. */
const ATTRIBUTE: u32 = 32;
/** A label: name and value. */
const LABEL: u32 = 16;
/** The value of a label does not come from an attribute. */
const NO_SOURCE: u32 = 0xffffffff;
/** Beyond this many labels nothing is kept for the next data point. */
const REMEMBERED_MOST: u32 = 1024;

const attributes = <u32>memory.data(12);

/** The labels may be reused for the next data point, except for values. */
let isLayout: bool = false;
/** So far the data point has the keys of the one before, each with a value. */
let isAlike: bool = false;
/** An attribute has no value. */
let hasEmpty: bool = false;
/** Nothing is left of the name of an attribute. */
let nameless: bool = false;

export function forgetLabelLists(): void {
  forgetList(attributes);
  forgetFields();
  forgetGiven();
  forgetSorted();
  forgetLayouts();
  forgetOutput();
  isLayout = false;
}

/** The labels of resource and scope have changed. */
export function forgetLabels(): void {
  dropLayouts();
  isLayout = false;
}

/** A data point begins. True: its attributes should be compared with those of the one before. */
export function beginAttributes(mayCompare: bool): bool {
  beginCompare();
  if (mayCompare && isLayout && isKnown) return true;
  beginFields();
  emptyList(attributes);
  nameless = false;
  hasEmpty = false;
  isAlike = isLayout;
  return false;
}

/**
 * Compares the attributes from `at` on with those of the data point before. Returns where they end; 0: they are different.
 */
export function compareAttributes(at: u32, end: u32): u32 {
  return compareFields(at, end, listAt(labels), writtenList());
}

/** Reads an attribute of a data point, whose field begins at `at`. Check `fault` afterwards. */
export function addAttribute(at: u32, end: u32): void {
  const content = cursor;
  readAttribute(end);
  if (fault !== 0) return;
  noteField(at, content, end);
  if (fault === 0) take(key, keyLength, text, textLength);
}

function take(from: u32, length: u32, value: u32, valueLength: u32): void {
  const place = listBytes(attributes);
  if (valueLength === 0) hasEmpty = true;
  if (isAlike) {
    const known = listAt(keys) + (place / ATTRIBUTE) * KEY_ENTRY;
    isAlike = valueLength > 0 && known < listAt(keys) + listBytes(keys) && isSame(load<u32>(known), load<u32>(known, 4), from, length);
  }
  const entry = addEntry(attributes, ATTRIBUTE);
  if (entry === 0) return;
  store<u32>(entry, value, 8);
  store<u32>(entry, valueLength, 12);
  store<u32>(entry, from, 16);
  store<u32>(entry, length, 20);
  store<u32>(entry, place, 24);
}

/** Makes the labels of the attributes. False: nothing is left of a name, or `fault` is set. */
export function makeLabels(): bool {
  const isMade = isCompared || layOut(true);
  if (isMade && !writesSeries) addUpFacts();
  return isMade;
}

/** `isUsual`: other data points may have the same layout. */
function layOut(isUsual: bool): bool {
  const bytes = listBytes(attributes);
  const hasLayout = isAlike && listBytes(keys) / KEY_ENTRY === bytes / ATTRIBUTE;
  if (!hasLayout) {
    const mayFind = isUsual && !hasEmpty && !writesSeries;
    if (!mayFind || !findLayout(listAt(attributes), bytes, ATTRIBUTE)) return makeLayout(isUsual, mayFind);
    isLayout = true;
    forgetPlaces();
  }
  fillLabels();
  if (listBytes(labels) <= REMEMBERED_MOST * LABEL) know(bytes / ATTRIBUTE);
  return true;
}

function makeLayout(isUsual: bool, isWanted: bool): bool {
  isLayout = false;
  forgetPlaces();
  beginLayout(isWanted);
  const count = listBytes(attributes) / ATTRIBUTE;
  if (!makeNames() || !sort(attributes) || !joinSame()) return false;
  // If none was joined, dropped or skipped, the next data point may have the same layout.
  isLayout = isUsual && listBytes(attributes) === count * ATTRIBUTE;
  if (!mergeGiven()) return false;
  const remembers = listBytes(labels) <= REMEMBERED_MOST * LABEL;
  if (writesSeries ? !forgetWritten() : !findFacts(remembers)) return false;
  endLayout(isLayout && remembers && !writesSeries);
  if (isLayout && remembers) know(count);
  return true;
}

/**
 * Converts keys to label names; an attribute with the name of metrics is dropped. False: nothing is left of a name, or
 * `fault` is set.
 */
function makeNames(): bool {
  let to = listAt(attributes);
  const end = to + listBytes(attributes);
  for (let entry = to; entry < end; entry += ATTRIBUTE) {
    const from = load<u32>(entry, 16);
    const length = load<u32>(entry, 20);
    if (length === 8 && isSame(from, 8, NAME, 8)) continue;
    if (escapeNames && !makeLabelName(from, length)) {
      nameless = true;
      return false;
    }
    const known = addEntry(keys, KEY_ENTRY);
    if (known === 0) return false;
    store<u64>(known, load<u64>(entry, 16));
    if (to !== entry) memory.copy(to, entry, ATTRIBUTE);
    store<u32>(to, escapeNames ? made : from);
    store<u32>(to, escapeNames ? madeLength : length, 4);
    to += ATTRIBUTE;
  }
  store<u32>(attributes, to - listAt(attributes), 8);
  return true;
}

/** Merges the sorted attributes with the labels of resource and scope. False: `fault` is set. */
function mergeGiven(): bool {
  const own = listAt(attributes);
  const ownEnd = own + listBytes(attributes);
  const gave = listAt(given);
  const gaveEnd = gave + listBytes(given);
  let a = own;
  let g = gave;
  while (a < ownEnd || g < gaveEnd) {
    const order = a === ownEnd ? 1 : g === gaveEnd ? -1 : compareTexts(load<u32>(a), load<u32>(a, 4), load<u32>(g), load<u32>(g, 4));
    let from = order <= 0 ? a : g;
    if (order === 0 && !isOnlyPromoted(g)) from = g;
    if (load<u32>(from, 12) > 0) {
      const entry = addEntry(labels, LABEL);
      const source = addEntry(sources, 4);
      if (entry === 0 || source === 0) return false;
      v128.store(entry, v128.load(from));
      store<u32>(source, from === a ? load<u32>(a, 24) : NO_SOURCE);
      if (from === a) noteLabel(load<u32>(a, 24) / ATTRIBUTE, entry - listAt(labels));
    }
    if (order < 0) a += ATTRIBUTE;
    else if (order > 0) g += GIVEN;
    else {
      // With UTF-8 names a name may occur twice: all are replaced, or all stay.
      const replaced = from === g;
      a += ATTRIBUTE;
      while (a < ownEnd && isSame(load<u32>(a), load<u32>(a, 4), load<u32>(g), load<u32>(g, 4))) {
        isLayout = false;
        if (!replaced) {
          const entry = addEntry(labels, LABEL);
          if (entry === 0) return false;
          v128.store(entry, v128.load(a));
        }
        a += ATTRIBUTE;
      }
      g += GIVEN;
    }
  }
  return true;
}

/** Without facts, as with too many labels, series are not plain. */
function findFacts(remembers: bool): bool {
  const from = listAt(labels);
  return makeFacts(from, remembers ? from + listBytes(labels) : from, !remembers);
}

/** The labels exist: sets the values of this data point. */
function fillLabels(): void {
  let source = listAt(sources);
  const remembers = listBytes(labels) <= REMEMBERED_MOST * LABEL;
  const from = listAt(attributes);
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    const attribute = load<u32>(source);
    if (attribute !== NO_SOURCE) {
      store<u64>(at, load<u64>(from + attribute, 8), 8);
      if (writesSeries) forgetWrittenLabel(at);
      else if (remembers) changeFact(at - listAt(labels), load<u32>(at, 8), load<u32>(at, 12));
      noteLabel(attribute / ATTRIBUTE, at - listAt(labels));
    }
    source += 4;
  }
}

/** Joins the values of one name, except with UTF-8 names; drops labels without a value. */
function joinSame(): bool {
  const list = listAt(attributes);
  const end = list + listBytes(attributes);
  let to = list;
  for (let entry = list; entry < end; ) {
    let next = entry + ATTRIBUTE;
    let hasEmpty = load<u32>(entry, 12) === 0;
    while (next < end && isSame(load<u32>(entry), load<u32>(entry, 4), load<u32>(next), load<u32>(next, 4))) {
      if (load<u32>(next, 12) === 0) hasEmpty = true;
      next += ATTRIBUTE;
    }
    if (next - entry > ATTRIBUTE && escapeNames && !join(entry, next)) return false;
    const last = escapeNames ? entry + ATTRIBUTE : next;
    const drops = escapeNames ? load<u32>(entry, 12) === 0 : hasEmpty;
    for (; entry < last; entry += ATTRIBUTE) {
      if (drops) continue;
      if (to !== entry) memory.copy(to, entry, ATTRIBUTE);
      to += ATTRIBUTE;
    }
    entry = next;
  }
  store<u32>(attributes, to - list, 8);
  return true;
}

/** Joins the values with semicolons, from the first that is not empty, into `entry`. */
function join(entry: u32, end: u32): bool {
  let bytes: u64 = 0;
  for (let at = entry; at < end; at += ATTRIBUTE) bytes += <u64>load<u32>(at, 12) + 1;
  const value = keep(<u32>min<u64>(bytes, 0x7fffffff));
  if (value === 0) return false;
  let to = value;
  for (let at = entry; at < end; at += ATTRIBUTE) {
    if (to > value) store<u8>(to++, 0x3b);
    memory.copy(to, load<u32>(at, 8), load<u32>(at, 12));
    to += load<u32>(at, 12);
  }
  store<u32>(entry, value, 8);
  store<u32>(entry, to - value, 12);
  return true;
}

/** The labels of target_info. False: it has none, or `fault` is set. */
export function makeTargetLabels(): bool {
  const count = listBytes(RESOURCE) / PAIR;
  let identifying: u32 = 0;
  if (resourceAttribute(SERVICE_NAME, 12) !== 0) identifying++;
  if (resourceAttribute(SERVICE_NAMESPACE, 17) !== 0) identifying++;
  if (resourceAttribute(SERVICE_INSTANCE, 19) !== 0) identifying++;
  beginAttributes(false);
  forgetLabels();
  if (count === identifying || !giveLabels(false, true)) return false;
  for (let i: u32 = 0; i < count && fault === 0; i++) {
    const entry = listAt(RESOURCE) + i * PAIR;
    if (!keepIdentifying && isIdentifying(entry)) continue;
    take(load<u32>(entry), load<u32>(entry, 4), load<u32>(entry, 8), load<u32>(entry, 12));
  }
  isAlike = false;
  const isMade = fault === 0 && layOut(false);
  if (isMade && !writesSeries) addUpFacts();
  return isMade && hasIdentity();
}

/** The resource has a job or an instance. */
function hasIdentity(): bool {
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    if (isSame(load<u32>(at), load<u32>(at, 4), JOB, 3) || isSame(load<u32>(at), load<u32>(at, 4), INSTANCE, 8)) return true;
  }
  return false;
}

/** Nothing was left of the name of the last attribute. */
export function isNameless(): bool {
  return nameless;
}

/** The hash of the labels. */
export function hashLabels(): u64 {
  let hash: u64 = 0;
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    hash += hashLabel(hashBytes(load<u32>(at), load<u32>(at, 4)), hashBytes(load<u32>(at, 8), load<u32>(at, 12)));
  }
  return finish(hash);
}
