/**
 * The entry points of the series table: look up the rows of a push, admit or remember new ones, and go mark for those
 * that are idle. A series is a slot of the table: its key is the series hash under the tenant's salt; its word has the
 * metric's address (27 bits) and a mark (4 bits) for the generation in which it was last announced to other replicas; its byte
 * is the minute in which it was last seen, counted modulo 256.
 *
 * The salt is secret, so that nobody can send series that crowd into one part of a table that all tenants share.
 */
import { finish } from '../../payload/kernel/hash';
import {
  excluded,
  input,
  outcomes,
  RESULT,
  start,
  TENANT_BYTES,
  TENANT_LEAVING,
  TENANT_OFFLINE,
  TENANT_SERIES,
  TENANTS,
  unannounced,
  unknown,
  unseen,
} from './layout';
import {
  addToMetric,
  chunks,
  countNew,
  findMetric,
  findOrAddMetric,
  IS_METRIC,
  isWanted,
  markEmpty,
  metricBytes,
  metricOfWord,
  metrics,
  newSeries,
  removeEmptyMetrics,
  seriesOf,
  takeFromMetric,
  tenantOf,
  wordOf,
} from './metrics';
import {
  find,
  insert,
  POSITIONS,
  positionAfter,
  remove,
  removeAt,
  SLOT_BYTE,
  SLOT_WORD,
  segmentAt,
  segments,
  slotAt,
  slotsOf,
  startTable,
  tableBytes,
} from './table';

// Words of RESULT; src/series/table-memory.ts reads the same.
const RESULT_INPUT: u32 = RESULT;
const RESULT_EXCLUDED: u32 = RESULT + 4;
const RESULT_UNKNOWN: u32 = RESULT + 8;
const RESULT_UNANNOUNCED: u32 = RESULT + 12;
const RESULT_OUTCOMES: u32 = RESULT + 16;
const RESULT_UNANNOUNCED_ROWS: u32 = RESULT + 20;
const RESULT_SERIES: u32 = RESULT + 24;
const RESULT_SEGMENTS: u32 = RESULT + 28;
const RESULT_BYTES: u32 = RESULT + 32;
const RESULT_METRICS: u32 = RESULT + 36;
const RESULT_CHUNKS: u32 = RESULT + 40;
const RESULT_REFUSED: u32 = RESULT + 44;
const RESULT_OBSERVED: u32 = RESULT + 48;
const RESULT_UNSEEN: u32 = RESULT + 52;
const RESULT_UNSEEN_ROWS: u32 = RESULT + 56;

// What becomes of a row; src/series/series-rows.ts has the same.
const SKIPPED: u8 = 0;
const KNOWN: u8 = 1;
const NEW: u8 = 2;
const REFUSED_TENANT: u8 = 3;
const REFUSED_METRIC: u8 = 4;
const UNTRACKED: u8 = 5;

/** As src/payload/push.ts lays out records; the metric's hash follows the series'. */
const RECORD_BYTES: u32 = 80;
const RECORD_HASH: u32 = 8;
const ROW_BYTES: u32 = 16;

const MARK_SHIFT: u32 = 28;
const MARK_BITS: u32 = 0xf0000000;
/** Of series that were admitted without the store, which does not know of them; src/series/store-view.ts has the same. */
const OFFLINE: u32 = 15;

let series: u32 = 0;
let mostSeries: u32 = 0;
let sweepAt: u32 = 0;

export function init(tenants: u32, most: u32): bool {
  mostSeries = most;
  if (!start(tenants) || !startTable()) return false;
  store<u32>(RESULT_INPUT, input);
  store<u32>(RESULT_EXCLUDED, excluded);
  store<u32>(RESULT_UNKNOWN, unknown);
  store<u32>(RESULT_UNANNOUNCED, unannounced);
  store<u32>(RESULT_UNSEEN, unseen);
  store<u32>(RESULT_OUTCOMES, outcomes);
  report();
  return true;
}

