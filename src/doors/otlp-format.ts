/** How to read an OTLP write, by its headers, exactly as Mimir does. */

import { READS_ZSTD } from '../payload/encodings.js';
import type { Encoding, OtlpSource } from '../payload/source.js';
import type { AnswerForm } from './answer-form.js';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ['', 'identity'],
  ['gzip', 'gzip'],
  ['lz4', 'lz4'],
  ['zstd', 'zstd'],
]);

/** `no_zstd`: Mimir could read it, but this Node can not. */
export type OtlpFormatFault = 'unknown_type' | 'unknown_encoding' | 'no_zstd';

export function otlpSource(
  contentType: string | undefined,
  contentEncoding = '',
): OtlpSource | OtlpFormatFault {
  const encoding = ENCODINGS.get(contentEncoding);
  if (encoding === undefined) return 'unknown_encoding';
  if (encoding === 'zstd' && !READS_ZSTD) return 'no_zstd';
  if (contentType !== PROTOBUF && contentType !== JSON_TYPE) return 'unknown_type';
  return { form: 'otlp', encoding, json: contentType === JSON_TYPE };
}

/** In the type of the request, or protobuf if that is neither. */
export function otlpAnswerForm(contentType: string | undefined): AnswerForm {
  return contentType === JSON_TYPE ? 'otlp_json' : 'otlp_protobuf';
}
