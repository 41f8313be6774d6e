/** Which exemplars of a push Mimir drops silently, without charging them. */
import { beginLabels, name, nameLength, nextLabel, value, valueLength } from './label-walk';
import { checkPoint, EXEMPLAR_V1, EXEMPLAR_V2, isVersion2, timestamp } from './messages';
import { RESULT_EXEMPLARS, RESULT_LEAST_TIMESTAMP, RESULT_RECORDS, RESULT_SERIES } from './memory';
import { addUncharged, RECORD_BYTES, RECORD_EXEMPLARS } from './records';
import { maxExemplars, newest, oldest } from './rules';
import { countCharacters } from './text';
import { cursor, readLength, readTag, seek, skipField, start } from './wire';

/** Characters of all names and values of an exemplar's labels. */
const CHARACTERS_MOST: u32 = 128;
/** How much older than the oldest sample of its push an exemplar may be. */
const BEHIND_SAMPLES_MS: i64 = 300_000;

/** The oldest timestamp that is accepted. */
let oldestExemplar: i64 = 0;

/** Runs after the scan has added up the records, which have the totals and say which series have exemplars. */
export function countDroppedExemplars(body: u32): void {
  if (load<u32>(RESULT_EXEMPLARS) === 0) return;
  const leastTimestamp = load<i64>(RESULT_LEAST_TIMESTAMP);
  oldestExemplar = leastTimestamp === i64.MAX_VALUE ? 0 : max<i64>(leastTimestamp - BEHIND_SAMPLES_MS, oldest);
  const first = load<u32>(RESULT_RECORDS);
  const end = first + load<u32>(RESULT_SERIES) * RECORD_BYTES;
  for (let record = first; record < end; record += RECORD_BYTES) {
    const exemplars = load<u32>(record, RECORD_EXEMPLARS);
    if (exemplars > 0) addUncharged(record, countDropped(body + load<u32>(record), exemplars));
  }
}

/** Of a valid series that begins at `at` and has this many exemplars. */
function countDropped(at: u32, exemplars: u32): u32 {
  const field: u32 = isVersion2 ? 4 : 3;
  let left = min(exemplars, maxExemplars);
  let dropped = exemplars - left;
  start(at);
  readTag(0xffffffff);
  const length = readLength(0xffffffff);
  const end = cursor + length;
  while (left > 0) {
    const tag = readTag(end);
    if (tag >>> 3 !== field) {
      skipField(tag, end);
      continue;
    }
    const next = readLength(end) + cursor;
    if (!isTaken(cursor, next)) dropped++;
    left--;
    seek(next);
  }
  return dropped;
}

function isTaken(at: u32, end: u32): bool {
  seek(at);
  checkPoint(isVersion2 ? EXEMPLAR_V2 : EXEMPLAR_V1, end);
  if (timestamp === 0 || timestamp < oldestExemplar || timestamp > newest) return false;
  let characters: u32 = 0;
  let saysSomething = false;
  beginLabels(at);
  while (nextLabel(end)) {
    if (nameLength > 0 && valueLength > 0) saysSomething = true;
    characters += countCharacters(name, nameLength) + countCharacters(value, valueLength);
    if (characters > CHARACTERS_MOST) return false;
  }
  return saysSomething;
}
