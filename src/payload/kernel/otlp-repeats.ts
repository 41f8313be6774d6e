/**
 * Equal series of an OTLP request are one series to Mimir, which takes the first of its points at each time; the others are
 * dropped silently and not charged.
 */
import { finish } from './hash';
import { KEYS, reserve, SLOP } from './memory';
import { freeMemory, lastRow, recordAt } from './records';

const RECORD_HASH: usize = 8;
const RECORD_SAMPLES: usize = 36;
const RECORD_TIMESTAMP: usize = 56;
const RECORD_UNCHARGED: usize = 72;
/** Of samples and histograms. */
const ONE_SAMPLE: u64 = 1;
const ONE_HISTOGRAM: u64 = 1 << 32;

/** Runs after the scan. False: memory is out. */
export function noteRepeats(): bool {
  const rows = lastRow() + 1;
  if (rows < 2) return true;
  let slots: u32 = 4;
  while (slots < rows * 2) slots *= 2;
  const table = freeMemory();
  if (!reserve(<u64>table + <u64>slots * 4 + <u64>SLOP)) return false;
  memory.fill(table, 0, slots * 4);
  for (let row: u32 = 0; row < rows; row++) {
    const record = recordAt(row);
    const points = load<u64>(record, RECORD_SAMPLES);
    // Only target_info has several points, and those are different.
    if (points !== ONE_SAMPLE && points !== ONE_HISTOGRAM) continue;
    const slot = slotOf(record, points, table, slots - 1);
    if (load<u32>(slot) === 0) store<u32>(slot, record);
    else store<u32>(record, load<u32>(record, RECORD_UNCHARGED) + 1, RECORD_UNCHARGED);
  }
  return true;
}

/** The slot of this record or an equal one. Without the keys nobody can choose series that collide. */
function slotOf(record: u32, points: u64, table: u32, mask: u32): u32 {
  const hash = load<u64>(record, RECORD_HASH);
  const timestamp = load<u64>(record, RECORD_TIMESTAMP);
  let place = <u32>finish(hash + finish(timestamp + load<u64>(KEYS))) & mask;
  while (true) {
    const slot = table + place * 4;
    const there = load<u32>(slot);
    if (there === 0) return slot;
    const isSame =
      load<u64>(there, RECORD_HASH) === hash &&
      load<u64>(there, RECORD_TIMESTAMP) === timestamp &&
      load<u64>(there, RECORD_SAMPLES) === points;
    if (isSame) return slot;
    place = (place + 1) & mask;
  }
}
