/** Sorts entries that will become labels. */
import { addEntry, emptyList, forgetList, listAt, listBytes } from './otlp-out';
import { compareTexts } from './text';

/** An entry: name and value as a label's, then the key as sent, and eight more bytes. */
const ENTRY: u32 = 32;
/** Up to this many are sorted in place. */
const FEW: u32 = 24;

const sorted = <u32>memory.data(12);

/** A body begins. */
export function forgetSorted(): void {
  forgetList(sorted);
}

/** By name, then by key, then in the order of the body. False: `fault` is set. */
export function sort(list: u32): bool {
  const count = listBytes(list) / ENTRY;
  const at = listAt(list);
  if (count <= FEW) {
    sortFew(at, count);
    return true;
  }
  emptyList(sorted);
  if (addEntry(sorted, count * ENTRY) === 0) return false;
  sortMany(at, listAt(sorted), count * ENTRY);
  return true;
}

function sortFew(list: u32, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    let at = list + i * ENTRY;
    if (comesAfter(at - ENTRY, at) <= 0) continue;
    const first = v128.load(at);
    const second = v128.load(at, 16);
    const moved = sortSlot;
    v128.store(moved, first);
    v128.store(moved, second, 16);
    while (at > list && comesAfter(at - ENTRY, moved) > 0) {
      v128.store(at, v128.load(at - ENTRY));
      v128.store(at, v128.load(at - ENTRY, 16), 16);
      at -= ENTRY;
    }
    v128.store(at, first);
    v128.store(at, second, 16);
  }
}

const sortSlot = <u32>memory.data(32);

/** Merges runs of 1, 2, 4, … entries. */
function sortMany(list: u32, other: u32, bytes: u32): void {
  let from = list;
  let to = other;
  for (let run = ENTRY; run < bytes; run *= 2) {
    for (let at: u32 = 0; at < bytes; at += 2 * run) {
      const middle = from + min(at + run, bytes);
      const end = from + min(at + 2 * run, bytes);
      let left = from + at;
      let right = middle;
      let next = to + at;
      while (left < middle || right < end) {
        const takeLeft = right === end || (left < middle && comesAfter(left, right) <= 0);
        memory.copy(next, takeLeft ? left : right, ENTRY);
        next += ENTRY;
        if (takeLeft) left += ENTRY;
        else right += ENTRY;
      }
    }
    const done = to;
    to = from;
    from = done;
  }
  if (from !== list) memory.copy(list, from, bytes);
}

// @ts-ignore: decorator
@inline
function comesAfter(a: u32, b: u32): i32 {
  const order = compareTexts(load<u32>(a), load<u32>(a, 4), load<u32>(b), load<u32>(b, 4));
  if (order !== 0 || load<u32>(a, 16) === load<u32>(b, 16)) return order;
  return compareTexts(load<u32>(a, 16), load<u32>(a, 20), load<u32>(b, 16), load<u32>(b, 20));
}

