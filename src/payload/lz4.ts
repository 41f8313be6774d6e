/**
 * The LZ4 frame format: one frame whose checksums are verified, and nothing after it. The size of the result is bounded
 * before memory is taken: by the cap, and by what the input can expand to.
 */

/** A text says what is wrong. */
type Lz4Result = Uint8Array | 'too_large' | { readonly fault: string };

const MAGIC = 0x184d2204;
/** Each byte of a match's length stands for up to 255 bytes. */
const MOST_EXPANSION = 255;
const HISTORY = 64 * 1024;

export function lz4Uncompress(frame: Uint8Array, maxBytes: number): Lz4Result {
  return new Frame(frame, maxBytes).read();
}

/** A frame of uncompressed blocks, for the few bodies that are rewritten. */
export function lz4Store(plain: Uint8Array): Uint8Array {
  const header = Buffer.from([
    0x04,
    0x22,
    0x4d,
    0x18,
    FLG_VERSION | FLG_INDEPENDENT,
    STORED_BLOCK_CODE << 4,
    0,
  ]);
  header[6] = (xxh32(header, 4, 6) >>> 8) & 255;
  const parts: Uint8Array[] = [header];
  for (let at = 0; at < plain.length; at += STORED_BLOCK_BYTES) {
    const block = plain.subarray(at, at + STORED_BLOCK_BYTES);
    parts.push(word((block.length | STORED) >>> 0), block);
  }
  return Buffer.concat([...parts, word(0)]);
}

const FLG_VERSION = 0b0100_0000;
const FLG_VERSION_MASK = 0b1100_0000;
const FLG_INDEPENDENT = 0b0010_0000;
const FLG_BLOCK_CHECKSUM = 0b0001_0000;
const FLG_CONTENT_SIZE = 0b0000_1000;
const FLG_CONTENT_CHECKSUM = 0b0000_0100;
const FLG_RESERVED = 0b0000_0010;
const FLG_DICTIONARY = 0b0000_0001;
/** The high bit of a block's length: it is not compressed. */
const STORED = 0x8000_0000;
const STORED_BLOCK_CODE = 7;
const STORED_BLOCK_BYTES = 4 << 20;

class Fault extends Error {}

class Frame {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxBytes: number;
  #at = 0;
  #output: Uint8Array;
  #length = 0;

  constructor(bytes: Uint8Array, maxBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxBytes = maxBytes;
    this.#output = new Uint8Array(Math.min(maxBytes, bytes.length * 4));
  }

  read(): Lz4Result {
    try {
      return this.#frame();
    } catch (error) {
      if (error instanceof Fault) return error.message === TOO_LARGE ? 'too_large' : { fault: error.message };
      throw error;
    }
  }

