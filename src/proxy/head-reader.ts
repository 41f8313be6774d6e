/**
 * Reads the heads of one connection's requests. A sender writes the same head for each push, byte for byte, but for the
 * digits of Content-Length: then nothing has to be found out again.
 */
import { endOfHead, parseLength, parseRequestHead, type RequestHead } from './http1.js';

const NOTHING = Buffer.alloc(0);
const NO_HEAD: RequestHead = { method: '', url: '', rawHeaders: [], headers: {}, contentLength: undefined };

export class HeadReader {
  /** What `read` found last: the head, where the body begins, and how long it is. */
  head = NO_HEAD;
  end = 0;
  bodyLength = 0;
  /** The bytes of that head before the digits of its length, and those behind them. Empty: it has none. */
  #before = NOTHING;
  #after = NOTHING;

  /** Reads the head that these bytes begin with. False: it is not whole, or not plain. */
  read(bytes: Buffer): boolean {
    return this.#readAgain(bytes) || this.#readNew(bytes);
  }

  #readAgain(bytes: Buffer): boolean {
    const digits = this.#before.length;
    if (digits === 0 || bytes.length < digits || this.#before.compare(bytes, 0, digits) !== 0) return false;
    let at = digits;
    let length = 0;
    for (let digit = (bytes[at] ?? 0) - ZERO; digit >= 0 && digit <= 9; digit = (bytes[at] ?? 0) - ZERO) {
      length = length * 10 + digit;
      at++;
      if (at - digits > MAX_DIGITS) return false;
    }
    const end = at + this.#after.length;
    if (at === digits || end > bytes.length || this.#after.compare(bytes, at, end) !== 0) return false;
    this.end = end;
    this.bodyLength = length;
    return true;
  }

  #readNew(bytes: Buffer): boolean {
    this.#before = NOTHING;
    const end = endOfHead(bytes, 0);
    if (end < 0) return false;
    const text = bytes.toString('latin1', 0, end);
    const head = parseRequestHead(text);
    if (head === undefined) return false;
    const bodyLength = plainBodyLength(head);
    if (Number.isNaN(bodyLength)) return false;
    this.head = head;
    this.end = end;
    this.bodyLength = bodyLength;
    if (head.contentLength !== undefined) this.#remember(bytes, text, head.contentLength);
    return true;
  }

  #remember(bytes: Buffer, text: string, length: string): void {
    // No header's value has a line's end in it: what is found is the header.
    const from = text.toLowerCase().indexOf('\r\ncontent-length:');
    const digits = text.indexOf(length, from + '\r\ncontent-length:'.length);
    // Copied: the bytes are the connection's, for the next read.
    const copy = Buffer.allocUnsafe(this.end);
    bytes.copy(copy, 0, 0, this.end);
    this.#before = copy.subarray(0, digits);
    this.#after = copy.subarray(digits + length.length);
  }
}

const ZERO = 0x30;
/** As `parseLength` has it. */
const MAX_DIGITS = 15;

/** Those that node:http knows, too, and whose answers have bodies. */
const METHODS = new Set(['POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);

/** Bytes of a plain request's body; NaN for a request that is not plain. */
function plainBodyLength({ method, headers, contentLength }: RequestHead): number {
  if (!METHODS.has(method)) return Number.NaN;
  if (headers['host'] === undefined || headers['transfer-encoding'] !== undefined) return Number.NaN;
  if (headers['expect'] !== undefined || headers['upgrade'] !== undefined) return Number.NaN;
  const connection = headers['connection'];
  if (connection !== undefined && connection !== 'close' && connection.toLowerCase() !== 'keep-alive') {
    return Number.NaN;
  }
  return contentLength === undefined ? 0 : parseLength(contentLength);
}
