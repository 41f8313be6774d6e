/**
 * The head of an HTTP/1 request, parsed as strictly as by the strictest of servers: whatever could be read in two ways is a
 * fault, and nothing after it is read.
 */
import type { MessageHeaders } from './headers.js';
import { endOfToken, parseHeaders, parseLength, SPACE } from './heads.js';
import { originForm } from './target.js';

/** No sender writes this many. */
export const MAX_HEADERS = 100;

export interface RequestHead {
  readonly method: string;
  /** A path with its query, in whatever form the target came. */
  readonly url: string;
  /** Names and values, alternating, as received, without Content-Length. */
  readonly rawHeaders: readonly string[];
  /** The names of `rawHeaders` in lower case. */
  readonly lowerNames: readonly string[];
  /** Some name occurs more than once. */
  readonly repeats: boolean;
  readonly contentLength: string | undefined;
  /** Where its digits begin. */
  readonly contentLengthAt: number;
  readonly chunked: boolean;
  /** HTTP/1.0: chunks are not understood. */
  readonly old: boolean;
  /** No other request follows. */
  readonly close: boolean;
  readonly expectsContinue: boolean;
  /** The headers that go to the upstream, once computed. */
  forwarded?: MessageHeaders;
  /** The sender to count pushes with this head for, once computed. */
  sender?: object | undefined;
  /** How to read pushes with this head, once computed. */
  readAs?: object | undefined;
}

/** Why a head is refused: the status of the answer, and the message to the client. */
export interface HeadFault {
  readonly status: number;
  readonly why: string;
}

const bad = (why: string): HeadFault => ({ status: 400, why });
const LINE = bad('the first line of the request is not a method, a target and a version');
const TARGET = bad('the target of the request is not a path');
const VERSION = bad('the version of the request is neither HTTP/1.1 nor HTTP/1.0');
const HEADER = bad('a header of the request is not a name, a colon and a value');
const HOST = bad('the request needs one Host header with the name of a host');
const LENGTH = bad('Content-Length has to come once, as at most 15 digits, and not beside Transfer-Encoding');
const ENCODING = bad('Transfer-Encoding may be chunked and nothing else, once, in HTTP/1.1');
const METHOD: HeadFault = { status: 501, why: 'the method of the request is not known' };
const EXPECT: HeadFault = { status: 417, why: 'Expect may be 100-continue and nothing else' };
const TOO_MANY: HeadFault = { status: 431, why: `the request has more than ${MAX_HEADERS} headers` };

const METHODS = new Set(['POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
const NEW_VERSION = ' HTTP/1.1\r\n';
const OLD_VERSION = ' HTTP/1.0\r\n';
const HOST_NAME = /^[A-Za-z0-9._~!$&'()*+;=:[\]%-]*$/;

/** `text` is a whole head, including the empty line at its end. Most names are those of the connection's `last` head. */
export function parseRequestHead(text: string, last?: RequestHead): RequestHead | HeadFault {
  const methodEnd = endOfToken(text, 0);
  if (methodEnd === 0 || text.charCodeAt(methodEnd) !== SPACE) return LINE;
  const targetEnd = endOfVisible(text, methodEnd + 1);
  if (targetEnd === methodEnd + 1 || text.charCodeAt(targetEnd) !== SPACE) return LINE;
  const old = text.startsWith(OLD_VERSION, targetEnd);
  if (!old && !text.startsWith(NEW_VERSION, targetEnd)) return VERSION;
  const url = originForm(text.slice(methodEnd + 1, targetEnd));
  if (url === undefined) return TARGET;
  const method = text.slice(0, methodEnd);
  if (!METHODS.has(method)) return METHOD;

  const valuesAt: number[] = [];
  const all = parseHeaders(text, targetEnd + NEW_VERSION.length, valuesAt);
  if (all === undefined) return HEADER;
  if (valuesAt.length > MAX_HEADERS) return TOO_MANY;
  const rawHeaders: string[] = [];
  const lowerNames: string[] = [];
  let contentLength: string | undefined;
  let contentLengthAt = 0;
  let repeats = false;
  let hosts = 0;
  let encodings = 0;
  let close = old;
  let expectsContinue = false;
  for (let i = 0; i < all.length; i += 2) {
    const rawName = all[i] as string;
    const value = all[i + 1] as string;
    const place = lowerNames.length;
    const known = last !== undefined && last.rawHeaders[2 * place] === rawName;
    const name = known ? (last.lowerNames[place] as string) : rawName.toLowerCase();
    switch (name) {
      case 'content-length':
        if (contentLength !== undefined || Number.isNaN(parseLength(value))) return LENGTH;
        contentLength = value;
        contentLengthAt = valuesAt[i >> 1] as number;
        continue;
      case 'transfer-encoding':
        encodings++;
        if (old || encodings > 1 || value.toLowerCase() !== 'chunked') return ENCODING;
        break;
      case 'host':
        hosts++;
        if (!HOST_NAME.test(value)) return HOST;
        break;
      case 'connection':
        close ||= namesClose(value);
        break;
      case 'expect':
        if (value.toLowerCase() !== '100-continue') return EXPECT;
        expectsContinue = !old;
        break;
    }
    repeats ||= lowerNames.includes(name);
    lowerNames.push(name);
    rawHeaders.push(rawName, value);
  }
  if (hosts > 1 || (hosts === 0 && !old)) return HOST;
  const chunked = encodings > 0;
  if (chunked && contentLength !== undefined) return LENGTH;
  return {
    method,
    url,
    rawHeaders,
    lowerNames,
    repeats,
    contentLength,
    contentLengthAt,
    chunked,
    old,
    close,
    expectsContinue,
  };
}

/** The value of the header with this name, in lower case; several values are joined. */
export function headerOf(head: RequestHead, name: string): string | undefined {
  const { rawHeaders, lowerNames, repeats } = head;
  const place = lowerNames.indexOf(name);
  if (place < 0) return undefined;
  if (!repeats) return rawHeaders[2 * place + 1];
  return lowerNames.flatMap((other, i) => (other === name ? [rawHeaders[2 * i + 1]] : [])).join(', ');
}

function namesClose(value: string): boolean {
  if (value === 'close') return true;
  if (value === 'keep-alive') return false;
  return value.split(',').some((name) => name.trim().toLowerCase() === 'close');
}

function endOfVisible(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code > SPACE && code < 0x7f; code = text.charCodeAt(at)) at++;
  return at;
}
