/**
 * The series table's linear memory: fixed regions through which rows come in and answers go out, and after them a heap
 * that only grows. Nothing on it is given back; what it holds is used again.
 *
 *   RESULT    words that the binding reads
 *   TENANTS   24 bytes a tenant: salt u64, series u32, 1 while the tenant's series are to go u32, series with the
 *             offline mark u32
 *   then the regions that `start` lays out
 */
export const RESULT: u32 = 1024;
export const TENANTS: u32 = 4096;
export const TENANT_BYTES: u32 = 24;
export const TENANT_SERIES: u32 = 8;
export const TENANT_LEAVING: u32 = 12;
export const TENANT_OFFLINE: u32 = 16;

/** Rows that go through the regions at one time, and the bytes of the longer form they come in. */
export const CHUNK_ROWS: u32 = 8192;
const RECORD_BYTES: u32 = 80;

/** Records of a push, or rows of 16 bytes: hash and metric hash. */
export let input: u32 = 0;
/** A bit for each row: 1 where it is not to be looked at. */
export let excluded: u32 = 0;
/** Row numbers. */
export let unknown: u32 = 0;
export let unannounced: u32 = 0;
export let unseen: u32 = 0;
/** A byte for each row: what became of it. */
export let outcomes: u32 = 0;

const GROW_BYTES: u32 = 1 << 20;
let top: u32 = 0;

export function start(tenants: u32): bool {
  input = align16(TENANTS + tenants * TENANT_BYTES);
  excluded = input + CHUNK_ROWS * RECORD_BYTES;
  unknown = excluded + CHUNK_ROWS / 8;
  unannounced = unknown + 4 * CHUNK_ROWS;
  unseen = unannounced + 4 * CHUNK_ROWS;
  outcomes = unseen + 4 * CHUNK_ROWS;
  top = align16(outcomes + CHUNK_ROWS);
  return reserve(top);
}

/** Zeroed, and aligned to 32. 0: there is no more. */
export function allocate(bytes: u32): u32 {
  const at = (top + 31) & ~31;
  if (at + bytes < at || !reserve(at + bytes)) return 0;
  top = at + bytes;
  return at;
}

function reserve(end: u32): bool {
  const have = <u64>memory.size() << 16;
  if (<u64>end <= have) return true;
  const missing = max<u64>(<u64>end - have, <u64>GROW_BYTES);
  return memory.grow(<i32>((missing + 0xffff) >> 16)) >= 0;
}

function align16(address: u32): u32 {
  return (address + 15) & ~15;
}
