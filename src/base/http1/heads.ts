/**
 * Parsing of HTTP/1 heads in general, and of a response's head. Whatever is not plain and unambiguous is undefined here,
 * and refused by the caller.
 */

/** Longer heads are refused. */
export const MAX_HEAD_BYTES = 16 * 1024;

export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: readonly string[];
  /** False for HTTP/1.0, whose connections end with the answer. */
  readonly persistent: boolean;
}

/** The index of the first byte after the head, or -1 if the head is incomplete within the allowed size. */
export function endOfHead(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(END_OF_HEAD, from, 'latin1');
  return at < 0 || at - from > MAX_HEAD_BYTES ? -1 : at + END_OF_HEAD.length;
}

/** `text` is a whole head, including the empty line at its end. */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const lineEnd = text.indexOf('\r\n');
  const status = parseLength(text.slice(STATUS_AT, STATUS_AT + 3));
  const afterStatus = text.charCodeAt(STATUS_AT + 3);
  const persistent = text.startsWith(RESPONSE_VERSION);
  if (!persistent && !text.startsWith(OLD_RESPONSE_VERSION)) return undefined;
  if (Number.isNaN(status) || status < 100) return undefined;
  if (afterStatus !== SPACE && afterStatus !== CR) return undefined;
  if (endOfText(text, STATUS_AT + 3) !== lineEnd) return undefined;
  const rawHeaders = parseHeaders(text, lineEnd + 2);
  if (rawHeaders === undefined) return undefined;
  return { status, statusText: text.slice(STATUS_AT + 4, lineEnd), rawHeaders, persistent };
}

/** Only digits, as in Content-Length; otherwise NaN. */
export function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) return Number.NaN;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return Number.NaN;
  }
  return Number(value);
}

/** Names and values, alternating. Records in `valuesAt` where each value begins. */
export function parseHeaders(text: string, from: number, valuesAt?: number[]): string[] | undefined {
  const rawHeaders: string[] = [];
  const end = text.length - LINE_END.length;
  for (let at = from; at < end; ) {
    const colon = endOfToken(text, at);
    if (colon === at || text.charCodeAt(colon) !== COLON) return undefined;
    let start = colon + 1;
    while (isBlank(text.charCodeAt(start))) start++;
    const lineEnd = endOfText(text, start);
    if (!text.startsWith(LINE_END, lineEnd)) return undefined;
    let stop = lineEnd;
    while (stop > start && isBlank(text.charCodeAt(stop - 1))) stop--;
    rawHeaders.push(text.slice(at, colon), text.slice(start, stop));
    valuesAt?.push(start);
    at = lineEnd + LINE_END.length;
  }
  return rawHeaders;
}

const LINE_END = '\r\n';
const END_OF_HEAD = '\r\n\r\n';
const RESPONSE_VERSION = 'HTTP/1.1 ';
const OLD_RESPONSE_VERSION = 'HTTP/1.0 ';
const STATUS_AT = RESPONSE_VERSION.length;
const CR = 0x0d;
const COLON = 0x3a;
export const SPACE = 0x20;
const TAB = 0x09;

/** RFC 9110, 5.6.2. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[char.charCodeAt(0)] = 1;
}

export function endOfToken(text: string, from: number): number {
  let at = from;
  while (TOKEN[text.charCodeAt(at)] === 1) at++;
  return at;
}

/** The end of the characters that a header's value may contain. */
function endOfText(text: string, from: number): number {
  let at = from;
  while (isText(text.charCodeAt(at))) at++;
  return at;
}

function isText(code: number): boolean {
  return code >= SPACE ? code !== 0x7f : code === TAB;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
