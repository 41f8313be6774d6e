/** What Envoy's ratelimit filter is answered: a status for each descriptor, in order, and headers for the client. */

import type { Allowance } from '../../../enforce/bucket-shapes.js';
import type { BucketKind } from '../../../enforce/ledger.js';
import { REASON_HEADER } from '../../refusal-answer.js';
import {
  CODE_OK,
  CODE_OVER_LIMIT,
  type DescriptorStatus,
  type HeaderValue,
  rateLimitResponse,
} from '../grpc/messages.js';
import { UNIT_SECONDS } from './override-buckets.js';
import type { Drawn, RateLimitOptions } from './ratelimit.js';

const MOST_UINT32 = 2 ** 32 - 1;
/** Before Envoy's own sentence, which is none. */
const UNKNOWN_DESCRIPTOR =
  'the request was refused because a descriptor names no bucket of a tenant (err-edge-unknown-descriptor)\n';
const LIMIT_NAMES: Record<BucketKind, string> = {
  requests: 'request_rate',
  items: 'ingestion_rate',
  bytes: 'bytes_per_second',
};

export function encodeAnswer(
  drawn: readonly Drawn[],
  overLimit: boolean,
  { unknown, headers }: Pick<RateLimitOptions, 'unknown' | 'headers'>,
): Uint8Array {
  const refusal = drawn.find((one) => one.refusal !== undefined)?.refusal;
  const sentence = refusal === undefined ? UNKNOWN_DESCRIPTOR : `${refusal.message}\n`;
  const toAdd: HeaderValue[] = headers ? limitHeaders(drawn) : [];
  if (refusal !== undefined) {
    toAdd.push({ key: REASON_HEADER.toLowerCase(), value: refusal.reason });
    toAdd.push({ key: 'retry-after', value: String(refusal.retryAfterSeconds ?? 1) });
  }
  return rateLimitResponse.encode({
    overallCode: overLimit ? CODE_OVER_LIMIT : CODE_OK,
    statuses: drawn.map((one) => statusOf(one, unknown)),
    responseHeadersToAdd: toAdd,
    ...(overLimit ? { rawBody: Buffer.from(sentence) } : {}),
  });
}

function statusOf(drawn: Drawn, unknown: RateLimitOptions['unknown']): DescriptorStatus {
  const refused = drawn.outcome === 'over_limit' || (drawn.outcome === 'unknown' && unknown === 'refuse');
  const code = refused ? CODE_OVER_LIMIT : CODE_OK;
  const { kind, allowance } = drawn;
  if (kind === undefined || allowance === undefined) return { code };
  return {
    code,
    currentLimit: { ...perUnit(allowance), name: LIMIT_NAMES[kind] },
    limitRemaining: uint32(drawn.left),
    durationUntilReset: { seconds: secondsUntilFull(drawn, allowance) },
  };
}

/** Of the bucket that has least left of what it holds: those that envoyproxy/ratelimit sets. */
function limitHeaders(drawn: readonly Drawn[]): HeaderValue[] {
  let scarcest: { readonly drawn: Drawn; readonly allowance: Allowance } | undefined;
  for (const one of drawn) {
    const { allowance, left } = one;
    if (allowance === undefined) continue;
    const least = scarcest === undefined ? 2 : scarcest.drawn.left / scarcest.allowance.capacity;
    if (left / allowance.capacity < least) scarcest = { drawn: one, allowance };
  }
  if (scarcest === undefined) return [];
  const { allowance } = scarcest;
  return [
    { key: 'ratelimit-limit', value: String(uint32(allowance.capacity)) },
    { key: 'ratelimit-remaining', value: String(uint32(scarcest.drawn.left)) },
    { key: 'ratelimit-reset', value: String(secondsUntilFull(scarcest.drawn, allowance)) },
  ];
}

/** A bucket has no window: it is as good as reset when it is full. At rate 0 that is never, and said as 0. */
function secondsUntilFull({ left }: Drawn, { rate, capacity }: Allowance): number {
  return rate === 0 ? 0 : Math.ceil(Math.max(0, capacity - left) / rate);
}

/** A rate in the smallest unit in which it is a whole number, or at least one. */
function perUnit({ rate }: Allowance): { requestsPerUnit: number; unit: number } {
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
