/** Converts OTLP's names of labels and metrics as Prometheus' translator does. */
import { copy, keep } from './otlp-out';
import { addSuffixes, escapeNames, keepUnderscores, prefixUnderscore } from './otlp-options';
import { isSame, KEY, PER, RATIO, TOTAL, UNITS } from './otlp-texts';
import { characterLength, isLegacyLabelName } from './text';

/** The last converted name. */
export let made: u32 = 0;
export let madeLength: u32 = 0;

const UNDERSCORE: u32 = 0x5f;

/** False: nothing is left of it, or `fault` is set. */
export function makeLabelName(at: u32, length: u32): bool {
  made = at;
  madeLength = length;
  if (length === 0) return false;
  const isPlain = !escapeNames || (keepUnderscores && isLegacyLabelName(at, length));
  if (isPlain && <u32>load<u8>(at) !== UNDERSCORE) return true;
  if (escapeNames && !escapeLabelName(at, length)) return false;
  return !isAllUnderscores();
}

function isAllUnderscores(): bool {
  for (let i: u32 = 0; i < madeLength; i++) {
    if (<u32>load<u8>(made + i) !== UNDERSCORE) return false;
  }
  return true;
}

function escapeLabelName(at: u32, length: u32): bool {
  // "key_" may be put before it.
  const room = keep(length + 4);
  if (room === 0) return false;
  const start = room + 4;
  let to = start;
  const isReserved = !keepUnderscores && length >= 4 && startsReserved(at) && startsReserved(at + length - 2);
  const end = isReserved ? at + length - 2 : at + length;
  let from = at;
  if (isReserved) {
    store<u16>(to, 0x5f5f);
    to += 2;
    from += 2;
  }
  let wasUnderscore = false;
  while (from < end) {
    const byte = <u32>load<u8>(from);
    from += characterLength(from, end);
    if (isLetterOrDigit(byte)) {
      store<u8>(to++, byte);
      wasUnderscore = false;
    } else if (keepUnderscores || !wasUnderscore) {
      store<u8>(to++, UNDERSCORE);
      wasUnderscore = true;
    }
  }
  if (isReserved) {
    store<u16>(to, 0x5f5f);
    to += 2;
  }
  made = start;
  const first = <u32>load<u8>(start);
  if (first - 0x30 < 10) {
    made -= 4;
    memory.copy(made, KEY, 4);
  } else if (prefixUnderscore && first === UNDERSCORE && (to - start < 2 || !startsReserved(start))) {
    made -= 3;
    memory.copy(made, KEY, 3);
  }
  madeLength = to - made;
  return true;
}

function startsReserved(at: u32): bool {
  return <u32>load<u16>(at) === 0x5f5f;
}

// @ts-ignore: decorator
@inline
function isLetterOrDigit(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte - 0x30 < 10;
}

// @ts-ignore: decorator
@inline
function isTokenByte(byte: u32): bool {
  return isLetterOrDigit(byte) || byte === 0x3a;
}

// The part of the unit before the slash, and the part after it, with "per_".
let main: u32 = 0;
let mainLength: u32 = 0;
let per: u32 = 0;
let perLength: u32 = 0;

/** The unit in metadata: it identifies it, and its length is judged. */
export let unit: u32 = 0;
export let unitLength: u32 = 0;

/** Splits a unit into the parts that are added to names. False: `fault` is set. */
function splitUnit(at: u32, length: u32): bool {
  mainLength = 0;
  perLength = 0;
  let slash: u32 = 0;
  while (slash < length && load<u8>(at + slash) !== 0x2f) slash++;
  if (trim(at, slash)) {
    main = trimmed;
    mainLength = trimmedLength;
    const table = findUnit(UNITS, main, mainLength);
    if (table !== 0) {
      main = table + 1;
      mainLength = load<u8>(table);
    }
  }
  if (slash + 1 >= length || !trim(at + slash + 1, length - slash - 1)) return true;
  const table = findUnit(endOfUnits(UNITS), trimmed, trimmedLength);
  const from = table === 0 ? trimmed : table + 1;
  const bytes = table === 0 ? trimmedLength : <u32>load<u8>(table);
  per = keep(bytes + 4);
  if (per === 0) return false;
  memory.copy(per, PER, 4);
  memory.copy(per + 4, from, bytes);
  perLength = bytes + 4;
  return true;
}

