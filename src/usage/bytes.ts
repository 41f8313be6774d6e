/** Numbers and short texts as few bytes, and back. Whoever reads is told when bytes end early, or are no such thing. */

export class Damaged extends Error {
  override readonly name = 'Damaged';
}

const FIRST_BYTES = 4096;

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number, 0 to 2^53: seven bits a byte. */
  number(value: number): void {
    this.#room(8);
    let left = value;
    while (left >= 0x80) {
      this.#bytes[this.#length++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#bytes[this.#length++] = left;
  }

  text(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.number(bytes);
    this.#room(bytes);
    this.#length += this.#bytes.write(text, this.#length);
  }

  raw(bytes: Buffer): void {
    this.number(bytes.length);
    this.#room(bytes.length);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A copy of all that was written. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get position(): number {
    return this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new Damaged('it ends early');
    return value;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new Damaged('a number is too large');
  }

  /** How many of something follow, each of `bytesEach` at least: more than could be there are none. */
  count(bytesEach: number): number {
    const count = this.number();
    if (count * bytesEach > this.left) throw new Damaged(`it can not have ${count} of them`);
    return count;
  }

  raw(): Buffer {
    const length = this.number();
    if (length > this.left) throw new Damaged(`it can not have ${length} bytes`);
    const bytes = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return bytes;
  }

  text(mostBytes: number): string {
    const length = this.number();
    if (length > mostBytes || length > this.left) throw new Damaged(`a text has ${length} bytes`);
    const text = this.#bytes.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return text;
  }
}
