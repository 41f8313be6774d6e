/**
 * Reads the labels of one series in the order of the body, in any valid encoding: for what the scans do not do themselves.
 * The bytes may be invalid; the walk ends where they are.
 */
import { WIRE_TYPE } from './memory';
import { isVersion2 } from './messages';
import { SYMBOL_BYTES, symbolCount, symbolLength, symbols } from './symbols';
import { cursor, fail, fault, readLength, readTag, readVarint32, seek, skipField, start, WIRE_BYTES, WIRE_VARINT } from './wire';

const SERIES_LABELS: u32 = 1;
const LABEL_NAME: u32 = 1;
const LABEL_VALUE: u32 = 2;
const NO_REF: u32 = 0xffffffff;

/** The label that `nextLabel` found. */
export let name: u32 = 0;
export let nameLength: u32 = 0;
export let value: u32 = 0;
export let valueLength: u32 = 0;

let refsEnd: u32 = 0;
let nameRef: u32 = NO_REF;

/** `at`: after the length of the series, or of an exemplar. */
export function beginLabels(at: u32): void {
  start(at);
  refsEnd = 0;
  nameRef = NO_REF;
}

/** False: there are no more. */
export function nextLabel(end: u32): bool {
  return isVersion2 ? nextByReference(end) : nextWritten(end);
}

function nextWritten(end: u32): bool {
  while (cursor < end) {
    const tag = readTag(end);
    if (fault !== 0) return false;
    if (tag >>> 3 !== SERIES_LABELS) {
      skipField(tag, end);
      if (fault !== 0) return false;
      continue;
    }
    const length = readLength(end);
    if (fault !== 0 || (tag & 7) !== WIRE_BYTES) return false;
    readLabel(cursor + length);
    return fault === 0;
  }
  return false;
}

/** Reads a label message of version 1, in any valid encoding, into the globals above. Check `fault` afterwards. */
export function readLabel(end: u32): void {
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
    // As everywhere in protobuf, the last of repeated fields counts.
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

function nextByReference(end: u32): bool {
  while (true) {
    while (cursor < refsEnd) {
      const ref = readVarint32(end);
      if (fault !== 0 || ref >= symbolCount) return false;
      if (nameRef === NO_REF) {
        nameRef = ref;
        continue;
      }
      const nameEntry = symbols + nameRef * SYMBOL_BYTES;
      const valueEntry = symbols + ref * SYMBOL_BYTES;
      nameRef = NO_REF;
      name = load<u32>(nameEntry);
      nameLength = symbolLength(nameEntry);
      value = load<u32>(valueEntry);
      valueLength = symbolLength(valueEntry);
      return true;
    }
    if (cursor >= end) return false;
    const tag = readTag(end);
    if (fault !== 0) return false;
    if (tag >>> 3 !== SERIES_LABELS) {
      skipField(tag, end);
      if (fault !== 0) return false;
    } else if ((tag & 7) === WIRE_BYTES) {
      const length = readLength(end);
      if (fault !== 0) return false;
      refsEnd = cursor + length;
    } else if ((tag & 7) === WIRE_VARINT) {
      refsEnd = cursor + 1;
    } else return false;
  }
}
