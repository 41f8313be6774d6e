/**
 * The labels of a series of OTLP: the attributes of a data point, and what resource and scope add to them or say in their
 * place. They are sorted by name, as Mimir sorts them.
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
import { addUpFacts, changeFact, forgetFacts, makeFacts } from './otlp-facts';
import { isPromoted, escapeNames, keepIdentifying, promoteScope, writesSeries } from './otlp-options';
import { makeLabelName, made, madeLength } from './otlp-names';
import { addEntry, copy, emptyList, ensure, forgetList, keep, listAt, listBytes, moveOut, out, writeLabel } from './otlp-out';
import {
  INSTANCE,
  isSame,
  JOB,
  NAME,
  SCOPE_NAME,
  SCOPE_SCHEMA,
  SCOPE_VERSION,
  SERVICE_INSTANCE,
  SERVICE_NAME,
  SERVICE_NAMESPACE,
} from './otlp-texts';
import { key, keyLength, readAttribute, text, textLength } from './otlp-values';
import { compareTexts } from './text';
import { cursor, fault } from './wire';

/** An attribute: name and value as they become a label's, the key that it was sent under, its place among the others. */
const ATTRIBUTE: u32 = 32;
/** A label: name and value. */
const LABEL: u32 = 16;
/** A label that resource or scope give: name, value, name again, and how it is meant. */
const GIVEN: u32 = 32;
/** It stands where a data point has none of its name. */
const PROMOTED: u32 = 0;
/** It replaces a data point's, also where it has no value. */
const REPLACES: u32 = 1;
/** It does where it has one. */
const FROM_SCOPE: u32 = 2;

const attributes = <u32>memory.data(12);
/** Keys of the data point before, in the order of the body, and the names that they became. */
const known = <u32>memory.data(12);
const labels = <u32>memory.data(12);
const given = <u32>memory.data(12);
const sorted = <u32>memory.data(12);
/** Of each label the place of the attribute that gives it its value. */
const sources = <u32>memory.data(12);
const NO_SOURCE: u32 = 0xffffffff;
/** Of each label where it was written with the value that it has, and in how many bytes; 0: nowhere. */
const written = <u32>memory.data(12);
const WRITTEN: u32 = 8;
/** Of more labels nothing is remembered. */
const REMEMBERED_MOST: u32 = 1024;
let remembersLabels: bool = false;

/** The labels are those of the data point before, but for values: keys of so many bytes of the list, given labels as they were. */
let isLayout: bool = false;
let layoutBytes: u32 = 0;
/** So far the data point has the keys of the one before, and a value for each. */
let isAlike: bool = false;

/** Resource and scope attributes, with keys and texts. */
export const RESOURCE: u32 = <u32>memory.data(12);
export const SCOPE: u32 = <u32>memory.data(12);

// What resource and scope are known by.
let job: u32 = 0;
let jobLength: u32 = 0;
let instance: u32 = 0;
let instanceLength: u32 = 0;

export function forgetLabelLists(): void {
  forgetList(attributes);
  forgetList(known);
  forgetList(labels);
  forgetList(given);
  forgetList(sorted);
  forgetList(sources);
  forgetList(written);
  forgetFields();
  forgetFacts();
  isLayout = false;
  forgetList(RESOURCE);
  forgetList(SCOPE);
}

/** Reads an attribute of a resource or a scope. Look at `fault` afterwards. */
export function addTo(list: u32, end: u32): void {
  readAttribute(end);
  if (fault !== 0) return;
  const entry = addEntry(list, LABEL);
  if (entry === 0) return;
  store<u32>(entry, key);
  store<u32>(entry, keyLength, 4);
  store<u32>(entry, text, 8);
  store<u32>(entry, textLength, 12);
}

/** The entry of a resource's attribute; 0: it has none of that name. */
function resourceAttribute(name: u32, length: u32): u32 {
  const at = listAt(RESOURCE);
  const end = at + listBytes(RESOURCE);
  for (let entry = at; entry < end; entry += LABEL) {
    if (isSame(load<u32>(entry), load<u32>(entry, 4), name, length)) return entry;
  }
  return 0;
}

