/** Exemplars of a data point, as Prometheus' translator makes them. */
import { EXPONENTIAL, HISTOGRAM } from './otlp-kinds';
import { addEntry, beginKept, emptyList, endKept, forgetList, keep, listAt, listBytes, out, writeLabel } from './otlp-out';
import { addExemplar } from './otlp-series';
import { SPAN_ID, TRACE_ID } from './otlp-texts';
import { key, keyLength, readAttribute, text, textLength } from './otlp-values';
import { countCharacters } from './text';
import { cursor, fault, readLength, readTag, seek, skipField } from './wire';

/** Attributes beyond this many characters are left out. */
const CHARACTERS_MOST: u64 = 128;
const LABEL: u32 = 16;

const labels = <u32>memory.data(12);

export function beginExemplars(): void {
  forgetList(labels);
}

/** For a valid data point from `at` to `end`. False: one has no value, or `fault` is set. */
export function readExemplars(kind: u32, at: u32, end: u32): bool {
  const field: u32 = kind === HISTOGRAM ? 8 : kind === EXPONENTIAL ? 11 : 5;
  seek(at);
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 !== field) {
      skipField(tag, end);
      continue;
    }
    const length = readLength(end);
    const next = cursor + length;
    if (!readExemplar(next)) return false;
    seek(next);
  }
  return true;
}

function readExemplar(end: u32): bool {
  emptyList(labels);
  let value: f64 = 0;
  let hasValue = false;
  let time: u64 = 0;
  let trace: u32 = 0;
  let span: u32 = 0;
  let characters: u64 = 0;
  while (cursor < end) {
    const tag = readTag(end);
    const number = tag >>> 3;
    const at = cursor;
    if (number === 3 || number === 6) {
      hasValue = true;
      value = number === 3 ? load<f64>(at) : <f64>load<i64>(at);
    } else if (number === 2) time = load<u64>(at);
    if (number === 4 || number === 5) {
      const length = readLength(end);
      const id = length > 0 && !isZero(cursor, length) ? cursor : 0;
      if (number === 4) span = id;
      else trace = id;
      seek(cursor + length);
    } else if (number === 7) {
      const next = readLength(end) + cursor;
      readAttribute(next);
      if (fault !== 0) return false;
      characters += <u64>countCharacters(key, keyLength) + <u64>countCharacters(text, textLength);
      if (!addLabel(key, keyLength, text, textLength)) return false;
    } else skipField(tag, end);
  }
  if (!hasValue) return false;
  if (trace !== 0) characters += 8 + 32;
  if (span !== 0) characters += 7 + 16;
  if (characters > CHARACTERS_MOST) emptyList(labels);
  if (trace !== 0 && !addId(TRACE_ID, 8, trace, 16)) return false;
  if (span !== 0 && !addId(SPAN_ID, 7, span, 8)) return false;
  writeExemplar(time, value);
  return fault === 0;
}

function addLabel(name: u32, nameLength: u32, value: u32, valueLength: u32): bool {
  const entry = addEntry(labels, LABEL);
  if (entry === 0) return false;
  store<u32>(entry, name);
  store<u32>(entry, nameLength, 4);
  store<u32>(entry, value, 8);
  store<u32>(entry, valueLength, 12);
  return true;
}

function isZero(at: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(at + i) !== 0) return false;
  }
  return true;
}

function addId(name: u32, nameLength: u32, id: u32, length: u32): bool {
  const hex = keep(length * 2);
  if (hex === 0) return false;
  for (let i: u32 = 0; i < length; i++) {
    const byte = <u32>load<u8>(id + i);
    store<u8>(hex + i * 2, digit(byte >>> 4));
    store<u8>(hex + i * 2 + 1, digit(byte & 15));
  }
  return addLabel(name, nameLength, hex, length * 2);
}

function digit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

function writeExemplar(time: u64, value: f64): void {
  const kept = beginKept();
  if (fault !== 0) return;
  const end = listAt(labels) + listBytes(labels);
  for (let at = listAt(labels); at < end; at += LABEL) {
    writeLabel(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12));
    if (fault !== 0) return;
  }
  const written = endKept(kept);
  const length = out - written;
  // Milliseconds, rounded down.
  const nanoseconds = <i64>time;
  const milliseconds = nanoseconds / 1000000 - <i64>(nanoseconds % 1000000 < 0);
  addExemplar(written, length, milliseconds, value);
}
