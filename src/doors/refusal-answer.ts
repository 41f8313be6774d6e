/** What all doors share about refusals: which refusal follows from a fault of the body, and a refusal's headers. */
import type { Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';
import {
  bodyBroken,
  decoderLost,
  notSnappy,
  overDecoderCap,
  type Sentence,
  unknownMessage,
} from '../enforce/sentences.js';
import type { TenantLimits } from '../limits/limits.js';
import type { Broken, Lost, Push } from '../payload/push.js';
import type { Source } from '../payload/source.js';
import { type FormatFault, messageOf } from './format.js';

/** Tells senders and access logs that the edge answered, rather than Mimir, and why. */
export const REASON_HEADER = 'X-Mimir-Edge-Reason';

/** What Mimir reports as written: everything that a push contained, whatever became of it. */
export interface Written {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

/** For a push that was not decoded. */
export const NOTHING: Written = { samples: 0, histograms: 0, exemplars: 0 };

/** Mimir does not decode exemplars of a tenant that may have none. */
export function writtenOf(push: Push, limits: TenantLimits): Written {
  return limits.max_global_exemplars_per_user === 0
    ? { ...NOTHING, samples: push.samples, histograms: push.histograms }
    : push;
}

/** Names and values, alternating, like all headers here. */
export function refusalHeaders({ reason, retryAfterSeconds }: Refusal): string[] {
  const headers = [REASON_HEADER, reason];
  if (retryAfterSeconds !== undefined) headers.push('Retry-After', String(retryAfterSeconds));
  return headers;
}

/** Tells a Remote Write 2.0 sender what was written; other senders get no such headers. */
export function writtenHeaders(
  contentType: string | undefined,
  { samples, histograms, exemplars }: Written,
): string[] {
  if (messageOf(contentType) !== 'rw2') return [];
  return [
    ...['X-Prometheus-Remote-Write-Samples-Written', String(samples)],
    ...['X-Prometheus-Remote-Write-Histograms-Written', String(histograms)],
    ...['X-Prometheus-Remote-Write-Exemplars-Written', String(exemplars)],
  ];
}

export function undecodable(
  fault: FormatFault,
  contentType: string | undefined,
  contentEncoding: string | undefined,
): readonly [Reason, Sentence] {
  return fault === 'not_snappy'
    ? ['edge_unsupported_media_type', notSnappy(contentEncoding)]
    : ['edge_unknown_message', unknownMessage(contentType)];
}

export function tooLarge(source: Source | undefined): Reason {
  return source?.form === 'otlp' ? 'edge_otlp_too_large' : 'edge_body_too_large';
}

export function undecodedBody(fault: Broken | Lost, source: Source | undefined): readonly [Reason, Sentence] {
  if (fault.kind === 'lost') {
    return [fault.busy ? 'edge_busy' : 'edge_decoder_lost', decoderLost(fault.message)];
  }
  switch (fault.code) {
    case 'too_large':
      return [tooLarge(source), overDecoderCap(fault.message, 'push.max_uncompressed_bytes')];
    case 'too_many_series':
      return ['edge_series_per_request', overDecoderCap(fault.message, 'push.max_series')];
    default:
      return [
        'edge_malformed_body',
        bodyBroken(fault.message, fault.code === 'compression' ? undefined : fault.offset),
      ];
  }
}