/** Finds what the resource is known by. False: nothing is left of the name of a promoted attribute, or `fault` is set. */
export function takeResource(): bool {
  jobLength = 0;
  instanceLength = 0;
  const service = resourceAttribute(SERVICE_NAME, 12);
  if (service !== 0) {
    job = load<u32>(service, 8);
    jobLength = load<u32>(service, 12);
    const namespace = resourceAttribute(SERVICE_NAMESPACE, 17);
    if (namespace !== 0 && !joinJob(load<u32>(namespace, 8), load<u32>(namespace, 12))) return false;
  }
  const id = resourceAttribute(SERVICE_INSTANCE, 19);
  if (id !== 0) {
    instance = load<u32>(id, 8);
    instanceLength = load<u32>(id, 12);
  }
  return giveLabels(false, false);
}

function joinJob(namespace: u32, length: u32): bool {
  const at = keep(length + 1 + jobLength);
  if (at === 0) return false;
  memory.copy(at, namespace, length);
  store<u8>(at + length, 0x2f);
  memory.copy(at + length + 1, job, jobLength);
  job = at;
  jobLength += length + 1;
  return true;
}

// Of the scope.
let scopeName: u32 = 0;
let scopeNameLength: u32 = 0;
let scopeVersion: u32 = 0;
let scopeVersionLength: u32 = 0;
let scopeSchema: u32 = 0;
let scopeSchemaLength: u32 = 0;

export function setScopeName(at: u32, length: u32): void {
  scopeName = at;
  scopeNameLength = length;
}

export function setScopeVersion(at: u32, length: u32): void {
  scopeVersion = at;
  scopeVersionLength = length;
}

export function setScopeSchema(at: u32, length: u32): void {
  scopeSchema = at;
  scopeSchemaLength = length;
}

export function forgetScope(): void {
  scopeNameLength = 0;
  scopeVersionLength = 0;
  scopeSchemaLength = 0;
  emptyList(SCOPE);
}

/** False: nothing is left of an attribute's name, or `fault` is set. */
export function takeScope(): bool {
  return giveLabels(promoteScope && scopeNameLength > 0, false);
}

/** The labels that data points get beside their own: of one name the last counts, and one without a value is none. */
function giveLabels(withScope: bool, isTarget: bool): bool {
  emptyList(given);
  isLayout = false;
  if (!isTarget) {
    const end = listAt(RESOURCE) + listBytes(RESOURCE);
    for (let entry = listAt(RESOURCE); entry < end; entry += LABEL) {
      if (!isPromoted(load<u32>(entry), load<u32>(entry, 4))) continue;
      if (!makeLabelName(load<u32>(entry), load<u32>(entry, 4))) return false;
      if (!give(made, madeLength, load<u32>(entry, 8), load<u32>(entry, 12), PROMOTED)) return false;
    }
  }
  if (jobLength > 0 && !give(JOB, 3, job, jobLength, REPLACES)) return false;
  if (instanceLength > 0 && !give(INSTANCE, 8, instance, instanceLength, REPLACES)) return false;
  if (withScope && !giveScope()) return false;
  return sortGiven();
}

function giveScope(): bool {
  const end = listAt(SCOPE) + listBytes(SCOPE);
  for (let entry = listAt(SCOPE); entry < end; entry += LABEL) {
    const length = load<u32>(entry, 4);
    const name = keep(11 + length);
    if (name === 0) return false;
    memory.copy(name, SCOPE_NAME, 11);
    memory.copy(name + 11, load<u32>(entry), length);
    if (!makeLabelName(name, 11 + length)) return false;
    if (!give(made, madeLength, load<u32>(entry, 8), load<u32>(entry, 12), FROM_SCOPE)) return false;
  }
  return (
    give(SCOPE_NAME, 15, scopeName, scopeNameLength, REPLACES) &&
    give(SCOPE_VERSION, 18, scopeVersion, scopeVersionLength, REPLACES) &&
    give(SCOPE_SCHEMA, 21, scopeSchema, scopeSchemaLength, REPLACES)
  );
}

