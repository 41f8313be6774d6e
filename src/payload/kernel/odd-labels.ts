/**
 * Judges the labels of a series that is not plain: their hash, and the first of Mimir's rules that they break. The scans
 * decide what is plain; this need not be fast.
 */
import { isExcluded } from './ha-pair';
import { finish, hashBytes, hashLabel } from './hash';
import { beginLabels, name, nameLength, nextLabel, value, valueLength } from './label-walk';
import { OUT_OF_MEMORY, reserve } from './memory';
import { isNameLabel, namedFlags, isInfo } from './records';
import { judgeLabels, judgeSeries, LABEL_BYTES, NO_FAULT } from './rules';
import { fail } from './wire';

export let oddFault: u32 = 0;
export let oddLabels: u32 = 0;
export let oddHashes: u64 = 0;
export let oddMetricHash: u64 = 0;
export let oddFlags: u32 = 0;

let metricName: u32 = 0;
let metricNameLength: u32 = 0;
/** The excluded label was met: a second one of its name stays. */
let removed: bool = false;

/** The labels of a valid series whose content is from `at` to `end`. `free`: unused memory begins here. */
export function judgeOddLabels(at: u32, end: u32, free: u32): void {
  addUp(at, end);
  oddFault = judgeSeries(oddLabels, metricName, metricNameLength, isInfo(oddFlags));
  if (oddFault !== NO_FAULT) return;
  if (!reserve(<u64>free + <u64>oddLabels * 2 * LABEL_BYTES)) {
    fail(OUT_OF_MEMORY, at);
    return;
  }
  let entry = free;
  begin(at);
  while (nextKept(end)) {
    store<u32>(entry, name);
    store<u32>(entry, nameLength, 4);
    store<u32>(entry, value, 8);
    store<u32>(entry, valueLength, 12);
    entry += LABEL_BYTES;
  }
  oddFault = judgeLabels(free, oddLabels);
}

function addUp(at: u32, end: u32): void {
  oddLabels = 0;
  oddHashes = 0;
  oddMetricHash = 0;
  oddFlags = 0;
  metricNameLength = 0;
  begin(at);
  while (nextKept(end)) {
    oddLabels++;
    const valueHash = hashBytes(value, valueLength);
    oddHashes += hashLabel(hashBytes(name, nameLength), valueHash);
    if (metricNameLength > 0 || !isNameLabel(name, nameLength)) continue;
    metricName = value;
    metricNameLength = valueLength;
    oddMetricHash = finish(valueHash);
    oddFlags = namedFlags(value, valueLength);
  }
}

function begin(at: u32): void {
  beginLabels(at);
  removed = false;
}

/** The next label that Mimir keeps. */
function nextKept(end: u32): bool {
  while (nextLabel(end)) {
    if (!removed && isExcluded(name, nameLength)) removed = true;
    else if (valueLength > 0) return true;
  }
  return false;
}
