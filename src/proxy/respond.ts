/** Answers that the edge gives itself, and what becomes of a body that nobody will use. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from '../enforce/refusal.js';
import type { UpstreamFailure } from './upstream.js';

/** Tells senders and access logs that the edge answered, not Mimir, and why. */
const REASON_HEADER = 'X-Mimir-Edge-Reason';

/** A body that is not used is read to its end up to this size and time, so that the connection can be kept. */
const DISCARD_MAX_BYTES = 256 * 1024;
const DISCARD_MAX_MS = 5000;

/** A Remote Write 2.0 sender reads from these what was written: nothing. */
const NOTHING_WRITTEN = {
  'X-Prometheus-Remote-Write-Samples-Written': '0',
  'X-Prometheus-Remote-Write-Histograms-Written': '0',
  'X-Prometheus-Remote-Write-Exemplars-Written': '0',
};

export function answerRefusal(req: IncomingMessage, res: ServerResponse, refusal: Refusal): void {
  const headers: Record<string, string> = { [REASON_HEADER]: refusal.reason };
  if (refusal.retryAfterSeconds !== undefined) headers['Retry-After'] = String(refusal.retryAfterSeconds);
  if (isVersion2(req)) Object.assign(headers, NOTHING_WRITTEN);
  answer(req, res, refusal.status, headers, refusal.message);
}

const FAILURES: Record<Exclude<UpstreamFailure, 'aborted'>, { status: number; sentence: string }> = {
  unreachable: { status: 502, sentence: 'the edge could not connect to Mimir' },
  broken: { status: 502, sentence: 'the connection to Mimir ended before it answered' },
  timeout: { status: 504, sentence: 'Mimir did not answer in time' },
};

/** The push was not refused: it could not be delivered. The sender should come again. */
export function answerFailure(
  req: IncomingMessage,
  res: ServerResponse,
  failure: Exclude<UpstreamFailure, 'aborted'>,
): void {
  const { status, sentence } = FAILURES[failure];
  const headers = { [REASON_HEADER]: `upstream_${failure}`, 'Retry-After': '1' };
  answer(req, res, status, headers, `${sentence} (err-edge-upstream-${failure})`);
}

function answer(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: Record<string, string>,
  message: string,
): void {
  if (res.headersSent || res.destroyed) return;
  const body = `${message}\n`;
  res.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  res.end(body);
  if (!req.complete) discardBody(req);
}

/**
 * The answer is out while the sender may still be sending. Cutting the connection at once could destroy the
 * answer on its way, so a little is read and thrown away first.
 */
function discardBody(req: IncomingMessage): void {
  let discarded = 0;
  const cut = (): void => {
    req.socket.destroy();
  };
  const timer = setTimeout(cut, DISCARD_MAX_MS);
  const done = (): void => clearTimeout(timer);
  req.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > DISCARD_MAX_BYTES) cut();
  });
  req.once('end', done).once('close', done).resume();
}

function isVersion2(req: IncomingMessage): boolean {
  return req.headers['content-type']?.includes('io.prometheus.write.v2.Request') ?? false;
}