function give(name: u32, nameLength: u32, value: u32, valueLength: u32, kind: u32): bool {
  const entry = addEntry(given, GIVEN);
  if (entry === 0) return false;
  store<u32>(entry, name);
  store<u32>(entry, nameLength, 4);
  store<u32>(entry, value, 8);
  store<u32>(entry, valueLength, 12);
  store<u32>(entry, name, 16);
  store<u32>(entry, nameLength, 20);
  store<u32>(entry, kind, 24);
  return true;
}

/** Of those of one name one stays. */
function sortGiven(): bool {
  if (!sort(given)) return false;
  const list = listAt(given);
  const end = list + listBytes(given);
  let to = list;
  for (let entry = list; entry < end; ) {
    let next = entry + GIVEN;
    while (next < end && isSame(load<u32>(entry), load<u32>(entry, 4), load<u32>(next), load<u32>(next, 4))) next += GIVEN;
    const stays = lastThatCounts(entry, next);
    if (stays !== 0) {
      if (to !== stays) memory.copy(to, stays, GIVEN);
      to += GIVEN;
    }
    entry = next;
  }
  store<u32>(given, to - list, 8);
  return true;
}

/** 0: none does. */
function lastThatCounts(first: u32, end: u32): u32 {
  let metScope = false;
  for (let entry = end - GIVEN; entry >= first; entry -= GIVEN) {
    const kind = load<u32>(entry, 24);
    const isEmpty = load<u32>(entry, 12) === 0;
    if (kind === PROMOTED) return isEmpty ? 0 : entry;
    if (kind === REPLACES) return entry;
    if (!metScope && !isEmpty) return entry;
    metScope = true;
  }
  return 0;
}

/** A data point begins. True: its attributes are to be compared with those of the one before, if they may be. */
export function beginAttributes(mayCompare: bool): bool {
  beginCompare();
  if (mayCompare && isLayout && isKnown) return true;
  beginFields();
  emptyList(attributes);
  nameless = false;
  place = 0;
  isAlike = isLayout;
  return false;
}

/** Nothing is left of the name of an attribute. */
let nameless: bool = false;
/** Of the next attribute among those of its data point, in bytes of the list. */
let place: u32 = 0;

/** The attributes from `at` on, if they are those of the data point before. Answers where they end; 0: they are not. */
export function compareAttributes(at: u32, end: u32): u32 {
  return compareFields(at, end, listAt(labels), writesSeries ? listAt(written) : 0);
}

/** Reads an attribute of a data point, whose field begins at `at`. Look at `fault` afterwards. */
export function addAttribute(at: u32, end: u32): void {
  const content = cursor;
  readAttribute(end);
  if (fault !== 0) return;
  noteField(at, content, end);
  if (fault === 0) take();
}

/** The attribute of `readAttribute`, under the name that it has as a label. */
function take(): void {
  const at = place;
  place += ATTRIBUTE;
  let name = key;
  let nameLength = keyLength;
  const before = listAt(known) + at;
  if (keyLength > 0 && at < listBytes(known) && isSame(load<u32>(before, 16), load<u32>(before, 20), key, keyLength)) {
    name = load<u32>(before);
    nameLength = load<u32>(before, 4);
    if (textLength === 0) isAlike = false;
  } else {
    isAlike = false;
    if (keyLength === 8 && isSame(key, 8, NAME, 8)) return;
    if (escapeNames) {
      if (!makeLabelName(key, keyLength)) {
        nameless = true;
        return;
      }
      name = made;
      nameLength = madeLength;
    }
    if (!remember(at, name, nameLength)) return;
  }
  const entry = addEntry(attributes, ATTRIBUTE);
  if (entry === 0) return;
  store<u32>(entry, name);
  store<u32>(entry, nameLength, 4);
  store<u32>(entry, text, 8);
  store<u32>(entry, textLength, 12);
  store<u32>(entry, key, 16);
  store<u32>(entry, keyLength, 20);
  store<u32>(entry, at, 24);
}

