/**
 * Which protocol and encoding a push says it is in. Content types are few and repeat on every request, so the
 * answers for exact header values are remembered (a small, bounded map).
 */
import type { Encoding, ProtocolVersion } from '../payload/push.js';

const PROTOBUF = 'application/x-protobuf';
const MESSAGES: Readonly<Record<string, ProtocolVersion>> = {
  'prometheus.WriteRequest': 1,
  'io.prometheus.write.v2.Request': 2,
};
const REMEMBERED_MOST = 32;
const remembered = new Map<string, ProtocolVersion | undefined>();

/** A missing content type is Remote Write 1.0, as Mimir takes it. Undefined: not remote write. */
export function protocolOf(contentType: string | undefined): ProtocolVersion | undefined {
  if (contentType === undefined) return 1;
  if (remembered.has(contentType)) return remembered.get(contentType);
  const version = parseContentType(contentType);
  if (remembered.size < REMEMBERED_MOST) remembered.set(contentType, version);
  return version;
}

/** A missing content encoding is snappy: Mimir never takes a body for anything else. */
export function encodingOf(contentEncoding: string | undefined): Encoding | undefined {
  switch (contentEncoding) {
    case undefined:
    case 'snappy':
      return 'snappy';
    case 'gzip':
    case 'identity':
      return contentEncoding;
    default:
      return undefined;
  }
}

function parseContentType(contentType: string): ProtocolVersion | undefined {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  if (type.toLowerCase() !== PROTOBUF) return undefined;
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.split('=', 2);
    if (name?.trim().toLowerCase() === 'proto') return MESSAGES[value.trim().replaceAll('"', '')];
  }
  return 1;
}
