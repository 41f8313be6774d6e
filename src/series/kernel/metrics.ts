/**
 * One record for each metric name of each tenant that has series: how many, and how many of them are new. Records are
 * never moved: a series refers to its metric by the record's address. They have a slot in the table, too, by
 * a key of their own, so that one is found when a series comes in.
 *
 *   key u64, tenant u32 (the uppermost bit: its name is wanted), series u32, window u32, new series u32[3] by window
 */
import { finish } from '../../payload/kernel/hash';
import { allocate } from './layout';
import { find, insert, remove, SLOT_WORD } from './table';

const METRIC_TENANT: u32 = 8;
const METRIC_SERIES: u32 = 12;
const METRIC_WINDOW: u32 = 16;
const METRIC_NEW: u32 = 20;
const METRIC_BYTES: u32 = 32;
const WANTED: u32 = 0x80000000;

/** Windows of five minutes: this one and the two before it. */
const WINDOWS: u32 = 3;

/** Records come in chunks; the first record of a chunk has the address of the chunk before. */
const CHUNK_METRICS: u32 = 256;

/** Says that a slot of the table is a metric's: the words of series have this bit clear. */
export const IS_METRIC: u32 = 1 << 27;
const ADDRESS_SHIFT: u32 = 5;
const ADDRESS_BITS: u32 = IS_METRIC - 1;

/** Sets the keys of metrics apart from those of series. */
const METRIC_SEED: u64 = 0x9fb21c651e98df25;

export let chunks: u32 = 0;
export let metrics: u32 = 0;
export let metricBytes: u32 = 0;
let free: u32 = 0;
/** Metrics without series, to be removed when no walk over the table is under way. */
let empty: u32 = 0;

// @ts-ignore: decorator
@inline
export function wordOf(metric: u32): u32 {
  return metric >>> ADDRESS_SHIFT;
}

// @ts-ignore: decorator
@inline
export function metricOfWord(word: u32): u32 {
  return (word & ADDRESS_BITS) << ADDRESS_SHIFT;
}

// @ts-ignore: decorator
@inline
export function tenantOf(metric: u32): u32 {
  return load<u32>(metric, METRIC_TENANT) & ~WANTED;
}

export function isWanted(metric: u32): bool {
  return (load<u32>(metric, METRIC_TENANT) & WANTED) !== 0;
}

// @ts-ignore: decorator
@inline
export function seriesOf(metric: u32): u32 {
  return load<u32>(metric, METRIC_SERIES);
}

function keyOf(salt: u64, metricHash: u64): u64 {
  return finish(metricHash ^ salt ^ METRIC_SEED) | 1;
}

/** 0: the tenant has no series of that name. */
export function findMetric(salt: u64, metricHash: u64): u32 {
  const slot = find(keyOf(salt, metricHash));
  return slot === 0 ? 0 : metricOfWord(load<u32>(slot, SLOT_WORD));
}

/** 0: there is no memory. */
export function findOrAddMetric(tenant: u32, salt: u64, metricHash: u64): u32 {
  const key = keyOf(salt, metricHash);
  const slot = find(key);
  if (slot !== 0) return metricOfWord(load<u32>(slot, SLOT_WORD));
  if (free === 0 && !addChunk()) return 0;
  const metric = free;
  if (insert(key, wordOf(metric) | IS_METRIC, 0) === 0) return 0;
  free = load<u32>(metric);
  memory.fill(metric, 0, METRIC_BYTES);
  store<u64>(metric, key);
  store<u32>(metric, tenant, METRIC_TENANT);
  metrics++;
  return metric;
}

// @ts-ignore: decorator
@inline
export function addToMetric(metric: u32): void {
  store<u32>(metric, seriesOf(metric) + 1, METRIC_SERIES);
}

/** One series less. The last one's metric goes with the next `removeEmptyMetrics`. */
export function takeFromMetric(metric: u32): void {
  const left = seriesOf(metric) - 1;
  store<u32>(metric, left, METRIC_SERIES);
  if (left === 0) markEmpty(metric);
}

/** The word of its first window has the address of the next empty one: its figures are of no use any more. */
export function markEmpty(metric: u32): void {
  store<u32>(metric, empty, METRIC_NEW);
  empty = metric;
}

export function removeEmptyMetrics(): void {
  while (empty !== 0) {
    const metric = empty;
    empty = load<u32>(metric, METRIC_NEW);
    remove(load<u64>(metric));
    memory.fill(metric, 0, METRIC_BYTES);
    store<u32>(metric, free);
    free = metric;
    metrics--;
  }
}

export function countNew(metric: u32, window: u32, n: i32): void {
  enterWindow(metric, window);
  const at = metric + (window % WINDOWS) * 4;
  store<u32>(at, <u32>(<i32>load<u32>(at, METRIC_NEW) + n), METRIC_NEW);
}

/** New series in this window and the two before it. */
export function newSeries(metric: u32, window: u32): u32 {
  enterWindow(metric, window);
  return load<u32>(metric, METRIC_NEW) + load<u32>(metric, METRIC_NEW + 4) + load<u32>(metric, METRIC_NEW + 8);
}

function enterWindow(metric: u32, window: u32): void {
  const last = load<u32>(metric, METRIC_WINDOW);
  if (last === window) return;
  const passed = min<u32>(window - last, WINDOWS);
  for (let i: u32 = 0; i < passed; i++) store<u32>(metric + ((window - i) % WINDOWS) * 4, 0, METRIC_NEW);
  store<u32>(metric, window, METRIC_WINDOW);
}

function addChunk(): bool {
  const chunk = allocate(CHUNK_METRICS * METRIC_BYTES);
  if (chunk === 0) return false;
  store<u32>(chunk, chunks);
  chunks = chunk;
  metricBytes += CHUNK_METRICS * METRIC_BYTES;
  for (let i: u32 = CHUNK_METRICS - 1; i > 0; i--) {
    const metric = chunk + i * METRIC_BYTES;
    store<u32>(metric, free);
    free = metric;
  }
  return true;
}
