/**
 * Reads the heads of one connection's requests. A sender writes the same head for each push, byte for byte, but for the
 * digits of Content-Length: then nothing has to be found out again.
 */
import {
  endOfHead,
  headerOf,
  parseLength,
  parseRequestHead,
  type RequestHead,
} from '../../base/http1/heads.js';

const NO_BYTES = Buffer.alloc(0);
const NO_HEAD: RequestHead = {
  method: '',
  url: '',
  rawHeaders: [],
  lowerNames: [],
  contentLength: undefined,
  contentLengthAt: 0,
};

export class HeadReader {
  /** What `read` found last: the head, where the body begins, and how long it is. */
  head = NO_HEAD;
  end = 0;
  bodyLength = 0;
  /** The bytes of that head, and where its length is in them; 0: it has none, or is not known. */
  #bytes = NO_BYTES;
  #knownEnd = 0;
  #digitsAt = 0;
  #digitsEnd = 0;

  /** Reads the head that these bytes begin with. False: it is not whole, or not plain. */
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
    if (end < 0) return false;
    const head = parseRequestHead(bytes.toString('latin1', 0, end), last);
    if (head === undefined) return false;
    const bodyLength = plainBodyLength(head);
    if (Number.isNaN(bodyLength)) return false;
    this.head = head;
    this.end = end;
    this.bodyLength = bodyLength;
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

/** Those that node:http knows, too, and whose answers have bodies. */
const METHODS = new Set(['POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);

/** Bytes of a plain request's body; NaN for a request that is not plain. */
function plainBodyLength(head: RequestHead): number {
  const { method, lowerNames, contentLength } = head;
  if (!METHODS.has(method) || !lowerNames.includes('host')) return Number.NaN;
  if (lowerNames.includes('transfer-encoding')) return Number.NaN;
  if (lowerNames.includes('expect') || lowerNames.includes('upgrade')) return Number.NaN;
  const connection = headerOf(head, 'connection');
  if (connection !== undefined && connection !== 'close' && connection.toLowerCase() !== 'keep-alive') {
    return Number.NaN;
  }
  return contentLength === undefined ? 0 : parseLength(contentLength);
}
