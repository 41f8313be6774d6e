/** Answers that the edge gives itself. */
import { STATUS_CODES } from 'node:http';
import { MessageHeaders } from '../../base/http1/headers.js';
import type { HeadFault } from '../../base/http1/request-head.js';
import type { Refusal } from '../../enforce/refusal.js';
import type { Duplicate } from '../../enforce/verdict.js';
import type { UpstreamFailure } from '../../upstream/call.js';
import { type Said, sayDuplicate, sayRefusal, sayStatus } from '../answer-form.js';
import { REASON_HEADER, refusalHeaders, type Written, writtenHeaders } from '../refusal-answer.js';
import type { Caller } from './caller.js';

/** The upstream was sent a part of the push. */
export interface PartialAnswer {
  /** Once it has taken that. */
  readonly answer: Refusal | Duplicate;
  /** All of the push. */
  readonly written: Written;
}

export function answerRefusal(caller: Caller, refusal: Refusal, written: Written): void {
  const headers = [...refusalHeaders(refusal), ...writtenHeaders(caller.header('content-type'), written)];
  answer(caller, headers, sayRefusal(caller.answerForm, refusal));
}

/** The upstream took the rest. */
export function answerPartial(caller: Caller, { answer: told, written }: PartialAnswer): void {
  if (told.kind === 'duplicate') {
    answerDuplicate(caller, told.message, written);
    return;
  }
  answerRefusal(caller, told, written);
}

/** As Mimir answers samples of a replica that is not elected. */
export function answerDuplicate(caller: Caller, message: string, written: Written): void {
  const headers = writtenHeaders(caller.header('content-type'), written);
  answer(caller, headers, sayDuplicate(caller.answerForm, message));
}

/** The upstream's headers, with the whole push counted where it counted the part that it was sent. */
export function countWhole(caller: Caller, headers: MessageHeaders, written: Written): MessageHeaders {
  const counted = writtenHeaders(caller.header('content-type'), written);
  if (counted.length === 0) return headers;
  const others = headers.list.filter((_, i) => !WRITTEN.test(headers.list[i - (i % 2)] ?? ''));
  return others.length === headers.list.length ? headers : new MessageHeaders([...others, ...counted]);
}

const WRITTEN = /^x-prometheus-remote-write-\w+-written$/i;

const FAILURES: Record<Exclude<UpstreamFailure, 'aborted'>, { status: number; sentence: string }> = {
  unreachable: { status: 502, sentence: 'the edge could not connect to Mimir' },
  busy: { status: 503, sentence: 'all connections to Mimir were taken for too long, and nothing was sent' },
  broken: { status: 502, sentence: 'the connection to Mimir ended before it answered' },
  timeout: { status: 504, sentence: 'Mimir did not answer in time' },
  open: { status: 503, sentence: 'Mimir fails with every address, and nothing was sent' },
};

/** The push was not refused: it could not be delivered. The sender should come again. */
export function answerFailure(
  caller: Caller,
  failure: Exclude<UpstreamFailure, 'aborted'>,
  error: Error,
  waitMs = 1000,
): void {
  const { status, sentence } = FAILURES[failure];
  const headers = [REASON_HEADER, `upstream_${failure}`, 'Retry-After', String(Math.ceil(waitMs / 1000))];
  const cause = failure === 'open' ? `: ${error.message}` : '';
  const text = `${sentence}${cause} (err-edge-upstream-${failure})`;
  answer(caller, headers, sayStatus(caller.answerForm, status, text));
}

/** A bug: the sender keeps its data and comes again. */
export function answerBug(caller: Caller): void {
  const said = sayStatus(caller.answerForm, 503, 'internal error (err-edge-internal)');
  answer(caller, ['Retry-After', '1'], said);
}

/** To a request that can not be read, as it is written: it is the connection's last. */
export function unreadable({ status, why }: HeadFault): string {
  const body = `${why} (err-edge-bad-request)\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${REASON_HEADER}: bad_request\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
  );
}

function answer(caller: Caller, headers: string[], { status, contentType, body }: Said): void {
  if (caller.answering) return;
  headers.push('Content-Type', contentType, 'Content-Length', String(body.length));
  caller.writeHead(status, STATUS_CODES[status] ?? '', new MessageHeaders(headers));
  caller.end(body);
}
