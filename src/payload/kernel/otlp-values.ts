/** Attributes, and their values as text. */
import { ANY_VALUE, checkOtlp } from './otlp-check';
import { WIRE_TYPE } from './memory';
import { keep } from './otlp-out';
import { copyText, doubleText, FALSE, TRUE, valueText } from './otlp-texts';
import { cursor, fail, fault, readLength, readTag, readVarint64, seek, skipBytes, skipField, WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from './wire';

/** The attribute that `readAttribute` found. */
export let key: u32 = 0;
export let keyLength: u32 = 0;
export let text: u32 = 0;
export let textLength: u32 = 0;

const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;

/** Reads a KeyValue message up to `end`. Without a value the text is empty. Check `fault` afterwards. */
// @ts-ignore: decorator
@inline
export function readAttribute(end: u32): void {
  // The usual encoding of a string: the key, a value with the string in it, each length in one byte, nothing else.
  const keyHead = <u32>load<u16>(cursor);
  const length = keyHead >>> 8;
  const value = cursor + 2 + length;
  const valueHead = load<u32>(value);
  const after = value + 2 + ((valueHead >>> 8) & 0xff);
  const string = valueHead >>> 24;
  if (((keyHead & 0x80ff) ^ 0x000a) | ((valueHead & 0x80ff80ff) ^ 0x000a0012) | (after ^ end) | ((value + 4 + string) ^ end)) {
    readOddAttribute(end);
    return;
  }
  key = cursor + 2;
  keyLength = length;
  text = value + 4;
  textLength = string;
  seek(end);
}

function readOddAttribute(end: u32): void {
  key = cursor;
  keyLength = 0;
  text = cursor;
  textLength = 0;
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const field = tag >>> 3;
    if (field !== 1 && field !== 2) {
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
    const next = cursor + length;
    if (field === 1) {
      key = cursor;
      keyLength = length;
    } else {
      readValue(next);
      if (fault !== 0) return;
    }
    seek(next);
  }
}

/** Reads an AnyValue message up to `end`: the last of its kinds counts. An empty one changes nothing. */
function readValue(end: u32): void {
  const start = cursor;
  let kind: u32 = 0;
  let int: i64 = 0;
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const field = tag >>> 3;
    const wire = tag & 7;
    if (field === STRING && wire === WIRE_BYTES) {
      const length = readLength(end);
      if (fault !== 0) return;
      text = cursor;
      textLength = length;
      kind = STRING;
      seek(cursor + length);
    } else if ((field === BOOL || field === INT) && wire === WIRE_VARINT) {
      int = readVarint64(end);
      kind = field;
    } else if (field === DOUBLE && wire === WIRE_FIXED64) {
      int = load<i64>(cursor);
      kind = DOUBLE;
      skipBytes(8, end);
    } else if (field > 0 && field <= 7) {
      seek(at);
      kind = field;
      checkOtlp(ANY_VALUE, end, 1);
    } else skipField(tag, end);
    if (fault !== 0) return;
  }
  if (kind === 0 || kind === STRING) return;
  if (kind === BOOL) {
    text = int !== 0 ? TRUE : FALSE;
    textLength = int !== 0 ? 4 : 5;
  } else if (kind === INT) writeInteger(int);
  else takeText(kind === DOUBLE ? doubleText(reinterpret<f64>(int), false) : valueText(start, end - start));
}

export function setText(at: u32, length: u32): void {
  text = at;
  textLength = length;
}

/** Takes a text that the binding has made. */
export function takeText(length: u32): void {
  textLength = 0;
  const at = keep(length);
  if (at === 0) return;
  copyText(at);
  text = at;
  textLength = length;
}

export function writeInteger(value: i64): void {
  textLength = 0;
  const room = keep(24);
  if (room === 0) return;
  let left = value < 0 ? 0 - <u64>value : <u64>value;
  let at = room + 24;
  do {
    store<u8>(--at, 0x30 + <u32>(left % 10));
    left /= 10;
  } while (left > 0);
  if (value < 0) store<u8>(--at, 0x2d);
  text = at;
  textLength = room + 24 - at;
}
