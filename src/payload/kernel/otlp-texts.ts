/**
 * Constant texts for the translation of OTLP, and texts made by the binding: floating-point numbers and nested values as Go
 * writes them. The binding writes the constant ones once, in the order of src/payload/otlp-texts.ts.
 */
import { TEXTS } from './memory';

export const NAME: u32 = TEXTS;
export const SERVICE_NAME: u32 = NAME + 8;
export const SERVICE_NAMESPACE: u32 = SERVICE_NAME + 12;
export const SERVICE_INSTANCE: u32 = SERVICE_NAMESPACE + 17;
export const JOB: u32 = SERVICE_INSTANCE + 19;
export const INSTANCE: u32 = JOB + 3;
export const SCOPE_NAME: u32 = INSTANCE + 8;
export const SCOPE_VERSION: u32 = SCOPE_NAME + 15;
export const SCOPE_SCHEMA: u32 = SCOPE_VERSION + 18;
export const TARGET_INFO: u32 = SCOPE_SCHEMA + 21;
export const SUM: u32 = TARGET_INFO + 11;
export const COUNT: u32 = SUM + 4;
export const BUCKET: u32 = COUNT + 6;
export const LE: u32 = BUCKET + 7;
export const QUANTILE: u32 = LE + 2;
export const INFINITE: u32 = QUANTILE + 8;
export const TRUE: u32 = INFINITE + 4;
export const FALSE: u32 = TRUE + 4;
export const TOTAL: u32 = FALSE + 5;
export const RATIO: u32 = TOTAL + 5;
export const TRACE_ID: u32 = RATIO + 5;
export const SPAN_ID: u32 = TRACE_ID + 8;
export const KEY: u32 = SPAN_ID + 7;
export const PER: u32 = KEY + 4;
export const TARGET_HELP: u32 = PER + 4;
/** Pairs of units, each preceded by its length; a length of 0 ends the list. Then those that follow "per". */
export const UNITS: u32 = TARGET_HELP + 15;

/** Makes the text of a number, of an attribute or (`isBound`) a bucket or quantile; returns its length. */
// @ts-ignore: decorator
@external('texts', 'double')
export declare function doubleText(value: f64, isBound: bool): u32;

/** Makes the text of the AnyValue message at `at`; returns its length. */
// @ts-ignore: decorator
@external('texts', 'value')
export declare function valueText(at: u32, length: u32): u32;

/** Writes the last text. */
// @ts-ignore: decorator
@external('texts', 'copy')
export declare function copyText(to: u32): void;

// @ts-ignore: decorator
@inline
export function isSame(a: u32, aLength: u32, b: u32, bLength: u32): bool {
  return aLength === bLength && isSameText(a, b, aLength);
}

/** Sixteen bytes at a time; up to 15 past the end are read. */
// @ts-ignore: decorator
@inline
export function isSameText(a: u32, b: u32, length: u32): bool {
  for (let i: u32 = 0; i < length; i += 16) {
    const differ = ~(<u32>i8x16.bitmask(i8x16.eq(v128.load(a + i), v128.load(b + i)))) & 0xffff;
    if (differ !== 0 && i + ctz(differ) < length) return false;
  }
  return true;
}