/**
 * Looks up the series of `rows` records of a push: known ones are seen in this minute. Returns how many are unknown, or
 * idle for so long that they are to go; their rows, and those of series that have another mark, are
 * listed. With `maySee` false nothing is seen, and the rows that would have been are listed.
 */
export function lookup(
  rows: u32,
  hasExcluded: bool,
  tenant: u32,
  minute: u32,
  idleMinutes: u32,
  mark: u32,
  maySee: bool,
): u32 {
  const salt = load<u64>(tenantAt(tenant));
  const markBits = mark << MARK_SHIFT;
  let unknownRows: u32 = 0;
  let unannouncedRows: u32 = 0;
  let unseenRows: u32 = 0;
  let at = input + RECORD_HASH;
  for (let row: u32 = 0; row < rows; row++, at += RECORD_BYTES) {
    if (hasExcluded && (load<u32>(excluded + ((row >>> 5) << 2)) & (1 << (row & 31))) !== 0) continue;
    const slot = find(keyOf(salt, load<u64>(at)));
    const idle = slot === 0 ? u32.MAX_VALUE : (minute - <u32>load<u8>(slot, SLOT_BYTE)) & 255;
    if (idle > idleMinutes) {
      store<u32>(unknown + (unknownRows++ << 2), row);
      continue;
    }
    if (idle !== 0) {
      if (maySee) store<u8>(slot, <u8>minute, SLOT_BYTE);
      else store<u32>(unseen + (unseenRows++ << 2), row);
    }
    if ((load<u32>(slot, SLOT_WORD) & MARK_BITS) !== markBits) {
      store<u32>(unannounced + (unannouncedRows++ << 2), row);
    }
  }
  store<u32>(RESULT_UNANNOUNCED_ROWS, unannouncedRows);
  store<u32>(RESULT_UNSEEN_ROWS, unseenRows);
  return unknownRows;
}

/** Rows of 16 bytes are seen in this minute, if they are known. */
export function see(rows: u32, tenant: u32, minute: u32): void {
  const salt = load<u64>(tenantAt(tenant));
  let at = input;
  for (let row: u32 = 0; row < rows; row++, at += ROW_BYTES) {
    const slot = find(keyOf(salt, load<u64>(at)));
    if (slot !== 0) store<u8>(slot, <u8>minute, SLOT_BYTE);
  }
}

/**
 * Admits rows of 16 bytes (hash, metric hash) in their order, as long as the limits of tenant and metric allow. Returns
 * how many are new; what became of each is in `outcomes`. Nothing is remembered while the table has `most` series.
 */
export function admit(
  rows: u32,
  tenant: u32,
  minute: u32,
  mark: u32,
  mostOfTenant: u32,
  mostOfMetric: u32,
  window: u32,
  most: u32,
): u32 {
  const salt = load<u64>(tenantAt(tenant));
  let admitted: u32 = 0;
  let refused: u32 = 0;
  let at = input;
  for (let row: u32 = 0; row < rows; row++, at += ROW_BYTES) {
    const key = keyOf(salt, load<u64>(at));
    const metricHash = load<u64>(at, 8);
    const slot = find(key);
    let outcome = KNOWN;
    if (slot !== 0) {
      store<u8>(slot, <u8>minute, SLOT_BYTE);
    } else {
      outcome = refusal(tenant, salt, metricHash, mostOfTenant, mostOfMetric);
      if (outcome === SKIPPED) {
        outcome = series < most && add(key, tenant, salt, metricHash, minute, mark, window, true) ? NEW : UNTRACKED;
        if (outcome === NEW) admitted++;
      } else if (refused++ === 0) {
        store<u32>(RESULT_OBSERVED, observedAt(outcome, tenant, salt, metricHash));
      }
    }
    store<u8>(outcomes + row, outcome);
  }
  store<u32>(RESULT_REFUSED, refused);
  report();
  return admitted;
}

