/** Holds what the kernel says of an OTLP body to what it says of the remote write that the oracle makes of it. */
import { isDeepStrictEqual } from 'node:util';
import type { InlineDecoder } from '#src/payload/inline-decoder.js';
import { type DecodeOptions, type OtlpTranslation, type Push, RECORD_WORDS } from '#src/payload/push.js';
import { translate } from './otlp-oracle.js';

/** Undefined: nothing is different. */
export function difference(
  decoder: InlineDecoder,
  body: Uint8Array,
  otlp: OtlpTranslation,
  options: Omit<DecodeOptions, 'protocol'>,
): string | undefined {
  const expected = translate(body, otlp);
  if (expected === 'too_many') {
    decoder.decodePlain(body, { ...options, protocol: 'otlp', otlp });
    return undefined;
  }
  const remote = expected && decoder.decodePlain(expected.body, { ...options, protocol: 'rw1' });
  if (remote !== undefined && remote.kind !== 'push')
    return `the oracle's remote write is ${JSON.stringify(remote)}`;
  const wanted = remote && { ...told(remote), uncompressedBytes: body.length };
  const got = decoder.decodePlain(body, { ...options, protocol: 'otlp', otlp });
  if (got.kind !== 'push') return expected === undefined ? undefined : `refused: ${JSON.stringify(got)}`;
  if (expected === undefined || wanted === undefined) return 'not refused';
  const { dataPoints, skippedPoints, firstSkipped } = expected;
  if (!isDeepStrictEqual(got.otlp, { dataPoints, skippedPoints, firstSkipped }))
    return `data points: ${JSON.stringify([got.otlp, { dataPoints, skippedPoints, firstSkipped }])}`;
  const has = told(got);
  const names = Object.keys(has) as (keyof typeof has)[];
  const other = names.find((name) => !isDeepStrictEqual(has[name], wanted[name]));
  return other && `${other}: ${JSON.stringify([has[other], wanted[other]])}`;
}

/** All that does not depend on where series are, and in which order. */
function told(push: Push) {
  const { kind, protocol, compressedBytes, original, otlp, body, records, ...totals } = push;
  const rows = Array.from({ length: push.series }, (_, row) => {
    const words = [...records.subarray(row * RECORD_WORDS + 2, (row + 1) * RECORD_WORDS)];
    return words.join(' ');
  });
  return { ...totals, uncompressedBytes: push.uncompressedBytes, rows: rows.sort() };
}
