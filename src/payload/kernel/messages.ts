/**
 * Checks messages whose content only Mimir reads (samples, exemplars, histograms, metadata): each field has the wire type
 * of its number, and each length fits. A body that passes decodes in Mimir.
 */
import { SYMBOL_REF, WIRE_TYPE } from './memory';
import {
  cursor,
  fail,
  fault,
  readLength,
  readTag,
  readVarint32,
  readVarint64,
  seek,
  skipBytes,
  skipField,
  skipVarint,
  WIRE_BYTES,
  WIRE_FIXED64,
  WIRE_VARINT,
  zigzag32,
} from './wire';

export const SAMPLE: u32 = 0;
export const LABEL: u32 = 1;
export const EXEMPLAR_V1: u32 = 2;
export const EXEMPLAR_V2: u32 = 3;
export const HISTOGRAM: u32 = 4;
const BUCKET_SPAN: u32 = 5;
export const METADATA_V1: u32 = 6;
export const METADATA_V2: u32 = 7;

const METADATA_NAME: u32 = 2;
const METADATA_UNIT_V1: u32 = 5;
const METADATA_UNIT_V2: u32 = 4;

const UNKNOWN: u32 = 0;
const VARINT_FIELD: u32 = 1;
const DOUBLE_FIELD: u32 = 2;
const STRING_FIELD: u32 = 3;
const VARINTS_FIELD: u32 = 4;
const DOUBLES_FIELD: u32 = 5;
const SYMBOL_FIELD: u32 = 6;
const SYMBOLS_FIELD: u32 = 7;
const LABEL_FIELD: u32 = 8;
const SPAN_FIELD: u32 = 9;
const TIMESTAMP_FIELD: u32 = 10;
const SCHEMA_FIELD: u32 = 11;
const CUSTOM_VALUES_FIELD: u32 = 12;

/** The number of symbols of the current push. */
let symbols: u32 = 0;
export let isVersion2: bool = false;
/** Set by METADATA_V2 messages with any content. */
export let metadataSaysSomething: bool = false;
/** The MetricType of the last METADATA_V2 message, and the symbol of its unit. */
export let metadataType: u32 = 0;
export let metadataUnit: u32 = 0;
/** Of the last METADATA_V1 message. */
export let metadataNameLength: u32 = 0;
export let metadataUnitLength: u32 = 0;
/** Of the last sample, exemplar or histogram. */
export let timestamp: i64 = 0;
/** The last histogram's schema, and the number of buckets in its fields. */
export let schema: i32 = 0;
export let buckets: u32 = 0;

export function setProtocol(version2: bool, symbolCount: u32): void {
  isVersion2 = version2;
  symbols = symbolCount;
}

function fieldOf(message: u32, number: u32): u32 {
  switch (message) {
    case SAMPLE:
      // 3 is start_timestamp, in version 2 only.
      return number === 1 ? DOUBLE_FIELD : number === 2 ? TIMESTAMP_FIELD : number === 3 && isVersion2 ? VARINT_FIELD : UNKNOWN;
    case LABEL:
      return number === 1 || number === 2 ? STRING_FIELD : UNKNOWN;
    case EXEMPLAR_V1:
      return number === 1 ? LABEL_FIELD : number === 2 ? DOUBLE_FIELD : number === 3 ? TIMESTAMP_FIELD : UNKNOWN;
    case EXEMPLAR_V2:
      return number === 1 ? SYMBOLS_FIELD : number === 2 ? DOUBLE_FIELD : number === 3 ? TIMESTAMP_FIELD : UNKNOWN;
    case BUCKET_SPAN:
      return number === 1 || number === 2 ? VARINT_FIELD : UNKNOWN;
    case METADATA_V1:
      if (number === 1) return VARINT_FIELD;
      return number === 2 || number === 4 || number === 5 ? STRING_FIELD : UNKNOWN;
    case METADATA_V2:
      if (number === 1) return VARINT_FIELD;
      return number === 3 || number === 4 ? SYMBOL_FIELD : UNKNOWN;
    default:
      return histogramField(number);
  }
}

