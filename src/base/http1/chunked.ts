/** A body in HTTP/1.1's chunked framing, taken apart as it comes. Extensions and trailers are passed over. */

/** A line longer than this is none. */
const MAX_LINE_BYTES = 8 * 1024;
/** A size, with nothing but blanks between it and an extension. */
const SIZE_LINE = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
/** A trailer is a header, and nobody's: it is looked at for what it is, and left out. */
const TRAILER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/;
const MAX_TRAILER_BYTES = 8 * 1024;

type State = 'size' | 'data' | 'dataEnd' | 'trailer' | 'done';

export class ChunkedBody {
  #state: State = 'size';
  #left = 0;
  /** A line that has not come whole yet. */
  #line = '';
  #trailerBytes = 0;

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Gives each piece of content to `emit`. Answers how many bytes are used up, or -1 where the framing is broken. */
  take(bytes: Buffer, from: number, emit: (piece: Buffer) => void): number {
    let at = from;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        emit(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'dataEnd';
        continue;
      }
      const newline = bytes.indexOf(0x0a, at);
      const end = newline < 0 ? bytes.length : newline + 1;
      this.#line += bytes.toString('latin1', at, end);
      at = end;
      if (this.#line.length > MAX_LINE_BYTES) return -1;
      if (newline >= 0 && !this.#takeLine()) return -1;
    }
    return at - from;
  }

  #takeLine(): boolean {
    const line = this.#line;
    this.#line = '';
    if (!line.endsWith('\r\n')) return false;
    const text = line.slice(0, -2);
    switch (this.#state) {
      case 'size':
        this.#left = parseSize(text);
        this.#state = this.#left === 0 ? 'trailer' : 'data';
        return !Number.isNaN(this.#left);
      case 'dataEnd':
        this.#state = 'size';
        return text === '';
      default:
        if (text === '') {
          this.#state = 'done';
          return true;
        }
        this.#trailerBytes += text.length;
        return this.#trailerBytes <= MAX_TRAILER_BYTES && TRAILER.test(text);
    }
  }
}

function parseSize(line: string): number {
  const digits = SIZE_LINE.exec(line)?.[1];
  return digits === undefined ? Number.NaN : Number.parseInt(digits, 16);
}
