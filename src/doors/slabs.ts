/**
 * A pool of memory for bodies. Allocating a buffer for each body would cause most garbage collections: docs/performance.md
 * has the figures.
 */

const SMALLEST_BYTES = 4 * 1024;
const LARGEST_BYTES = 256 * 1024;
/** How many free bytes of each size are kept. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** By size, a power of two. */
const free = new Map<number, Buffer[]>();
for (let size = SMALLEST_BYTES; size <= LARGEST_BYTES; size *= 2) free.set(size, []);

/** The size of the slab that is taken for this many bytes. */
export function slabBytes(bytes: number): number {
  let size = SMALLEST_BYTES;
  while (size < bytes && size < LARGEST_BYTES) size *= 2;
  return size;
}

/** At least this size, or the largest size of slabs. The content is arbitrary. */
export function takeSlab(bytes: number): Buffer {
  const size = slabBytes(bytes);
  return free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

/** From now on nobody may read or write it. */
export function giveBackSlab(slab: Buffer): void {
  const kept = free.get(slab.length);
  if (kept !== undefined && kept.length * slab.length < KEPT_BYTES) kept.push(slab);
}