let trimmed: u32 = 0;
let trimmedLength: u32 = 0;

/** Trims white space. False: nothing is left, or it contains braces. */
function trim(at: u32, length: u32): bool {
  let end = at + length;
  while (at < end) {
    const bytes = spaceAt(at, end);
    if (bytes === 0) break;
    at += bytes;
  }
  while (at < end) {
    const bytes = spaceBefore(at, end);
    if (bytes === 0) break;
    end -= bytes;
  }
  trimmed = at;
  trimmedLength = end - at;
  for (; at < end; at++) {
    const byte = <u32>load<u8>(at);
    if (byte === 0x7b || byte === 0x7d) return false;
  }
  return trimmedLength > 0;
}

/** The length of the white space at `at`, as in Unicode; 0: none. */
function spaceAt(at: u32, end: u32): u32 {
  const byte = <u32>load<u8>(at);
  if (byte === 0x20 || byte - 9 < 5) return 1;
  if (byte === 0xc2 && end - at >= 2) {
    const next = <u32>load<u8>(at + 1);
    return next === 0x85 || next === 0xa0 ? 2 : 0;
  }
  if (end - at < 3) return 0;
  const three = (byte << 16) | (<u32>load<u8>(at + 1) << 8) | <u32>load<u8>(at + 2);
  const isSpace =
    three === 0xe19a80 ||
    (three >= 0xe28080 && three <= 0xe2808a) ||
    three === 0xe280a8 ||
    three === 0xe280a9 ||
    three === 0xe280af ||
    three === 0xe2819f ||
    three === 0xe38080;
  return isSpace ? 3 : 0;
}

function spaceBefore(at: u32, end: u32): u32 {
  if (spaceAt(end - 1, end) === 1) return 1;
  if (end - at >= 2 && spaceAt(end - 2, end) === 2) return 2;
  return end - at >= 3 && spaceAt(end - 3, end) === 3 ? 3 : 0;
}

/** The address of a unit's replacement, with its length first; 0: it is not replaced. */
function findUnit(table: u32, at: u32, length: u32): u32 {
  while (load<u8>(table) !== 0) {
    const key = <u32>load<u8>(table);
    const value = table + 1 + key;
    if (isSame(table + 1, key, at, length)) return value;
    table = value + 1 + <u32>load<u8>(value);
  }
  return 0;
}

function endOfUnits(table: u32): u32 {
  while (load<u8>(table) !== 0) {
    table += 1 + <u32>load<u8>(table);
    table += 1 + <u32>load<u8>(table);
  }
  return table + 1;
}

/** Keeps letters, digits and colons, and replaces everything between them by one underscore; none at the start. */
function cleanUp(at: u32, length: u32): u32 {
  const room = keep(length + 1);
  if (room === 0) return 0;
  let to = room;
  let wasUnderscore = true;
  for (let end = at + length; at < end; at++) {
    const byte = <u32>load<u8>(at);
    const isToken = isTokenByte(byte);
    if (!isToken && wasUnderscore) continue;
    store<u8>(to++, isToken ? byte : UNDERSCORE);
    wasUnderscore = !isToken;
  }
  cleanLength = to - room;
  return room;
}

let cleanLength: u32 = 0;

function cleanUnit(): bool {
  if (mainLength > 0) {
    main = cleanUp(main, mainLength);
    if (main === 0) return false;
    mainLength = cleanLength;
  }
  if (perLength > 0) {
    per = cleanUp(per, perLength);
    if (per === 0) return false;
    perLength = cleanLength;
  }
  return true;
}

