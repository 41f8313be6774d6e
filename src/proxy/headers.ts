/** Headers on their way through: what must not pass a proxy is left out, what the upstream wants to know is added. */
import { randomBytes } from 'node:crypto';
import type { Caller } from './caller.js';

/** RFC 9110, 7.6.1: meant for one connection only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Not the client's to say: for its own connection, set anew for the upstream, or (Expect) settled already. */
const NOT_FORWARDED = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'host',
  'expect',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);

/** What a client may ask to be dropped, by naming it in Connection: never what the upstream decides on. */
const NEVER_DROPPED = new Set(['content-length', 'content-type', 'content-encoding']);

const requestIdPrefix = randomBytes(6).toString('hex');
let requestIds = 0;

/** The client's request id if it sent a sane one, or one of our own. */
export function requestIdOf(caller: Caller): string {
  const given = caller.header('x-request-id');
  if (given !== undefined && given.length > 0 && given.length <= 128) return given;
  requestIds++;
  return `${requestIdPrefix}-${requestIds.toString(36)}`;
}

/** Those of one message. Their text is made once, for all messages that have the same. */
export class MessageHeaders {
  /** Names and values in turn. */
  readonly list: readonly string[];
  #text: string | undefined;

  constructor(list: readonly string[]) {
    this.list = list;
  }

  /** As they are written. */
  get text(): string {
    this.#text ??= textOf(this.list);
    return this.#text;
  }

  /** Says whether there is one with this name, in lower case. */
  has(wanted: string): boolean {
    const { list } = this;
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i] as string;
      if (name.length === wanted.length && name.toLowerCase() === wanted) return true;
    }
    return false;
  }
}

function textOf(list: readonly string[]): string {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += `${list[i]}: ${list[i + 1]}\r\n`;
  return text;
}

/** What of a request's headers goes to the upstream, without the request id and the length. */
export function upstreamHeaders(caller: Caller, tenantHeader: string): MessageHeaders {
  caller.forwarded ??= new MessageHeaders(forwardedList(caller, tenantHeader));
  return caller.forwarded;
}

function forwardedList(caller: Caller, tenantHeader: string): string[] {
  const { rawHeaders: raw, lowerNames, remoteAddress } = caller;
  const dropped = namedInConnection(caller.header('connection'), tenantHeader);
  const headers: string[] = [];
  for (let i = 0; i < lowerNames.length; i++) {
    const name = lowerNames[i] as string;
    if (NOT_FORWARDED.has(name) || dropped?.has(name)) continue;
    headers.push(raw[2 * i] as string, raw[2 * i + 1] as string);
  }
  const forwardedFor = caller.header('x-forwarded-for');
  headers.push(
    'X-Forwarded-For',
    forwardedFor === undefined ? remoteAddress : `${forwardedFor}, ${remoteAddress}`,
  );
  headers.push('X-Forwarded-Host', caller.header('x-forwarded-host') ?? caller.header('host') ?? '');
  headers.push('X-Forwarded-Proto', caller.header('x-forwarded-proto') ?? 'http');
  return headers;
}

/** What of the upstream's response headers is for the client. */
export function downstreamHeaders(raw: readonly string[]): MessageHeaders {
  const headers: string[] = [];
  let connection: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'connection') connection = raw[i + 1];
    if (!HOP_BY_HOP.has(lower)) headers.push(name, raw[i + 1] ?? '');
  }
  const dropped = namedInConnection(connection, '');
  return new MessageHeaders(dropped === undefined ? headers : withoutNames(headers, dropped));
}

/** Lower-case names listed in a Connection header, without the usual `keep-alive` and `close`. */
function namedInConnection(connection: string | undefined, tenantHeader: string): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  const dropped = names.filter((name) => name !== '' && name !== tenantHeader && !NEVER_DROPPED.has(name));
  return dropped.length === 0 ? undefined : new Set(dropped);
}

function withoutNames(headers: string[], names: Set<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}
