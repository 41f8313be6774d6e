/**
 * Labels that rules have rewritten. The binding asks for the labels of a series as a list and returns one; the series'
 * record then describes that list as a scan would. Lists follow the records, and texts the lists: labels that no rule has
 * changed stay where they are in the body.
 */
import { isExcluded, isPairOfEach, removeReplica } from './ha-pair';
import { finish, hashBytes, hashLabel } from './hash';
import { beginLabels, name, nameLength, nextLabel, value, valueLength } from './label-walk';
import { RESULT_BODY, reserve, SLOP } from './memory';
import { freeMemory, isFromPair, isInfo, isNameLabel, namedFlags, recordAt, rewriteRecord } from './records';
import { judgeLabels, judgeSeries, LABEL_BYTES, NO_FAULT } from './rules';
import { shorten, shortLength } from './shorten';
import { cursor, readLength, readTag, start } from './wire';

/** An entry of the list for the binding: address and length of name and value, and the hash of each. */
const LISTED_BYTES: u32 = 32;
/** Memory is taken for this many at a time. */
const LIST_STEP: u32 = 256;

/** Where lists begin. */
export function labelList(): u32 {
  return freeMemory();
}

/** Ensures that the binding may write up to `end`. */
export function reserveTo(end: u32): bool {
  return reserve(<u64>end + <u64>SLOP);
}

/**
 * Lists the labels of a series as sent, including those without a value, but not the one that the hash leaves out. Returns
 * their number; `most` + 1 if there are more than `most`, and a larger number when memory is out.
 */
export function listLabels(row: u32, most: u32): u32 {
  const record = recordAt(row);
  const series = load<u32>(RESULT_BODY) + load<u32>(record);
  const end = series + load<u32>(record, 4);
  const list = freeMemory();
  let count: u32 = 0;
  let room: u32 = 0;
  let removed = false;
  start(series);
  readTag(end);
  readLength(end);
  beginLabels(cursor);
  if (isPairOfEach) removeReplica(isFromPair(record));
  while (nextLabel(end)) {
    if (!removed && isExcluded(name, nameLength)) {
      removed = true;
      continue;
    }
    if (count > most) break;
    if (count === room) {
      room += LIST_STEP;
      if (!reserve(<u64>list + <u64>room * LISTED_BYTES)) return 0xffffffff;
    }
    const entry = list + count * LISTED_BYTES;
    store<u32>(entry, name);
    store<u32>(entry, nameLength, 4);
    store<u32>(entry, value, 8);
    store<u32>(entry, valueLength, 12);
    store<u64>(entry, hashBytes(name, nameLength), 16);
    store<u64>(entry, hashBytes(value, valueLength), 24);
    count++;
  }
  return count;
}

/**
 * Rewrites a series' record from the labels of the list, which has as much unused room after it. Empty values do not count.
 * `free`: unused memory for values that are shortened. False: memory is out.
 */
export function judgeList(row: u32, list: u32, count: u32, free: u32): bool {
  let labels: u32 = 0;
  let metricName: u32 = 0;
  let metricNameLength: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const entry = list + i * LABEL_BYTES;
    const length = load<u32>(entry, 12);
    if (length === 0) continue;
    v128.store(list + labels * LABEL_BYTES, v128.load(entry));
    labels++;
    if (metricNameLength > 0 || !isNameLabel(load<u32>(entry), load<u32>(entry, 4))) continue;
    metricName = load<u32>(entry, 8);
    metricNameLength = length;
  }
  const flags = metricNameLength > 0 ? namedFlags(metricName, metricNameLength) : 0;
  let fault = judgeSeries(labels, metricName, metricNameLength, isInfo(flags));
  if (fault === NO_FAULT) fault = judgeLabels(list, labels);
  if (fault === NO_FAULT && !shortenValues(list, labels, free)) return false;
  addUp(row, list, labels, flags, fault);
  return true;
}

/** Shortens values that are too long but valid, as Mimir does. Afterwards the list points to the short ones. */
function shortenValues(list: u32, labels: u32, free: u32): bool {
  for (let i: u32 = 0; i < labels; i++) {
    const entry = list + i * LABEL_BYTES;
    const length = load<u32>(entry, 12);
    const short = shortLength(length);
    if (short === length) continue;
    if (!reserve(<u64>free + <u64>short + <u64>SLOP)) return false;
    shorten(load<u32>(entry, 8), length, free);
    store<u32>(entry, free, 8);
    store<u32>(entry, short, 12);
    free += short;
  }
  return true;
}

function addUp(row: u32, list: u32, labels: u32, flags: u32, fault: u32): void {
  let hashes: u64 = 0;
  let metricHash: u64 = 0;
  let longestName: u32 = 0;
  let longestValue: u32 = 0;
  let named = false;
  for (let i: u32 = 0; i < labels; i++) {
    const entry = list + i * LABEL_BYTES;
    const nameAt = load<u32>(entry);
    const nameBytes = load<u32>(entry, 4);
    const valueBytes = load<u32>(entry, 12);
    const valueHash = hashBytes(load<u32>(entry, 8), valueBytes);
    hashes += hashLabel(hashBytes(nameAt, nameBytes), valueHash);
    longestName = max<u32>(longestName, nameBytes);
    longestValue = max<u32>(longestValue, valueBytes);
    if (named || !isNameLabel(nameAt, nameBytes)) continue;
    named = true;
    metricHash = finish(valueHash);
  }
  rewriteRecord(row, hashes, metricHash, labels, longestName, longestValue, flags, fault);
}
