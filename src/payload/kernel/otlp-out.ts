/**
 * The output of the translation: a prometheus.WriteRequest, which is scanned like any other. What has to be kept beside it
 * (names and values that are not in the body, growing lists) is inside it as well, in an unknown field.
 */
import { align16, OUT_OF_MEMORY, reserve, SLOP, TOO_LARGE } from './memory';
import { fail } from './wire';

/** The next byte to write. */
export let out: u32 = 0;
/** Signed: more may be counted than there is room for. */
let outEnd: i64 = 0;
/** The end of the reserved memory. */
let ready: u64 = 0;

const STEP: u32 = 1 << 16;
/** Longer copies are worth a call. Up to 15 bytes too many are written. */
const COPIED_BY_HAND: u32 = 256;
/** The tag of field 15 with a length, and the size of a head of five bytes. */
const KEPT: u32 = 0x7a;
const KEPT_HEAD: u32 = 6;

export function beginOut(at: u32, most: u64): void {
  out = at;
  outEnd = <i64>(<u64>at + most);
  ready = 0;
}

/** Ensures that `bytes` can be written. False: `fault` is set. */
// @ts-ignore: decorator
@inline
export function ensure(bytes: u32): bool {
  return <u64>out + <u64>bytes <= ready || grow(bytes);
}

function grow(bytes: u32): bool {
  const end = <u64>out + <u64>bytes;
  if (<i64>end > outEnd) {
    fail(TOO_LARGE, 0);
    return false;
  }
  ready = end + <u64>STEP;
  if (reserve(ready + <u64>SLOP)) return true;
  fail(OUT_OF_MEMORY, 0);
  return false;
}

// @ts-ignore: decorator
@inline
export function moveOut(to: u32): void {
  out = to;
}

/** Allocates memory that is kept. Call between series only. 0: `fault` is set. */
export function keep(bytes: u32): u32 {
  if (bytes > 0x7fffffff - 64) return fail(TOO_LARGE, 0);
  if (!ensure(bytes + 32)) return 0;
  const at = align16(out + KEPT_HEAD);
  const length = at + bytes - out - KEPT_HEAD;
  store<u8>(out, KEPT);
  writePadded(out + 1, length);
  out = at + bytes;
  return at;
}

/** The same for memory that does not count towards the size of the converted body. */
export function keepBeside(bytes: u32): u32 {
  outEnd += <i64>bytes + 64;
  return keep(bytes);
}

/** Counts bytes that need not be written. False: `fault` is set. */
// @ts-ignore: decorator
@inline
export function spare(bytes: u32): bool {
  outEnd -= <i64>bytes;
  if (<i64>out <= outEnd) return true;
  fail(TOO_LARGE, 0);
  return false;
}

/** What is written from now on is kept, and belongs to no series. */
export function beginKept(): u32 {
  const at = out;
  if (ensure(32)) out += KEPT_HEAD;
  return at;
}

/** Returns where the kept bytes since `beginKept` begin. */
export function endKept(at: u32): u32 {
  store<u8>(at, KEPT);
  writePadded(at + 1, out - at - KEPT_HEAD);
  return at + KEPT_HEAD;
}

/** A varint of five bytes. */
function writePadded(at: u32, value: u32): void {
  store<u32>(at, (value & 127) | ((value << 1) & 0x7f00) | ((value << 2) & 0x7f0000) | ((value << 3) & 0x7f000000) | 0x80808080);
  store<u8>(at + 4, value >>> 28);
}

// @ts-ignore: decorator
@inline
export function writeVarint(at: u32, value: u64): u32 {
  while (value > 127) {
    store<u8>(at++, value | 128);
    value >>>= 7;
  }
  store<u8>(at++, value);
  return at;
}

// @ts-ignore: decorator
@inline
function varintBytes(value: u32): u32 {
  return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : value < 268435456 ? 4 : 5;
}