/** What became of the key at this place. False: `fault` is set. */
function remember(at: u32, name: u32, nameLength: u32): bool {
  // The layout goes by what was known until now.
  isLayout = false;
  while (at >= listBytes(known)) {
    const added = addEntry(known, ATTRIBUTE);
    if (added === 0) return false;
    memory.fill(added, 0, ATTRIBUTE);
  }
  const entry = listAt(known) + at;
  store<u32>(entry, name);
  store<u32>(entry, nameLength, 4);
  store<u32>(entry, key, 16);
  store<u32>(entry, keyLength, 20);
  return true;
}

/** Makes the labels of the attributes that were read. False: nothing is left of a name, or `fault` is set. */
export function makeLabels(): bool {
  const isMade = isCompared || fillOrSort();
  if (isMade && !writesSeries) addUpFacts();
  return isMade;
}

function fillOrSort(): bool {
  if (isAlike && listBytes(attributes) === layoutBytes) {
    fillLabels();
    if (remembersLabels) know(layoutBytes / ATTRIBUTE);
    return true;
  }
  const bytes = listBytes(attributes);
  if (nameless || !sort(attributes) || !joinSame()) return false;
  // With none that was joined, dropped or passed over, the next data point's may be laid out alike.
  isLayout = listBytes(attributes) === bytes && place === bytes;
  layoutBytes = bytes;
  emptyList(labels);
  emptyList(sources);
  const own = listAt(attributes);
  const ownEnd = own + listBytes(attributes);
  const gave = listAt(given);
  const gaveEnd = gave + listBytes(given);
  let a = own;
  let g = gave;
  while (a < ownEnd || g < gaveEnd) {
    const order = a === ownEnd ? 1 : g === gaveEnd ? -1 : compareTexts(load<u32>(a), load<u32>(a, 4), load<u32>(g), load<u32>(g, 4));
    let from = order <= 0 ? a : g;
    if (order === 0 && load<u32>(g, 24) !== PROMOTED) from = g;
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
      // Under UTF-8 a name may be there twice: all are replaced, or all stay.
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
  findPlaces();
  if (writesSeries ? !forgetWritten() : !findFacts()) return false;
  if (isLayout && remembersLabels) know(bytes / ATTRIBUTE);
  return true;
}

function findFacts(): bool {
  const from = listAt(labels);
  remembersLabels = listBytes(labels) <= REMEMBERED_MOST * LABEL;
  return makeFacts(from, remembersLabels ? from + listBytes(labels) : from, nameFrom !== nameTo || !remembersLabels);
}

/** The labels are there: they get the values of this data point. */
function fillLabels(): void {
  let source = listAt(sources);
  const from = listAt(attributes);
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    const attribute = load<u32>(source);
    if (attribute !== NO_SOURCE) {
      store<u64>(at, load<u64>(from + attribute, 8), 8);
      if (remembersLabels) {
        if (writesSeries) store<u64>(writtenOf(at), 0);
        else changeFact(at - listAt(labels), load<u32>(at, 8), load<u32>(at, 12));
      }
      noteLabel(attribute / ATTRIBUTE, at - listAt(labels));
    }
    source += 4;
  }
}

/** Values of one name become one, under UTF-8 they stay two; none stays where there is nothing to it. */
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

/** Puts semicolons between the values, from the first on that has any. The entry at `entry` has them all. */
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

/** By name, then by the key it was sent under, then in the order of the body. */
function sort(list: u32): bool {
  const count = listBytes(list) / ATTRIBUTE;
  const at = listAt(list);
  if (count <= 24) {
    sortFew(at, count);
    return true;
  }
  emptyList(sorted);
  if (addEntry(sorted, count * ATTRIBUTE) === 0) return false;
  sortMany(at, listAt(sorted), count * ATTRIBUTE);
  return true;
}

