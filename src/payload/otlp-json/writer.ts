/**
 * Writes a protobuf message up to a cap. Lengths of nested messages are known when they end, so a fixed size is reserved
 * for them.
 */

const FIRST_ROOM = 16 * 1024;
/** A varint of four bytes, padded with empty groups, which every reader accepts. */
const LENGTH_BYTES = 4;
const LONGEST_MESSAGE = 2 ** (7 * LENGTH_BYTES) - 1;

/** Its length has one byte, and fewer bytes are not worth a call. */
const COPIED_BY_HAND = 64;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

/** The message would exceed its cap. */
export class TooLarge extends Error {}

export class ProtobufWriter {
  readonly #maxBytes: number;
  #buffer = Buffer.allocUnsafe(FIRST_ROOM);
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = Math.min(maxBytes, LONGEST_MESSAGE);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Returns the argument for `end`. */
  begin(field: number): number {
    this.#room(LENGTH_BYTES + 2);
    this.#tag(field, BYTES);
    this.#length += LENGTH_BYTES;
    return this.#length;
  }

  end(start: number): void {
    let length = this.#length - start;
    for (let at = start - LENGTH_BYTES; at < start - 1; at++, length >>>= 7) {
      this.#buffer[at] = (length & 127) | 128;
    }
    this.#buffer[start - 1] = length;
  }

  data(field: number, bytes: Uint8Array): void {
    this.#room(bytes.length + 12);
    this.#tag(field, BYTES);
    this.#varint(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A range of other bytes. */
  part(field: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > COPIED_BY_HAND) {
      this.data(field, bytes.subarray(start, end));
      return;
    }
    this.#room(length + 12);
    this.#tag(field, BYTES);
    this.#buffer[this.#length++] = length;
    for (let at = start; at < end; at++) this.#buffer[this.#length++] = bytes[at] as number;
  }

  /** Undefined: without a tag, as an element of a packed field. The same below. */
  double(field: number | undefined, value: number): void {
    this.#room(10);
    if (field !== undefined) this.#tag(field, FIXED64);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  /** 64 bits, signed or not. */
  fixed64(field: number | undefined, value: bigint): void {
    this.#room(10);
    if (field !== undefined) this.#tag(field, FIXED64);
    this.#length = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
  }

  /** The same in two halves. */
  fixed32s(field: number | undefined, low: number, high: number): void {
    this.#room(10);
    if (field !== undefined) this.#tag(field, FIXED64);
    this.#length = this.#buffer.writeUInt32LE(low, this.#length);
    this.#length = this.#buffer.writeUInt32LE(high, this.#length);
  }

  varint(field: number | undefined, value: bigint | number): void {
    this.#room(12);
    if (field !== undefined) this.#tag(field, VARINT);
    if (typeof value === 'number' && value >= 0) this.#varint(value);
    else this.#longVarint(BigInt.asUintN(64, BigInt(value)));
  }

  #tag(field: number, wire: number): void {
    this.#buffer[this.#length++] = (field << 3) | wire;
  }

  /** Below 2^32. */
  #varint(value: number): void {
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.#buffer[this.#length++] = (rest & 127) | 128;
    this.#buffer[this.#length++] = rest;
  }

  #longVarint(value: bigint): void {
    let rest = value;
    for (; rest > 127n; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 127n) | 128;
    this.#buffer[this.#length++] = Number(rest);
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    if (needed > this.#maxBytes) throw new TooLarge();
    const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, 2 * this.#buffer.length)));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
