/** Answers that the edge gives itself. */
import { STATUS_CODES } from 'node:http';
import { MessageHeaders } from '../../base/http1/headers.js';
import type { HeadFault } from '../../base/http1/request-head.js';
import type { Refusal } from '../../enforce/refusal.js';
import type { UpstreamFailure } from '../../upstream/call.js';
import {
  isVersion2,
  NOTHING,
  REASON_HEADER,
  refusalHeaders,
  type Written,
  writtenHeaders,
} from '../refusal-answer.js';
import type { Caller } from './caller.js';

/** The upstream took what it was sent, which was not all. */
export interface PartialAnswer {
  readonly refusal: Refusal;
  readonly sent: Written;
}

export function answerRefusal(caller: Caller, refusal: Refusal): void {
  const headers = refusalHeaders(refusal);
  if (isVersion2(caller.header('content-type'))) headers.push(...writtenHeaders(NOTHING));
  answer(caller, refusal.status, headers, refusal.message);
}

/** The upstream's own count of what was written stands, where it gave one. */
export function answerPartial(
  caller: Caller,
  { refusal, sent }: PartialAnswer,
  upstreamHeaders: readonly string[],
): void {
  const headers = refusalHeaders(refusal);
  if (isVersion2(caller.header('content-type'))) {
    const counted = upstreamHeaders.filter((_, i) => WRITTEN.test(upstreamHeaders[i - (i % 2)] ?? ''));
    headers.push(...(counted.length > 0 ? counted : writtenHeaders(sent)));
  }
  answer(caller, refusal.status, headers, refusal.message);
}

/**
 * As Mimir answers samples of a replica that is not elected. To a Remote Write 2.0 sender all of it counts as written: the
 * other replica wrote it, and a 2xx without anything written would look like a receiver that does not know the protocol.
 */
export function answerDuplicate(caller: Caller, message: string, sent: Written): void {
  answer(caller, 202, isVersion2(caller.header('content-type')) ? writtenHeaders(sent) : [], message);
}

const WRITTEN = /^x-prometheus-remote-write-\w+-written$/i;

const FAILURES: Record<Exclude<UpstreamFailure, 'aborted'>, { status: number; sentence: string }> = {
  unreachable: { status: 502, sentence: 'the edge could not connect to Mimir' },
  busy: { status: 503, sentence: 'all connections to Mimir were taken for too long, and nothing was sent' },
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

/** To a request that can not be read, as it is written: it is the connection's last. */
export function unreadable({ status, why }: HeadFault): string {
  const body = `${why} (err-edge-bad-request)\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${REASON_HEADER}: bad_request\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
  );
}

function answer(caller: Caller, status: number, headers: string[], message: string): void {
  if (caller.answering) return;
  const body = Buffer.from(`${message}\n`);
  headers.push('Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length));
  caller.writeHead(status, STATUS_CODES[status] ?? '', new MessageHeaders(headers));
  caller.end(body);
}
