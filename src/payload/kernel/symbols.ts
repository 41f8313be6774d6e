/**
 * The symbols of a push of version 2: texts that its series refer to by index. The table may be anywhere in the body, so a
 * first pass finds it, hashes each text once, and determines what each may be used for.
 */
import { hashBytes } from './hash';
import { align16, OTHER_VERSION, OUT_OF_MEMORY, reserve, TOO_LARGE, TOO_MANY_SYMBOLS, WIRE_TYPE } from './memory';
import { setProtocol } from './messages';
import { isLabelName, isMetricName } from './rules';
import { isUtf8 } from './text';
import { cursor, fail, fault, readLength, readTag, seek, skipField, WIRE_BYTES } from './wire';

const REQUEST_SYMBOLS: u32 = 4;
export const REQUEST_TIMESERIES: u32 = 5;
/** Series and metadata of version 1, which are refused here, as in Mimir. */
const VERSION_1_TIMESERIES: u32 = 1;
const VERSION_1_METADATA: u32 = 3;

/** A symbol has at least two bytes in the body, and sixteen here: this bounds the table at 64 MiB. */
const SYMBOLS_MAX: u32 = 4 << 20;
/** For each symbol: address, length with marks, hash. */
export const SYMBOL_BYTES: u32 = 16;
export const SYMBOL_LENGTH: usize = 4;
export const SYMBOL_HASH: usize = 8;

// Marks in the upper bits of a symbol's length, for properties that are unknown or false: that it is UTF-8, determined for
// each symbol; that it may name a label or a metric, determined on demand.
const MAY_BE_NO_LABEL: u32 = 0x80000000;
const MAY_BE_NO_METRIC: u32 = 0x40000000;
export const NO_UTF8: u32 = 0x20000000;
/** The bits of the length. A text of half a gigabyte is not accepted as a symbol. */
export const LENGTH_BITS: u32 = 0x1fffffff;

export let symbols: u32 = 0;
export let symbolCount: u32 = 0;
/** The number of series found. */
export let seriesFound: u32 = 0;

/** Finds the symbols and makes the tables. Returns the first free address after them; 0 when `fault` is set. */
export function readSymbols(free: u32, end: u32): u32 {
  const start = cursor;
  seriesFound = 0;
  symbols = align16(free);
  symbolCount = 0;
  let room: u32 = 0;
  while (cursor < end) {
    const at = cursor;
    const tag = readTag(end);
    if (fault !== 0) return 0;
    const field = tag >>> 3;
    if (field === VERSION_1_TIMESERIES || field === VERSION_1_METADATA) return fail(OTHER_VERSION, at);
    if (field === REQUEST_TIMESERIES) seriesFound++;
    if (field !== REQUEST_SYMBOLS) {
      skipField(tag, end);
      if (fault !== 0) return 0;
      continue;
    }
    if ((tag & 7) !== WIRE_BYTES) return fail(WIRE_TYPE, at);
    const length = readLength(end);
    if (fault !== 0) return 0;
    if (symbolCount === SYMBOLS_MAX) return fail(TOO_MANY_SYMBOLS, at);
    if (symbolCount === room) {
      room += 4096;
      if (!reserve(<u64>symbols + <u64>room * SYMBOL_BYTES)) return fail(OUT_OF_MEMORY, at);
    }
    if (length > LENGTH_BITS) return fail(TOO_LARGE, at);
    const entry = symbols + symbolCount * SYMBOL_BYTES;
    store<u32>(entry, cursor);
    store<u64>(entry, hashBytes(cursor, length), SYMBOL_HASH);
    store<u32>(entry, length | MAY_BE_NO_LABEL | MAY_BE_NO_METRIC | (isUtf8(cursor, length) ? 0 : NO_UTF8), SYMBOL_LENGTH);
    symbolCount++;
    seek(cursor + length);
  }
  seek(start);
  setProtocol(true, symbolCount);
  return symbols + symbolCount * SYMBOL_BYTES;
}

// @ts-ignore: decorator
@inline
export function symbolLength(entry: u32): u32 {
  return load<u32>(entry, SYMBOL_LENGTH) & LENGTH_BITS;
}

/** `word`: an entry's length with marks. */
// @ts-ignore: decorator
@inline
export function namesLabel(entry: u32, word: u32): bool {
  return (word & MAY_BE_NO_LABEL) === 0 || isFoundLabel(entry);
}

// @ts-ignore: decorator
@inline
export function namesMetric(entry: u32, word: u32): bool {
  return (word & MAY_BE_NO_METRIC) === 0 || isFoundMetric(entry);
}

function isFoundLabel(entry: u32): bool {
  const fine = isLabelName(load<u32>(entry), symbolLength(entry));
  if (fine) store<u32>(entry, load<u32>(entry, SYMBOL_LENGTH) & ~MAY_BE_NO_LABEL, SYMBOL_LENGTH);
  return fine;
}

function isFoundMetric(entry: u32): bool {
  const fine = isMetricName(load<u32>(entry), symbolLength(entry));
  if (fine) store<u32>(entry, load<u32>(entry, SYMBOL_LENGTH) & ~MAY_BE_NO_METRIC, SYMBOL_LENGTH);
  return fine;
}
