/** The head of an answer, understood: what the client gets of it, where the body ends, how long the connection may be used. */
import { downstreamHeaders, MessageHeaders } from '../base/http1/headers.js';
import { parseLength, type ResponseHead } from '../base/http1/heads.js';
import type { Answer } from './call.js';

export interface AnswerHead {
  readonly answer: Answer;
  /** How the end of the body is known. */
  readonly framing: 'length' | 'chunked' | 'close';
  /** For a framing by length. */
  readonly bodyLength: number;
  /** How long the connection may be used again; 0: not at all. */
  readonly keepAliveMs: number;
}

/** An idle connection is not used for longer than this, unless the upstream says how long it keeps it. */
export const IDLE_MS = 4000;
/** Given up so long before the upstream would. */
const IDLE_MARGIN_MS = 1000;

/** Undefined: nobody could tell where the answer ends. An answer that has no body has none, whatever else its head says. */
export function understood({
  status,
  statusText,
  rawHeaders,
  persistent,
}: ResponseHead): AnswerHead | undefined {
  const bodiless = status === 204 || status === 304;
  let framing: AnswerHead['framing'] = 'close';
  let bodyLength = 0;
  let keepAliveMs = persistent ? IDLE_MS : 0;
  let lengths = 0;
  let encodings = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1] as string;
    switch ((rawHeaders[i] as string).toLowerCase()) {
      case 'content-length':
        lengths++;
        bodyLength = parseLength(value);
        framing = 'length';
        break;
      case 'transfer-encoding':
        encodings++;
        if (!persistent || value.toLowerCase() !== 'chunked') return undefined;
        framing = 'chunked';
        break;
      case 'connection':
        if (value.toLowerCase() !== 'keep-alive') keepAliveMs = 0;
        break;
      case 'keep-alive':
        keepAliveMs = Math.min(keepAliveMs, keepAliveOf(value));
        break;
    }
  }
  if (lengths + encodings > 1 || Number.isNaN(bodyLength)) return undefined;
  const headers = downstreamHeaders(rawHeaders);
  if (!bodiless) {
    return { answer: { status, statusText, headers }, framing, bodyLength, keepAliveMs };
  }
  return {
    answer: { status, statusText, headers: status === 204 ? withoutLength(headers) : headers },
    framing: 'length',
    bodyLength: 0,
    // Whoever announces a body that must not come may send it, too.
    keepAliveMs: encodings > 0 || (status === 204 && bodyLength > 0) ? 0 : keepAliveMs,
  };
}

/** RFC 9110, 8.6: a 204 has none, and some clients would wait for what it promises. */
function withoutLength(headers: MessageHeaders): MessageHeaders {
  if (!headers.has('content-length')) return headers;
  const { list } = headers;
  return new MessageHeaders(list.filter((_, i) => list[i - (i % 2)]?.toLowerCase() !== 'content-length'));
}

/** How long the upstream keeps an idle connection, less a margin: `timeout=5, max=100`. */
function keepAliveOf(value: string): number {
  const [, seconds] = /(?:^|[\s,;])timeout=(\d{1,6})/i.exec(value) ?? [];
  return seconds === undefined ? IDLE_MS : Number(seconds) * 1000 - IDLE_MARGIN_MS;
}
