/**
 * The kernel's entry points: reserve room for the input, copy it in, decode or compress. Compiled by AssemblyScript to one
 * small WASM module; docs/kernel.md has the design.
 */
import { countDroppedExemplars } from './exemplar-rules';
import { prepareFamilies } from './families';
import { forgetPair, isPairOfEach, setPair } from './ha-pair';
import { preparePairs } from './ha-pairs';
import {
  align16,
  INPUT,
  OK,
  OUT_OF_MEMORY,
  RESULT_BODY,
  RESULT_BODY_LENGTH,
  RESULT_ERROR_OFFSET,
  RESULT_LENGTH,
  reserve,
  SLOP,
  TOO_LARGE,
  TOO_MANY_SERIES,
} from './memory';
import { readOptions, writesSeries } from './otlp-options';
import { out } from './otlp-out';
import { endJudging, pointAtOrigins } from './otlp-judge';
import { noteRepeats } from './otlp-repeats';
import { translateOtlp } from './otlp-scan';
import { beginPush, endPush } from './records';
import { readRules } from './rules';
import { scanVersion1 } from './scan-v1';
import { scanVersion2 } from './scan-v2';
export { judgeList, labelList, listLabels, reserveTo } from './relabel';
export { metricCount, metricsAt } from './otlp-series';
export { setShortening } from './shorten';
import { claimedLength, position, readHeader, roomFor, uncompress } from './snappy';
import { compressBlock, compressedEnd } from './snappy-compress';
import { readSymbols, seriesFound } from './symbols';
import { fault, faultAt, start } from './wire';

/** A converted body of OTLP may be this many times as large as a body may be, plus this. */
const OTLP_GROWTH: u64 = 4;
const OTLP_LEAST: u64 = 1 << 20;

/** The address for `length` bytes of input; 0 when memory is out. */
export function input(length: u32): u32 {
  return reserve(<u64>INPUT + <u64>length + <u64>SLOP) ? INPUT : 0;
}

/** Decodes the input by the rules in RULES. Returns OK or an error code, whose position is in RESULT. */
export function decode(
  length: u32,
  isSnappy: bool,
  isVersion2: bool,
  maxUncompressed: u32,
  maxSeries: u32,
  replicaNameLength: u32,
  clusterNameLength: u32,
): u32 {
  readRules();
  setPair(replicaNameLength, clusterNameLength);
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
  return scan(body, bodyLength, isVersion2, maxSeries, false);
}

/**
 * Decodes OTLP: the input is converted to a body of version 1, which is scanned, or (by the options) its series are judged
 * without being written. The list of promoted attributes follows the input and SLOP. `only`: the position of the one data
 * point or resource that is wanted.
 */
export function decodeOtlp(
  length: u32,
  options: u32,
  promotedBytes: u32,
  maxUncompressed: u32,
  maxSeries: u32,
  replicaNameLength: u32,
  clusterNameLength: u32,
  only: u32,
): u32 {
  readRules();
  setPair(replicaNameLength, clusterNameLength);
  if (length > maxUncompressed) return failed(TOO_LARGE, 0);
  const list = align16(INPUT + length + SLOP);
  readOptions(options, list, promotedBytes);
  const body = align16(list + promotedBytes + SLOP);
  translateOtlp(INPUT, INPUT + length, body, <u64>maxUncompressed * OTLP_GROWTH + OTLP_LEAST, maxSeries, only);
  if (fault !== 0) return failed(fault, max<u32>(faultAt, INPUT) - INPUT);
  if (writesSeries) return scan(body, out - body, false, maxSeries, true);
  endJudging();
  if (!noteRepeats()) return failed(OUT_OF_MEMORY, 0);
  endPush();
  countDroppedExemplars(INPUT);
  pointAtOrigins(INPUT, false);
  return OK;
}

/** For a body of OTLP that was written and scanned: makes the records point to data points rather than series. */
export function pointAtPoints(): void {
  pointAtOrigins(load<u32>(RESULT_BODY), true);
}

/** Adds up the records again after relabelling. */
export function addUpAgain(): void {
  endPush();
}

/** Compresses the input as a snappy block. Returns its address, with its length in RESULT; 0 when memory is out. */
export function compress(length: u32): u32 {
  const block = compressBlock(INPUT, length);
  store<u32>(RESULT_LENGTH, compressedEnd - block);
  return block;
}

function scan(body: u32, length: u32, isVersion2: bool, maxSeries: u32, isOtlp: bool): u32 {
  const end = body + length;
  let free = align16(end + SLOP);
  start(body);
  if (isVersion2) {
    free = readSymbols(free, end);
    if (fault !== 0) return failed(fault, faultAt - body);
    if (seriesFound > maxSeries) return failed(TOO_MANY_SERIES, 0);
    free = prepareFamilies(free, seriesFound);
    if (free === 0) return failed(OUT_OF_MEMORY, 0);
  }
  if (isPairOfEach) {
    free = preparePairs(align16(free));
    if (free === 0) return failed(OUT_OF_MEMORY, 0);
  }
  beginPush(align16(free), maxSeries);
  if (isVersion2) scanVersion2(body, end);
  else scanVersion1(body, end);
  if (fault !== 0) return failed(fault, faultAt - body);
  if (isPairOfEach) forgetPair();
  if (isOtlp && !noteRepeats()) return failed(OUT_OF_MEMORY, 0);
  endPush();
  countDroppedExemplars(body);
  store<u32>(RESULT_BODY, body);
  store<u32>(RESULT_BODY_LENGTH, length);
  return OK;
}

function failed(code: u32, offset: u32): u32 {
  store<u32>(RESULT_ERROR_OFFSET, offset);
  return code;
}
