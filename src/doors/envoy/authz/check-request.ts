/** What ext_authz sends of a push, whichever way Envoy is configured to send it. */
import { checkRequest, type HeaderValue, type HttpRequest } from '../grpc/messages.js';

/**
 * How much of the body is there. `partial`: Envoy cut it off. `missing`: Envoy is not told to send bodies. `text`:
 * Envoy sends them as text, and what is not UTF-8 is lost.
 */
export type BodyState = 'whole' | 'partial' | 'missing' | 'text';

export const BODY_STATES = ['whole', 'partial', 'missing', 'text'] as const satisfies BodyState[];

export interface CheckedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly requestId: string;
  readonly body: Buffer;
  readonly bodyState: BodyState;
  /** By its lower-case name. */
  header(name: string): string | undefined;
}

/** Envoy sets it where it has buffered a body, and removes what the client sent. */
const PARTIAL_BODY_HEADER = 'x-envoy-auth-partial-body';

/** Undefined: not a CheckRequest. */
export function readCheckRequest(message: Buffer): CheckedRequest | undefined {
  const request = checkRequest.decode(message);
  if (request === undefined) return undefined;
  const http = request.attributes?.request?.http;
  const headers = headersOf(http);
  const header = (name: string): string | undefined =>
    Object.hasOwn(headers, name) ? headers[name] : undefined;
  const path = http?.path ?? '';
  const query = path.indexOf('?');
  const body = Buffer.from(http?.rawBody.buffer ?? NO_BYTES, http?.rawBody.byteOffset, http?.rawBody.length);
  return {
    method: http?.method ?? '',
    path: query < 0 ? path : path.slice(0, query),
    requestId: header('x-request-id') ?? http?.id ?? '',
    body,
    bodyState: bodyState(body, http?.body ?? '', header),
    header,
  };
}

const NO_BYTES = new ArrayBuffer(0);

function bodyState(body: Buffer, text: string, header: (name: string) => string | undefined): BodyState {
  const declared = header('content-length');
  if (body.length === 0) {
    if (text !== '') return 'text';
    return declared === '0' ? 'whole' : 'missing';
  }
  // The mark tells of what Envoy had buffered, so a body that is cut at exactly its limit may go without.
  if (header(PARTIAL_BODY_HEADER) === 'true' || Number(declared ?? 0) > body.length) return 'partial';
  return 'whole';
}

function headersOf(http: HttpRequest | null | undefined): Readonly<Record<string, string>> {
  const list = http?.headerMap?.headers;
  return list === undefined || list.length === 0 ? (http?.headers ?? {}) : joined(list);
}

/** With encode_raw_headers every header comes by itself: those that come more than once are joined, as elsewhere. */
function joined(list: readonly HeaderValue[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { key, value, rawValue } of list) {
    const name = key.toLowerCase();
    const text = value || Buffer.from(rawValue ?? []).toString('latin1');
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${text}` : text;
  }
  return headers;
}