// Consecutive metrics mostly have the same unit: the last text that was converted, and its result.
let unitText: u32 = 0;
let unitTextLength: u32 = 0;
let nameText: u32 = 0;
let nameTextLength: u32 = 0;
let nameMain: u32 = 0;
let nameMainLength: u32 = 0;
let namePer: u32 = 0;
let namePerLength: u32 = 0;

/** A new body begins. */
export function forgetUnits(): void {
  unitTextLength = 0;
  nameTextLength = 0;
}

/** Both parts of a unit as they are added to names. False: `fault` is set. */
function takeUnit(at: u32, length: u32): bool {
  if (isSame(at, length, nameText, nameTextLength)) {
    main = nameMain;
    mainLength = nameMainLength;
    per = namePer;
    perLength = namePerLength;
    return true;
  }
  nameTextLength = 0;
  if (!splitUnit(at, length) || (escapeNames && !cleanUnit())) return false;
  nameText = at;
  nameTextLength = length;
  nameMain = main;
  nameMainLength = mainLength;
  namePer = per;
  namePerLength = perLength;
  return true;
}

/** Makes `unit`. False: `fault` is set. */
export function makeUnit(at: u32, length: u32): bool {
  if (length > 0 && isSame(at, length, unitText, unitTextLength)) return true;
  unitTextLength = 0;
  unitLength = 0;
  if (length === 0) return true;
  if (!splitUnit(at, length) || !cleanUnit()) return false;
  unit = keep(mainLength + perLength + 1);
  if (unit === 0) return false;
  memory.copy(unit, main, mainLength);
  unitLength = mainLength;
  if (mainLength > 0 && perLength > 0) store<u8>(unit + unitLength++, UNDERSCORE);
  memory.copy(unit + unitLength, per, perLength);
  unitLength += perLength;
  if (unitLength > 0 && <u32>load<u8>(unit) === UNDERSCORE) {
    unit++;
    unitLength--;
  }
  if (unitLength > 0 && <u32>load<u8>(unit + unitLength - 1) === UNDERSCORE) unitLength--;
  unitText = at;
  unitTextLength = length;
  return true;
}

/**
 * Makes the name of a metric. `ending`: the longest that series add to it. False: nothing is left of it, or `fault` is set.
 */
export function makeMetricName(
  at: u32,
  length: u32,
  unitAt: u32,
  unitBytes: u32,
  isCounter: bool,
  isGauge: bool,
  ending: u32,
): bool {
  const isRatio = isGauge && unitBytes === 1 && load<u8>(unitAt) === 0x31;
  mainLength = 0;
  perLength = 0;
  if (addSuffixes && unitBytes > 0 && !takeUnit(unitAt, unitBytes)) return false;
  // Copies may write up to 15 bytes too many.
  const room = keep(length + mainLength + perLength + ending + 32);
  if (room === 0) return false;
  if (!escapeNames) {
    makeUtf8Name(at, length, room, isCounter, isRatio);
    return true;
  }
  if (addSuffixes) makeFullName(at, length, room + 1, isCounter, isRatio);
  else makeShortName(at, length, room + 1);
  if (madeLength > 0 && <u32>load<u8>(made) - 0x30 < 10) {
    made--;
    store<u8>(made, UNDERSCORE);
    madeLength++;
  }
  return madeLength > 0 && (isSame(made, madeLength, at, length) || !isAllUnderscores());
}

/** Without suffixes, underscores within a name stay. */
function makeShortName(at: u32, length: u32, room: u32): void {
  let to = room;
  let isPending = false;
  for (let end = at + length; at < end; at++) {
    const byte = <u32>load<u8>(at);
    if (isTokenByte(byte) || byte === UNDERSCORE) {
      if (isPending && to > room) store<u8>(to++, UNDERSCORE);
      isPending = false;
      store<u8>(to++, byte);
    } else isPending = true;
  }
  made = room;
  madeLength = to - room;
}

