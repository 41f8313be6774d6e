/**
 * Mimir's rules for one native histogram: its schema, and its number of buckets. One with too many is reduced, halving the
 * resolution step by step, if that helps and is allowed.
 */
import { buckets, schema } from './messages';
import {
  HISTOGRAM_BUCKETS,
  HISTOGRAM_CUSTOM_BUCKETS,
  HISTOGRAM_NOT_REDUCIBLE,
  HISTOGRAM_SCHEMA,
  maxBuckets,
  reduceBuckets,
} from './rules';
import { cursor, readLength, readTag, readVarint64, seek, skipField, skipVarint, WIRE_BYTES, zigzag32 } from './wire';

const SCHEMA_LEAST: i32 = -4;
const SCHEMA_MOST: i32 = 8;
const SCHEMA_CUSTOM_BUCKETS: i32 = -53;

const COUNT_INT: u32 = 1;
const COUNT_FLOAT: u32 = 2;
const NEGATIVE_SPANS: u32 = 8;
const NEGATIVE_DELTAS: u32 = 9;
const POSITIVE_SPANS: u32 = 11;
const POSITIVE_DELTAS: u32 = 12;
const SPAN_OFFSET: u32 = 1;

/** The last checked histogram may break a rule. */
// @ts-ignore: decorator
@inline
export function isOddHistogram(): bool {
  return buckets > maxBuckets || schema < SCHEMA_LEAST || schema > SCHEMA_MOST;
}

/** The last checked histogram, from `at` to `end`. */
export function judgeHistogram(at: u32, end: u32): u32 {
  if (!isOddHistogram()) return 0;
  const isCustom = schema === SCHEMA_CUSTOM_BUCKETS;
  if ((schema < SCHEMA_LEAST || schema > SCHEMA_MOST) && !isCustom) return HISTOGRAM_SCHEMA;
  if (buckets <= maxBuckets) return 0;
  if (isCustom) return HISTOGRAM_CUSTOM_BUCKETS;
  if (!reduceBuckets) return HISTOGRAM_BUCKETS;
  return canBeReduced(at, end) ? 0 : HISTOGRAM_NOT_REDUCIBLE;
}

/** Mimir only looks at integer deltas after reducing, so for a float histogram one step is enough. */
function canBeReduced(at: u32, end: u32): bool {
  const positive = countDeltas(at, end, POSITIVE_DELTAS);
  const negative = countDeltas(at, end, NEGATIVE_DELTAS);
  if (isFloat(at, end)) return schema > SCHEMA_LEAST && positive + negative < maxBuckets;
  for (let steps: i32 = 1; steps <= schema - SCHEMA_LEAST; steps++) {
    const left =
      countReduced(at, end, POSITIVE_SPANS, positive, steps) + countReduced(at, end, NEGATIVE_SPANS, negative, steps);
    if (left < maxBuckets) return true;
  }
  return false;
}

/** The count that comes last is the valid one. */
function isFloat(at: u32, end: u32): bool {
  let found = false;
  seek(at);
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 === COUNT_FLOAT) found = true;
    else if (tag >>> 3 === COUNT_INT) found = false;
    skipField(tag, end);
  }
  return found;
}

function countDeltas(at: u32, end: u32, field: u32): u32 {
  let count: u32 = 0;
  seek(at);
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 !== field) {
      skipField(tag, end);
      continue;
    }
    const last = (tag & 7) === WIRE_BYTES ? readLength(end) + cursor : cursor + 1;
    for (; cursor < last; count++) skipVarint(end);
  }
  return count;
}

/**
 * The number of buckets of one side after some steps: those that coincide become one. Spans that claim more buckets than
 * there are deltas end with them.
 */
function countReduced(at: u32, end: u32, field: u32, deltas: u32, steps: i32): u32 {
  let count: u32 = 0;
  let index: i32 = 0;
  let last: i32 = 0;
  seek(at);
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 !== field) {
      skipField(tag, end);
      continue;
    }
    const length = readLength(end);
    readSpan(cursor + length);
    index += spanOffset;
    for (let left = min(spanLength, deltas); left > 0; left--, deltas--, index++) {
      const target = ((index - 1) >> steps) + 1;
      if (count > 0 && target <= last) continue;
      last = target;
      count++;
    }
  }
  return count;
}

let spanOffset: i32 = 0;
let spanLength: u32 = 0;

function readSpan(end: u32): void {
  spanOffset = 0;
  spanLength = 0;
  while (cursor < end) {
    const tag = readTag(end);
    if (tag >>> 3 === SPAN_OFFSET) spanOffset = zigzag32(readVarint64(end));
    else if (tag >>> 3 === SPAN_OFFSET + 1) spanLength = <u32>readVarint64(end);
    else skipField(tag, end);
  }
}
