/** Answers to Envoy's ratelimit filter: a status for each descriptor, in order, and headers for the client. */

import type { BucketKind, BucketShape } from '../../../enforce/ledger.js';
import type { Refusal } from '../../../enforce/refusal.js';
import { UNKNOWN_DESCRIPTOR } from '../../../enforce/sentences.js';
import { REASON_HEADER } from '../../refusal-answer.js';
import {
  CODE_OK,
  CODE_OVER_LIMIT,
  type DescriptorStatus,
  type HeaderValue,
  rateLimitResponse,
} from '../grpc/messages.js';
import type { Drawn } from './drawn.js';
import { UNIT_SECONDS } from './override-buckets.js';

const MOST_UINT32 = 2 ** 32 - 1;
const LIMIT_NAMES: Record<BucketKind, string> = {
  requests: 'request_rate',
  items: 'ingestion_rate',
  bytes: 'bytes_per_second',
};

/** `headers`: whether the client is told about the scarcest bucket. */
export function encodeAnswer(drawn: readonly Drawn[], headers: boolean): Uint8Array {
  const refused = drawn.some((one) => one.refused);
  const toAdd = headers ? limitHeaders(drawn) : [];
  const statuses = drawn.map(statusOf);
  if (!refused) {
    return rateLimitResponse.encode({ overallCode: CODE_OK, statuses, responseHeadersToAdd: toAdd });
  }
  const refusal = drawn.find((one) => one.refused && one.refusal !== undefined)?.refusal;
  return encodeOverLimit(statuses, toAdd, refusal);
}

/** For a call that was not processed. */
export function encodeRefusal(refusal: Refusal): Uint8Array {
  return encodeOverLimit([], [], refusal);
}

function encodeOverLimit(
  statuses: readonly DescriptorStatus[],
  limits: readonly HeaderValue[],
  refusal: Refusal | undefined,
): Uint8Array {
  const headers = [...limits];
  if (refusal !== undefined) {
    headers.push({ key: REASON_HEADER.toLowerCase(), value: refusal.reason });
    const { retryAfterSeconds } = refusal;
    if (retryAfterSeconds !== undefined)
      headers.push({ key: 'retry-after', value: String(retryAfterSeconds) });
  }
  const sentence = refusal === undefined ? UNKNOWN_DESCRIPTOR : refusal.message;
  return rateLimitResponse.encode({
    overallCode: CODE_OVER_LIMIT,
    statuses,
    responseHeadersToAdd: headers,
    rawBody: Buffer.from(`${sentence}\n`),
  });
}

function statusOf({ refused, from }: Drawn): DescriptorStatus {
  const code = refused ? CODE_OVER_LIMIT : CODE_OK;
  if (from === undefined) return { code };
  return {
    code,
    currentLimit: { ...perUnit(from.limited), name: LIMIT_NAMES[from.limited.kind] },
    limitRemaining: uint32(from.left),
    durationUntilReset: { seconds: secondsUntilFull(from) },
  };
}

/** The headers that envoyproxy/ratelimit sets, for the bucket that has the smallest part left. */
function limitHeaders(drawn: readonly Drawn[]): HeaderValue[] {
  let scarcest: Drawn['from'];
  let least = Number.POSITIVE_INFINITY;
  for (const { from } of drawn) {
    const share = from === undefined ? least : from.left / from.limited.capacity;
    if (share >= least) continue;
    scarcest = from;
    least = share;
  }
  if (scarcest === undefined) return [];
  return [
    { key: 'ratelimit-limit', value: String(uint32(scarcest.limited.capacity)) },
    { key: 'ratelimit-remaining', value: String(uint32(scarcest.left)) },
    { key: 'ratelimit-reset', value: String(secondsUntilFull(scarcest)) },
  ];
}

/** A bucket has no window: it counts as reset when it is full. At rate 0 it never is, which is written as 0. */
function secondsUntilFull({ left, limited: { rate, capacity } }: NonNullable<Drawn['from']>): number {
  return rate === 0 ? 0 : Math.ceil(Math.max(0, capacity - left) / rate);
}

/** A rate in the smallest unit in which it is a whole number, or at least one. */
function perUnit({ rate }: BucketShape): { requestsPerUnit: number; unit: number } {
  for (let unit = 1; unit < UNIT_SECONDS.length; unit++) {
    const perUnit = rate * (UNIT_SECONDS[unit] ?? 0);
    if (perUnit >= 1 && Math.abs(perUnit - Math.round(perUnit)) < 1e-6) {
      return { requestsPerUnit: uint32(Math.round(perUnit)), unit };
    }
  }
  return { requestsPerUnit: uint32(rate), unit: 1 };
}

function uint32(n: number): number {
  return Math.min(MOST_UINT32, Math.max(0, Math.floor(n)));
}
