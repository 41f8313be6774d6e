/**
 * Checks OTLP messages whose content only Mimir reads: each field has the wire type of its number, and each length fits.
 */
import { TOO_DEEP, TRACE_ID_LENGTH, WIRE_TYPE } from './memory';
import {
  cursor,
  fail,
  fault,
  readLength,
  readTag,
  seek,
  skipBytes,
  skipField,
  skipVarint,
  WIRE_BYTES,
  WIRE_FIXED64,
  WIRE_VARINT,
} from './wire';

export const KEY_VALUE: u32 = 1;
export const ANY_VALUE: u32 = 2;
const ARRAY: u32 = 3;
const LIST: u32 = 4;
export const ENTITY: u32 = 5;
export const EXEMPLAR: u32 = 6;
export const BUCKETS: u32 = 7;
export const QUANTILES: u32 = 8;

const UNKNOWN: u32 = 0;
const VARINT: u32 = 16;
const FIXED: u32 = 17;
const TEXT: u32 = 18;
const VARINTS: u32 = 19;
const TRACE: u32 = 20;
const SPAN: u32 = 21;

/** The maximal nesting of values, more than anybody sends. */
const DEPTH_MOST: u32 = 64;

/** The type of a field: a message, or from 16 on a kind of scalar. */
function fieldOf(message: u32, number: u32): u32 {
  switch (message) {
    case KEY_VALUE:
      return number === 1 ? TEXT : number === 2 ? ANY_VALUE : UNKNOWN;
    case ANY_VALUE:
      switch (number) {
        case 1:
        case 7:
          return TEXT;
        case 2:
        case 3:
          return VARINT;
        case 4:
          return FIXED;
        case 5:
          return ARRAY;
        case 6:
          return LIST;
        default:
          return UNKNOWN;
      }
    case ARRAY:
      return number === 1 ? ANY_VALUE : UNKNOWN;
    case LIST:
      return number === 1 ? KEY_VALUE : UNKNOWN;
    case ENTITY:
      return number >= 1 && number <= 4 ? TEXT : UNKNOWN;
    case EXEMPLAR:
      switch (number) {
        case 2:
        case 3:
        case 6:
          return FIXED;
        case 4:
          return SPAN;
        case 5:
          return TRACE;
        case 7:
          return KEY_VALUE;
        default:
          return UNKNOWN;
      }
    case BUCKETS:
      return number === 1 ? VARINT : number === 2 ? VARINTS : UNKNOWN;
    default:
      return number === 1 || number === 2 ? FIXED : UNKNOWN;
  }
}

/** Checks a message up to `end` at this nesting depth. Check `fault` afterwards. */
export function checkOtlp(message: u32, end: u32, depth: u32 = 0): void {
  if (depth > DEPTH_MOST) {
    fail(TOO_DEEP, cursor);
    return;
  }
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const wire = tag & 7;
    const field = fieldOf(message, tag >>> 3);
    if (field === UNKNOWN) {
      skipField(tag, end);
    } else if (field === VARINT) {
      if (wire === WIRE_VARINT) skipVarint(end);
      else fail(WIRE_TYPE, at);
    } else if (field === FIXED) {
      if (wire === WIRE_FIXED64) skipBytes(8, end);
      else fail(WIRE_TYPE, at);
    } else if (field === VARINTS && wire === WIRE_VARINT) {
      skipVarint(end);
    } else if (wire !== WIRE_BYTES) {
      fail(WIRE_TYPE, at);
    } else {
      const length = readLength(end);
      if (fault !== 0) return;
      const next = cursor + length;
      if (field === VARINTS) {
        while (cursor < next && fault === 0) skipVarint(next);
      } else if (field < VARINT) {
        checkOtlp(field, next, depth + <u32>(field === ANY_VALUE));
      } else {
        if ((field === TRACE && length !== 16 && length !== 0) || (field === SPAN && length !== 8 && length !== 0))
          fail(TRACE_ID_LENGTH, at);
        else seek(next);
      }
    }
    if (fault !== 0) return;
  }
}
