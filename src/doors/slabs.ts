/**
 * Memory for bodies, used again and again. A new buffer for each body would be most of what the garbage collector is
 * called for: docs/performance.md has the figures.
 */

const SMALLEST_BYTES = 4 * 1024;
const LARGEST_BYTES = 256 * 1024;
/** Kept of each size when nobody needs them. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** By size, a power of two. */
const free = new Map<number, Buffer[]>();
for (let size = SMALLEST_BYTES; size <= LARGEST_BYTES; size *= 2) free.set(size, []);

/** What a slab that is taken for so many bytes has. */
export function slabBytes(bytes: number): number {
  let size = SMALLEST_BYTES;
  while (size < bytes && size < LARGEST_BYTES) size *= 2;
  return size;
}

/** With room for so many bytes, or for as many as a slab holds at most. What is in it is whatever was. */
export function takeSlab(bytes: number): Buffer {
  const size = slabBytes(bytes);
  return free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

/** Nobody may read or write it any more. */
export function giveBackSlab(slab: Buffer): void {
  const kept = free.get(slab.length);
  if (kept !== undefined && kept.length * slab.length < KEPT_BYTES) kept.push(slab);
}
