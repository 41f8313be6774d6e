/**
 * Reads the protobuf wire format: varints, tags, skipping. A read that fails sets `fault` (and its position) and returns 0;
 * callers check `fault` after each.
 */
import { FIELD_NUMBER, GROUP, LENGTH, TRUNCATED, VARINT, WIRE_TYPE } from './memory';

export const WIRE_VARINT: u32 = 0;
export const WIRE_FIXED64: u32 = 1;
export const WIRE_BYTES: u32 = 2;
const WIRE_GROUP: u32 = 3;
const WIRE_END_GROUP: u32 = 4;
const WIRE_FIXED32: u32 = 5;

/** Groups are no longer used in remote write; a few levels are skipped as the format requires. */
const GROUP_DEPTH_MAX: u32 = 32;

export let fault: u32 = 0;
export let faultAt: u32 = 0;
/** The next byte to read. */
export let cursor: u32 = 0;

export function start(at: u32): void {
  fault = 0;
  cursor = at;
}

// @ts-ignore: decorator
@inline
export function seek(at: u32): void {
  cursor = at;
}

export function fail(code: u32, at: u32): u32 {
  fault = code;
  faultAt = at;
  return 0;
}

/** A tag, a length or a reference: at most 32 bits, in at most ten bytes. */
// @ts-ignore: decorator
@inline
export function readVarint32(end: u32): u32 {
  if (cursor < end) {
    const byte = <u32>load<u8>(cursor);
    if (byte < 128) {
      cursor++;
      return byte;
    }
  }
  return readLongVarint32(end);
}

function readLongVarint32(end: u32): u32 {
  const at = cursor;
  const pair = <u32>load<u16>(at);
  if ((pair & 0x8080) === 0x80 && at + 2 <= end) {
    cursor = at + 2;
    return (pair & 127) | ((pair >>> 1) & 0x3f80);
  }
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    if (cursor >= end) return fail(TRUNCATED, at);
    const byte = <u64>load<u8>(cursor++);
    // The tenth byte may only have one bit, which would not fit into 32 bits anyway.
    if (shift === 63 && byte > 1) return fail(VARINT, at);
    value |= (byte & 127) << shift;
    if (byte < 128) return value > 0xffffffff ? fail(VARINT, at) : <u32>value;
  }
  return fail(VARINT, at);
}

/** Any varint, as decoders accept it: bits beyond 64 are lost. */
export function readVarint64(end: u32): i64 {
  const at = cursor;
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    if (cursor >= end) {
      fail(TRUNCATED, at);
      return 0;
    }
    const byte = <u64>load<u8>(cursor++);
    value |= (byte & 127) << shift;
    if (byte < 128) return <i64>value;
  }
  fail(VARINT, at);
  return 0;
}

/** Decodes a sint32. */
// @ts-ignore: decorator
@inline
export function zigzag32(value: i64): i32 {
  const bits = <u32>value;
  return <i32>((bits >>> 1) ^ (0 - (bits & 1)));
}

/** Skips a varint. */
// @ts-ignore: decorator
@inline
export function skipVarint(end: u32): void {
  const at = cursor;
  while (true) {
    if (cursor >= end) {
      fail(TRUNCATED, at);
      return;
    }
    if (load<u8>(cursor++) < 128) return;
    if (cursor - at === 10) {
      fail(VARINT, at);
      return;
    }
  }
}

/** A length that fits before `end`; the cursor is after it. */
// @ts-ignore: decorator
@inline
export function readLength(end: u32): u32 {
  const at = cursor;
  const length = readVarint32(end);
  if (fault !== 0) return 0;
  if (length > end - cursor) return fail(LENGTH, at);
  return length;
}

// @ts-ignore: decorator
@inline
export function readTag(end: u32): u32 {
  const at = cursor;
  const tag = readVarint32(end);
  if (fault !== 0) return 0;
  if (tag >>> 3 === 0) return fail(FIELD_NUMBER, at);
  return tag;
}

/** Skips a field whose tag was just read. */
export function skipField(tag: u32, end: u32): void {
  const at = cursor;
  switch (tag & 7) {
    case WIRE_VARINT:
      skipVarint(end);
      return;
    case WIRE_FIXED64:
      skipBytes(8, end);
      return;
    case WIRE_BYTES: {
      const length = readLength(end);
      if (fault === 0) cursor += length;
      return;
    }
    case WIRE_GROUP:
      skipGroup(tag >>> 3, end);
      return;
    case WIRE_FIXED32:
      skipBytes(4, end);
      return;
    default:
      fail(WIRE_TYPE, at);
  }
}

// @ts-ignore: decorator
@inline
export function skipBytes(count: u32, end: u32): void {
  if (count > end - cursor) {
    fail(TRUNCATED, cursor);
    return;
  }
  cursor += count;
}

const openGroups = memory.data(4 * 32);

/** Skips to the end of a group, which must name the field that opened it. */
function skipGroup(field: u32, end: u32): void {
  const at = cursor;
  let depth: u32 = 1;
  store<u32>(openGroups, field);
  while (depth > 0) {
    const tag = readTag(end);
    if (fault !== 0) return;
    if ((tag & 7) === WIRE_END_GROUP) {
      if (load<u32>(openGroups + (depth - 1) * 4) !== tag >>> 3) {
        fail(GROUP, at);
        return;
      }
      depth--;
    } else if ((tag & 7) === WIRE_GROUP) {
      if (depth === GROUP_DEPTH_MAX) {
        fail(GROUP, at);
        return;
      }
      store<u32>(openGroups + depth * 4, tag >>> 3);
      depth++;
    } else {
      skipField(tag, end);
      if (fault !== 0) return;
    }
  }
}