function sortFew(list: u32, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    let at = list + i * ATTRIBUTE;
    if (comesAfter(at - ATTRIBUTE, at) <= 0) continue;
    const first = v128.load(at);
    const second = v128.load(at, 16);
    const moved = sortSlot;
    v128.store(moved, first);
    v128.store(moved, second, 16);
    while (at > list && comesAfter(at - ATTRIBUTE, moved) > 0) {
      v128.store(at, v128.load(at - ATTRIBUTE));
      v128.store(at, v128.load(at - ATTRIBUTE, 16), 16);
      at -= ATTRIBUTE;
    }
    v128.store(at, first);
    v128.store(at, second, 16);
  }
}

const sortSlot = <u32>memory.data(32);

/** Merges runs of 1, 2, 4, … entries. */
function sortMany(list: u32, other: u32, bytes: u32): void {
  let from = list;
  let to = other;
  for (let run = ATTRIBUTE; run < bytes; run *= 2) {
    for (let at: u32 = 0; at < bytes; at += 2 * run) {
      const middle = from + min(at + run, bytes);
      const end = from + min(at + 2 * run, bytes);
      let left = from + at;
      let right = middle;
      let next = to + at;
      while (left < middle || right < end) {
        const takeLeft = right === end || (left < middle && comesAfter(left, right) <= 0);
        memory.copy(next, takeLeft ? left : right, ATTRIBUTE);
        next += ATTRIBUTE;
        if (takeLeft) left += ATTRIBUTE;
        else right += ATTRIBUTE;
      }
    }
    const done = to;
    to = from;
    from = done;
  }
  if (from !== list) memory.copy(list, from, bytes);
}

// @ts-ignore: decorator
@inline
function comesAfter(a: u32, b: u32): i32 {
  const order = compareTexts(load<u32>(a), load<u32>(a, 4), load<u32>(b), load<u32>(b, 4));
  if (order !== 0 || load<u32>(a, 16) === load<u32>(b, 16)) return order;
  return compareTexts(load<u32>(a, 16), load<u32>(a, 20), load<u32>(b, 16), load<u32>(b, 20));
}

/** Before which labels the metric's name stands, and those of its name, which do not count. */
let nameFrom: u32 = 0;
let nameTo: u32 = 0;
/** The same of one more label, of this name. */
let extra: u32 = 0;
let extraFrom: u32 = 0;
let extraTo: u32 = 0;

function findPlaces(): void {
  const list = listAt(labels);
  const end = list + listBytes(labels);
  nameFrom = list;
  while (nameFrom < end && compareTexts(load<u32>(nameFrom), load<u32>(nameFrom, 4), NAME, 8) < 0) nameFrom += LABEL;
  nameTo = nameFrom;
  while (nameTo < end && isSame(load<u32>(nameTo), load<u32>(nameTo, 4), NAME, 8)) nameTo += LABEL;
  extra = 0;
}

function findExtra(name: u32, nameLength: u32): void {
  const end = listAt(labels) + listBytes(labels);
  extra = name;
  extraFrom = nameTo;
  while (extraFrom < end && compareTexts(load<u32>(extraFrom), load<u32>(extraFrom, 4), name, nameLength) < 0) extraFrom += LABEL;
  extraTo = extraFrom;
  while (extraTo < end && isSame(load<u32>(extraTo), load<u32>(extraTo, 4), name, nameLength)) extraTo += LABEL;
}

/** One of the labels that were made has this name, which comes behind that of the metric's. */
export function hasLabel(name: u32, nameLength: u32): bool {
  if (extra !== name) findExtra(name, nameLength);
  return extraFrom !== extraTo;
}

/** Where the metric's name was written last, with its tag, and how many bytes it has there. */
let writtenName: u32 = 0;
let writtenNameBytes: u32 = 0;
/** What is to be copied next. */
let copyFrom: u32 = 0;
let copyTo: u32 = 0;

