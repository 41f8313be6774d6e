/** What every door says alike: which refusal a fault of the body is, and the headers that a refusal has. */
import type { Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';
import { bodyBroken, decoderLost, overDecoderCap } from '../enforce/sentences.js';
import type { Broken, Lost } from '../payload/push.js';

/** Tells senders and access logs that the edge answered, not Mimir, and why. */
export const REASON_HEADER = 'X-Mimir-Edge-Reason';

/** What was written of a push. */
export interface Written {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

export const NOTHING: Written = { samples: 0, histograms: 0, exemplars: 0 };

/** Names and values in turn, as all headers here. */
export function refusalHeaders({ reason, retryAfterSeconds }: Refusal): string[] {
  const headers = [REASON_HEADER, reason];
  if (retryAfterSeconds !== undefined) headers.push('Retry-After', String(retryAfterSeconds));
  return headers;
}

/** A Remote Write 2.0 sender reads from these what was written. */
export function writtenHeaders({ samples, histograms, exemplars }: Written): string[] {
  return [
    ...['X-Prometheus-Remote-Write-Samples-Written', String(samples)],
    ...['X-Prometheus-Remote-Write-Histograms-Written', String(histograms)],
    ...['X-Prometheus-Remote-Write-Exemplars-Written', String(exemplars)],
  ];
}

export function isVersion2(contentType: string | undefined): boolean {
  return contentType?.includes('io.prometheus.write.v2.Request') ?? false;
}

export function undecodedBody(fault: Broken | Lost): readonly [Reason, string] {
  if (fault.kind === 'lost') {
    return [fault.busy ? 'edge_busy' : 'edge_decoder_lost', decoderLost(fault.message)];
  }
  switch (fault.code) {
    case 'too_large':
      return ['edge_body_too_large', overDecoderCap(fault.message, 'push.max_uncompressed_bytes')];
    case 'too_many_series':
      return ['edge_series_per_request', overDecoderCap(fault.message, 'push.max_series')];
    default:
      return ['edge_malformed_body', bodyBroken(fault.message, fault.offset)];
  }
}
