/**
 * The metric families of a push of version 2 that have metadata: Mimir counts one entry for each family, the first that it
 * meets.
 */
import { finish, hashBytes } from './hash';
import { reserve } from './memory';
import { metadataType } from './messages';
import { addMetadata } from './records';

/** A set of hashes. */
let families: u32 = 0;
let familiesMask: u32 = 0;

/** Makes an empty set for at most `series` series. Returns the first free address after it; 0 when memory is out. */
export function prepareFamilies(free: u32, series: u32): u32 {
  let slots: u32 = 16;
  while (slots < series * 2) slots *= 2;
  if (!reserve(<u64>free + <u64>slots * 8)) return 0;
  families = free;
  memory.fill(families, 0, slots * 8);
  familiesMask = slots - 1;
  return families + slots * 8;
}

// MetricType in io.prometheus.write.v2.Metadata.
const HISTOGRAM_TYPE: u32 = 3;
const GAUGE_HISTOGRAM_TYPE: u32 = 4;
const SUMMARY_TYPE: u32 = 5;

/** The last metadata message belongs to a series of this name. */
export function addFamily(name: u32, length: u32, unitLength: u32): void {
  const familyLength = length - suffixLength(name, length);
  if (isNew(finish(hashBytes(name, familyLength)) | 1)) addMetadata(familyLength, unitLength);
}

/** Histograms and summaries are one family with several suffixes, which depend on the type, as in Mimir. */
function suffixLength(name: u32, length: u32): u32 {
  let cut: u32 = 0;
  if (metadataType === HISTOGRAM_TYPE || metadataType === SUMMARY_TYPE) {
    if (metadataType === HISTOGRAM_TYPE && endsInBucket(name, length)) cut = 7;
    else if (endsInCount(name, length)) cut = 6;
    else if (endsInSum(name, length)) cut = 4;
  } else if (metadataType === GAUGE_HISTOGRAM_TYPE) {
    if (endsInBucket(name, length)) cut = 7;
    else if (length > 7 && load<u16>(name + length - 7) === 0x675f && isCount(name + length - 5)) cut = 7;
    else if (length > 5 && load<u16>(name + length - 5) === 0x675f && isSum(name + length - 3)) cut = 5;
  }
  return cut;
}

function endsInBucket(name: u32, length: u32): bool {
  return length > 7 && load<u32>(name + length - 7) === 0x6375625f && load<u32>(name + length - 4) === 0x74656b63;
}

function endsInCount(name: u32, length: u32): bool {
  return length > 6 && load<u8>(name + length - 6) === 0x5f && isCount(name + length - 5);
}

function endsInSum(name: u32, length: u32): bool {
  return length > 4 && load<u8>(name + length - 4) === 0x5f && isSum(name + length - 3);
}

function isCount(at: u32): bool {
  return load<u32>(at) === 0x6e756f63 && load<u8>(at + 4) === 0x74;
}

function isSum(at: u32): bool {
  return load<u16>(at) === 0x7573 && load<u8>(at + 2) === 0x6d;
}

/** Adds a hash to the set. False: it was there. */
function isNew(family: u64): bool {
  let slot = <u32>family & familiesMask;
  while (true) {
    const entry = families + slot * 8;
    const there = load<u64>(entry);
    if (there === family) return false;
    if (there === 0) {
      store<u64>(entry, family);
      return true;
    }
    slot = (slot + 1) & familiesMask;
  }
}
