/** Parses a body in HTTP/1.1's chunked framing as it arrives. Extensions and trailers are ignored. */

/** A longer line is invalid. */
const MAX_LINE_BYTES = 8 * 1024;
/** A size, with nothing but blanks between it and an extension. */
const SIZE_LINE = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
/** A trailer has to be a valid header; it is dropped. */
const TRAILER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/;
const MAX_TRAILER_BYTES = 8 * 1024;

type State = 'size' | 'data' | 'dataEnd' | 'trailer' | 'done';

export class ChunkedBody {
  #state: State = 'size';
  #left = 0;
  /** A line that is not complete yet. */
  #line = '';
  #trailerBytes = 0;

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Passes each piece of content to `emit`. Returns how many bytes were used, or -1 if the framing is broken. */
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
