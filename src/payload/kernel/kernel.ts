/**
 * The kernel's entry points: reserve room for the input, copy it in, decode or compress. Compiled by AssemblyScript to one
 * small WASM module; docs/kernel.md has the design.
 */
import { setExcluded } from './exclude';
import {
  align16,
  INPUT,
  OK,
  OUT_OF_MEMORY,
  RESULT_BODY,
  RESULT_BODY_LENGTH,
  RESULT_ERROR_OFFSET,
  RESULT_LENGTH,
  RESULT_RECORDS,
  RESULT_SERIES,
  reserve,
  SLOP,
  TOO_LARGE,
  TOO_MANY_SERIES,
  WANTED,
} from './memory';
import { beginPush, endPush } from './records';
import { findLabelVersion1, scanVersion1, value as value1, valueLength as valueLength1 } from './scan-v1';
import {
  findLabelVersion2,
  prepareFamilies,
  readSymbols,
  scanVersion2,
  seriesFound,
  value as value2,
  valueLength as valueLength2,
} from './scan-v2';
import { claimedLength, position, readHeader, roomFor, uncompress } from './snappy';
import { compressBlock, compressedEnd } from './snappy-compress';
import { fault, faultAt, readLength, readTag, start } from './wire';

/** Address where `length` bytes of input go; 0 when memory is out. */
export function input(length: u32): u32 {
  return reserve(<u64>INPUT + <u64>length + <u64>SLOP) ? INPUT : 0;
}

/** Decodes the input. Returns OK, or what is wrong with it; where is in RESULT. */
export function decode(
  length: u32,
  isSnappy: bool,
  isVersion2: bool,
  maxUncompressed: u32,
  maxSeries: u32,
  excludeLength: u32,
): u32 {
  setExcluded(excludeLength);
  let body = INPUT;
  let bodyLength = length;
  if (isSnappy) {
    const code = readHeader(INPUT, length);
    if (code !== OK) return failed(code, position);
    bodyLength = claimedLength;
    if (bodyLength > maxUncompressed) return failed(TOO_LARGE, 0);
    body = align16(INPUT + length + SLOP);
    if (!reserve(<u64>body + roomFor(bodyLength))) return failed(OUT_OF_MEMORY, 0);
    const broken = uncompress(INPUT, length, body);
    if (broken !== OK) return failed(broken, position);
  } else if (length > maxUncompressed) {
    return failed(TOO_LARGE, 0);
  }
  return scan(body, bodyLength, isVersion2, maxSeries);
}

/**
 * After a decode: where the value of a label of the push's first series is, its length in RESULT; 0 when the series, or
 * the push, has none. The label's name is in WANTED.
 */
export function firstLabel(nameLength: u32, isVersion2: bool): u32 {
  if (load<u32>(RESULT_SERIES) === 0) return 0;
  const record = load<u32>(RESULT_RECORDS);
  const series = load<u32>(RESULT_BODY) + load<u32>(record);
  const end = series + load<u32>(record + 4);
  start(series);
  readTag(end);
  readLength(end);
  const found = isVersion2
    ? findLabelVersion2(WANTED, nameLength, end)
    : findLabelVersion1(WANTED, nameLength, end);
  if (!found) return 0;
  store<u32>(RESULT_LENGTH, isVersion2 ? valueLength2 : valueLength1);
  return isVersion2 ? value2 : value1;
}

/** Compresses the input as a snappy block. Returns where that is, its length in RESULT; 0 when memory is out. */
export function compress(length: u32): u32 {
  const block = compressBlock(INPUT, length);
  store<u32>(RESULT_LENGTH, compressedEnd - block);
  return block;
}

function scan(body: u32, length: u32, isVersion2: bool, maxSeries: u32): u32 {
  const end = body + length;
  let free = align16(end + SLOP);
  start(body);
  if (isVersion2) {
    free = readSymbols(free, end);
    if (fault !== 0) return failed(fault, faultAt - body);
    if (seriesFound > maxSeries) return failed(TOO_MANY_SERIES, 0);
    free = prepareFamilies(seriesFound);
    if (free === 0) return failed(OUT_OF_MEMORY, 0);
  }
  beginPush(align16(free), maxSeries);
  if (isVersion2) scanVersion2(body, end);
  else scanVersion1(body, end);
  if (fault !== 0) return failed(fault, faultAt - body);
  endPush();
  store<u32>(RESULT_BODY, body);
  store<u32>(RESULT_BODY_LENGTH, length);
  return OK;
}

function failed(code: u32, offset: u32): u32 {
  store<u32>(RESULT_ERROR_OFFSET, offset);
  return code;
}
