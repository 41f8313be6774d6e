/** Headers of a request on its way to the upstream: what must not pass a proxy is left out, what the upstream wants to know is added. */
import { randomBytes } from 'node:crypto';
import { EDGE_PREFIX, HOP_BY_HOP, MessageHeaders, namedInConnection } from '../../base/http1/headers.js';
import type { Caller } from './caller.js';

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

const requestIdPrefix = randomBytes(6).toString('hex');
let requestIds = 0;

/** The client's request id if it sent a sane one, or one of our own. */
export function requestIdOf(caller: Caller): string {
  const given = caller.header('x-request-id');
  if (given !== undefined && given.length > 0 && given.length <= 128) return given;
  requestIds++;
  return `${requestIdPrefix}-${requestIds.toString(36)}`;
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
    if (NOT_FORWARDED.has(name) || dropped?.has(name) || name.startsWith(EDGE_PREFIX)) continue;
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
