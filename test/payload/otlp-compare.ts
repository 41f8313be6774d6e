/** Holds what the kernel says of an OTLP body to what it says of the remote write that the oracle makes of it. */
import { isDeepStrictEqual } from 'node:util';
import type { InlineDecoder } from '#src/payload/inline-decoder.js';
import {
  type DecodeOptions,
  NO_RULES,
  type OtlpTranslation,
  type Push,
  RECORD_HASH_LOW,
  RECORD_HISTOGRAMS,
  RECORD_LEAST_TIMESTAMP,
  RECORD_SAMPLES,
  RECORD_UNCHARGED,
  RECORD_WORDS,
  type SeriesRules,
} from '#src/payload/push.js';
import { translate } from './otlp-oracle.js';

/** Such that some series break each of them. */
export const ODD_RULES: SeriesRules = {
  ...NO_RULES,
  utf8Names: false,
  maxLabels: 8,
  maxInfoLabels: 9,
  maxNameLength: 18,
  maxValueLength: 60,
  maxExemplars: 1,
  maxBuckets: 6,
  maxAheadMs: 0,
  maxBehindMs: 100_000,
};
/** At this time some samples are too new, and some too old. */
export const ODD_NOW_MS = 1_700_000_200_000;

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
  const sent =
    expected && decoder.decodePlain(expected.body, { ...options, protocol: 'rw1', rewriting: undefined });
  const identities = sent?.kind === 'push' ? sent.records.slice() : new Uint32Array();
  const remote = expected && decoder.decodePlain(expected.body, { ...options, protocol: 'rw1' });
  if (remote !== undefined && remote.kind !== 'push')
    return `the oracle's remote write is ${JSON.stringify(remote)}`;
  const wanted = remote && { ...told(merged(remote, identities)), uncompressedBytes: body.length };
  const got = decoder.decodePlain(body, { ...options, protocol: 'otlp', otlp });
  if (got.kind !== 'push') return expected === undefined ? undefined : `refused: ${JSON.stringify(got)}`;
  if (expected === undefined || wanted === undefined) return 'not refused';
  const { dataPoints, skippedPoints, firstSkipped } = expected;
  if (!isDeepStrictEqual(got.otlp, { dataPoints, skippedPoints, firstSkipped }))
    return `data points: ${JSON.stringify([got.otlp, { dataPoints, skippedPoints, firstSkipped }])}`;
  const has = told(got);
  const names = Object.keys(has) as (keyof typeof has)[];
  const other = names.find((name) => !isDeepStrictEqual(has[name], wanted[name]));
  if (other !== undefined) return `${other}: ${JSON.stringify([has[other], wanted[other]])}`;
  return otherWhenWritten(decoder, body, otlp, options);
}

/** Series that are written first, as for an HA label that none of them has, are judged the same, row by row. */
function otherWhenWritten(
  decoder: InlineDecoder,
  body: Uint8Array,
  otlp: OtlpTranslation,
  options: Omit<DecodeOptions, 'protocol'>,
): string | undefined {
  if (options.excludeLabel !== '') return undefined;
  const [judged, written] = ['', 'no label has this name'].map((excludeLabel) => {
    const push = decoder.decodePlain(body, { ...options, excludeLabel, protocol: 'otlp', otlp });
    return push.kind === 'push'
      ? { ...push, records: [...push.records], metrics: [...(push.metrics ?? [])], body: undefined }
      : push;
  });
  return isDeepStrictEqual(judged, written)
    ? undefined
    : `written: ${JSON.stringify([judged, written]).slice(0, 2000)}`;
}

/** Of series that are sent equal only the first at one time is charged, as if they were one series of the remote write. */
function merged(push: Push, identities: Uint32Array): Push {
  const records = push.records.slice();
  const seen = new Set<string>();
  let { uncharged } = push;
  for (let at = 0; at < records.length; at += RECORD_WORDS) {
    const points = [...records.subarray(at + RECORD_SAMPLES, at + RECORD_HISTOGRAMS + 1)];
    if (points[0]! + points[1]! !== 1) continue;
    const hash = identities.subarray(at + RECORD_HASH_LOW, at + RECORD_HASH_LOW + 2);
    const time = records.subarray(at + RECORD_LEAST_TIMESTAMP, at + RECORD_LEAST_TIMESTAMP + 2);
    const key = [...points, ...hash, ...time].join();
    if (seen.has(key)) {
      records[at + RECORD_UNCHARGED]!++;
      uncharged++;
    }
    seen.add(key);
  }
  return { ...push, records, uncharged };
}

/** All that does not depend on where series are, and in which order. */
function told(push: Push) {
  const { kind, protocol, compressedBytes, translation, metrics, otlp, body, records, ...totals } = push;
  const rows = Array.from({ length: push.series }, (_, row) => {
    const words = [...records.subarray(row * RECORD_WORDS + 2, (row + 1) * RECORD_WORDS)];
    return words.join(' ');
  });
  return { ...totals, uncompressedBytes: push.uncompressedBytes, rows: rows.sort() };
}