  #frame(): Uint8Array {
    if (this.#word() !== MAGIC) throw new Fault('it does not begin as an lz4 frame');
    const start = this.#at;
    const flags = this.#byte();
    const blockCode = this.#byte();
    if ((flags & FLG_VERSION_MASK) !== FLG_VERSION || (flags & FLG_RESERVED) !== 0) {
      throw new Fault('the version of its frame is another');
    }
    if ((blockCode & 0b1000_1111) !== 0 || blockCode >> 4 < 4) throw new Fault('its block size is none');
    if ((flags & FLG_DICTIONARY) !== 0) throw new Fault('it needs a dictionary');
    const size = (flags & FLG_CONTENT_SIZE) === 0 ? undefined : this.#word() + this.#word() * 2 ** 32;
    const checksum = (xxh32(this.#bytes, start, this.#at) >>> 8) & 255;
    if (this.#byte() !== checksum) throw new Fault('the checksum of its header differs');
    if (size !== undefined && size > this.#maxBytes) throw new Fault(TOO_LARGE);

    this.#blocks(flags, 1 << (2 * (blockCode >> 4) + 8));
    const output = this.#output.subarray(0, this.#length);
    if (size !== undefined && size !== output.length) throw new Fault('its size is another than it says');
    if ((flags & FLG_CONTENT_CHECKSUM) !== 0 && this.#word() !== xxh32(output, 0, output.length)) {
      throw new Fault('the checksum of its content differs');
    }
    if (this.#at !== this.#bytes.length) throw new Fault('there are bytes behind its end');
    return output;
  }

  #blocks(flags: number, blockBytes: number): void {
    for (;;) {
      const word = this.#word();
      if (word === 0) return;
      const stored = word >= STORED;
      const length = stored ? word - STORED : word;
      const end = this.#at + length;
      if (length > blockBytes || end > this.#bytes.length)
        throw new Fault('a block is cut short, or too long');
      const from = this.#length;
      const start = this.#at;
      if (stored) this.#copyIn(end);
      else this.#block(end, (flags & FLG_INDEPENDENT) !== 0 ? from : Math.max(0, from - HISTORY));
      if (this.#length - from > blockBytes) throw new Fault('a block expands to more than it may');
      if ((flags & FLG_BLOCK_CHECKSUM) !== 0 && this.#word() !== xxh32(this.#bytes, start, end)) {
        throw new Fault('the checksum of a block differs');
      }
    }
  }

  /** Matches reach back to `history` at most, and 64 KiB. */
  #block(end: number, history: number): void {
    const bytes = this.#bytes;
    while (this.#at < end) {
      const token = bytes[this.#at++] ?? 0;
      const literals = this.#lengthOf(token >> 4, end);
      if (this.#at + literals > end) throw new Fault('literals are cut short');
      this.#copyIn(this.#at + literals);
      if (this.#at === end) return;
      if (this.#at + 2 > end) throw new Fault('a match is cut short');
      const offset = (bytes[this.#at] ?? 0) | ((bytes[this.#at + 1] ?? 0) << 8);
      this.#at += 2;
      this.#copyBack(offset, this.#lengthOf(token & 15, end) + 4, history);
    }
    throw new Fault('a block ends in a match');
  }

  #lengthOf(nibble: number, end: number): number {
    if (nibble < 15) return nibble;
    for (let length = nibble; ; ) {
      if (this.#at >= end) throw new Fault('a length is cut short');
      const more = this.#bytes[this.#at++] ?? 0;
      length += more;
      if (more < 255) return length;
    }
  }

  #copyIn(end: number): void {
    const length = end - this.#at;
    this.#room(length);
    this.#output.set(this.#bytes.subarray(this.#at, end), this.#length);
    this.#at = end;
    this.#length += length;
  }

  #copyBack(offset: number, length: number, history: number): void {
    const from = this.#length - offset;
    if (offset === 0 || from < history) throw new Fault('a match points before the start');
    this.#room(length);
    const output = this.#output;
    if (offset >= length) output.copyWithin(this.#length, from, from + length);
    else for (let i = 0; i < length; i++) output[this.#length + i] = output[from + i] ?? 0;
    this.#length += length;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#output.length) return;
    if (needed > this.#maxBytes) throw new Fault(TOO_LARGE);
    const most = Math.min(this.#maxBytes, this.#bytes.length * MOST_EXPANSION);
    const larger = new Uint8Array(Math.min(most, Math.max(needed, 2 * this.#output.length)));
    larger.set(this.#output.subarray(0, this.#length));
    this.#output = larger;
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw new Fault('it is cut short');
    return this.#bytes[this.#at++] ?? 0;
  }

  #word(): number {
    if (this.#at + 4 > this.#bytes.length) throw new Fault('it is cut short');
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }
}

const TOO_LARGE = 'too large';

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;

/** 32-bit xxHash with seed 0, unsigned. */
export function xxh32(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  let hash = PRIME_5;
  if (end - start >= 16) {
    let a = (PRIME_1 + PRIME_2) | 0;
    let b = PRIME_2;
    let c = 0;
    let d = -PRIME_1 | 0;
    for (; at + 16 <= end; at += 16) {
      a = round(a, view.getInt32(at, true));
      b = round(b, view.getInt32(at + 4, true));
      c = round(c, view.getInt32(at + 8, true));
      d = round(d, view.getInt32(at + 12, true));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  }
  hash = (hash + (end - start)) | 0;
  for (; at + 4 <= end; at += 4) {
    const mixed = (hash + Math.imul(view.getInt32(at, true), PRIME_3)) | 0;
    hash = Math.imul(rotate(mixed, 17), PRIME_4);
  }
  for (; at < end; at++) {
    const mixed = (hash + Math.imul(bytes[at] ?? 0, PRIME_5)) | 0;
    hash = Math.imul(rotate(mixed, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, value: number): number {
  return Math.imul(rotate((lane + Math.imul(value, PRIME_2)) | 0, 13), PRIME_1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
