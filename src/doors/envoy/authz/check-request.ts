/**
 * The description of a push in an ext_authz call, in each of the forms in which Envoy may be configured to send it. The
 * message is walked rather than decoded: unneeded fields cost no memory, and oversized ones little time.
 */
import { EDGE_PREFIX } from '../../../base/http1/headers.js';
import { eachField } from '../grpc/fields.js';

/**
 * How much of the body is there. `partial`: Envoy truncated it. `missing`: Envoy is not configured to send bodies. `text`:
 * Envoy sends them as text, which loses what is not UTF-8.
 */
export type BodyState = 'whole' | 'partial' | 'missing' | 'text';

export const BODY_STATES = ['whole', 'partial', 'missing', 'text'] as const satisfies BodyState[];

export interface CheckedRequest {
  readonly method: string;
  /** A path with its query, as normalized by Envoy. */
  readonly target: string;
  /** The value of the tenant header. */
  readonly tenant: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly requestId: string;
  readonly retryAttempt: string | undefined;
  readonly userAgent: string | undefined;
  readonly forwardedFor: string | undefined;
  /** Of the connection on which Envoy got the push; empty if it is not an IP address. */
  readonly remoteAddress: string;
  /** Names, in lower case, that only the edge may send. */
  readonly claimed: ReadonlySet<string>;
  /** A view on the message. */
  readonly body: Buffer;
  readonly bodyState: BodyState;
}

/** The maximal size of a CheckRequest without its body: far more than Envoy allows for headers. */
export const MAX_BESIDE_BODY_BYTES = 1 << 20;
export const MAX_HEADERS = 1000;

/** Envoy sets it if it has buffered a body, and removes the client's. */
const PARTIAL_BODY = 'x-envoy-auth-partial-body';
/** In addition to the tenant header. */
export const READ_HEADERS = [
  'content-type',
  'content-encoding',
  'content-length',
  'x-request-id',
  'retry-attempt',
  'user-agent',
  'x-forwarded-for',
  PARTIAL_BODY,
];

const NONE: ReadonlySet<string> = new Set();

/** Undefined: not a CheckRequest. `too_large`: there is too much beside the body. */
export function readCheckRequest(
  message: Buffer,
  /** In lower case. */
  tenantHeader: string,
): CheckedRequest | 'too_large' | undefined {
  const found = new FoundRequest(message, tenantHeader);
  const whole = eachField(message, 0, message.length, inCheckRequest, found);
  if (found.headers > MAX_HEADERS) return 'too_large';
  if (!whole) return undefined;
  const { id, path: target, body } = found;
  if (message.length - body.length > MAX_BESIDE_BODY_BYTES) return 'too_large';
  return {
    method: found.method,
    target,
    tenant: found.header(tenantHeader),
    contentType: found.header('content-type'),
    contentEncoding: found.header('content-encoding'),
    requestId: found.header('x-request-id') ?? id,
    retryAttempt: found.header('retry-attempt'),
    userAgent: found.header('user-agent'),
    forwardedFor: found.header('x-forwarded-for'),
    remoteAddress: found.remoteAddress,
    claimed: found.claimed ?? NONE,
    body,
    bodyState: bodyState(found),
  };
}

function bodyState(found: FoundRequest): BodyState {
  const declared = found.header('content-length');
  const partial = found.header(PARTIAL_BODY);
  if (found.body.length === 0) {
    if (found.hasText) return 'text';
    // Without a declared length, the header says that Envoy has buffered the body and found it empty.
    return declared === '0' || (declared === undefined && partial === 'false') ? 'whole' : 'missing';
  }
  // The header refers to what Envoy had buffered, so it may be missing for a body that is truncated at exactly the limit.
  return partial === 'true' || Number(declared ?? 0) > found.body.length ? 'partial' : 'whole';
}

class FoundRequest {
  readonly message: Buffer;
  remoteAddress = '';
  id = '';
  method = '';
  path = '';
  hasText = false;
  body: Buffer;
  /** Their number, whether they are read or not. */
  headers = 0;
  /** The current header: its name, and the position of its value. */
  name = '';
  valueStart = 0;
  valueEnd = 0;
  claimed: Set<string> | undefined;
  readonly #read: ReadonlySet<string>;
  readonly #map = new Map<string, string>();
  /** With encode_raw_headers each header is separate, and there is no map. */
  readonly #list = new Map<string, string>();

