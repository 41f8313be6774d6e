/**
 * In which form a sender is answered: in words, or, where it sent OTLP, with a message in the type of its request. That is a
 * google.rpc.Status, or an ExportMetricsServiceResponse for a push that was taken but for some of its series.
 */
import type { Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';

export type AnswerForm = 'text' | 'otlp_protobuf' | 'otlp_json';

export interface Said {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Of google.rpc.Code. */
const INVALID_ARGUMENT = 3;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** Nothing of the push was taken. */
export function sayRefusal(form: AnswerForm, { reason, status, message }: Refusal): Said {
  return say(form, status, message, reason === 'too_many_ha_clusters' ? FAILED_PRECONDITION : codeOf(status));
}

/**
 * The rest of the push was taken. Series over a limit that Mimir's ingesters keep are no error in OTLP, as Mimir answers it;
 * series that break a rule are.
 */
export function sayPartial(form: AnswerForm, refusal: Refusal): Said {
  if (form === 'text' || !KEPT_BY_INGESTERS.has(refusal.reason)) return sayRefusal(form, refusal);
  const message = refusal.message;
  return form === 'otlp_json'
    ? json(200, { partialSuccess: { errorMessage: message } })
    : protobuf(200, bytesField(1, bytesField(2, Buffer.from(message))));
}

const KEPT_BY_INGESTERS: ReadonlySet<Reason> = new Set(['per_user_series_limit', 'per_metric_series_limit']);

/** All of the push was dropped, because another replica sends it. */
export function sayDuplicate(form: AnswerForm, message: string): Said {
  return say(form, 202, message, ALREADY_EXISTS);
}

/** The push could not be delivered, or whatever else is to be said with a status. */
export function sayStatus(form: AnswerForm, status: number, message: string): Said {
  return say(form, status, message, codeOf(status));
}

function say(form: AnswerForm, status: number, message: string, code: number): Said {
  if (form === 'text') {
    return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${message}\n`) };
  }
  // A sender of OTLP comes again after no other.
  const retried = status >= 500 && (status < 502 || status > 504) ? 503 : status;
  return form === 'otlp_json'
    ? json(retried, { code, message })
    : protobuf(retried, statusMessage(code, Buffer.from(message)));
}

function codeOf(status: number): number {
  if (status === 401) return UNAUTHENTICATED;
  if (status === 403) return PERMISSION_DENIED;
  if (status === 429) return RESOURCE_EXHAUSTED;
  return status >= 500 ? UNAVAILABLE : INVALID_ARGUMENT;
}

function json(status: number, value: object): Said {
  return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify(value)) };
}

function protobuf(status: number, body: Buffer): Said {
  return { status, contentType: 'application/x-protobuf', body };
}

/** Codes are small: one byte. */
function statusMessage(code: number, message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x08, code]), bytesField(2, message)]);
}

function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/**
 * The same where the body has to be text, as Envoy takes it: then a message's length is to be UTF-8, too. So the sentence is cut, or
 * filled up with spaces, until it is.
 */
export function asText(form: AnswerForm, message: string, said: (message: string) => Said): Said {
  if (form !== 'otlp_protobuf') return said(message);
  const short = message.slice(0, MOST_TEXT);
  for (let spaces = 0; ; spaces++) {
    const one = said(short + ' '.repeat(spaces));
    const body = withTextLength(one.body);
    if (body !== undefined) return { ...one, body };
  }
}

/** Of characters, which have three bytes at most: lengths stay below 2^13. */
const MOST_TEXT = 2000;

/**
 * A google.rpc.Status whose length is UTF-8: one byte below 128, or three with an empty group at the end. Undefined: its length is
 * not.
 */
function withTextLength(status: Buffer): Buffer | undefined {
  // Behind the code, and the tag of the message.
  const [first = 0, second = 0] = status.subarray(3, 5);
  if (first < 128) return status;
  const isText = first >= 0xc2 && first <= 0xdf && second < 0x40;
  return isText
    ? Buffer.concat([status.subarray(0, 3), Buffer.from([first, second | 128, 0]), status.subarray(5)])
    : undefined;
}