/** Takes back rows of 16 bytes whose outcome is NEW. */
export function takeBack(rows: u32, tenant: u32, window: u32): void {
  const salt = load<u64>(tenantAt(tenant));
  let at = input;
  for (let row: u32 = 0; row < rows; row++, at += ROW_BYTES) {
    if (load<u8>(outcomes + row) !== NEW) continue;
    const key = keyOf(salt, load<u64>(at));
    const slot = find(key);
    if (slot === 0) continue;
    const word = load<u32>(slot, SLOT_WORD);
    countNew(metricOfWord(word), window, -1);
    forget(word);
    remove(key);
  }
  removeEmptyMetrics();
  report();
}

/**
 * Takes over what other replicas know: rows of 16 bytes whose outcome is KNOWN or NEW are active, and have this
 * mark. Returns how many the table has no memory for.
 */
export function remember(rows: u32, tenant: u32, minute: u32, mark: u32, window: u32): u32 {
  const salt = load<u64>(tenantAt(tenant));
  let untracked: u32 = 0;
  let at = input;
  for (let row: u32 = 0; row < rows; row++, at += ROW_BYTES) {
    const outcome = load<u8>(outcomes + row);
    if (outcome !== KNOWN && outcome !== NEW) continue;
    const key = keyOf(salt, load<u64>(at));
    const slot = find(key);
    if (slot !== 0) {
      const before = load<u32>(slot, SLOT_WORD);
      const word = (before & ~MARK_BITS) | (mark << MARK_SHIFT);
      countOffline(tenant, offlineIn(word) - offlineIn(before));
      store<u32>(slot, word, SLOT_WORD);
      store<u8>(slot, <u8>minute, SLOT_BYTE);
      if (outcome === NEW) countNew(metricOfWord(word), window, 1);
    } else if (!add(key, tenant, salt, load<u64>(at, 8), minute, mark, window, outcome === NEW)) {
      untracked++;
    }
  }
  report();
  return untracked;
}

/**
 * Goes on over the next `most` segments and removes series that were not seen for more than `idleMinutes`, and, with
 * `leaving`, those of tenants that leave. Returns how many.
 */
export function sweep(most: u32, minute: u32, idleMinutes: u32, leaving: bool): u32 {
  let removed: u32 = 0;
  for (let i: u32 = 0; i < most; i++) {
    const segment = segmentAt(sweepAt);
    removed += sweepSegment(segment, minute, idleMinutes, leaving);
    sweepAt = positionAfter(segment, sweepAt);
    if (sweepAt === POSITIONS) sweepAt = 0;
  }
  removeEmptyMetrics();
  report();
  return removed;
}

/** Rows of a push whose metrics have names that are wanted, as if unknown; the metrics' records as if unannounced. */
export function findWanted(rows: u32, tenant: u32): u32 {
  const salt = load<u64>(tenantAt(tenant));
  let found: u32 = 0;
  let last: u64 = 0;
  let at = input + RECORD_HASH;
  for (let row: u32 = 0; row < rows; row++, at += RECORD_BYTES) {
    const metricHash = load<u64>(at, 8);
    if (metricHash === last) continue;
    last = metricHash;
    const metric = findMetric(salt, metricHash);
    if (metric === 0 || !isWanted(metric)) continue;
    store<u32>(unknown + (found << 2), row);
    store<u32>(unannounced + (found++ << 2), metric);
  }
  return found;
}

export function newOfMetric(metric: u32, window: u32): u32 {
  return newSeries(metric, window);
}

// @ts-ignore: decorator
@inline
function tenantAt(tenant: u32): u32 {
  return TENANTS + tenant * TENANT_BYTES;
}

// @ts-ignore: decorator
@inline
function keyOf(salt: u64, hash: u64): u64 {
  const key = finish(hash ^ salt);
  return key === 0 ? 1 : key;
}

