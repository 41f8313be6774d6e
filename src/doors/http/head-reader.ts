/**
 * Reads the heads of one connection's requests. A sender writes the same head for each push, byte for byte, but for the
 * digits of Content-Length: then nothing has to be found out again.
 */
import { endOfHead, MAX_HEAD_BYTES } from '../../base/http1/heads.js';
import { type HeadFault, parseRequestHead, type RequestHead } from '../../base/http1/request-head.js';

const NO_BYTES = Buffer.alloc(0);
const NO_HEAD: RequestHead = {
  method: '',
  url: '',
  rawHeaders: [],
  lowerNames: [],
  repeats: false,
  contentLength: undefined,
  contentLengthAt: 0,
  chunked: false,
  old: false,
  close: false,
  expectsContinue: false,
};
const TOO_LONG: HeadFault = { status: 431, why: `the head of the request is longer than 16 KiB` };
const NEWLINE: HeadFault = { status: 400, why: 'a line of the head does not end with CR and LF' };

export class HeadReader {
  /** What `read` found last: the head, where the body begins, and how long it is. */
  head = NO_HEAD;
  end = 0;
  bodyLength = 0;
  /** Why the head is refused; undefined: it was not whole. */
  fault: HeadFault | undefined;
  /** The bytes of that head, and where its length is in them; 0: it has none, or is not known. */
  #bytes = NO_BYTES;
  #knownEnd = 0;
  #digitsAt = 0;
  #digitsEnd = 0;

  /** Reads the head that these bytes begin with. False: it is not whole, or has a fault. */
  read(bytes: Buffer): boolean {
    return this.#readAgain(bytes) || this.#readNew(bytes);
  }

  #readAgain(bytes: Buffer): boolean {
    const digits = this.#digitsAt;
    if (digits === 0 || bytes.length < digits) return false;
    if (this.#bytes.compare(bytes, 0, digits, 0, digits) !== 0) return false;
    let at = digits;
    let length = 0;
    for (let digit = (bytes[at] ?? 0) - ZERO; digit >= 0 && digit <= 9; digit = (bytes[at] ?? 0) - ZERO) {
      length = length * 10 + digit;
      at++;
      if (at - digits > MAX_DIGITS) return false;
    }
    const end = at + this.#knownEnd - this.#digitsEnd;
    if (at === digits || end > bytes.length) return false;
    if (this.#bytes.compare(bytes, at, end, this.#digitsEnd, this.#knownEnd) !== 0) return false;
    this.end = end;
    this.bodyLength = length;
    return true;
  }

  #readNew(bytes: Buffer): boolean {
    const last = this.head;
    this.#digitsAt = 0;
    const end = endOfHead(bytes, 0);
    if (end < 0) {
      this.fault = bytes.length > MAX_HEAD_BYTES ? TOO_LONG : hasBareNewline(bytes) ? NEWLINE : undefined;
      return false;
    }
    const head = parseRequestHead(bytes.toString('latin1', 0, end), last);
    if ('why' in head) {
      this.fault = head;
      return false;
    }
    this.head = head;
    this.end = end;
    this.bodyLength = Number(head.contentLength ?? 0);
    if (head.contentLength !== undefined)
      this.#remember(bytes, head.contentLengthAt, head.contentLength.length);
    return true;
  }

  /** A copy: the bytes are the connection's, for the next read. */
  #remember(bytes: Buffer, digitsAt: number, digits: number): void {
    if (this.#bytes.length < this.end) this.#bytes = Buffer.allocUnsafe(this.end);
    bytes.copy(this.#bytes, 0, 0, this.end);
    this.#knownEnd = this.end;
    this.#digitsAt = digitsAt;
    this.#digitsEnd = digitsAt + digits;
  }
}

const ZERO = 0x30;
/** As `parseLength` has it. */
const MAX_DIGITS = 15;

function hasBareNewline(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at === 0 || bytes[at - 1] !== CR) return true;
  }
  return false;
}

const CR = 0x0d;
const LF = 0x0a;
