/**
 * Which of many that are kept in the order of their last use leaves first: of the few that were used least recently one with
 * which nothing is lost, or else the very first.
 */

const LOOKS = 8;

/** Undefined: there is none. */
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
