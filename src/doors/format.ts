/**
 * Which protocol a push is in. Content types are few and repeat on every request, so the answers for exact header values
 * are remembered (a small, bounded map).
 */
import type { ProtocolVersion } from '../payload/push.js';

const PROTOBUF = 'application/x-protobuf';
const VERSION_2 = 'io.prometheus.write.v2.Request';
const MESSAGES = new Map<string, ProtocolVersion>([
  ['prometheus.WriteRequest', 1],
  [VERSION_2, 2],
]);
const REMEMBERED_MOST = 32;
const remembered = new Map<string, ProtocolVersion | undefined>();

/**
 * Undefined: not remote write, or not what Mimir would read. Mimir uncompresses every body as snappy whatever the content
 * encoding says, so any other is not to be believed; without one, and without a content type, it is Remote Write 1.0.
 */
export function versionOf(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): ProtocolVersion | undefined {
  if (contentEncoding !== undefined && contentEncoding !== 'snappy') return undefined;
  if (contentType === undefined) return 1;
  if (remembered.has(contentType)) return remembered.get(contentType);
  const version = parseContentType(contentType);
  if (remembered.size < REMEMBERED_MOST) remembered.set(contentType, version);
  return version;
}

/** Mimir takes every character for what it is, and for version 1 what it does not know: version 2 is what both read so. */
function parseContentType(contentType: string): ProtocolVersion | undefined {
  const [type = '', ...parameters] = contentType.split(';');
  if (type.trim().toLowerCase() !== PROTOBUF) return undefined;
  const named = parameters.filter((parameter) => /^\s*proto\s*(=|$)/i.test(parameter));
  const [message] = named;
  if (message === undefined) return 1;
  if (named.length > 1) return undefined;
  const name = message.slice(message.indexOf('=') + 1);
  const version = MESSAGES.get(name.replaceAll('"', '').trim());
  return version === 2 && (type !== PROTOBUF || message !== `proto=${VERSION_2}`) ? undefined : version;
}
