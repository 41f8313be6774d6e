/**
 * Chooses what to evict: among the few least recently used entries one that can be dropped without loss, or else the least
 * recently used one.
 */

const LOOKS = 8;

/** Undefined: there are no entries. */
export function firstToLeave<T>(inOrderOfUse: Iterable<T>, losesNothing: (one: T) => boolean): T | undefined {
  let oldest: T | undefined;
  let looks = 0;
  for (const one of inOrderOfUse) {
    if (losesNothing(one)) return one;
    oldest ??= one;
    if (++looks === LOOKS) break;
  }
  return oldest;
}
