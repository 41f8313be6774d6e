/**
 * Compares the attributes of a data point with those of the one before, as nearly all differ only in some values: bytes are
 * compared, sixteen at a time, and only values that differ are read. Equal bytes are equal attributes, so this changes no
 * result; anything else is read from the beginning as if nothing had come before.
 */
import { changeFact } from './otlp-facts';
import { addEntry, emptyList, forgetList, listAt, listBytes } from './otlp-out';
import { isSameText } from './otlp-texts';
import { key, keyLength, readAttribute, text, textLength } from './otlp-values';
import { endOfSame } from './text';
import { fault, seek } from './wire';

/** For each attribute of the data point before: the length of its field, and which label has its value. */
const FIELD: u32 = 8;
/** Data points with more attributes are not compared. */
const FIELDS_BYTES: u32 = 64 * FIELD;
const LABEL: usize = 4;
const NO_LABEL: u32 = 0xffffffff;
/** Tag, length of the field, tag, length of the key: all but the second have to be equal. */
const HEAD_BYTES: u32 = 4;
const ALL_BUT_LENGTH: u32 = 0xffff00ff;
/** The usual encoding of a string value, with lengths of one byte. */
const STRING_HEAD: u32 = 0x000a0012;
const STRING_BITS: u32 = 0x80ff80ff;

const fields = <u32>memory.data(12);
/** Where the first attribute of the data point before begins, and where its last one ends. */
let first: u32 = 0;
let last: u32 = 0;
/** All fields noted since then have the usual encoding and are adjacent. */
let isUsual: bool = false;
/** The fields are known, and the labels are theirs. */
export let isKnown: bool = false;
/** The current data point was compared. */
export let isCompared: bool = false;

export function forgetFields(): void {
  forgetList(fields);
  isKnown = false;
}

/** A data point begins that is not compared. */
export function beginFields(): void {
  emptyList(fields);
  isUsual = true;
  isKnown = false;
}

export function beginCompare(): void {
  isCompared = false;
}

/** An attribute was read: its field is at `at`, its content at `content`. False: `fault` is set. */
export function noteField(at: u32, content: u32, end: u32): void {
  const head = load<u32>(at);
  const isFirst = listBytes(fields) === 0;
  if (isFirst) first = at;
  else if (last !== at) isUsual = false;
  last = end;
  if (content !== at + 2 || key !== at + HEAD_BYTES || ((head >>> 16) & 0xff) !== 0x0a || head >>> 24 !== keyLength || keyLength > 127) {
    isUsual = false;
  }
  if (listBytes(fields) === FIELDS_BYTES) isUsual = false;
  if (!isUsual) return;
  const entry = addEntry(fields, FIELD);
  if (entry === 0) return;
  store<u32>(entry, end - at);
  store<u32>(entry, NO_LABEL, LABEL);
}

/** The labels are made: the next data point may be compared if it has this many attributes. */
export function know(attributes: u32): void {
  isKnown = isUsual && attributes > 0 && listBytes(fields) === attributes * FIELD;
}

/** The label at this offset of its list has the value of an attribute. */
export function noteLabel(attribute: u32, label: u32): void {
  if (isUsual && attribute * FIELD < listBytes(fields)) store<u32>(listAt(fields) + attribute * FIELD, label, LABEL);
}

/**
 * Compares the attributes from `at` on. Values that differ are put into the list of labels, and count as not written;
 * without a list of written labels their facts are computed. Returns where the attributes end; 0: they are not alike, or
 * `fault` is set.
 */
export function compareFields(at: u32, end: u32, labels: u32, written: u32): u32 {
  let before = first;
  let field = listAt(fields);
  const fieldsEnd = field + listBytes(fields);
  first = at;
  isCompared = true;
  while (true) {
    const ahead = at - before;
    const sameUntil = endOfSame(at, before, end);
    do {
      const after = at + load<u32>(field);
      if (after > sameUntil) break;
      at = after;
      field += FIELD;
    } while (field < fieldsEnd);
    if (field === fieldsEnd) return at;
    before = at - ahead;

    const head = load<u32>(at);
    const content = at + HEAD_BYTES;
    const bytes = (head >>> 8) & 0xff;
    const after = at + 2 + bytes;
    if (((head ^ load<u32>(before)) & ALL_BUT_LENGTH) !== 0 || bytes > 127 || after > end) return 0;
    if (!isSameText(content, before + HEAD_BYTES, head >>> 24)) return 0;
    const value = content + (head >>> 24);
    const valueHead = load<u32>(value);
    let string = value + HEAD_BYTES;
    let length = valueHead >>> 24;
    const isString = (valueHead & STRING_BITS) === STRING_HEAD && string + length === after && value + 2 + ((valueHead >>> 8) & 0xff) === after;
    if (!isString) {
      seek(at + 2);
      readAttribute(after);
      if (fault !== 0 || key !== content || keyLength !== head >>> 24) return 0;
      string = text;
      length = textLength;
    }
    if (length === 0) return 0;
    const label = load<u32>(field, LABEL);
    if (label !== NO_LABEL) {
      store<u32>(labels + label, string, 8);
      store<u32>(labels + label, length, 12);
      if (written !== 0) store<u64>(written + label / 2, 0);
      else changeFact(label, string, length);
    }
    before += load<u32>(field);
    store<u32>(field, after - at);
    at = after;
    field += FIELD;
    if (field === fieldsEnd) return at;
  }
}