function makeFullName(at: u32, length: u32, room: u32, isCounter: bool, isRatio: bool): void {
  if (perLength === 4) perLength = 0;
  if (perLength > 0 && <u32>load<u8>(per + perLength - 1) === UNDERSCORE) perLength--;
  if (perLength > 0 && mainLength > 0 && <u32>load<u8>(main + mainLength - 1) === UNDERSCORE) mainLength--;
  const last = isCounter ? TOTAL : RATIO;
  const removesLast = isCounter || isRatio;
  made = room;
  let to = room;
  const end = at + length;
  let hasMain = false;
  while (at < end) {
    const bits = tokenBytes(at);
    if ((bits & 1) === 0) {
      at += ctz(bits | 0x10000);
      continue;
    }
    const token = at;
    at = endOfToken(at, end, bits);
    if (isSame(token, at - token, main, mainLength)) hasMain = true;
    if (!removesLast || !isSame(token, at - token, last, 5)) to = addToken(to, token, at - token);
  }
  if (!hasMain && mainLength > 0 && !(removesLast && isSame(main, mainLength, last, 5))) to = addToken(to, main, mainLength);
  if (perLength > 0) to = addToken(to, per, perLength);
  if (removesLast) to = addToken(to, last, 5);
  madeLength = to - room;
}

/** Which of sixteen bytes are letters, digits or colons. */
// @ts-ignore: decorator
@inline
function tokenBytes(at: u32): u32 {
  const bytes = v128.load(at);
  const letters = i8x16.sub(v128.or(bytes, i8x16.splat(0x20)), i8x16.splat(0x61));
  // The colon follows the digits.
  const others = i8x16.sub(bytes, i8x16.splat(0x30));
  return <u32>i8x16.bitmask(v128.or(i8x16.le_u(letters, i8x16.splat(25)), i8x16.le_u(others, i8x16.splat(10))));
}

/** `bits`: those of the first bytes. */
// @ts-ignore: decorator
@inline
function endOfToken(at: u32, end: u32, bits: u32): u32 {
  while (bits === 0xffff) {
    at += 16;
    if (at >= end) return end;
    bits = tokenBytes(at);
  }
  return min(at + ctz(~bits), end);
}

function addToken(to: u32, at: u32, length: u32): u32 {
  if (to > made) store<u8>(to++, UNDERSCORE);
  copy(to, at, length);
  return to + length;
}

function makeUtf8Name(at: u32, length: u32, room: u32, isCounter: bool, isRatio: bool): void {
  if (addSuffixes) {
    if (isRatio) length = withoutEnding(at, length, RATIO, 5);
    if (isCounter) length = withoutEnding(at, length, TOTAL, 5);
    if (perLength > 0) length = withoutEnding(at, length, per, perLength);
  }
  memory.copy(room, at, length);
  made = room;
  let to = room + length;
  if (addSuffixes) {
    if (mainLength > 0 && !endsIn(at, length, main, mainLength)) to = addSuffix(to, main, mainLength);
    if (perLength > 0) to = addSuffix(to, per, perLength);
    if (isCounter) to = addSuffix(to, TOTAL, 5);
    if (isRatio) to = addSuffix(to, RATIO, 5);
  }
  madeLength = to - room;
}

function addSuffix(to: u32, at: u32, length: u32): u32 {
  store<u8>(to++, UNDERSCORE);
  memory.copy(to, at, length);
  return to + length;
}

function endsIn(at: u32, length: u32, ending: u32, endingLength: u32): bool {
  return length >= endingLength && memory.compare(at + length - endingLength, ending, endingLength) === 0;
}

/** Removes the ending and the character before it. */
function withoutEnding(at: u32, length: u32, ending: u32, endingLength: u32): u32 {
  return endsIn(at, length, ending, endingLength) && length > endingLength + 1 ? length - endingLength - 1 : length;
}