// @ts-ignore: decorator
@inline
export function copy(to: u32, from: u32, length: u32): void {
  if (length > COPIED_BY_HAND) {
    memory.copy(to, from, length);
    return;
  }
  for (let i: u32 = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

// A field's content is written after room for its tag and a length of two bytes.
const HEAD: u32 = 3;

/** Begins a series or a metadata entry. */
export function beginField(): u32 {
  const at = out;
  out += HEAD;
  return at;
}

/** Ends the field that began at `at`. */
export function endField(at: u32, tag: u32): void {
  const length = out - at - HEAD;
  store<u8>(at, tag);
  if (length < 16384) {
    store<u8>(at + 1, length | 128);
    store<u8>(at + 2, length >>> 7);
    return;
  }
  if (!ensure(16)) return;
  memory.copy(at + KEPT_HEAD, at + HEAD, length);
  writePadded(at + 1, length);
  out += KEPT_HEAD - HEAD;
}

/** Writes a label of a series or an exemplar. */
export function writeLabel(name: u32, nameLength: u32, value: u32, valueLength: u32): void {
  const inner = <u64>nameLength + <u64>valueLength;
  if (inner > 0x3fffffff) {
    fail(TOO_LARGE, 0);
    return;
  }
  if (!ensure(<u32>inner + 48)) return;
  let to = out;
  if (inner < 124) {
    store<u32>(to, 0x000a000a | (<u32>(inner + 4) << 8) | (nameLength << 24));
    to += 4;
    copy(to, name, nameLength);
    to += nameLength;
    store<u16>(to, 0x12 | (valueLength << 8));
    to += 2;
  } else {
    store<u8>(to++, 0x0a);
    to = writeVarint(to, inner + 2 + varintBytes(nameLength) + varintBytes(valueLength));
    store<u8>(to++, 0x0a);
    to = writeVarint(to, nameLength);
    copy(to, name, nameLength);
    to += nameLength;
    store<u8>(to++, 0x12);
    to = writeVarint(to, valueLength);
  }
  copy(to, value, valueLength);
  out = to + valueLength;
}

/** The tag of samples in a series. */
const SAMPLE: u32 = 0x12;

/** The last sample, whose timestamp may be reused. */
const sample = <u32>memory.data(32);
let sampleBytes: u32 = 0;
let sampleTimestamp: i64 = 0;

/** The value does not matter, only the time. */
export function writeSample(timestamp: i64): void {
  if (timestamp !== sampleTimestamp || sampleBytes === 0) makeSample(timestamp);
  if (!ensure(40)) return;
  v128.store(out, v128.load(sample));
  v128.store(out, v128.load(sample, 16), 16);
  out += sampleBytes;
}

function makeSample(timestamp: i64): void {
  store<u8>(sample, SAMPLE);
  store<u8>(sample + 2, 0x09);
  store<u64>(sample + 3, 0);
  store<u8>(sample + 11, 0x10);
  sampleBytes = writeVarint(sample + 12, <u64>timestamp) - sample;
  store<u8>(sample + 1, sampleBytes - 2);
  sampleTimestamp = timestamp;
}

export const ORIGIN_BYTES: u32 = 9;

/** The origin of the series: the position and length of its data point in the body; for a resource its position and 0. */
export function writeOrigin(offset: u32, length: u32): void {
  if (!ensure(16)) return;
  store<u8>(out, 0x79);
  store<u32>(out + 1, offset);
  store<u32>(out + 5, length);
  out += ORIGIN_BYTES;
}

// Growing lists: address, capacity in bytes, and length, u32 each.

// @ts-ignore: decorator
@inline
export function listAt(list: u32): u32 {
  return load<u32>(list);
}

// @ts-ignore: decorator
@inline
export function listBytes(list: u32): u32 {
  return load<u32>(list, 8);
}

export function forgetList(list: u32): void {
  store<u64>(list, 0);
  store<u32>(list, 0, 8);
}

// @ts-ignore: decorator
@inline
export function emptyList(list: u32): void {
  store<u32>(list, 0, 8);
}

/** Allocates one more entry of `bytes`. Call between series only. 0: `fault` is set. */
// @ts-ignore: decorator
@inline
export function addEntry(list: u32, bytes: u32): u32 {
  const used = load<u32>(list, 8);
  if (used + bytes > load<u32>(list, 4) && !growList(list, used + bytes)) return 0;
  store<u32>(list, used + bytes, 8);
  return load<u32>(list) + used;
}

function growList(list: u32, bytes: u32): bool {
  const room = max<u32>(1024, bytes * 2);
  const at = keep(room);
  if (at === 0) return false;
  memory.copy(at, load<u32>(list), load<u32>(list, 8));
  store<u32>(list, at);
  store<u32>(list, room, 4);
  return true;
}