  constructor(message: Buffer, tenantHeader: string) {
    this.message = message;
    this.body = message.subarray(0, 0);
    this.#read = new Set([...READ_HEADERS, tenantHeader]);
  }

  header(name: string): string | undefined {
    return (this.#list.size > 0 ? this.#list : this.#map).get(name);
  }

  addToMap(): void {
    this.#noteClaim(this.name);
    if (this.#read.has(this.name)) this.#map.set(this.name, this.#value());
  }

  /** Repeated headers are joined, as Envoy joins them in the map. */
  addToList(): void {
    const name = this.name.toLowerCase();
    this.#noteClaim(name);
    if (!this.#read.has(name)) return;
    const before = this.#list.get(name);
    this.#list.set(name, before === undefined ? this.#value() : `${before}, ${this.#value()}`);
  }

  #noteClaim(name: string): void {
    if (!name.startsWith(EDGE_PREFIX)) return;
    this.claimed ??= new Set();
    this.claimed.add(name);
  }

  #value(): string {
    return this.message.toString('utf8', this.valueStart, this.valueEnd);
  }
}

// By the field numbers in proto/envoy-auth.proto and proto/envoy-core.proto.

function inCheckRequest(field: number, start: number, end: number, found: FoundRequest): boolean {
  return field !== 1 || eachField(found.message, start, end, inAttributes, found);
}

function inAttributes(field: number, start: number, end: number, found: FoundRequest): boolean {
  // A push is judged even if its peer is invalid.
  if (field === 1) eachField(found.message, start, end, inPeer, found);
  return field !== 4 || eachField(found.message, start, end, inRequest, found);
}

function inPeer(field: number, start: number, end: number, found: FoundRequest): boolean {
  return field !== 1 || eachField(found.message, start, end, inAddress, found);
}

function inAddress(field: number, start: number, end: number, found: FoundRequest): boolean {
  return field !== 1 || eachField(found.message, start, end, inSocketAddress, found);
}

function inSocketAddress(field: number, start: number, end: number, found: FoundRequest): boolean {
  if (field === 2 && end - start <= LONGEST_ADDRESS)
    found.remoteAddress = found.message.toString('latin1', start, end);
  return true;
}

function inRequest(field: number, start: number, end: number, found: FoundRequest): boolean {
  return field !== 2 || eachField(found.message, start, end, inHttp, found);
}

function inHttp(field: number, start: number, end: number, found: FoundRequest): boolean {
  const { message } = found;
  switch (field) {
    case 1:
      found.id = message.toString('utf8', start, end);
      break;
    case 2:
      found.method = message.toString('utf8', start, end);
      break;
    case 3:
      if (!readHeader(start, end, found)) return false;
      found.addToMap();
      break;
    case 4:
      found.path = message.toString('utf8', start, end);
      break;
    case 11:
      found.hasText = end > start;
      break;
    case 12:
      found.body = message.subarray(start, end);
      break;
    case 13:
      return eachField(message, start, end, inHeaderMap, found);
    default:
  }
  return true;
}

function inHeaderMap(field: number, start: number, end: number, found: FoundRequest): boolean {
  if (field !== 1) return true;
  if (!readHeader(start, end, found)) return false;
  found.addToList();
  return true;
}

/** False: it is not a header, or there are too many. */
function readHeader(start: number, end: number, found: FoundRequest): boolean {
  found.headers++;
  found.name = '';
  found.valueStart = 0;
  found.valueEnd = 0;
  return found.headers <= MAX_HEADERS && eachField(found.message, start, end, inHeader, found);
}

/** The same for an entry of the map and for a HeaderValue, whose value is text or bytes. */
function inHeader(field: number, start: number, end: number, found: FoundRequest): boolean {
  if (field === 1) {
    if (end - start <= LONGEST_NAME) found.name = found.message.toString('latin1', start, end);
  } else if ((field === 2 || field === 3) && end > start) {
    found.valueStart = start;
    found.valueEnd = end;
  }
  return true;
}

/** None of the headers that are read has a longer name. */
const LONGEST_NAME = 256;
/** An IPv6 address with a zone. */
const LONGEST_ADDRESS = 64;
