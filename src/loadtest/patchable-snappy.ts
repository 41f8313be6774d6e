/**
 * Compresses to snappy's block format so that marked bytes can be changed in the compressed body: they are written as
 * literals, and no copy refers to them. Everything else is compressed as usual, greedily, within the window of 64 KiB that
 * two-byte offsets reach.
 */

/** A range of the input that stays patchable. Marks are in order and do not overlap. */
export interface Mark {
  readonly at: number;
  readonly length: number;
}

interface Patchable {
  readonly body: Buffer;
  /** Where each mark's bytes are in the body. */
  readonly positions: Uint32Array;
}

const HASH_BITS = 14;
const MIN_MATCH = 4;
const LONGEST_OFFSET = 0xffff;
const LONGEST_COPY = 64;

export function compressPatchable(input: Uint8Array, marks: readonly Mark[]): Patchable {
  const writer = new SnappyWriter(input, marks);
  let stretch = 0;
  for (const { at, length } of marks) {
    writer.compress(stretch, at);
    stretch = at + length;
  }
  writer.compress(stretch, input.length);
  return writer.finish();
}

class SnappyWriter {
  readonly #input: Uint8Array;
  readonly #marks: readonly Mark[];
  readonly #positions: Uint32Array;
  readonly #out: Uint8Array;
  /** Where four bytes with this hash were last seen (the offset plus one; 0: nowhere), and where their range ends. */
  readonly #seen = new Uint32Array(1 << HASH_BITS);
  readonly #seenEnd = new Uint32Array(1 << HASH_BITS);
  #length = 0;
  #literalStart = 0;
  #marksPlaced = 0;

  constructor(input: Uint8Array, marks: readonly Mark[]) {
    this.#input = input;
    this.#marks = marks;
    this.#positions = new Uint32Array(marks.length);
    // In the worst case everything is literal; a mark can split a literal in two.
    this.#out = new Uint8Array(32 + input.length + Math.ceil(input.length / 6));
    this.#varint(input.length);
  }

  /** Compresses input[start, end), which contains no mark. What stays uncompressed waits for the next literal. */
  compress(start: number, end: number): void {
    const input = this.#input;
    let at = start;
    while (at + MIN_MATCH <= end) {
      const slot = hashAt(input, at);
      const candidate = (this.#seen[slot] ?? 0) - 1;
      const candidateEnd = this.#seenEnd[slot] ?? 0;
      this.#seen[slot] = at + 1;
      this.#seenEnd[slot] = end;
      if (candidate < 0 || at - candidate > LONGEST_OFFSET) {
        at++;
        continue;
      }
      // A copy may overlap its own source, but not cross the end of either range.
      const most = Math.min(end - at, candidateEnd - candidate);
      let length = 0;
      while (length < most && input[candidate + length] === input[at + length]) length++;
      if (length < MIN_MATCH) {
        at++;
        continue;
      }
      this.#literal(at);
      this.#copy(at - candidate, length);
      at += length;
      this.#literalStart = at;
    }
  }

  finish(): Patchable {
    this.#literal(this.#input.length);
    return { body: Buffer.from(this.#out.subarray(0, this.#length)), positions: this.#positions };
  }

  /** Writes what precedes `end` and was not copied. */
  #literal(end: number): void {
    const start = this.#literalStart;
    const length = end - start;
    if (length === 0) return;
    if (length <= 60) {
      this.#byte((length - 1) << 2);
    } else {
      const bytes = length <= 0x100 ? 1 : length <= 0x10000 ? 2 : length <= 0x1000000 ? 3 : 4;
      this.#byte((59 + bytes) << 2);
      for (let i = 0; i < bytes; i++) this.#byte(((length - 1) >>> (8 * i)) & 0xff);
    }
    for (; this.#marksPlaced < this.#marks.length; this.#marksPlaced++) {
      const at = this.#marks[this.#marksPlaced]?.at ?? 0;
      if (at >= end) break;
      this.#positions[this.#marksPlaced] = this.#length + at - start;
    }
    this.#out.set(this.#input.subarray(start, end), this.#length);
    this.#length += length;
  }

  #copy(offset: number, matched: number): void {
    let left = matched;
    // The last piece must not be shorter than the shortest copy.
    while (left >= LONGEST_COPY + MIN_MATCH) left -= this.#copyPiece(offset, LONGEST_COPY);
    if (left > LONGEST_COPY) left -= this.#copyPiece(offset, LONGEST_COPY - MIN_MATCH);
    this.#copyPiece(offset, left);
  }

  #copyPiece(offset: number, length: number): number {
    if (length < 12 && offset < 2048) {
      this.#byte(1 | ((length - 4) << 2) | ((offset >> 8) << 5));
      this.#byte(offset & 0xff);
    } else {
      this.#byte(2 | ((length - 1) << 2));
      this.#byte(offset & 0xff);
      this.#byte(offset >> 8);
    }
    return length;
  }

  #varint(value: number): void {
    let left = value;
    for (; left >= 0x80; left >>>= 7) this.#byte((left & 0x7f) | 0x80);
    this.#byte(left);
  }

  #byte(value: number): void {
    this.#out[this.#length++] = value;
  }
}

function hashAt(input: Uint8Array, at: number): number {
  const four =
    (input[at] ?? 0) |
    ((input[at + 1] ?? 0) << 8) |
    ((input[at + 2] ?? 0) << 16) |
    ((input[at + 3] ?? 0) << 24);
  return Math.imul(four, 0x1e35a7bd) >>> (32 - HASH_BITS);
}
