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
  /** The same by lower-case name; no name comes twice. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentLength: string | undefined;
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

/** `text` is a whole head, with the empty line that ends it. */
export function parseRequestHead(text: string): RequestHead | undefined {
  const methodEnd = text.indexOf(' ');
  const urlEnd = text.indexOf(' ', methodEnd + 1);
  if (
    methodEnd < 1 ||
    text.charCodeAt(methodEnd + 1) !== SLASH ||
    !text.startsWith(REQUEST_VERSION, urlEnd)
  ) {
    return undefined;
  }
  if (!isToken(text, 0, methodEnd) || !isVisible(text, methodEnd + 1, urlEnd)) return undefined;
  const all = parseHeaders(text, urlEnd + REQUEST_VERSION.length);
  if (all === undefined) return undefined;
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = Object.create(null);
  let contentLength: string | undefined;
  for (let i = 0; i < all.length; i += 2) {
    const [rawName, value] = [all[i] as string, all[i + 1] as string];
    const name = rawName.toLowerCase();
    if (name === 'content-length') {
      if (contentLength !== undefined) return undefined;
      contentLength = value;
      continue;
    }
    if (headers[name] !== undefined) return undefined;
    headers[name] = value;
    rawHeaders.push(rawName, value);
  }
  const [method, url] = [text.slice(0, methodEnd), text.slice(methodEnd + 1, urlEnd)];
  return { method, url, rawHeaders, headers, contentLength };
}

/** `text` is a whole head, with the empty line that ends it. */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const lineEnd = text.indexOf('\r\n');
  const status = Number(text.slice(STATUS_AT, STATUS_AT + 3));
  const afterStatus = text.charCodeAt(STATUS_AT + 3);
  const persistent = text.startsWith(RESPONSE_VERSION);
  if (!persistent && !text.startsWith(OLD_RESPONSE_VERSION)) return undefined;
  if (!(status >= 100 && status <= 999)) return undefined;
  if (afterStatus !== SPACE && afterStatus !== CR) return undefined;
  if (!isText(text, STATUS_AT + 4, lineEnd)) return undefined;
  const rawHeaders = parseHeaders(text, lineEnd + 2);
  if (rawHeaders === undefined) return undefined;
  return { status, statusText: text.slice(STATUS_AT + 4, lineEnd), rawHeaders, persistent };
}

/** A Content-Length of digits alone; NaN for anything else. */
export function parseLength(value: string): number {
  if (value.length === 0 || value.length > 15) return Number.NaN;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return Number.NaN;
  }
  return Number(value);
}

function parseHeaders(text: string, from: number): string[] | undefined {
  const rawHeaders: string[] = [];
  const end = text.length - LINE_END.length;
  for (let at = from; at < end; ) {
    const lineEnd = text.indexOf(LINE_END, at);
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon >= lineEnd || !isToken(text, at, colon)) return undefined;
    let start = colon + 1;
    let stop = lineEnd;
    while (start < stop && isBlank(text.charCodeAt(start))) start++;
    while (stop > start && isBlank(text.charCodeAt(stop - 1))) stop--;
    if (!isText(text, start, stop)) return undefined;
    rawHeaders.push(text.slice(at, colon), text.slice(start, stop));
    at = lineEnd + LINE_END.length;
  }
  return rawHeaders;
}

const LINE_END = '\r\n';
const END_OF_HEAD = '\r\n\r\n';
const REQUEST_VERSION = ' HTTP/1.1\r\n';
const RESPONSE_VERSION = 'HTTP/1.1 ';
const OLD_RESPONSE_VERSION = 'HTTP/1.0 ';
const STATUS_AT = RESPONSE_VERSION.length;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const SLASH = 0x2f;

/** RFC 9110, 5.6.2. */
const TOKEN = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[char.charCodeAt(0)] = 1;
}

function isToken(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  }
  return to > from;
}

function isVisible(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code <= SPACE || code >= 0x7f) return false;
  }
  return true;
}

function isText(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code < SPACE ? code !== TAB : code === 0x7f) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