function histogramField(number: u32): u32 {
  switch (number) {
    case 1:
    case 6:
    case 14:
      return VARINT_FIELD;
    case 4:
      return SCHEMA_FIELD;
    case 15:
      return TIMESTAMP_FIELD;
    case 2:
    case 3:
    case 5:
    case 7:
      return DOUBLE_FIELD;
    case 8:
    case 11:
      return SPAN_FIELD;
    case 9:
    case 12:
      return VARINTS_FIELD;
    case 10:
    case 13:
      return DOUBLES_FIELD;
    case 16:
      return CUSTOM_VALUES_FIELD;
    case 17:
      return isVersion2 ? VARINT_FIELD : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

// A sample in the encoding that every sender uses: tag, length, value (omitted if 0), and a timestamp of six bytes, which
// covers 1971 to 2109. It is the same in both versions.
const PLAIN_HEAD: u32 = 0x091012;
const PLAIN_ZERO_HEAD: u32 = 0x100712;
const TIMESTAMP_TAG: u32 = 0x10;
/** In a varint all bytes but the last have their high bit set. */
const HIGH_BITS: u64 = 0x808080808080;
const CONTINUES: u64 = 0x008080808080;

/**
 * The last plain sample's timestamp: its bytes, shifted by two, and its value. Nearly all samples of a push have the same
 * one.
 */
let plainBytes: u64 = 1;
export let plainTimestamp: i64 = 0;

/** The end of the sample that begins at `at`, if it is plain; else 0. It may be past the end of the series. */
// @ts-ignore: decorator
@inline
export function endOfPlain(at: u32): u32 {
  const head = load<u32>(at) & 0xffffff;
  let stamp = at + 3;
  if (head === PLAIN_HEAD) {
    stamp = at + 12;
    if (<u32>load<u8>(at + 11) !== TIMESTAMP_TAG) return 0;
  } else if (head !== PLAIN_ZERO_HEAD) return 0;
  const bytes = load<u64>(stamp) << 16;
  if (bytes !== plainBytes) {
    if (((bytes >>> 16) & HIGH_BITS) !== CONTINUES) return 0;
    plainBytes = bytes;
    plainTimestamp = valueOf(bytes >>> 16);
  }
  return stamp + 6;
}

/** Decodes the bytes of a varint: combines seven bits of each in three steps. */
function valueOf(bytes: u64): i64 {
  let bits = bytes & 0x7f7f7f7f7f7f;
  bits = (bits & 0x007f007f007f) | ((bits & 0x7f007f007f00) >>> 1);
  bits = (bits & 0x3fff00003fff) | ((bits & 0x00003fff0000) >>> 2);
  return <i64>((bits & 0x00000fffffff) | ((bits & 0x3fff00000000) >>> 4));
}

/** Checks a sample, exemplar or histogram up to `end`, and sets the globals above. */
export function checkPoint(message: u32, end: u32): void {
  timestamp = 0;
  schema = 0;
  buckets = 0;
  checkMessage(message, end);
}

/** Checks one message up to `end`. Check `fault` afterwards. */
export function checkMessage(message: u32, end: u32): void {
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return;
    const wire = tag & 7;
    const field = fieldOf(message, tag >>> 3);
    switch (field) {
      case UNKNOWN:
        skipField(tag, end);
        break;
      case VARINT_FIELD:
        if (wire !== WIRE_VARINT) fail(WIRE_TYPE, at);
        else if (message === METADATA_V2) checkMetadataType(end);
        else skipVarint(end);
        break;
      case TIMESTAMP_FIELD:
        if (wire !== WIRE_VARINT) fail(WIRE_TYPE, at);
        else timestamp = readVarint64(end);
        break;
      case SCHEMA_FIELD:
        if (wire !== WIRE_VARINT) fail(WIRE_TYPE, at);
        else schema = zigzag32(readVarint64(end));
        break;
      case DOUBLE_FIELD:
        if (wire !== WIRE_FIXED64) fail(WIRE_TYPE, at);
        else skipBytes(8, end);
        break;
      case SYMBOL_FIELD:
        if (wire !== WIRE_VARINT) fail(WIRE_TYPE, at);
        else checkMetadataSymbol(tag >>> 3, end);
        break;
      case VARINTS_FIELD:
      case SYMBOLS_FIELD:
        if (wire === WIRE_VARINT) checkElement(field, end);
        else if (wire === WIRE_BYTES) checkPacked(field, end);
        else fail(WIRE_TYPE, at);
        break;
      case DOUBLES_FIELD:
      case CUSTOM_VALUES_FIELD:
        if (wire === WIRE_FIXED64) checkElement(field, end);
        else if (wire === WIRE_BYTES) checkPacked(field, end);
        else fail(WIRE_TYPE, at);
        break;
      default: {
        if (wire !== WIRE_BYTES) {
          fail(WIRE_TYPE, at);
          return;
        }
        const length = readLength(end);
        if (fault !== 0) return;
        if (field === STRING_FIELD) {
          if (message === METADATA_V1) noteMetadataText(tag >>> 3, length);
          seek(cursor + length);
        } else checkMessage(field === LABEL_FIELD ? LABEL : BUCKET_SPAN, cursor + length);
      }
    }
    if (fault !== 0) return;
  }
}

function noteMetadataText(number: u32, length: u32): void {
  if (number === METADATA_NAME) metadataNameLength = length;
  else if (number === METADATA_UNIT_V1) metadataUnitLength = length;
}

function checkMetadataSymbol(number: u32, end: u32): void {
  const ref = checkSymbol(end);
  if (ref > 0) metadataSaysSomething = true;
  if (number === METADATA_UNIT_V2) metadataUnit = ref;
}

/** Type 0 means unknown, so it is no content. */
function checkMetadataType(end: u32): void {
  const at = cursor;
  skipVarint(end);
  // Only the low 32 bits, as in every decoder of an enum.
  metadataType = 0;
  for (let byte = at, shift: u32 = 0; byte < cursor && shift < 32; byte++, shift += 7) {
    metadataType |= (<u32>load<u8>(byte) & 127) << shift;
  }
  if (metadataType !== 0) metadataSaysSomething = true;
}

function checkSymbol(end: u32): u32 {
  const at = cursor;
  const ref = readVarint32(end);
  if (fault === 0 && ref >= symbols) return fail(SYMBOL_REF, at);
  return ref;
}

// @ts-ignore: decorator
@inline
function checkElement(field: u32, end: u32): void {
  if (field === SYMBOLS_FIELD) checkSymbol(end);
  else if (field === VARINTS_FIELD) skipVarint(end);
  else skipBytes(8, end);
  if (field !== CUSTOM_VALUES_FIELD) buckets++;
}

function checkPacked(field: u32, parentEnd: u32): void {
  const length = readLength(parentEnd);
  if (fault !== 0) return;
  const end = cursor + length;
  while (cursor < end && fault === 0) {
    checkElement(field, end);
  }
}

export function clearMetadata(): void {
  metadataSaysSomething = false;
  metadataType = 0;
  metadataUnit = 0;
  metadataNameLength = 0;
  metadataUnitLength = 0;
}
