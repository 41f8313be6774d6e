/**
 * Answers to ext_authz. Each has its result as dynamic metadata for access logs and later filters; one that lets a push
 * pass also has it in request headers, which replace the client's.
 */

import { EDGE_PREFIX } from '../../../base/http1/headers.js';
import type { Refusal } from '../../../enforce/refusal.js';
import type { Push } from '../../../payload/push.js';
import { type AnswerForm, asText, type Said, sayDuplicate, sayRefusal } from '../../answer-form.js';
import { refusalHeaders, type Written, writtenHeaders } from '../../refusal-answer.js';
import { type CheckResponse, checkResponse, type HeaderValueOption } from '../grpc/messages.js';

/**
 * `unfiltered`: some series should be left out, but pass. `duplicate`: from a replica that is not elected. `unjudged`:
 * nothing was decided, because of a setting or because it is not a push.
 */
export type VerdictWord = 'accept' | 'unfiltered' | 'refuse' | 'duplicate' | 'shadow' | 'unjudged';

export interface Found {
  readonly verdict: VerdictWord;
  readonly tenant: string;
  /** The items of the ingestion rate: samples, histograms, exemplars and metadata as Mimir counts them. */
  readonly items: number;
  /** Undefined: the body was not decoded. */
  readonly push: Push | undefined;
}

const OK = 0;
const RESOURCE_EXHAUSTED = 8;
const PERMISSION_DENIED = 7;

/** `claimed`: the client's headers, in lower case, that only the edge may send. They are removed. */
export function encodeOk(found: Found, claimed: Iterable<string>): Uint8Array {
  const facts = factsOf(found);
  const headers = Object.entries(facts).map(([name, value]) => option(`${EDGE_PREFIX}${name}`, value));
  const headersToRemove = [...claimed].filter(
    (name) => !Object.hasOwn(facts, name.slice(EDGE_PREFIX.length)),
  );
  return checkResponse.encode({
    status: { code: OK },
    okResponse: { headers, headersToRemove },
    dynamicMetadata: metadata(facts),
  });
}

export function encodeDenied(
  found: Found,
  refusal: Refusal,
  contentType: string | undefined,
  written: Written,
  form: AnswerForm = 'text',
): Uint8Array {
  const said = asText(form, refusal.message, (message) => sayRefusal(form, { ...refusal, message }));
  const headers = [...refusalHeaders(refusal), ...writtenHeaders(contentType, written)];
  return checkResponse.encode({
    status: {
      code: refusal.status === 429 ? RESOURCE_EXHAUSTED : PERMISSION_DENIED,
      message: refusal.reason,
    },
    deniedResponse: {
      status: { code: said.status },
      headers: options([...headers, ...typeHeader(form, said)]),
      body: said.body.toString(),
    },
    dynamicMetadata: metadata({ ...factsOf(found), reason: refusal.reason }),
  });
}

/** The sender is told that it was accepted, as Mimir answers; Envoy is told that it was denied, or it would forward it. */
export function encodeDuplicate(
  found: Found & { readonly push: Push },
  message: string,
  contentType: string | undefined,
  written: Written,
  form: AnswerForm = 'text',
): Uint8Array {
  const said = asText(form, message, (text) => sayDuplicate(form, text));
  return checkResponse.encode({
    status: { code: PERMISSION_DENIED, message: found.verdict },
    deniedResponse: {
      status: { code: said.status },
      headers: options([...writtenHeaders(contentType, written), ...typeHeader(form, said)]),
      body: said.body.toString(),
    },
    dynamicMetadata: metadata(factsOf(found)),
  });
}

/** Envoy adds text/plain if there is no type. */
function typeHeader(form: AnswerForm, { contentType }: Said): string[] {
  return form === 'text' ? [] : ['Content-Type', contentType];
}

/** All as text, because Envoy decides how to write numbers. */
function factsOf({ verdict, tenant, items, push }: Found): Record<string, string> {
  return {
    verdict,
    tenant,
    items: String(items),
    samples: String(push === undefined ? 0 : push.samples + push.histograms),
    series: String(push?.series ?? 0),
    bytes: String(push?.compressedBytes ?? 0),
  };
}

function metadata(facts: Readonly<Record<string, string>>): NonNullable<CheckResponse['dynamicMetadata']> {
  const fields = Object.entries(facts).map(([name, stringValue]) => [name, { stringValue }]);
  return { fields: Object.fromEntries(fields) };
}

/** From names and values, alternating. */
function options(headers: readonly string[]): HeaderValueOption[] {
  const all: HeaderValueOption[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    all.push(option((headers[i] ?? '').toLowerCase(), headers[i + 1] ?? ''));
  }
  return all;
}

/** `append: false` replaces in every version of Envoy; if unset, some append. */
function option(key: string, value: string): HeaderValueOption {
  return { header: { key, value }, append: { value: false } };
}