/** No label is written, or none is where it was. False: `fault` is set. */
export function forgetWritten(): bool {
  emptyList(written);
  writtenNameBytes = 0;
  const count = listBytes(labels) / LABEL;
  remembersLabels = count <= REMEMBERED_MOST;
  if (!remembersLabels) return true;
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

/** Writes the labels that were made, with a metric's name. `isSameName`: it is the one that was written last. */
export function writeLabels(metric: u32, metricLength: u32, isSameName: bool): void {
  const list = listAt(labels);
  writeThose(list, nameFrom);
  writeName(metric, metricLength, isSameName);
  writeThose(nameTo, list + listBytes(labels));
  copyRest();
}

/** And with one more, which comes after the metric's name and replaces another of its name. */
export function writeLabelsWith(
  metric: u32,
  metricLength: u32,
  name: u32,
  nameLength: u32,
  value: u32,
  valueLength: u32,
): void {
  if (extra !== name) findExtra(name, nameLength);
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
 * A label that has the value that it had is copied from where it was written, with those that stand behind it there: not from
 * the series before, as what was written just now is slow to read.
 */
function writeThose(at: u32, end: u32): void {
  const remembersWritten = writesSeries && remembersLabels;
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

/** The labels of target_info. False: there is none to it, or `fault` is set. */
export function makeTargetLabels(): bool {
  const count = listBytes(RESOURCE) / LABEL;
  let identifying: u32 = 0;
  if (resourceAttribute(SERVICE_NAME, 12) !== 0) identifying++;
  if (resourceAttribute(SERVICE_NAMESPACE, 17) !== 0) identifying++;
  if (resourceAttribute(SERVICE_INSTANCE, 19) !== 0) identifying++;
  beginAttributes(false);
  if (count === identifying || !giveLabels(false, true)) return false;
  for (let i: u32 = 0; i < count && fault === 0; i++) {
    const entry = listAt(RESOURCE) + i * LABEL;
    if (!keepIdentifying && isIdentifying(entry)) continue;
    takeEntry(entry);
  }
  isAlike = false;
  const isMade = fault === 0 && makeLabels();
  isLayout = false;
  return isMade && hasIdentity();
}

function isIdentifying(entry: u32): bool {
  const at = load<u32>(entry);
  const length = load<u32>(entry, 4);
  return isSame(at, length, SERVICE_NAME, 12) || isSame(at, length, SERVICE_NAMESPACE, 17) || isSame(at, length, SERVICE_INSTANCE, 19);
}

function takeEntry(entry: u32): void {
  const at = listBytes(attributes);
  const name = load<u32>(entry);
  const nameLength = load<u32>(entry, 4);
  if (escapeNames && !makeLabelName(name, nameLength)) {
    nameless = true;
    return;
  }
  const added = addEntry(attributes, ATTRIBUTE);
  if (added === 0) return;
  store<u32>(added, escapeNames ? made : name);
  store<u32>(added, escapeNames ? madeLength : nameLength, 4);
  store<u32>(added, load<u32>(entry, 8), 8);
  store<u32>(added, load<u32>(entry, 12), 12);
  store<u32>(added, name, 16);
  store<u32>(added, nameLength, 20);
}

/** It has a job or an instance. */
function hasIdentity(): bool {
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    if (isSame(load<u32>(at), load<u32>(at, 4), JOB, 3) || isSame(load<u32>(at), load<u32>(at, 4), INSTANCE, 8)) return true;
  }
  return false;
}

/** Nothing was left of the name of an attribute that was taken last. */
export function isNameless(): bool {
  return nameless;
}

/** What the labels that were made come to. */
export function hashLabels(): u64 {
  let hash: u64 = 0;
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    hash += hashLabel(hashBytes(load<u32>(at), load<u32>(at, 4)), hashBytes(load<u32>(at, 8), load<u32>(at, 12)));
  }
  return finish(hash);
}
