/**
 * The symbols of a push of version 2: texts that its series name by their places. The table may stand anywhere in the body,
 * so a first pass finds it, hashes each text once, and finds out what each may be used for.
 */
import { hashBytes } from './hash';
import { align16, OTHER_VERSION, OUT_OF_MEMORY, reserve, TOO_MANY_SYMBOLS, WIRE_TYPE } from './memory';
import { setProtocol } from './messages';
import { isLabelName, isMetricName } from './rules';
import { isUtf8 } from './text';
import { cursor, fail, fault, readLength, readTag, seek, skipField, WIRE_BYTES } from './wire';

const REQUEST_SYMBOLS: u32 = 4;
export const REQUEST_TIMESERIES: u32 = 5;
/** Series and metadata of version 1: not for here, as in Mimir. */
const VERSION_1_TIMESERIES: u32 = 1;
const VERSION_1_METADATA: u32 = 3;

/** Two bytes in the body make a symbol, seventeen here hold it: this bounds the tables at 68 MiB. */
const SYMBOLS_MAX: u32 = 4 << 20;
/** Per symbol: address, length, hash. */
export const SYMBOL_BYTES: u32 = 16;

// What a symbol can not be: bits of a byte each, in a table of their own.
export const NO_LABEL_NAME: u32 = 1;
export const NO_LABEL_VALUE: u32 = 2;
export const NO_NAME_OF_METRIC: u32 = 4;

export let symbols: u32 = 0;
export let symbolCount: u32 = 0;
export let symbolFaults: u32 = 0;
/** Series that were passed on the way. */
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
    const entry = symbols + symbolCount * SYMBOL_BYTES;
    store<u32>(entry, cursor);
    store<u32>(entry + 4, length);
    store<u64>(entry + 8, hashBytes(cursor, length));
    symbolCount++;
    seek(cursor + length);
  }
  seek(start);
  setProtocol(true, symbolCount);
  return findFaults();
}

function findFaults(): u32 {
  symbolFaults = symbols + symbolCount * SYMBOL_BYTES;
  if (!reserve(<u64>symbolFaults + <u64>symbolCount)) return fail(OUT_OF_MEMORY, 0);
  for (let ref: u32 = 0; ref < symbolCount; ref++) {
    const entry = symbols + ref * SYMBOL_BYTES;
    store<u8>(symbolFaults + ref, faultsOf(load<u32>(entry), load<u32>(entry, 4)));
  }
  return align16(symbolFaults + symbolCount);
}

/** What may be a label's name may be anything. */
function faultsOf(at: u32, length: u32): u32 {
  if (isLabelName(at, length)) return 0;
  let faults = NO_LABEL_NAME;
  if (!isUtf8(at, length)) faults |= NO_LABEL_VALUE;
  if (!isMetricName(at, length)) faults |= NO_NAME_OF_METRIC;
  return faults;
}
