/** What every door says alike: which refusal a fault of the body is, and the headers that a refusal has. */
import type { Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';
import type { Broken, Lost } from '../payload/push.js';
import type { ByteBudget } from './body.js';

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
  if (fault.kind === 'lost') return ['edge_decoder_lost', fault.message];
  switch (fault.code) {
    case 'too_large':
      return ['edge_body_too_large', `${fault.message}; limit: push.max_uncompressed_bytes`];
    case 'too_many_series':
      return ['edge_series_per_request', `${fault.message}; limit: push.max_series`];
    default:
      return ['edge_malformed_body', `the body does not decode: ${fault.message} at byte ${fault.offset}`];
  }
}

export function formatSentence(contentType: string | undefined, contentEncoding: string | undefined): string {
  const type = JSON.stringify(contentType ?? '');
  const encoding = JSON.stringify(contentEncoding ?? '');
  return `content type ${type} with content encoding ${encoding} is not remote write`;
}

export const UNJUDGED_SENTENCE =
  'the path takes series in a protocol that the edge does not judge, and none goes past it unjudged; setting: push.unjudged';

export function tooLargeSentence(maxBodyBytes: number): string {
  return `the body is larger than ${maxBodyBytes} bytes; limit: push.max_body_bytes`;
}

export function overloadedSentence(budget: ByteBudget): string {
  return `the edge holds ${budget.used} of at most ${budget.capacity} body bytes; limit: push.max_bytes_in_flight`;
}
