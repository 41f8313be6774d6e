/** A body in HTTP/1.1's chunked framing, taken apart as it comes. Extensions and trailers are passed over. */

/** A size line or a trailer longer than this is not one. */
const MAX_LINE_BYTES = 8 * 1024;
const SIZE = /^[0-9a-fA-F]{1,12}$/;

type State = 'size' | 'data' | 'dataEnd' | 'trailer' | 'done';

export class ChunkedBody {
  #state: State = 'size';
  #left = 0;
  /** A line that has not come whole yet. */
  #line = '';

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
        if (text === '') this.#state = 'done';
        return true;
    }
  }
}

function parseSize(line: string): number {
  const digits = (line.split(';', 1)[0] as string).trimEnd();
  return SIZE.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
}
