/** The set of timestamps of one series' points, to find repeated ones. It grows with the number of different timestamps. */
import { finish } from './hash';
import { KEYS, OUT_OF_MEMORY, reserve } from './memory';
import { cursor, fail } from './wire';

const FIRST_SLOTS: u32 = 64;

let slots: u32 = 0;
let mask: u32 = 0;
let used: u32 = 0;
/** 0 marks an empty slot, so the timestamp 0 is noted here. */
let hasZero: bool = false;

/** `at`: where the set may be from now on. */
export function forgetTimestamps(at: u32): void {
  slots = at;
  mask = 0;
  used = 0;
  hasZero = false;
}

/** False: it was there, or memory is out and `fault` is set. */
export function addTimestamp(timestamp: i64): bool {
  if (timestamp === 0) {
    const isNew = !hasZero;
    hasZero = true;
    return isNew;
  }
  if (used * 2 >= mask && !grow()) return false;
  const slot = slotOf(timestamp);
  if (load<i64>(slot) === timestamp) return false;
  store<i64>(slot, timestamp);
  used++;
  return true;
}

/** The slot of this timestamp. Without the keys nobody can choose timestamps that collide. */
function slotOf(timestamp: i64): u32 {
  let place = <u32>finish(<u64>timestamp + load<u64>(KEYS)) & mask;
  while (true) {
    const slot = slots + place * 8;
    const there = load<i64>(slot);
    if (there === 0 || there === timestamp) return slot;
    place = (place + 1) & mask;
  }
}

/** Doubles the slots, after the existing ones. */
function grow(): bool {
  const before = slots;
  const end = mask === 0 ? slots : slots + (mask + 1) * 8;
  const count = mask === 0 ? FIRST_SLOTS : (mask + 1) * 2;
  if (!reserve(<u64>end + <u64>count * 8)) {
    fail(OUT_OF_MEMORY, cursor);
    return false;
  }
  slots = end;
  mask = count - 1;
  memory.fill(slots, 0, count * 8);
  for (let slot = before; slot < end; slot += 8) {
    const timestamp = load<i64>(slot);
    if (timestamp !== 0) store<i64>(slotOf(timestamp), timestamp);
  }
  return true;
}
