/**
 * Which protocol Mimir reads a push in, by its headers. Content types are few and repeat on every request, so results are
 * cached (in a small, bounded map).
 */
import type { Protocol } from '../payload/push.js';

type RemoteWrite = Exclude<Protocol, 'otlp'>;

/** `unknown_message`: the content type is not one of remote write's. `not_snappy`: another content encoding. */
export type FormatFault = 'unknown_message' | 'not_snappy';

const PROTOBUF = 'application/x-protobuf';
const MESSAGES = new Map<string, RemoteWrite>([
  ['prometheus.WriteRequest', 'rw1'],
  ['io.prometheus.write.v2.Request', 'rw2'],
]);
const REMEMBERED_MOST = 32;
const remembered = new Map<string, RemoteWrite | 'unknown_message'>();

/**
 * Mimir decompresses every body as snappy whatever its content encoding says, so any other is refused; without one it is
 * snappy.
 */
export function formatOf(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): RemoteWrite | FormatFault {
  if (contentEncoding !== undefined && contentEncoding !== 'snappy') return 'not_snappy';
  return messageOf(contentType);
}

/** The message that Mimir expects for this content type, or for none. */
export function messageOf(contentType: string | undefined): RemoteWrite | 'unknown_message' {
  if (contentType === undefined) return 'rw1';
  const known = remembered.get(contentType);
  if (known !== undefined) return known;
  const message = parseContentType(contentType);
  if (remembered.size < REMEMBERED_MOST) remembered.set(contentType, message);
  return message;
}

/** Like Mimir's parser, literally: anything that is not protobuf is version 1. */
function parseContentType(contentType: string): RemoteWrite | 'unknown_message' {
  const [type, ...parameters] = contentType.split(';');
  if (type !== PROTOBUF) return 'rw1';
  // It may be two headers, joined: of these Mimir reads the first alone, and nobody here can tell where it ends.
  if (contentType.includes(',')) return 'unknown_message';
  for (const parameter of parameters) {
    const [name, value, ...rest] = parameter.split('=');
    if (value === undefined || rest.length > 0) return 'unknown_message';
    if (name === 'proto') return MESSAGES.get(value) ?? 'unknown_message';
  }
  return 'rw1';
}
