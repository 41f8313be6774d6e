/**
 * The form of an answer: text, or for a sender of OTLP a message in the type of its request. That is a google.rpc.Status,
 * or an ExportMetricsServiceResponse for a push with series that Mimir's ingesters would refuse.
 */
import type { Reason } from '../enforce/reasons.js';
import type { Refusal } from '../enforce/refusal.js';

export type AnswerForm = 'text' | 'otlp_protobuf' | 'otlp_json';

export interface Said {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** A google.rpc.Code. */
const INVALID_ARGUMENT = 3;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/**
 * As in Mimir, series over a limit of the ingesters are not an error in OTLP, whether or not the rest of the push passed;
 * invalid series are.
 */
export function sayRefusal(form: AnswerForm, { reason, status, message, isSoft }: Refusal): Said {
  if (form === 'text' || !isSoft) return say(form, status, message, codeOfRefusal(reason, status));
  return form === 'otlp_json'
    ? json(200, { partialSuccess: { errorMessage: message } })
    : protobuf(200, bytesField(1, bytesField(2, Buffer.from(message))));
}

/** For a body that it can not read, Mimir puts the HTTP status in place of a code. */
function codeOfRefusal(reason: Reason, status: number): number {
  if (UNREADABLE.has(reason)) return status;
  if (reason === 'max_active_series') return RESOURCE_EXHAUSTED;
  return reason === 'too_many_ha_clusters' ? FAILED_PRECONDITION : codeOf(status);
}

const UNREADABLE: ReadonlySet<Reason> = new Set([
  'edge_malformed_body',
  'edge_otlp_too_large',
  'edge_unsupported_media_type',
]);

/** The whole push was dropped, because another replica sends it. */
export function sayDuplicate(form: AnswerForm, message: string): Said {
  return say(form, 202, message, ALREADY_EXISTS);
}

/** The push could not be delivered, or another status has to be reported. */
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

function statusMessage(code: number, message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([CODE_TAG, ...varint(code)]), bytesField(2, message)]);
}

const CODE_TAG = 0x08;

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
 * The same for a body that has to be text, as Envoy requires: lengths and codes in it must be UTF-8 as well. So the
 * sentence is cut or padded until they are, and a code that is an HTTP status becomes one of gRPC.
 */
export function asText(form: AnswerForm, message: string, said: (message: string) => Said): Said {
  if (form !== 'otlp_protobuf') return said(message);
  const short = message.slice(0, MOST_TEXT);
  for (let spaces = 0; ; spaces++) {
    const one = said(short + ' '.repeat(spaces));
    const body = one.body[0] === CODE_TAG ? statusAsText(one.body) : fieldAsText(one.body);
    if (body !== undefined) return { ...one, body };
  }
}

/** Characters have at most three bytes, so lengths stay below 2^13. */
const MOST_TEXT = 2000;

/** Undefined: a length is not UTF-8. */
function statusAsText(status: Buffer): Buffer | undefined {
  const [code = 0] = status.subarray(1);
  const message = fieldAsText(status.subarray(code < 128 ? 2 : 3));
  return message && Buffer.concat([Buffer.from([CODE_TAG, code < 128 ? code : INVALID_ARGUMENT]), message]);
}

/** A length-delimited field, or one within another. */
function fieldAsText(field: Buffer): Buffer | undefined {
  const [tag = 0, first = 0] = field;
  const content = field.subarray(first < 128 ? 2 : 3);
  const inner = tag === PARTIAL_SUCCESS ? fieldAsText(content) : content;
  const length = inner && lengthAsText(inner.length);
  return length && Buffer.concat([Buffer.from([tag, ...length]), inner]);
}

/** In an ExportMetricsServiceResponse the message is nested. */
const PARTIAL_SUCCESS = 0x0a;

/** One byte below 128, or three with an empty group at the end. Undefined: not UTF-8. */
function lengthAsText(length: number): number[] | undefined {
  if (length < 128) return [length];
  const [first = 0, second = 0] = varint(length);
  const isText = first >= 0xc2 && first <= 0xdf && second < 0x40;
  return isText ? [first, second | 128, 0] : undefined;
}
