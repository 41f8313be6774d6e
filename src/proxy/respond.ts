/** Answers that the edge gives itself. */
import { STATUS_CODES } from 'node:http';
import type { Refusal } from '../enforce/refusal.js';
import type { Caller } from './caller.js';
import type { UpstreamFailure } from './upstream.js';

/** Tells senders and access logs that the edge answered, not Mimir, and why. */
const REASON_HEADER = 'X-Mimir-Edge-Reason';

/** A Remote Write 2.0 sender reads from these what was written: nothing. */
const NOTHING_WRITTEN = [
  ...['X-Prometheus-Remote-Write-Samples-Written', '0'],
  ...['X-Prometheus-Remote-Write-Histograms-Written', '0'],
  ...['X-Prometheus-Remote-Write-Exemplars-Written', '0'],
];

export function answerRefusal(caller: Caller, refusal: Refusal): void {
  const headers = [REASON_HEADER, refusal.reason];
  if (refusal.retryAfterSeconds !== undefined) headers.push('Retry-After', String(refusal.retryAfterSeconds));
  if (isVersion2(caller)) headers.push(...NOTHING_WRITTEN);
  answer(caller, refusal.status, headers, refusal.message);
}

const FAILURES: Record<Exclude<UpstreamFailure, 'aborted'>, { status: number; sentence: string }> = {
  unreachable: { status: 502, sentence: 'the edge could not connect to Mimir' },
  broken: { status: 502, sentence: 'the connection to Mimir ended before it answered' },
  timeout: { status: 504, sentence: 'Mimir did not answer in time' },
};

/** The push was not refused: it could not be delivered. The sender should come again. */
export function answerFailure(caller: Caller, failure: Exclude<UpstreamFailure, 'aborted'>): void {
  const { status, sentence } = FAILURES[failure];
  const headers = [REASON_HEADER, `upstream_${failure}`, 'Retry-After', '1'];
  answer(caller, status, headers, `${sentence} (err-edge-upstream-${failure})`);
}

/** A bug: the sender keeps its data and comes again. */
export function answerBug(caller: Caller): void {
  answer(caller, 503, ['Retry-After', '1'], 'internal error (err-edge-internal)');
}

function answer(caller: Caller, status: number, headers: string[], message: string): void {
  if (caller.answering) return;
  const body = Buffer.from(`${message}\n`);
  headers.push('Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length));
  caller.writeHead(status, STATUS_CODES[status] ?? '', headers);
  caller.end(body);
}

function isVersion2({ headers }: Caller): boolean {
  return headers['content-type']?.includes('io.prometheus.write.v2.Request') ?? false;
}
