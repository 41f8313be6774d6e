/** Splits a stream into lines of JSON, in whatever chunks it arrives, within a size limit. */
const NEWLINE = 10;

export class JsonLines {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The values that this chunk completes. Throws on a line that is too long or not JSON. */
  *push(chunk: Buffer): Generator<unknown> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#hold(chunk.subarray(start, end));
      start = end + 1;
      const line = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#held = 0;
      if (line.length > 0) yield JSON.parse(line.toString('utf8'));
    }
    this.#hold(chunk.subarray(start));
  }

  #hold(part: Buffer): void {
    this.#held += part.length;
    if (this.#held > this.#maxBytes) throw new Error(`an event has more than ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#parts.push(part);
  }
}
