/**
 * The head of an HTTP/1.1 message as well-behaved peers write it. Whatever is not plain and unambiguous is undefined
 * here, and goes to node:http, or counts as a broken answer.
 */
import type { MessageHeaders } from './headers.js';

/** Heads longer than this are not plain. */
export const MAX_HEAD_BYTES = 16 * 1024;

export interface RequestHead {
  readonly method: string;
  readonly url: string;
  /** Names and values in turn, as they came, without Content-Length. */
  readonly rawHeaders: readonly string[];
  /** The names of `rawHeaders` in lower case; none comes twice. */
  readonly lowerNames: readonly string[];
  readonly contentLength: string | undefined;
  /** Where its digits begin. */
  readonly contentLengthAt: number;
  /** What goes to the upstream, once somebody knows. */
  forwarded?: MessageHeaders;
}

export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: readonly string[];
  /** False for HTTP/1.0, whose connections end with the answer. */
  readonly persistent: boolean;
}

/** Index of the first byte after the head, or -1 if it is not whole within what a head may hold. */
export function endOfHead(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(END_OF_HEAD, from, 'latin1');
  return at < 0 || at - from > MAX_HEAD_BYTES ? -1 : at + END_OF_HEAD.length;
}

/** `text` is a whole head, with the empty line that ends it. Most names are those of the `last` head on the connection. */
export function parseRequestHead(text: string, last?: RequestHead): RequestHead | undefined {
  const methodEnd = text.indexOf(' ');
  const urlEnd = text.indexOf(' ', methodEnd + 1);
  if (
    methodEnd < 1 ||
    text.charCodeAt(methodEnd + 1) !== SLASH ||
    !text.startsWith(REQUEST_VERSION, urlEnd)
  ) {
    return undefined;
  }
  if (endOfToken(text, 0) !== methodEnd || !isTarget(text, methodEnd + 1, urlEnd)) return undefined;
  const valuesAt: number[] = [];
  const all = parseHeaders(text, urlEnd + REQUEST_VERSION.length, valuesAt);
  if (all === undefined) return undefined;
  const rawHeaders: string[] = [];
  const lowerNames: string[] = [];
  let contentLength: string | undefined;
  let contentLengthAt = 0;
  for (let i = 0; i < all.length; i += 2) {
    const rawName = all[i] as string;
    const value = all[i + 1] as string;
    if (rawName.length === CONTENT_LENGTH.length && rawName.toLowerCase() === CONTENT_LENGTH) {
      if (contentLength !== undefined) return undefined;
      contentLength = value;
      contentLengthAt = valuesAt[i >> 1] as number;
      continue;
    }
    const place = lowerNames.length;
    const known = last !== undefined && last.rawHeaders[2 * place] === rawName;
    const name = known ? (last.lowerNames[place] as string) : rawName.toLowerCase();
    if (lowerNames.includes(name)) return undefined;
    lowerNames.push(name);
    rawHeaders.push(rawName, value);
  }
  const method = text.slice(0, methodEnd);
  const url = text.slice(methodEnd + 1, urlEnd);
  return { method, url, rawHeaders, lowerNames, contentLength, contentLengthAt };
}

/** The value of the header with this name, in lower case. */
export function headerOf({ rawHeaders, lowerNames }: RequestHead, name: string): string | undefined {
  const place = lowerNames.indexOf(name);
  return place < 0 ? undefined : rawHeaders[2 * place + 1];
}

/** `text` is a whole head, with the empty line that ends it. */
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

/** Digits alone, as in a Content-Length; NaN for anything else. */
export function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) return Number.NaN;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return Number.NaN;
  }
  return Number(value);
}

/** Names and values in turn. Notes in `valuesAt` where each value begins. */
function parseHeaders(text: string, from: number, valuesAt?: number[]): string[] | undefined {
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

const CONTENT_LENGTH = 'content-length';
const LINE_END = '\r\n';
const END_OF_HEAD = '\r\n\r\n';
const REQUEST_VERSION = ' HTTP/1.1\r\n';
const RESPONSE_VERSION = 'HTTP/1.1 ';
const OLD_RESPONSE_VERSION = 'HTTP/1.0 ';
const STATUS_AT = RESPONSE_VERSION.length;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const SLASH = 0x2f;
const HASH = 0x23;

/** RFC 9110, 5.6.2. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[char.charCodeAt(0)] = 1;
}

function endOfToken(text: string, from: number): number {
  let at = from;
  while (TOKEN[text.charCodeAt(at)] === 1) at++;
  return at;
}

/** A path that ends nowhere before its end: some servers end it at `#`. */
function isTarget(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code <= SPACE || code >= 0x7f || code === HASH) return false;
  }
  return true;
}

/** Of what a header's value may hold. */
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
