/**
 * Assembles one gRPC message from pieces, in pooled memory. Memory is reserved before it is taken, and follows what has
 * arrived rather than the declared length.
 */
import { giveBackSlab, slabBytes, takeSlab } from '../../slabs.js';

/**
 * Why there is no message. `over_budget`: there is no memory for it. `malformed`: not one complete message in gRPC's
 * framing. `timeout` and `aborted` are the stream's.
 */
export type MessageFault = 'too_large' | 'over_budget' | 'timeout' | 'aborted' | 'compressed' | 'malformed';

/** Before each message: one byte of flags, four of length. */
export const PREFIX_BYTES = 5;
/** The first piece is rarely the whole message: this multiple of its size is allocated, if the message is that long. */
const FIRST_SLAB_PIECES = 4;

export class MessageReader {
  readonly #maxBytes: number;
  readonly #reserve: (bytes: number) => boolean;
  #prefixBytes = 0;
  /** The declared length, once the prefix is complete. */
  #length = 0;
  #filled = 0;
  readonly #slabs: Buffer[] = [];
  /** Free bytes in the last slab. */
  #room = 0;

  constructor(maxBytes: number, reserve: (bytes: number) => boolean) {
    this.#maxBytes = maxBytes;
    this.#reserve = reserve;
  }

  get isEmpty(): boolean {
    return this.#prefixBytes === 0;
  }

  get isWhole(): boolean {
    return this.#prefixBytes === PREFIX_BYTES && this.#filled === this.#length;
  }

  /** How many bytes of the chunk, from `at` on, belong to this message; or its fault. */
  add(chunk: Buffer, at: number): number | MessageFault {
    let next = at;
    for (; this.#prefixBytes < PREFIX_BYTES && next < chunk.length; next++) {
      const byte = chunk[next] ?? 0;
      if (this.#prefixBytes === 0 && byte !== 0) return 'compressed';
      this.#length = this.#length * 256 + byte;
      this.#prefixBytes++;
    }
    if (this.#prefixBytes < PREFIX_BYTES) return next - at;
    if (this.#length > this.#maxBytes) return 'too_large';
    const end = Math.min(chunk.length, next + this.#length - this.#filled);
    while (next < end) {
      if (this.#room === 0 && !this.#addSlab(end - next)) return 'over_budget';
      const slab = this.#slabs.at(-1) as Buffer;
      const taken = Math.min(this.#room, end - next);
      chunk.copy(slab, slab.length - this.#room, next, next + taken);
      this.#room -= taken;
      this.#filled += taken;
      next += taken;
    }
    return next - at;
  }

  /** The whole message, valid until `release`. */
  message(): Buffer {
    const [first] = this.#slabs;
    if (first === undefined) return Buffer.alloc(0);
    if (this.#slabs.length === 1) return first.subarray(0, this.#length);
    const joined = Buffer.concat(this.#slabs, this.#length);
    this.release();
    return joined;
  }

  /** The message is no longer used. The caller returns the reservation. */
  release(): void {
    for (const slab of this.#slabs.splice(0)) giveBackSlab(slab);
    this.#room = 0;
  }

  /** Doubles the memory, so that at most twice the message is held. */
  #addSlab(atOnce: number): boolean {
    const wanted = this.#filled === 0 ? atOnce * FIRST_SLAB_PIECES : Math.max(atOnce, this.#filled);
    const bytes = slabBytes(Math.min(wanted, this.#length - this.#filled));
    if (!this.#reserve(bytes)) return false;
    this.#slabs.push(takeSlab(bytes));
    this.#room = bytes;
    return true;
  }
}

/** A message in gRPC's framing. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}