/** Mimir looks at the tenant's series first, then at the metric's. SKIPPED: it is not refused. */
function refusal(tenant: u32, salt: u64, metricHash: u64, mostOfTenant: u32, mostOfMetric: u32): u8 {
  if (load<u32>(tenantAt(tenant), TENANT_SERIES) >= mostOfTenant) return REFUSED_TENANT;
  if (mostOfMetric === u32.MAX_VALUE) return SKIPPED;
  const metric = findMetric(salt, metricHash);
  return (metric === 0 ? 0 : seriesOf(metric)) >= mostOfMetric ? REFUSED_METRIC : SKIPPED;
}

function observedAt(outcome: u8, tenant: u32, salt: u64, metricHash: u64): u32 {
  if (outcome === REFUSED_TENANT) return load<u32>(tenantAt(tenant), TENANT_SERIES);
  const metric = findMetric(salt, metricHash);
  return metric === 0 ? 0 : seriesOf(metric);
}

function add(
  key: u64,
  tenant: u32,
  salt: u64,
  metricHash: u64,
  minute: u32,
  mark: u32,
  window: u32,
  isNew: bool,
): bool {
  if (series === mostSeries) return false;
  const metric = findOrAddMetric(tenant, salt, metricHash);
  if (metric === 0) return false;
  if (insert(key, wordOf(metric) | (mark << MARK_SHIFT), minute) === 0) {
    if (seriesOf(metric) === 0) {
      markEmpty(metric);
      removeEmptyMetrics();
    }
    return false;
  }
  addToMetric(metric);
  if (isNew) countNew(metric, window, 1);
  countOfTenant(tenant, 1);
  if (mark === OFFLINE) countOffline(tenant, 1);
  series++;
  return true;
}

/** What a series that goes had been counted in, by its word. */
function forget(word: u32): void {
  const metric = metricOfWord(word);
  const tenant = tenantOf(metric);
  countOfTenant(tenant, -1);
  countOffline(tenant, -offlineIn(word));
  takeFromMetric(metric);
  series--;
}

function countOfTenant(tenant: u32, n: i32): void {
  const at = tenantAt(tenant);
  store<u32>(at, <u32>(<i32>load<u32>(at, TENANT_SERIES) + n), TENANT_SERIES);
}

function countOffline(tenant: u32, n: i32): void {
  if (n === 0) return;
  const at = tenantAt(tenant);
  store<u32>(at, <u32>(<i32>load<u32>(at, TENANT_OFFLINE) + n), TENANT_OFFLINE);
}

/** 1 for a word with the offline mark. */
// @ts-ignore: decorator
@inline
function offlineIn(word: u32): i32 {
  return word >>> MARK_SHIFT === OFFLINE ? 1 : 0;
}

function sweepSegment(segment: u32, minute: u32, idleMinutes: u32, leaving: bool): u32 {
  const slots = slotsOf(segment);
  let removed: u32 = 0;
  let slot: u32 = 0;
  while (slot < slots) {
    const at = slotAt(segment, slot);
    if (load<u64>(at) === 0 || !goes(at, minute, idleMinutes, leaving)) {
      slot++;
      continue;
    }
    forget(load<u32>(at, SLOT_WORD));
    // Another may have moved into its slot: that is looked at next.
    removeAt(segment, slot);
    removed++;
  }
  return removed;
}

// @ts-ignore: decorator
@inline
function goes(at: u32, minute: u32, idleMinutes: u32, leaving: bool): bool {
  const word = load<u32>(at, SLOT_WORD);
  if ((word & IS_METRIC) !== 0) return false;
  const idle = (minute - <u32>load<u8>(at, SLOT_BYTE)) & 255;
  if (idle > idleMinutes) return true;
  return leaving && load<u32>(tenantAt(tenantOf(metricOfWord(word))), TENANT_LEAVING) !== 0;
}

function report(): void {
  store<u32>(RESULT_SERIES, series);
  store<u32>(RESULT_SEGMENTS, segments);
  store<u32>(RESULT_BYTES, tableBytes + metricBytes);
  store<u32>(RESULT_METRICS, metrics);
  store<u32>(RESULT_CHUNKS, chunks);
}
